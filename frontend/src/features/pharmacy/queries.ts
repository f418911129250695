import { useQuery, useQueryClient } from "@tanstack/react-query";
import { answer, api, type Schema } from "@/api/client";
import { after, usePages } from "@/api/pages";
import { addDays, dayIn } from "@/dates/zone";
import { useHospital } from "@/session/me";
import { useZone } from "../settings/queries";

export type Medicine = Schema<"Medicine">;
export type Shown = "all" | "low" | "expiring" | "removed";

/** What expires within so many days is worth a look. */
export const EXPIRING_DAYS = 30;

export function useExpiringBefore(): string {
  return addDays(dayIn(useZone()), EXPIRING_DAYS);
}

export function useMedicines({ q, show }: { q: string; show: Shown }) {
  const { organization_id: org_id } = useHospital();
  const expiring_before = useExpiringBefore();
  return usePages(["pharmacy", org_id, q, show, expiring_before], (cursor, signal) => {
    const query = {
      limit: 50,
      ...after(cursor),
      ...(q ? { q } : {}),
      ...(show === "low" ? { low: true } : {}),
      ...(show === "expiring" ? { expiring_before } : {}),
      ...(show === "removed" ? { removed: true } : {}),
    };
    return answer(api.GET("/organization/{org_id}/pharmacy", { params: { path: { org_id }, query }, signal }));
  });
}

/** How many have to be ordered or thrown away soon. Where there are more than one page has, that is all it says. */
export function useStockWarnings() {
  const { organization_id: org_id } = useHospital();
  const expiring_before = useExpiringBefore();
  return useQuery({
    queryKey: ["pharmacy", org_id, "warnings", expiring_before],
    queryFn: async ({ signal }) => {
      const list = (query: { low?: boolean; expiring_before?: string }) =>
        answer(
          api.GET("/organization/{org_id}/pharmacy", {
            params: { path: { org_id }, query: { limit: 100, ...query } },
            signal,
          }),
        );
      const [low, expiring] = await Promise.all([list({ low: true }), list({ expiring_before })]);
      const count = (page: typeof low) => ({ count: page.items.length, isMore: Boolean(page.next_cursor) });
      return { low: count(low), expiring: count(expiring) };
    },
  });
}

export function useRereadPharmacy(): () => Promise<void> {
  const queries = useQueryClient();
  const { organization_id } = useHospital();
  return () => queries.invalidateQueries({ queryKey: ["pharmacy", organization_id] });
}
