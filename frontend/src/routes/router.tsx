import type { QueryClient } from "@tanstack/react-query";
import { createRootRouteWithContext, createRouter } from "@tanstack/react-router";
import { Suspense } from "react";
import { Skeleton } from "@/components/states";
import type { BrowserSession } from "@/session/session";
import { lazyPage } from "./lazy-page";
import { platformRoutes } from "./platform";
import { publicRoutes } from "./public";
import { Root } from "./Root";
import { RouteFailure } from "./RouteFailure";
import { staffRoutes } from "./staff";

export interface RouterContext {
  queries: QueryClient;
  session: BrowserSession;
}

/** Seldom needed, so no part of the first page. */
const NotFound = lazyPage(() => import("./NotFound"), "NotFound");

export const root = createRootRouteWithContext<RouterContext>()({
  component: Root,
  notFoundComponent: () => (
    <Suspense fallback={<Skeleton className="p-8" />}>
      <NotFound />
    </Suspense>
  ),
});

export function createAppRouter(context: RouterContext) {
  return createRouter({
    routeTree: root.addChildren([...publicRoutes(), staffRoutes(), platformRoutes()]),
    context,
    defaultPreload: "intent",
    // The cache of queries decides what is fresh.
    defaultPreloadStaleTime: 0,
    defaultPendingMs: 200,
    defaultPendingComponent: () => <Skeleton className="p-8" />,
    defaultErrorComponent: RouteFailure,
    scrollRestoration: true,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
