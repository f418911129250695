import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { Day } from "./day";

/** How dates and numbers are written in the person's language, and times in a time zone. */
export function useFormat(zone = "UTC") {
  const { i18n } = useTranslation();
  return useMemo(() => formats(i18n.language, zone), [i18n.language, zone]);
}

function formats(language: string, timeZone: string) {
  // English as most of the world writes dates, so that 3/4 is never read in two ways.
  const locale = language === "en" ? "en-GB" : language;
  const of = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, { timeZone, ...options });
  const time = of({ hour: "2-digit", minute: "2-digit" });
  const date = of({ dateStyle: "medium" });
  const dateTime = of({ dateStyle: "medium", timeStyle: "short" });
  const dateTimeZone = of({ dateStyle: "medium", timeStyle: "short", timeZone });
  // A day of the calendar has no time zone.
  const day = (options: Intl.DateTimeFormatOptions) => {
    const format = new Intl.DateTimeFormat(locale, { timeZone: "UTC", ...options });
    return (value: Day) => format.format(new Date(`${value}T00:00:00Z`));
  };
  const week = new Intl.DateTimeFormat(locale, { timeZone: "UTC", day: "numeric", month: "short", year: "numeric" });
  const month = new Intl.DateTimeFormat(locale, { timeZone: "UTC", month: "short", year: "numeric" });
  const number = new Intl.NumberFormat(locale);
  const unit = (name: "hour" | "minute" | "second") =>
    new Intl.NumberFormat(locale, { style: "unit", unit: name, unitDisplay: "long" });
  const [hours, minutes, seconds] = [unit("hour"), unit("minute"), unit("second")];
  const units = new Intl.ListFormat(locale, { style: "short", type: "unit" });
  const decimal = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
  return {
    time: (instant: string) => time.format(new Date(instant)),
    date: (instant: string) => date.format(new Date(instant)),
    // Nobody's clock shows UTC, so it says that it does.
    dateTime: (instant: string) => dateTime.format(new Date(instant)) + (timeZone === "UTC" ? " UTC" : ""),
    dateTimeZone: (instant: string) => dateTimeZone.format(new Date(instant)),
    day: day({ dateStyle: "medium" }),
    longDay: day({ weekday: "long", day: "numeric", month: "long", year: "numeric" }),
    weekday: day({ weekday: "short", day: "numeric", month: "short" }),
    /** From one day to another, neither more often said than needed: `23–29 Nov 2026`. */
    days: (first: Day, last: Day) => week.formatRange(new Date(`${first}T00:00:00Z`), new Date(`${last}T00:00:00Z`)),
    dayAndMonth: day({ day: "numeric", month: "short" }),
    month: (value: string) => month.format(new Date(`${value}-01T00:00:00Z`)),
    number: (value: number) => number.format(value),
    decimal: (value: number) => decimal.format(value),
    /** A time of so many seconds that is counted down, never shorter than it is: in two units at the most. */
    duration: (count: number) => {
      const whole = count < 3600 ? count : Math.ceil(count / 60) * 60;
      const parts = [
        { format: hours, value: Math.floor(whole / 3600) },
        { format: minutes, value: Math.floor((whole % 3600) / 60) },
        { format: seconds, value: whole % 60 },
      ];
      return units.format(parts.filter(({ value }) => value > 0).map(({ format, value }) => format.format(value)));
    },
    money: (value: number, currency: string) =>
      new Intl.NumberFormat(locale, {
        style: "currency",
        currency,
        currencyDisplay: "narrowSymbol",
        maximumFractionDigits: 0,
      }).format(value),
  };
}

export type Formats = ReturnType<typeof formats>;
