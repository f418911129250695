import { type ErrorComponentProps, useRouter } from "@tanstack/react-router";
import { isProblem } from "@/api/problem";
import { Failure } from "@/components/states";
import { SuspendedPage } from "@/features/workspace/Suspended";
import { UnlessStillSignedIn } from "@/features/workspace/UnlessStillSignedIn";

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
      <UnlessStillSignedIn>
        <SuspendedPage />
      </UnlessStillSignedIn>
    );
  }
  return (
    <main id="content" tabIndex={-1} className="grid min-h-dvh place-items-center">
      <RouteFailure {...props} />
    </main>
  );
}
