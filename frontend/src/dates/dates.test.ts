import { renderHook } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { isDay } from "./day";
import { useFormat } from "./format";
import { boundsOf, instantOf, localOf, minuteOf, weekOf, yearsSince } from "./zone";

describe("times of a hospital", () => {
  it("are those of its own clock, whatever the browser's is", () => {
    expect(instantOf("2026-11-25", "09:30", "Asia/Kolkata")).toBe("2026-11-25T04:00:00.000Z");
    expect(localOf("2026-11-25T04:00:00Z", "Asia/Kolkata")).toEqual({ day: "2026-11-25", time: "09:30" });
    expect(minuteOf("2026-11-25T04:00:00Z", "Asia/Kolkata")).toBe(9 * 60 + 30);
    expect(localOf("2026-11-25T20:00:00Z", "Pacific/Auckland").day).toBe("2026-11-26");
  });

  it("have days of 23 and 25 hours where clocks change", () => {
    const hours = (day: string) => {
      const { from, to } = boundsOf(day, day, "Europe/Berlin");
      return (Date.parse(to) - Date.parse(from)) / 3_600_000;
    };
    expect(hours("2026-03-29")).toBe(23);
    expect(hours("2026-10-25")).toBe(25);
    expect(hours("2026-11-25")).toBe(24);
  });

  it("begin a week where the language does", () => {
    expect(weekOf("2026-11-25", "en")).toHaveLength(7);
    expect(weekOf("2026-11-25", "en")[0]).toBe("2026-11-23");
    expect(weekOf("2026-11-22", "de")[0]).toBe("2026-11-16");
  });
});

it("a day is one of the calendar", () => {
  expect(["2026-02-28", "2024-02-29"].every(isDay)).toBe(true);
  expect(["2026-02-29", "2026-2-3", "2026-13-01", "", null, 5, "2026-11-25T00:00"].some(isDay)).toBe(false);
});

it("an age counts birthdays that have been", () => {
  const born = new Date();
  const day = (offset: number) => {
    const date = new Date(Date.UTC(born.getUTCFullYear() - 30, born.getUTCMonth(), born.getUTCDate() + offset));
    return date.toISOString().slice(0, 10);
  };
  expect(yearsSince(day(0), "UTC")).toBe(30);
  expect(yearsSince(day(1), "UTC")).toBe(29);
});

describe("a wait", () => {
  it.each([
    [1, "1 second"],
    [59, "59 seconds"],
    [60, "1 minute"],
    [61, "1 minute, 1 second"],
    [3599, "59 minutes, 59 seconds"],
    [3600, "1 hour"],
    [3601, "1 hour, 1 minute"],
    [86_399, "24 hours"],
  ])("of %s seconds is %s", (seconds, words) => {
    const { result } = renderHook(() => useFormat());
    expect(result.current.duration(seconds)).toBe(words);
  });
});
