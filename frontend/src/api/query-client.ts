import { QueryClient } from "@tanstack/react-query";
import { isProblem } from "./problem";

/** Asked again only where asking again can help. */
function retry(failures: number, error: unknown): boolean {
  return isProblem(error) && (error.status === 0 || error.status === 503) && failures < 2;
}

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      // What the browser believes of the network is no reason to wait in silence: it is tried, and said when it fails.
      queries: { retry, staleTime: 30_000, gcTime: 5 * 60_000, refetchOnWindowFocus: false, networkMode: "always" },
      mutations: { retry: false, networkMode: "always" },
    },
  });
}
