import { useQuery } from "@tanstack/react-query";
import { answer, api, type Schema } from "@/api/client";
import { useHospital } from "@/session/me";

interface Authors {
  /** What somebody is called; entries name their authors by their ids. */
  nameOf: (userId: string) => string;
  all: Schema<"User">[];
}

export function useAuthors(): Authors {
  const { organization_id: org_id } = useHospital();
  const { data } = useQuery({
    queryKey: ["users", org_id, "names"],
    queryFn: async ({ signal }) => {
      const all: Schema<"User">[] = [];
      let cursor: string | undefined;
      do {
        const query = { limit: 100, ...(cursor ? { cursor } : {}) };
        const page = await answer(
          api.GET("/organization/{org_id}/users", { params: { path: { org_id }, query }, signal }),
        );
        all.push(...page.items);
        cursor = page.next_cursor ?? undefined;
      } while (cursor);
      return all;
    },
    staleTime: 5 * 60_000,
  });
  const all = data ?? [];
  const nameOf = (userId: string) => {
    const user = all.find((one) => one.user_id === userId);
    return user ? (user.name ?? user.email) : "–";
  };
  return { nameOf, all };
}
