import { CalendarX } from "lucide-react";
import { useTranslation } from "react-i18next";
import { ButtonLink } from "@/components/Button";
import { Empty } from "@/components/states";
import type { Day } from "@/dates/day";
import { minuteOf } from "@/dates/zone";
import { useMay } from "@/session/me";
import { useSettings } from "../settings/queries";
import { AppointmentLink } from "./AppointmentLink";
import type { Appointment } from "./queries";

/** A step of the grid, in minutes, and how high it is. */
const STEP = 15;
const STEP_REM = 2.25;

/** A day by doctor: a timetable where there is room for one, a list where there is not. */
export function DayView({ day, zone, appointments }: { day: Day; zone: string; appointments: Appointment[] }) {
  const { t } = useTranslation();
  const may = useMay();
  if (appointments.length === 0) {
    return (
      <Empty
        icon={CalendarX}
        title={t("appointments.none")}
        action={
          may("appointments.book") && (
            <ButtonLink to="/app/appointments/new" search={{ day }}>
              {t("appointments.book")}
            </ButtonLink>
          )
        }
      >
        {t("appointments.noneHint")}
      </Empty>
    );
  }
  return (
    <>
      <ul className="grid gap-2 p-4 lg:hidden">
        {appointments.map((appointment) => (
          <li key={appointment.appointment_id}>
            <AppointmentLink appointment={appointment} zone={zone} withDoctor />
          </li>
        ))}
      </ul>
      <div className="hidden overflow-x-auto lg:block">
        <Timetable zone={zone} appointments={appointments} />
      </div>
    </>
  );
}

function Timetable({ zone, appointments }: { zone: string; appointments: Appointment[] }) {
  const { t } = useTranslation();
  const doctors = doctorsOf(appointments);
  const { from, to } = useHours(zone, appointments);
  const hours = Array.from({ length: to - from }, (_, index) => from + index);
  const rows = ((to - from) * 60) / STEP;
  return (
    <div
      className="grid min-w-max ps-4"
      style={{ gridTemplateColumns: `4rem repeat(${doctors.length}, minmax(14rem, 1fr))` }}
    >
      <span />
      {doctors.map(({ id, name }) => (
        <h3 key={id} className="truncate border-s border-line px-3 py-3 font-semibold" dir="auto">
          {name ?? t("appointments.somebody")}
        </h3>
      ))}
      <div className="relative" style={{ height: `${rows * STEP_REM}rem` }} aria-hidden>
        {hours.map((hour) => (
          <span
            key={hour}
            className="absolute end-3 -translate-y-1/2 text-ink-soft tabular"
            style={{ top: `${(((hour - from) * 60) / STEP) * STEP_REM}rem` }}
          >
            {`${String(hour).padStart(2, "0")}:00`}
          </span>
        ))}
      </div>
      {doctors.map(({ id, items }) => (
        <ul
          key={id}
          className="relative border-s border-line"
          style={{
            height: `${rows * STEP_REM}rem`,
            backgroundImage: "linear-gradient(to bottom, var(--line) 1px, transparent 1px)",
            backgroundSize: `100% ${(60 / STEP) * STEP_REM}rem`,
          }}
        >
          {items.map(({ appointment, lane, lanes }) => {
            const start = minuteOf(appointment.starts_at, zone) - from * 60;
            const length = (Date.parse(appointment.ends_at) - Date.parse(appointment.starts_at)) / 60_000;
            return (
              <li
                key={appointment.appointment_id}
                className="absolute px-1 py-px"
                style={{
                  top: `${(start / STEP) * STEP_REM}rem`,
                  height: `${(Math.max(length, STEP) / STEP) * STEP_REM}rem`,
                  insetInlineStart: `${(lane / lanes) * 100}%`,
                  width: `${100 / lanes}%`,
                }}
              >
                <AppointmentLink appointment={appointment} zone={zone} isCompact />
              </li>
            );
          })}
        </ul>
      ))}
    </div>
  );
}

interface Placed {
  appointment: Appointment;
  /** Beside which others it stands: a cancelled one may lie under one that took its place. */
  lane: number;
  lanes: number;
}

function doctorsOf(appointments: Appointment[]): { id: string; name: string | undefined; items: Placed[] }[] {
  const byDoctor = Map.groupBy(appointments, (one) => one.doctor_id);
  return [...byDoctor].map(([id, items]) => ({ id, name: items[0]?.doctor_name ?? undefined, items: placed(items) }));
}

/** Puts what overlaps side by side. The appointments come in the order in which they begin. */
export function placed(appointments: Appointment[]): Placed[] {
  const result: Placed[] = [];
  let group: Placed[] = [];
  let groupEnds = 0;
  const laneEnds: number[] = [];
  for (const appointment of appointments) {
    const starts = Date.parse(appointment.starts_at);
    if (starts >= groupEnds) {
      group = [];
      laneEnds.length = 0;
    }
    const free = laneEnds.findIndex((ends) => ends <= starts);
    const lane = free === -1 ? laneEnds.length : free;
    const ends = Date.parse(appointment.ends_at);
    laneEnds[lane] = ends;
    groupEnds = Math.max(groupEnds, ends);
    group.push({ appointment, lane, lanes: 1 });
    result.push(group.at(-1) as Placed);
    for (const one of group) one.lanes = laneEnds.length;
  }
  return result;
}

/** The hours that the timetable shows: a working day, and whatever lies outside of it. */
function useHours(zone: string, appointments: Appointment[]): { from: number; to: number } {
  const { opening_hours } = useSettings();
  const open = Object.values(opening_hours ?? {}).flat();
  const opens = open.map(({ from }) => Number.parseInt(from, 10));
  const closes = open.map(({ to }) => Math.ceil(Number.parseInt(to, 10) + Number(to.slice(3)) / 60));
  const starts = appointments.map((one) => Math.floor(minuteOf(one.starts_at, zone) / 60));
  const ends = appointments.map((one) => {
    const start = minuteOf(one.starts_at, zone);
    return Math.ceil((start + (Date.parse(one.ends_at) - Date.parse(one.starts_at)) / 60_000) / 60);
  });
  return {
    from: Math.max(0, Math.min(...(open.length > 0 ? opens : [8]), ...starts)),
    to: Math.min(36, Math.max(...(open.length > 0 ? closes : [17]), ...ends)),
  };
}
