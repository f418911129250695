import { useNavigate, useSearch } from "@tanstack/react-router";
import { CalendarPlus, ChevronLeft, ChevronRight } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button, ButtonLink, IconButton } from "@/components/Button";
import { Field, inputLook } from "@/components/form/Field";
import { Select } from "@/components/form/Select";
import { Guard } from "@/components/Guard";
import { Card, PageHeader } from "@/components/Page";
import { Segments } from "@/components/Segments";
import { Failure, Skeleton } from "@/components/states";
import { useFormat } from "@/dates/format";
import { addDays, dayIn, weekOf } from "@/dates/zone";
import { useMay } from "@/session/me";
import { useZone } from "../settings/queries";
import { AppointmentDialog } from "./AppointmentDialog";
import { CutNotice } from "./CutNotice";
import { DayView } from "./DayView";
import { useAppointments, useDoctors } from "./queries";
import { WeekView } from "./WeekView";

const route = "/app/appointments";

export function Appointments() {
  return (
    <Guard permission="appointments.read">
      <Calendar />
    </Guard>
  );
}

function Calendar() {
  const { t, i18n } = useTranslation();
  const may = useMay();
  const navigate = useNavigate();
  const zone = useZone();
  const format = useFormat(zone);
  const search = useSearch({ from: route });
  const today = dayIn(zone);
  const day = search.day ?? today;
  const isWeek = search.view === "week";
  const days = isWeek ? weekOf(day, i18n.language) : [day];
  const first = days[0] ?? day;
  const last = days.at(-1) ?? day;
  const appointments = useAppointments({ first, last, zone, doctorId: search.doctor });
  const show = (change: { [Name in keyof typeof search]?: (typeof search)[Name] | undefined }) => {
    const next = Object.fromEntries(
      Object.entries({ ...search, ...change }).filter(([, value]) => value !== undefined),
    );
    void navigate({ to: route, search: next, replace: true });
  };
  const title = isWeek ? format.days(first, last) : format.longDay(day);
  return (
    <div className="grid gap-6">
      <PageHeader
        title={t("appointments.title")}
        actions={
          may("appointments.book") && (
            <ButtonLink to="/app/appointments/new" search={{ day }} look="primary">
              <CalendarPlus aria-hidden className="size-4" />
              {t("appointments.book")}
            </ButtonLink>
          )
        }
      />
      <div className="flex flex-wrap items-end justify-between gap-4">
        <div className="flex flex-wrap items-center gap-2">
          <IconButton
            label={t(isWeek ? "appointments.weekBefore" : "appointments.dayBefore")}
            className="border border-line-strong bg-surface"
            onClick={() => show({ day: addDays(day, isWeek ? -7 : -1) })}
          >
            <ChevronLeft aria-hidden className="size-4 rtl:rotate-180" />
          </IconButton>
          <Button disabled={day === today} onClick={() => show({ day: undefined })}>
            {t("appointments.today")}
          </Button>
          <IconButton
            label={t(isWeek ? "appointments.weekAfter" : "appointments.dayAfter")}
            className="border border-line-strong bg-surface"
            onClick={() => show({ day: addDays(day, isWeek ? 7 : 1) })}
          >
            <ChevronRight aria-hidden className="size-4 rtl:rotate-180" />
          </IconButton>
          <input
            type="date"
            aria-label={t("appointments.day")}
            className={inputLook}
            value={day}
            onChange={(event) => event.target.value && show({ day: event.target.value })}
          />
        </div>
        <div className="flex flex-wrap items-end gap-4">
          <DoctorFilter value={search.doctor} onChange={(doctor) => show({ doctor })} />
          <Segments
            label={t("appointments.view")}
            value={isWeek ? "week" : "day"}
            choices={[
              { value: "day", label: t("appointments.dayView") },
              { value: "week", label: t("appointments.weekView") },
            ]}
            onChange={(view) => show({ view: view === "week" ? "week" : undefined })}
          />
        </div>
      </div>
      <Card title={title} explanation={t("appointments.inZone", { zone: zone.replaceAll("_", " ") })} flush>
        {appointments.isPending && <Skeleton lines={8} className="p-6" />}
        {appointments.isError && <Failure error={appointments.error} retry={() => void appointments.refetch()} />}
        {appointments.data?.isCut && <CutNotice shown={appointments.data.items.length} />}
        {appointments.data &&
          (isWeek ? (
            <WeekView days={days} today={today} zone={zone} appointments={appointments.data.items} />
          ) : (
            <DayView day={day} zone={zone} appointments={appointments.data.items} />
          ))}
      </Card>
      {search.appointment && (
        <AppointmentDialog
          key={search.appointment}
          appointmentId={search.appointment}
          onClose={() => show({ appointment: undefined })}
        />
      )}
    </div>
  );
}

function DoctorFilter({ value, onChange }: { value: string | undefined; onChange: (id: string | undefined) => void }) {
  const { t } = useTranslation();
  const { data } = useDoctors();
  return (
    <Field label={t("appointments.doctor")}>
      {(control) => (
        <Select
          {...control}
          className="w-48"
          value={value ?? ""}
          onChange={(event) => onChange(event.target.value || undefined)}
        >
          <option value="">{t("appointments.everyDoctor")}</option>
          {data?.items.map((doctor) => (
            <option key={doctor.user_id} value={doctor.user_id}>
              {doctor.name ?? doctor.email}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}
