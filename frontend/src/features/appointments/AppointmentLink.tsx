import { Link, useSearch } from "@tanstack/react-router";
import clsx from "clsx";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/dates/format";
import { AppointmentBadge } from "./AppointmentBadge";
import type { Appointment } from "./queries";

const over = ["cancelled", "missed"];

/** One appointment in a calendar; it opens the whole of it. In a timetable it has as much room as it takes time. */
export function AppointmentLink({
  appointment,
  zone,
  withDoctor = false,
  isCompact = false,
}: {
  appointment: Appointment;
  zone: string;
  withDoctor?: boolean;
  isCompact?: boolean;
}) {
  const { t } = useTranslation();
  const format = useFormat(zone);
  const search = useSearch({ from: "/app/appointments" });
  const { status, starts_at, ends_at, patient_name, doctor_name, reason } = appointment;
  const times = `${format.time(starts_at)}–${format.time(ends_at)}`;
  const name = (
    <span
      className={clsx(
        isCompact ? "truncate" : "wrap-anywhere",
        "font-semibold",
        status === "cancelled" && "line-through",
      )}
      dir="auto"
    >
      {patient_name ?? t("appointments.somebody")}
    </span>
  );
  return (
    <Link
      to="/app/appointments"
      search={{ ...search, appointment: appointment.appointment_id }}
      preload={false}
      replace
      resetScroll={false}
      className={clsx(
        "block overflow-hidden rounded-md border border-s-4 border-line bg-surface px-3 transition-colors hover:bg-sunken",
        over.includes(status) ? "border-s-line-strong" : "border-s-accent",
        isCompact ? "h-full py-1" : "py-2",
      )}
    >
      {isCompact ? (
        <>
          <span className="flex items-center justify-between gap-2">
            {name}
            <AppointmentBadge status={status} />
          </span>
          <span className="block truncate text-ink-soft" dir="auto">
            <span className="tabular">{times}</span>
            {reason && ` · ${reason}`}
          </span>
        </>
      ) : (
        <span className="grid grid-cols-[minmax(0,1fr)] gap-1">
          <span className="text-ink-soft tabular">{times}</span>
          {name}
          {withDoctor && doctor_name && (
            <span className="wrap-anywhere text-ink-soft" dir="auto">
              {doctor_name}
            </span>
          )}
          {reason && (
            <span className="truncate text-ink-soft" dir="auto">
              {reason}
            </span>
          )}
          <span>
            <AppointmentBadge status={status} wraps />
          </span>
        </span>
      )}
    </Link>
  );
}
