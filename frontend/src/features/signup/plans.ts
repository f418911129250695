import { queryOptions } from "@tanstack/react-query";
import { answer, api } from "@/api/client";

/** What a hospital can subscribe to; prices and seats are the catalogue's. */
export const plansQuery = queryOptions({
  queryKey: ["plans"],
  queryFn: ({ signal }) => answer(api.GET("/plans", { signal })),
  staleTime: 5 * 60_000,
});
