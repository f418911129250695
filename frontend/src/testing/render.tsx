import { QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, RouterProvider } from "@tanstack/react-router";
import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { createQueryClient } from "@/api/query-client";
import { createAppRouter } from "@/routes/router";
import { SessionContext } from "@/session/context";
import { BrowserSession } from "@/session/session";

/** Shows a page of the real router at a path, as the browser would. */
export function renderAt(path: string) {
  const queries = createQueryClient();
  queries.setDefaultOptions({ queries: { ...queries.getDefaultOptions().queries, retry: false } });
  const session = new BrowserSession(queries);
  const router = createAppRouter({ queries, session });
  router.update({ ...router.options, history: createMemoryHistory({ initialEntries: [path] }) });
  render(
    <QueryClientProvider client={queries}>
      <SessionContext value={session}>
        <RouterProvider router={router} />
      </SessionContext>
    </QueryClientProvider>,
  );
  return { user: userEvent.setup(), router, queries, session };
}
