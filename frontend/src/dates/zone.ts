import {
  type CalendarDate,
  fromAbsolute,
  parseAbsolute,
  parseDate,
  parseTime,
  startOfWeek,
  Time,
  toCalendarDate,
  toCalendarDateTime,
  today,
  toTime,
  toZoned,
} from "@internationalized/date";

import type { Day } from "./day";

/** A time of the day as time fields write it: `09:30`. */
export type TimeOfDay = string;

/** Today, where the hospital is. */
export function dayIn(zone: string): Day {
  return today(zone).toString();
}

/** The day and the time of an instant, where the hospital is. */
export function localOf(instant: string, zone: string): { day: Day; time: TimeOfDay } {
  const zoned = parseAbsolute(instant, zone);
  return { day: toCalendarDate(zoned).toString(), time: toTime(zoned).toString().slice(0, 5) };
}

/** The instant at which the clock of the hospital shows this. */
export function instantOf(day: Day, time: TimeOfDay, zone: string): string {
  return toZoned(toCalendarDateTime(parseDate(day), parseTime(time)), zone).toAbsoluteString();
}

/** From midnight to midnight of these days, where the hospital is. */
export function boundsOf(first: Day, last: Day, zone: string): { from: string; to: string } {
  const midnight = (day: CalendarDate) => toZoned(toCalendarDateTime(day, new Time()), zone).toAbsoluteString();
  return { from: midnight(parseDate(first)), to: midnight(parseDate(last).add({ days: 1 })) };
}

export function addDays(day: Day, days: number): Day {
  return parseDate(day).add({ days }).toString();
}

/** The seven days of the week around a day; the language says with which one a week begins. */
export function weekOf(day: Day, language: string): Day[] {
  const first = startOfWeek(parseDate(day), language === "en" ? "en-GB" : language);
  return Array.from({ length: 7 }, (_, index) => first.add({ days: index }).toString());
}

/** Minutes since midnight, where the hospital is. */
export function minuteOf(instant: string, zone: string): number {
  const zoned = parseAbsolute(instant, zone);
  return zoned.hour * 60 + zoned.minute;
}

/** How many whole years have passed since a day. */
export function yearsSince(day: Day, zone: string): number {
  const born = parseDate(day);
  const now = today(zone);
  const hadBirthday = now.month > born.month || (now.month === born.month && now.day >= born.day);
  return now.year - born.year - (hadBirthday ? 0 : 1);
}

/** An instant so many minutes later. */
export function later(instant: string, minutes: number): string {
  return fromAbsolute(Date.parse(instant) + minutes * 60_000, "UTC").toAbsoluteString();
}
