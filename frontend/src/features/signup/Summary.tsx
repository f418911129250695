import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { Card } from "@/components/Page";
import { Failure, Skeleton } from "@/components/states";
import { useFormat } from "@/dates/format";
import { useSignupDraft } from "./draft";
import { plansQuery } from "./plans";

/** What is bought so far, and the way back to change it. */
export function Summary({ change }: { change: "/signup/plan" | "/signup/details" }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { planId, details } = useSignupDraft();
  const { data, error, refetch } = useQuery(plansQuery);
  const plan = data?.plans.find((one) => one.plan_id === planId);
  if (error && !data) return <Failure error={error} retry={() => void refetch()} />;
  if (!plan) return <Skeleton />;
  return (
    <Card title={t("signup.payment.summary")}>
      <dl className="grid gap-4">
        {change === "/signup/details" && details && (
          <div className="grid">
            <dt className="text-ink-soft">{t("signup.details.name")}</dt>
            <dd className="font-medium" dir="auto">
              {details.organization_name}
            </dd>
            <dd className="text-ink-soft">{details.organization_email}</dd>
          </div>
        )}
        <div className="grid">
          <dt className="text-ink-soft">{t("signup.payment.plan")}</dt>
          <dd className="flex justify-between gap-2 font-medium tabular">
            <span>{plan.name}</span>
            <span>{format.money(plan.price, plan.currency)}</span>
          </dd>
        </div>
      </dl>
      <Link to={change} className="mt-4 inline-block font-medium text-accent underline underline-offset-2">
        {t("signup.payment.change")}
      </Link>
    </Card>
  );
}
