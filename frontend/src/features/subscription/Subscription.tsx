import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { answer, api } from "@/api/client";
import { after, usePages } from "@/api/pages";
import { Button } from "@/components/Button";
import { Confirm } from "@/components/Confirm";
import { Guard } from "@/components/Guard";
import { More } from "@/components/More";
import { OrganizationBadge } from "@/components/OrganizationBadge";
import { Card, Fact, PageHeader } from "@/components/Page";
import { PaymentTable } from "@/components/PaymentTable";
import { PlanCards } from "@/components/PlanCards";
import { Seats } from "@/components/Seats";
import { Failure, Skeleton } from "@/components/states";
import { announce } from "@/components/Toasts";
import { useFormat } from "@/dates/format";
import { meQuery, useHospital } from "@/session/me";
import { useZone } from "../settings/queries";
import { plansQuery } from "../signup/plans";

/** The plan, what it costs, and what was paid. */
export function Subscription() {
  const { t } = useTranslation();
  const hospital = useHospital();
  const format = useFormat(useZone());
  return (
    <Guard permission="subscription.manage">
      <div className="grid gap-6">
        <PageHeader title={t("subscription.title")} explanation={t("subscription.explanation")} />
        <Card>
          <dl className="grid gap-6 sm:grid-cols-2 lg:grid-cols-4">
            <Fact label={t("subscription.plan")}>
              {hospital.plan.name} · {format.money(hospital.plan.price, hospital.plan.currency)} {t("plans.perMonth")}
            </Fact>
            <Fact label={t("subscription.status")}>
              <OrganizationBadge status={hospital.status} />
            </Fact>
            <Fact label={t("subscription.database")}>
              <code>{hospital.database_name}</code>
            </Fact>
            <Fact label={t("seats.title")}>
              <Seats seats={hospital.seats} />
            </Fact>
          </dl>
        </Card>
        <ChangePlan />
        <Payments />
      </div>
    </Guard>
  );
}

function ChangePlan() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const hospital = useHospital();
  const { data, error, refetch } = useQuery(plansQuery);
  const [planId, setPlanId] = useState(hospital.plan.plan_id);
  const [isAsking, setAsking] = useState(false);
  const plan = data?.plans.find((one) => one.plan_id === planId);
  const format = useFormat();
  const change = async () => {
    const params = { path: { org_id: hospital.organization_id } };
    await answer(api.POST("/organization/{org_id}/plan", { params, body: { plan_id: planId } }));
    await queries.invalidateQueries({ queryKey: meQuery.queryKey });
    announce(t("subscription.changed", { plan: plan?.name }));
  };
  return (
    <Card title={t("subscription.change")} explanation={t("subscription.changeHint")}>
      {error && <Failure error={error} retry={() => void refetch()} />}
      {!data && !error && <Skeleton />}
      {data && (
        <div className="grid gap-6">
          <PlanCards
            plans={data.plans}
            value={planId}
            onChange={setPlanId}
            current={hospital.plan.plan_id}
            disabled={(one) => one.max_users !== null && one.max_users < hospital.seats.used}
          />
          <div className="flex justify-end">
            <Button look="primary" disabled={planId === hospital.plan.plan_id} onClick={() => setAsking(true)}>
              {t("subscription.change")}
            </Button>
          </div>
        </div>
      )}
      {plan && (
        <Confirm
          open={isAsking}
          onClose={() => setAsking(false)}
          title={t("subscription.confirm", { plan: plan.name })}
          action={t("subscription.change")}
          typed={plan.name}
          onConfirm={change}
        >
          {t("subscription.confirmHint", { price: format.money(plan.price, plan.currency) })}
        </Confirm>
      )}
    </Card>
  );
}

function Payments() {
  const { t } = useTranslation();
  const zone = useZone();
  const { organization_id: org_id } = useHospital();
  const payments = usePages(["payments", org_id], (cursor, signal) =>
    answer(
      api.GET("/organization/{org_id}/payments", {
        params: { path: { org_id }, query: { limit: 25, ...after(cursor) } },
        signal,
      }),
    ),
  );
  return (
    <Card title={t("payments.title")} flush>
      {payments.isPending && <Skeleton className="p-6" />}
      {payments.isError && <Failure error={payments.error} retry={() => void payments.refetch()} />}
      {payments.isSuccess && <PaymentTable payments={payments.items} zone={zone} />}
      <More query={payments} />
    </Card>
  );
}
