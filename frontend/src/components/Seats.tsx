import { useTranslation } from "react-i18next";
import type { Schema } from "@/api/client";
import { useFormat } from "@/dates/format";

/** How many seats of the plan are taken, as words and as a bar. */
export function Seats({ seats }: { seats: Schema<"Seats"> }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { used, limit } = seats;
  const words =
    limit === null
      ? t("seats.unlimited", { used: format.number(used) })
      : t("seats.used", { used: format.number(used), limit: format.number(limit) });
  return (
    <div className="grid gap-2">
      <p className="font-medium tabular">{words}</p>
      {limit !== null && (
        <div aria-hidden className="h-2 overflow-hidden rounded-full bg-sunken">
          <div
            className={used >= limit ? "h-full bg-warn" : "h-full bg-accent"}
            style={{ width: `${Math.min(100, (used / limit) * 100)}%` }}
          />
        </div>
      )}
    </div>
  );
}
