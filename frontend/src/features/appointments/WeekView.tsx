import { Link, useSearch } from "@tanstack/react-router";
import clsx from "clsx";
import { useTranslation } from "react-i18next";
import type { Day } from "@/dates/day";
import { useFormat } from "@/dates/format";
import { localOf } from "@/dates/zone";
import { AppointmentLink } from "./AppointmentLink";
import type { Appointment } from "./queries";

/** Seven days side by side, or below one another where there is no room. */
export function WeekView({
  days,
  today,
  zone,
  appointments,
}: {
  days: Day[];
  today: Day;
  zone: string;
  appointments: Appointment[];
}) {
  const { t } = useTranslation();
  const format = useFormat(zone);
  const { view: _, ...search } = useSearch({ from: "/app/appointments" });
  const byDay = Map.groupBy(appointments, (one) => localOf(one.starts_at, zone).day);
  return (
    <ol className="grid divide-y divide-line xl:grid-cols-7 xl:divide-x xl:divide-y-0">
      {days.map((day) => {
        const items = byDay.get(day) ?? [];
        return (
          <li key={day} className="grid min-w-0 grid-cols-[minmax(0,1fr)] content-start gap-2 p-3">
            <h3>
              <Link
                to="/app/appointments"
                search={{ ...search, day }}
                aria-current={day === today ? "date" : undefined}
                className={clsx(
                  "inline-block rounded-md px-2 py-1 font-semibold hover:bg-sunken",
                  day === today && "bg-accent-soft text-accent",
                )}
              >
                {format.weekday(day)}
              </Link>
            </h3>
            {items.length === 0 && <p className="px-2 text-ink-soft">{t("appointments.free")}</p>}
            <ul className="grid grid-cols-[minmax(0,1fr)] gap-2">
              {items.map((appointment) => (
                <li key={appointment.appointment_id}>
                  <AppointmentLink appointment={appointment} zone={zone} withDoctor />
                </li>
              ))}
            </ul>
          </li>
        );
      })}
    </ol>
  );
}
