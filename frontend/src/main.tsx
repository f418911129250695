import "./styles/app.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { isProblem } from "./api/problem";
import { createQueryClient } from "./api/query-client";
import { startI18n } from "./i18n";
import { createAppRouter } from "./routes/router";
import { signInPathFor } from "./routes/sign-in-path";
import { SessionContext } from "./session/context";
import { BrowserSession } from "./session/session";

const queries = createQueryClient();
const session = new BrowserSession(queries);
const router = createAppRouter({ queries, session });

session.onLeave((ending) => {
  const { href } = router.state.location;
  const where = ending === "signed-out" ? ({ to: "/", replace: true } as const) : signInPathFor(href);
  // There is nothing to stay for: what was typed waits, or is given up with the sign-out.
  void router.navigate({ ...where, ignoreBlocker: true });
});

// A page that the browser kept whole for its Back button may show what is not this person's to see any more.
window.addEventListener("pageshow", ({ persisted }) => {
  if (persisted) window.location.reload();
});

await startI18n();
// Until there is something to show, what stands in `index.html` is not taken away.
await router.load();
const element = document.getElementById("root");
if (element) {
  // What the API or the network says is told to the person; anything else is ours to find.
  const onCaughtError = (error: unknown) => isProblem(error) || reportError(error);
  createRoot(element, { onCaughtError }).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <SessionContext value={session}>
          <RouterProvider router={router} />
        </SessionContext>
      </QueryClientProvider>
    </StrictMode>,
  );
}
