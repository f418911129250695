import { useQueryClient } from "@tanstack/react-query";
import { answer, api, type Schema } from "@/api/client";
import { after, usePages } from "@/api/pages";
import { meQuery, useHospital } from "@/session/me";

export type User = Schema<"User">;

export function useUsers() {
  const { organization_id: org_id } = useHospital();
  return usePages(["users", org_id, "all"], (cursor, signal) =>
    answer(
      api.GET("/organization/{org_id}/users", {
        params: { path: { org_id }, query: { limit: 50, ...after(cursor) } },
        signal,
      }),
    ),
  );
}

/** Has the users and the seats that they take asked anew. */
export function useRereadUsers(): () => Promise<unknown> {
  const queries = useQueryClient();
  const { organization_id } = useHospital();
  return () =>
    Promise.all([
      queries.invalidateQueries({ queryKey: ["users", organization_id] }),
      queries.invalidateQueries({ queryKey: meQuery.queryKey }),
    ]);
}
