import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { Notice } from "@/components/Notice";
import { EXPIRING_DAYS, useStockWarnings } from "./queries";

/** What the pharmacy needs today, where it needs something. */
export function StockWarnings() {
  const { t } = useTranslation();
  const { data } = useStockWarnings();
  if (!data || data.low.count + data.expiring.count === 0) return null;
  const { low, expiring } = data;
  const look = "font-medium underline underline-offset-2";
  return (
    <Notice tone="warn" title={t("pharmacy.warnings")}>
      <ul className="flex flex-wrap gap-x-6 gap-y-1">
        {low.count > 0 && (
          <li>
            <Link to="/app/pharmacy" search={{ show: "low" }} className={look}>
              {t(low.isMore ? "pharmacy.lowMore" : "pharmacy.lowCount", { count: low.count })}
            </Link>
          </li>
        )}
        {expiring.count > 0 && (
          <li>
            <Link to="/app/pharmacy" search={{ show: "expiring" }} className={look}>
              {t(expiring.isMore ? "pharmacy.expiringMore" : "pharmacy.expiringCount", {
                count: expiring.count,
                days: EXPIRING_DAYS,
              })}
            </Link>
          </li>
        )}
      </ul>
    </Notice>
  );
}
