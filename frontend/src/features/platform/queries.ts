import { queryOptions, useQueryClient } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import { after, usePages } from "@/api/pages";
import type { OrganizationSort } from "./sort";

export interface OrganizationSearch {
  q?: string;
  status?: string;
  plan?: string;
  sort?: OrganizationSort;
}

export const metricsQuery = queryOptions({
  queryKey: ["platform", "metrics"],
  queryFn: ({ signal }) => answer(api.GET("/master/metrics", { signal })),
});

export function useOrganizations(search: OrganizationSearch) {
  return usePages(["platform", "organizations", search], (cursor, signal) => {
    const query = { limit: 25, ...after(cursor), ...search };
    return answer(api.GET("/master/all-organizations", { params: { query }, signal }));
  });
}

export function organizationQuery(org_id: string) {
  return queryOptions({
    queryKey: ["platform", "organization", org_id],
    queryFn: ({ signal }) =>
      answer(api.GET("/master/organizations/{org_id}", { params: { path: { org_id } }, signal })),
  });
}

/** Has everything that the platform shows asked anew. */
export function useRereadPlatform(): () => Promise<void> {
  const queries = useQueryClient();
  return () => queries.invalidateQueries({ queryKey: ["platform"] });
}
