import { type ErrorComponentProps, useRouter } from "@tanstack/react-router";
import { Suspense } from "react";
import { isProblem } from "@/api/problem";
import { Failure, Skeleton } from "@/components/states";
import { lazyPage } from "./lazy-page";

/** Seldom needed, so no part of the first page. */
const SuspendedPage = lazyPage(() => import("@/features/workspace/Suspended"), "SuspendedPage");

/** In place of a page that could not be loaded; trying again loads it again. */
export function RouteFailure({ error }: ErrorComponentProps) {
  const router = useRouter();
  return <Failure title="h1" error={error} retry={() => void router.invalidate()} />;
}

/** The same where not even the frame around the page could be loaded. */
export function WholeFailure(props: ErrorComponentProps) {
  // Whoever comes back, or loads the page again, during a suspension: trying again helps nobody then.
  if (isProblem(props.error, "subscription-suspended")) {
    return (
      <Suspense fallback={<Skeleton className="p-8" />}>
        <SuspendedPage />
      </Suspense>
    );
  }
  return (
    <main id="content" tabIndex={-1} className="grid min-h-dvh place-items-center">
      <RouteFailure {...props} />
    </main>
  );
}
