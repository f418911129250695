import type { TFunction } from "i18next";
import { z } from "zod";
import { isProblem } from "@/api/problem";
import { fields } from "@/api/rules.generated";
import { rulesIn } from "@/components/form/rules";
import type { Formats } from "@/dates/format";
import { instantOf, later, localOf } from "@/dates/zone";
import type { Appointment } from "./queries";

/** When and with whom, as the forms hold it. */
export interface TimesInput {
  doctor_id: string;
  day: string;
  time: string;
  minutes: string;
  reason: string;
}

export function timesSchema(t: TFunction) {
  const rules = rulesIn(t);
  return {
    doctor_id: rules.chosen(t("appointments.chooseDoctor")),
    day: rules.day(),
    time: rules.time(),
    minutes: rules.number({ minimum: 5, maximum: 720 }),
    reason: rules.optional(fields.NewAppointment.reason),
  };
}

const timesOnly = (t: TFunction) => z.object(timesSchema(t));
export type TimesOutput = z.output<ReturnType<typeof timesOnly>>;

/** The instants that are meant, in the hospital's time zone. */
export function instantsOf({ day, time, minutes }: Pick<TimesOutput, "day" | "time" | "minutes">, zone: string) {
  const starts_at = instantOf(day, time, zone);
  return { starts_at, ends_at: later(starts_at, minutes) };
}

export function timesOf(appointment: Appointment, zone: string): TimesInput {
  const { day, time } = localOf(appointment.starts_at, zone);
  const minutes = (Date.parse(appointment.ends_at) - Date.parse(appointment.starts_at)) / 60_000;
  return { doctor_id: appointment.doctor_id, day, time, minutes: String(minutes), reason: appointment.reason ?? "" };
}

/** Why the doctor is not free, with the hospital's times; `undefined` if that is not the problem. */
export function busyMessage(error: unknown, t: TFunction, format: Formats): string | undefined {
  if (!isProblem(error, "doctor-not-free")) return undefined;
  const busy = error.extra.busy as { starts_at: string; ends_at: string };
  return t("appointments.busy", { from: format.time(busy.starts_at), to: format.time(busy.ends_at) });
}
