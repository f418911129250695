import { expect, it } from "vitest";
import { ticksTo } from "./ticks";

it.each([
  [0, [0, 1]],
  [1, [0, 1]],
  [3, [0, 1, 2, 3]],
  [7, [0, 2, 4, 6, 8]],
  [25, [0, 10, 20, 30]],
  [80, [0, 20, 40, 60, 80]],
  [1234, [0, 500, 1000, 1500]],
])("reads %i by %j", (most, ticks) => {
  expect(ticksTo(most)).toEqual(ticks);
});
