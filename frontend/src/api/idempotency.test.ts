import { renderHook } from "@testing-library/react";
import { expect, it } from "vitest";
import { useIdempotency } from "./idempotency";
import { Problem } from "./problem";

const answer = (status: number) => new Problem({}, new Response(null, { status }));

/** Sends the same again and again, each time with this outcome; answers the key of each. */
async function keysOf(outcomes: (Problem | null)[]): Promise<string[]> {
  const { result } = renderHook(() => useIdempotency());
  const keys: string[] = [];
  for (const outcome of outcomes) {
    const sent = result.current({ change: 1 }, async (key) => {
      keys.push(key);
      if (outcome) throw outcome;
    });
    await sent.catch((error) => expect(error).toBe(outcome));
  }
  return keys;
}

it("keeps the key while nobody knows whether the request had its effect", async () => {
  const [first, ...others] = await keysOf([
    Problem.unreachable(),
    answer(401),
    answer(503),
    answer(429),
    answer(403),
    null,
  ]);
  expect(others.every((key) => key === first)).toBe(true);
});

it("takes a new key once the request was decided", async () => {
  for (const decided of [answer(401), answer(403), answer(409), answer(429)]) {
    const [first, second] = await keysOf([decided, null]);
    expect(second).not.toBe(first);
  }
  const [first, second, third] = await keysOf([Problem.unreachable(), answer(409), null]);
  expect(second).toBe(first);
  expect(third).not.toBe(second);
});

it("takes a new key for the same once more, and one key for two clicks", async () => {
  const [first, second] = await keysOf([null, null]);
  expect(second).not.toBe(first);

  const { result } = renderHook(() => useIdempotency());
  const keys: string[] = [];
  const send = async (key: string) => keys.push(key);
  await Promise.all([result.current({ change: 1 }, send), result.current({ change: 1 }, send)]);
  expect(keys[1]).toBe(keys[0]);
});
