import i18next from "i18next";
import { describe, expect, it } from "vitest";
import { rulesIn } from "./rules";

const bounds = { minimum: -10, maximum: 1_000_000 };

function taken(text: string, whole: boolean): number | undefined | "refused" {
  const result = rulesIn(i18next.t).optionalNumber(bounds, whole).safeParse(text);
  return result.success ? result.data : "refused";
}

describe("a number as people write it", () => {
  it.each([
    ["", undefined, undefined],
    ["0", 0, 0],
    ["007", 7, 7],
    [" 12 ", 12, 12],
    ["1000000", 1_000_000, 1_000_000],
    ["1000001", "refused", "refused"],
    ["36.6", "refused", 36.6],
    ["36,6", "refused", 36.6],
    ["36.65", "refused", 36.65],
    ["-1", "refused", -1],
    ["-11", "refused", "refused"],
    // A thousand, or one? Neither is guessed.
    ["1,000", "refused", "refused"],
    ["1.000", "refused", "refused"],
    ["1 000", "refused", "refused"],
    ["1,000.5", "refused", "refused"],
    ["0x1F", "refused", "refused"],
    ["1e3", "refused", "refused"],
    ["+5", "refused", "refused"],
    [".5", "refused", "refused"],
    ["5.", "refused", "refused"],
    ["Infinity", "refused", "refused"],
    ["NaN", "refused", "refused"],
    ["٣", "refused", "refused"],
    ["hot", "refused", "refused"],
  ])("“%s” is %s where it must be whole, and else %s", (text, whole, decimal) => {
    expect(taken(text, true)).toBe(whole);
    expect(taken(text, false)).toBe(decimal);
  });
});
