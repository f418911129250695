import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { CircleCheck, CircleHelp, CircleX } from "lucide-react";
import { useTranslation } from "react-i18next";
import { answer, api, type Schema } from "@/api/client";
import { after, usePages } from "@/api/pages";
import { Badge } from "@/components/Badge";
import { More } from "@/components/More";
import { OrganizationBadge } from "@/components/OrganizationBadge";
import { Card, Fact, PageHeader } from "@/components/Page";
import { PaymentTable } from "@/components/PaymentTable";
import { Seats } from "@/components/Seats";
import { Failure, Skeleton } from "@/components/states";
import { Body, Cell, Head, HeadCell, Row, Table } from "@/components/Table";
import { useFormat } from "@/dates/format";
import { OrganizationActions } from "./OrganizationActions";
import { organizationQuery } from "./queries";

type Details = Schema<"OrganizationDetails">;

/** One hospital as the platform sees it: what it pays, and what the operator says of it. Never its data. */
export function OrganizationDetail() {
  const { t } = useTranslation();
  const { organizationId } = useParams({ from: "/platform/organizations/$organizationId" });
  const { data, isPending, error, refetch } = useQuery(organizationQuery(organizationId));
  return (
    <div className="grid gap-6">
      {isPending && <Skeleton lines={10} />}
      {error && <Failure error={error} retry={() => void refetch()} />}
      {data && (
        <>
          <PageHeader
            key={organizationId}
            eyebrow={
              <Link to="/platform/organizations" className="text-accent underline underline-offset-2">
                {t("organizations.title")}
              </Link>
            }
            title={data.organization_name}
            explanation={<OrganizationBadge status={data.status} />}
            actions={<OrganizationActions organization={data} />}
          />
          <Facts organization={data} />
          <Conditions conditions={data.conditions ?? []} />
          <Payments organizationId={organizationId} />
        </>
      )}
    </div>
  );
}

function Facts({ organization }: { organization: Details }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { plan, payments } = organization;
  return (
    <Card>
      <dl className="grid gap-6 sm:grid-cols-2 lg:grid-cols-4">
        <Fact label={t("organizations.plan")}>
          {plan.name} · <span className="tabular">{format.money(plan.price, plan.currency)}</span> {t("plans.perMonth")}
        </Fact>
        <Fact label={t("seats.title")}>
          <Seats seats={organization.seats} />
        </Fact>
        <Fact label={t("organizations.paid")}>
          {t("organizations.paidTimes", {
            count: payments.succeeded,
            amount: format.money(payments.total, plan.currency),
          })}
        </Fact>
        <Fact label={t("organizations.created")}>
          {organization.created_at ? format.dateTime(organization.created_at) : "–"}
        </Fact>
        <Fact label={t("organizations.contact")}>
          <span className="grid">
            <span className="break-all">{organization.organization_email}</span>
            <span>{organization.organization_phone}</span>
          </span>
        </Fact>
        <Fact label={t("organizations.database")}>
          <code className="break-all">{organization.database_name}</code>
        </Fact>
        <Fact label={t("organizations.id")} className="sm:col-span-2">
          <code className="break-all">{organization.organization_id}</code>
        </Fact>
      </dl>
    </Card>
  );
}

const looks = {
  True: { tone: "good", icon: CircleCheck },
  False: { tone: "warn", icon: CircleX },
  Unknown: { tone: "neutral", icon: CircleHelp },
} as const;

/** What the operator says, in its own words. */
function Conditions({ conditions }: { conditions: Schema<"OrganizationCondition">[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <Card title={t("organizations.conditions")} explanation={t("organizations.conditionsHint")} flush>
      <Table caption={t("organizations.conditions")}>
        <Head>
          <HeadCell>{t("organizations.condition")}</HeadCell>
          <HeadCell>{t("organizations.status")}</HeadCell>
          <HeadCell>{t("organizations.message")}</HeadCell>
          <HeadCell>{t("organizations.since")}</HeadCell>
        </Head>
        <Body>
          {conditions.map(({ type, status, reason, message, since }) => {
            // These are true when all is quiet, and false is what one hopes for.
            const isWork = type === "Reconciling" || type === "Stalled";
            const look = isWork && status === "False" ? looks.True : (looks[status as "True"] ?? looks.Unknown);
            return (
              <Row key={type}>
                <Cell label={t("organizations.condition")}>
                  <span className="font-semibold">{type}</span>
                </Cell>
                <Cell label={t("organizations.status")}>
                  <Badge tone={look.tone} icon={look.icon}>
                    {status}
                  </Badge>
                </Cell>
                <Cell>
                  <span className="grid" lang="en">
                    <span className="text-ink-soft">{reason}</span>
                    <span>{message}</span>
                  </span>
                </Cell>
                <Cell label={t("organizations.since")} numeric>
                  {format.dateTime(since)}
                </Cell>
              </Row>
            );
          })}
        </Body>
      </Table>
    </Card>
  );
}

function Payments({ organizationId }: { organizationId: string }) {
  const { t } = useTranslation();
  const payments = usePages(["platform", "payments", organizationId], (cursor, signal) => {
    const query = { organization_id: organizationId, limit: 25, ...after(cursor) };
    return answer(api.GET("/master/payments", { params: { query }, signal }));
  });
  return (
    <Card title={t("payments.title")} flush>
      {payments.isPending && <Skeleton className="p-6" />}
      {payments.isError && <Failure error={payments.error} retry={() => void payments.refetch()} />}
      {payments.isSuccess && <PaymentTable payments={payments.items} />}
      <More query={payments} />
    </Card>
  );
}
