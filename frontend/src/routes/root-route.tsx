import type { QueryClient } from "@tanstack/react-query";
import { createRootRouteWithContext } from "@tanstack/react-router";
import { Suspense } from "react";
import { Skeleton } from "@/components/states";
import type { BrowserSession } from "@/session/session";
import { lazyPage } from "./lazy-page";
import { Root } from "./Root";

export interface RouterContext {
  queries: QueryClient;
  session: BrowserSession;
}

/** Seldom needed, so no part of the first page. */
const NotFound = lazyPage(() => import("./NotFound"), "NotFound");

/** What every page is below. */
export const root = createRootRouteWithContext<RouterContext>()({
  component: Root,
  notFoundComponent: () => (
    <Suspense fallback={<Skeleton className="p-8" />}>
      <NotFound />
    </Suspense>
  ),
});
