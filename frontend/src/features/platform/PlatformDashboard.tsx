import { queryOptions, useQuery } from "@tanstack/react-query";
import { Building2, CircleCheck, CirclePause, Clock, DollarSign } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "@/api/client";
import { ButtonLink } from "@/components/Button";
import { Figure, Figures } from "@/components/Figure";
import { Card, PageHeader } from "@/components/Page";
import { Segments } from "@/components/Segments";
import { Empty, Failure, Skeleton } from "@/components/states";
import { useFormat } from "@/dates/format";
import { part } from "@/parts";
import { ChartFigure, type Datum } from "./ChartFigure";
import { metricsQuery } from "./queries";

/** Drawing takes a large library, so that the figures are there first. */
const chartsQuery = queryOptions({
  queryKey: ["part", "charts"],
  queryFn: () => part(() => import("./charts")),
  staleTime: Number.POSITIVE_INFINITY,
  structuralSharing: false,
});

type Drawing = typeof import("./charts");

/** How the platform does: hospitals, revenue, plans, users, sign-ups. */
export function PlatformDashboard() {
  const { t } = useTranslation();
  const { data, isPending, error, refetch } = useQuery(metricsQuery);
  return (
    <div className="grid gap-6">
      <PageHeader
        title={t("dashboard.title")}
        explanation={t("dashboard.explanation")}
        actions={<ButtonLink to="/platform/organizations">{t("dashboard.all")}</ButtonLink>}
      />
      {isPending && <Skeleton lines={10} />}
      {error && <Failure error={error} retry={() => void refetch()} />}
      {data && <KeyFigures metrics={data} />}
      {data &&
        (data.organizations.total === 0 ? (
          <Card>
            <Empty icon={Building2} title={t("dashboard.none")}>
              {t("dashboard.noneHint")}
            </Empty>
          </Card>
        ) : (
          <Charts metrics={data} />
        ))}
    </div>
  );
}

function KeyFigures({ metrics }: { metrics: Schema<"Metrics"> }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { organizations, monthly_revenue, currency, users } = metrics;
  const rest = organizations.provisioning + organizations.failed + organizations.terminating;
  return (
    <Figures label={t("dashboard.figures")}>
      <Figure
        icon={Building2}
        label={t("dashboard.organizations")}
        note={rest > 0 ? t("dashboard.otherStates", { count: rest }) : t("dashboard.users", { count: users.total })}
      >
        {format.number(organizations.total)}
      </Figure>
      <Figure icon={CircleCheck} label={t("dashboard.active")}>
        {format.number(organizations.active)}
      </Figure>
      <Figure icon={DollarSign} label={t("dashboard.revenue")} note={t("dashboard.revenueNote")}>
        {format.money(monthly_revenue, currency)}
      </Figure>
      <Figure icon={Clock} label={t("dashboard.pending")}>
        {format.number(organizations.pending_payment)}
      </Figure>
      <Figure icon={CirclePause} label={t("dashboard.suspended")}>
        {format.number(organizations.suspended)}
      </Figure>
    </Figures>
  );
}

function Charts({ metrics }: { metrics: Schema<"Metrics"> }) {
  const charts = useQuery(chartsQuery);
  if (charts.isPending) return <Skeleton lines={10} />;
  if (charts.isError) return <Failure error={charts.error} retry={() => void charts.refetch()} />;
  return <Drawn metrics={metrics} drawing={charts.data} />;
}

function Drawn({ metrics, drawing }: { metrics: Schema<"Metrics">; drawing: Drawing }) {
  const { Bars } = drawing;
  const { t } = useTranslation();
  const format = useFormat();
  const money = (value: number) => format.money(value, metrics.currency);
  const byPlan = (value: (plan: Schema<"PlanFigures">) => number): Datum[] =>
    metrics.plans.map((one) => ({ name: one.plan.name, value: value(one) }));
  const revenue = byPlan((plan) => plan.monthly_revenue);
  const plans = byPlan((plan) => plan.organizations);
  const users = metrics.users.distribution.map(({ from, to, organizations }) => ({
    name: to === null ? `${from}+` : from === to ? String(from) : `${from}–${to}`,
    value: organizations,
  }));
  const most = [...revenue].sort((one, other) => other.value - one.value)[0];
  return (
    <div className="grid gap-6 lg:grid-cols-2">
      <ChartFigure
        title={t("dashboard.revenueByPlan")}
        summary={
          most && most.value > 0
            ? t("dashboard.mostRevenue", { plan: most.name, amount: money(most.value) })
            : t("dashboard.noRevenue")
        }
        head={[t("dashboard.plan"), t("dashboard.revenue")]}
        data={revenue}
        format={money}
      >
        <Bars data={revenue} format={money} />
      </ChartFigure>
      <ChartFigure
        title={t("dashboard.plans")}
        summary={t("dashboard.plansSummary", { count: metrics.organizations.total })}
        head={[t("dashboard.plan"), t("dashboard.organizations")]}
        data={plans}
        format={format.number}
      >
        <Bars data={plans} format={format.number} />
      </ChartFigure>
      <Signups signups={metrics.signups} drawing={drawing} />
      <ChartFigure
        title={t("dashboard.userDistribution")}
        summary={t("dashboard.usersSummary", { count: metrics.users.total })}
        head={[t("dashboard.usersPerHospital"), t("dashboard.organizations")]}
        data={users}
        format={format.number}
      >
        <Bars data={users} format={format.number} />
      </ChartFigure>
    </div>
  );
}

function Signups({ signups, drawing: { Line } }: { signups: Schema<"SignupFigures">; drawing: Drawing }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [per, setPer] = useState<"day" | "month">("day");
  const data = (per === "day" ? signups.per_day : signups.per_month).map(({ period, organizations }) => ({
    name: per === "day" ? format.dayAndMonth(period) : format.month(period),
    value: organizations,
  }));
  const count = data.reduce((sum, { value }) => sum + value, 0);
  return (
    <ChartFigure
      title={t("dashboard.signups")}
      summary={t(per === "day" ? "dashboard.signupsDays" : "dashboard.signupsMonths", { count })}
      head={[t(per === "day" ? "dashboard.day" : "dashboard.month"), t("dashboard.signups")]}
      data={data}
      format={format.number}
      actions={
        <Segments
          label={t("dashboard.per")}
          value={per}
          choices={[
            { value: "day", label: t("dashboard.perDay") },
            { value: "month", label: t("dashboard.perMonth") },
          ]}
          onChange={setPer}
        />
      }
    >
      <Line data={data} format={format.number} />
    </ChartFigure>
  );
}
