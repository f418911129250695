import { Link, useSearch } from "@tanstack/react-router";
import clsx from "clsx";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/dates/format";
import { AppointmentBadge } from "./AppointmentBadge";
import type { Appointment } from "./queries";

const over = ["cancelled", "missed"];

/** One appointment in a calendar; it opens the whole of it. */
export function AppointmentLink({
  appointment,
  zone,
  withDoctor = false,
  className,
}: {
  appointment: Appointment;
  zone: string;
  withDoctor?: boolean;
  className?: string;
}) {
  const { t } = useTranslation();
  const format = useFormat(zone);
  const search = useSearch({ from: "/app/appointments" });
  const { status, starts_at, ends_at, patient_name, doctor_name, reason } = appointment;
  return (
    <Link
      to="/app/appointments"
      search={{ ...search, appointment: appointment.appointment_id }}
      preload={false}
      replace
      resetScroll={false}
      className={clsx(
        "grid content-start gap-1 overflow-hidden rounded-md border border-s-4 border-line bg-surface px-3 py-2 transition-colors hover:bg-sunken",
        over.includes(status) ? "border-s-line-strong" : "border-s-accent",
        className,
      )}
    >
      <span className="text-ink-soft tabular">
        {format.time(starts_at)}–{format.time(ends_at)}
      </span>
      <span className={clsx("truncate font-semibold", status === "cancelled" && "line-through")} dir="auto">
        {patient_name ?? t("appointments.somebody")}
      </span>
      {withDoctor && doctor_name && (
        <span className="truncate text-ink-soft" dir="auto">
          {doctor_name}
        </span>
      )}
      {reason && (
        <span className="truncate text-ink-soft" dir="auto">
          {reason}
        </span>
      )}
      <span>
        <AppointmentBadge status={status} />
      </span>
    </Link>
  );
}
