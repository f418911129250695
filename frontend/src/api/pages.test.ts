import { expect, it } from "vitest";
import { everyPage, type Page } from "./pages";

/** A list of numbers from 1, three on each page. */
const numbers =
  (last: number) =>
  async (cursor: string | undefined): Promise<Page<number>> => {
    const first = Number(cursor ?? 1);
    const items = [first, first + 1, first + 2].filter((one) => one <= last);
    return { items, ...(first + 3 <= last ? { next_cursor: String(first + 3) } : {}) };
  };

it("reads a list to its end", async () => {
  expect(await everyPage(numbers(7), 5)).toEqual({ items: [1, 2, 3, 4, 5, 6, 7], isCut: false });
  expect(await everyPage(numbers(0), 5)).toEqual({ items: [], isCut: false });
  expect(await everyPage(numbers(6), 2)).toEqual({ items: [1, 2, 3, 4, 5, 6], isCut: false });
});

it("says where it has stopped before the end", async () => {
  expect(await everyPage(numbers(7), 2)).toEqual({ items: [1, 2, 3, 4, 5, 6], isCut: true });
});
