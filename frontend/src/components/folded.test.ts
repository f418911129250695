import { expect, it } from "vitest";
import { folded } from "./folded";

it("upper and lower case are one in every script", () => {
  for (const [one, other] of [
    ["Strauß", "STRAUSS"],
    ["STRAUẞ", "strauss"],
    ["İbrahim Işık", "ibrahim IŞIK"],
    ["თამარ", "ᲗᲐᲛᲐᲠ"],
    ["ΙΑΣΙΣ", "ιασις"],
    ["Müller", "MU\u0308LLER"],
  ] as const) {
    expect(folded(one)).toBe(folded(other));
  }
  expect(folded("Müller")).not.toBe(folded("Muller"));
});
