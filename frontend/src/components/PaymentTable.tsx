import { CircleCheck, CircleX, Clock, CreditCard, type LucideIcon, ShieldQuestion } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Schema } from "@/api/client";
import { useFormat } from "@/dates/format";
import { Badge, type BadgeTone } from "./Badge";
import { Empty } from "./states";
import { Body, Cell, Head, HeadCell, Row, Table } from "./Table";

const looks: Record<Schema<"PaymentStatus">, { tone: BadgeTone; icon: LucideIcon }> = {
  succeeded: { tone: "good", icon: CircleCheck },
  pending: { tone: "info", icon: Clock },
  action_required: { tone: "warn", icon: ShieldQuestion },
  failed: { tone: "bad", icon: CircleX },
};

export function PaymentTable({ payments, zone }: { payments: Schema<"Payment">[]; zone?: string }) {
  const { t } = useTranslation();
  const format = useFormat(zone);
  if (payments.length === 0) {
    return (
      <Empty icon={CreditCard} title={t("payments.none")}>
        {t("payments.noneHint")}
      </Empty>
    );
  }
  return (
    <Table caption={t("payments.title")}>
      <Head>
        <HeadCell>{t("payments.at")}</HeadCell>
        <HeadCell>{t("payments.plan")}</HeadCell>
        <HeadCell>{t("payments.card")}</HeadCell>
        <HeadCell>{t("payments.status")}</HeadCell>
        <HeadCell align="end">{t("payments.amount")}</HeadCell>
      </Head>
      <Body>
        {payments.map((payment) => {
          const { tone, icon } = looks[payment.status];
          return (
            <Row key={payment.payment_id}>
              <Cell label={t("payments.at")} numeric>
                {format.dateTime(payment.created_at)}
              </Cell>
              <Cell label={t("payments.plan")}>{payment.plan.name}</Cell>
              <Cell label={t("payments.card")}>
                {payment.card ? (
                  <span className="tabular">
                    <span className="capitalize">{payment.card.brand}</span> ···· {payment.card.last4}
                  </span>
                ) : (
                  "–"
                )}
              </Cell>
              <Cell label={t("payments.status")}>
                <Badge tone={tone} icon={icon}>
                  {t(`payments.statuses.${payment.status}`)}
                </Badge>
                {payment.failure && (
                  <span className="ms-2 text-ink-soft">{t(`payments.failures.${payment.failure}`)}</span>
                )}
              </Cell>
              <Cell label={t("payments.amount")} className="md:text-end">
                <span className="font-medium tabular">{format.money(payment.amount, payment.currency)}</span>
              </Cell>
            </Row>
          );
        })}
      </Body>
    </Table>
  );
}
