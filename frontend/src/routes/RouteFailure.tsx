import { type ErrorComponentProps, useRouter } from "@tanstack/react-router";
import { Failure } from "@/components/states";

/** In place of a page that could not be loaded; trying again loads it again. */
export function RouteFailure({ error }: ErrorComponentProps) {
  const router = useRouter();
  return <Failure title="h1" error={error} retry={() => void router.invalidate()} />;
}

/** The same where not even the frame around the page could be loaded. */
export function WholeFailure(props: ErrorComponentProps) {
  return (
    <main id="content" tabIndex={-1} className="grid min-h-dvh place-items-center">
      <RouteFailure {...props} />
    </main>
  );
}
