/** A day of the calendar as the API and date fields write it: `2026-11-25`. */
export type Day = string;

/** Whether this is a day that there is; the 30th of February is none. */
export function isDay(text: unknown): text is Day {
  if (typeof text !== "string" || !/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}
