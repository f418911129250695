import { Link } from "@tanstack/react-router";
import { CalendarClock, CalendarPlus, CircleCheck, Coffee, Hourglass, Stethoscope, UserPlus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ButtonLink } from "@/components/Button";
import { Figure, Figures } from "@/components/Figure";
import { Guard } from "@/components/Guard";
import { Card, PageHeader } from "@/components/Page";
import { Segments } from "@/components/Segments";
import { Empty, Failure, Skeleton } from "@/components/states";
import { Body, Cell, Head, HeadCell, Row, Table } from "@/components/Table";
import { useFormat } from "@/dates/format";
import { dayIn } from "@/dates/zone";
import { useMay, useMe } from "@/session/me";
import { AppointmentBadge } from "../appointments/AppointmentBadge";
import { CutNotice } from "../appointments/CutNotice";
import { type Appointment, useAppointments } from "../appointments/queries";
import { StatusActions } from "../appointments/StatusActions";
import { StockWarnings } from "../pharmacy/StockWarnings";
import { useZone } from "../settings/queries";
import { useRefreshWhileThere } from "./activity";

/** The day as it stands: who waits, who is with a doctor, who is still to come. */
export function Today() {
  return (
    <Guard permission="appointments.read">
      <Day />
    </Guard>
  );
}

function Day() {
  const { t } = useTranslation();
  const may = useMay();
  const { user } = useMe();
  const zone = useZone();
  const format = useFormat(zone);
  const day = dayIn(zone);
  const isDoctor = user.role === "DOCTOR";
  const [whose, setWhose] = useState<"mine" | "all">(isDoctor ? "mine" : "all");
  const appointments = useAppointments(
    { first: day, last: day, zone, doctorId: whose === "mine" ? user.user_id : undefined },
    { refetchInterval: useRefreshWhileThere() },
  );
  const items = appointments.data?.items ?? [];
  return (
    <div className="grid gap-6">
      <PageHeader
        title={t("today.title")}
        explanation={format.longDay(day)}
        actions={
          <>
            {may("patients.register") && (
              <ButtonLink to="/app/patients/new">
                <UserPlus aria-hidden className="size-4" />
                {t("patients.register")}
              </ButtonLink>
            )}
            {may("appointments.book") && (
              <ButtonLink to="/app/appointments/new" look="primary">
                <CalendarPlus aria-hidden className="size-4" />
                {t("appointments.book")}
              </ButtonLink>
            )}
          </>
        }
      />
      <Counts items={items} isLoaded={appointments.isSuccess} />
      {may("pharmacy.manage") && <StockWarnings />}
      <Card
        title={t("today.queue")}
        flush
        actions={
          isDoctor && (
            <Segments
              label={t("today.whose")}
              value={whose}
              choices={[
                { value: "mine", label: t("today.mine") },
                { value: "all", label: t("today.all") },
              ]}
              onChange={setWhose}
            />
          )
        }
      >
        {appointments.isPending && <Skeleton lines={6} className="p-6" />}
        {appointments.isError && <Failure error={appointments.error} retry={() => void appointments.refetch()} />}
        {appointments.isSuccess && items.length === 0 && (
          <Empty
            icon={Coffee}
            title={t("today.none")}
            action={
              may("appointments.book") && <ButtonLink to="/app/appointments/new">{t("appointments.book")}</ButtonLink>
            }
          >
            {t(may("appointments.book") ? "today.noneBook" : "today.noneWait")}
          </Empty>
        )}
        {appointments.data?.isCut && <CutNotice shown={items.length} />}
        {items.length > 0 && <Queue items={inOrder(items)} zone={zone} />}
      </Card>
    </div>
  );
}

/** Those who are here come first, then who is still to come, then who is done. */
const order: Appointment["status"][] = ["in_progress", "arrived", "booked", "done", "missed", "cancelled"];

function inOrder(items: Appointment[]): Appointment[] {
  return [...items].sort(
    (one, other) =>
      order.indexOf(one.status) - order.indexOf(other.status) ||
      Date.parse(one.starts_at) - Date.parse(other.starts_at),
  );
}

function Counts({ items, isLoaded }: { items: Appointment[]; isLoaded: boolean }) {
  const { t } = useTranslation();
  const format = useFormat();
  const count = (status: Appointment["status"]) =>
    isLoaded ? format.number(items.filter((one) => one.status === status).length) : "–";
  return (
    <Figures label={t("today.counts")}>
      <Figure icon={CalendarClock} label={t("today.toCome")}>
        {count("booked")}
      </Figure>
      <Figure icon={Hourglass} label={t("today.waiting")}>
        {count("arrived")}
      </Figure>
      <Figure icon={Stethoscope} label={t("today.withDoctor")}>
        {count("in_progress")}
      </Figure>
      <Figure icon={CircleCheck} label={t("today.done")}>
        {count("done")}
      </Figure>
    </Figures>
  );
}

function Queue({ items, zone }: { items: Appointment[]; zone: string }) {
  const { t } = useTranslation();
  const format = useFormat(zone);
  const canMove = useMay()("queue.manage");
  return (
    <Table caption={t("today.queue")}>
      <Head>
        <HeadCell>{t("appointments.time")}</HeadCell>
        <HeadCell>{t("appointments.patient")}</HeadCell>
        <HeadCell>{t("appointments.doctor")}</HeadCell>
        <HeadCell>{t("appointments.status")}</HeadCell>
        {canMove && <HeadCell>{t("appointments.next")}</HeadCell>}
      </Head>
      <Body>
        {items.map((appointment) => (
          <Row key={appointment.appointment_id}>
            <Cell label={t("appointments.time")}>
              <span className="font-medium tabular">{format.time(appointment.starts_at)}</span>
            </Cell>
            <Cell>
              <span className="grid">
                <Link
                  to="/app/patients/$patientId"
                  params={{ patientId: appointment.patient_id }}
                  preload={false}
                  dir="auto"
                  className="font-semibold underline-offset-2 hover:text-accent hover:underline"
                >
                  {appointment.patient_name ?? t("appointments.somebody")}
                </Link>
                <span className="text-ink-soft" dir="auto">
                  {[appointment.record_number, appointment.reason].filter(Boolean).join(" · ")}
                </span>
              </span>
            </Cell>
            <Cell label={t("appointments.doctor")}>
              <span dir="auto">{appointment.doctor_name ?? "–"}</span>
            </Cell>
            <Cell>
              <AppointmentBadge status={appointment.status} />
            </Cell>
            {canMove && (
              <Cell>
                <StatusActions appointment={appointment} compact />
              </Cell>
            )}
          </Row>
        ))}
      </Body>
    </Table>
  );
}
