import { QueryClient } from "@tanstack/react-query";
import { isProblem } from "./problem";

/** Asked again only where asking again can help. */
function retry(failures: number, error: unknown): boolean {
  return isProblem(error) && (error.status === 0 || error.status === 503) && failures < 2;
}

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: { retry, staleTime: 30_000, gcTime: 5 * 60_000, refetchOnWindowFocus: false },
      mutations: { retry: false },
    },
  });
}
