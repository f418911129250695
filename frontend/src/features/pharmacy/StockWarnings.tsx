import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { Notice } from "@/components/Notice";
import { EXPIRING_DAYS, useStockWarnings } from "./queries";

/** What the pharmacy needs today, where it needs something. */
export function StockWarnings() {
  const { t } = useTranslation();
  const { data } = useStockWarnings();
  if (!data || data.low + data.expiring === 0) return null;
  const look = "font-medium underline underline-offset-2";
  return (
    <Notice tone="warn" title={t("pharmacy.warnings")}>
      <ul className="flex flex-wrap gap-x-6 gap-y-1">
        {data.low > 0 && (
          <li>
            <Link to="/app/pharmacy" search={{ show: "low" }} className={look}>
              {t("pharmacy.lowCount", { count: data.low })}
            </Link>
          </li>
        )}
        {data.expiring > 0 && (
          <li>
            <Link to="/app/pharmacy" search={{ show: "expiring" }} className={look}>
              {t("pharmacy.expiringCount", { count: data.expiring, days: EXPIRING_DAYS })}
            </Link>
          </li>
        )}
      </ul>
    </Notice>
  );
}
