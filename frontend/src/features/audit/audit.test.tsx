import { screen, waitFor, within } from "@testing-library/react";
import { expect, it } from "vitest";
import type { Schema } from "@/api/client";
import { staff } from "@/testing/people";
import { renderAt } from "@/testing/render";
import { http, problem, server } from "@/testing/server";

it("says what was done and by whom in words, and what it does not know as the API does", async () => {
  const entry = {
    at: "2026-11-01T08:00:00Z",
    details: {},
    hash: "",
    previous_hash: "",
    request_id: null,
    target: null,
  };
  const items = [
    { ...entry, sequence: 3, action: "patient.read", actor_id: "user_2", actor_role: "DOCTOR" },
    { ...entry, sequence: 2, action: "session.refuse", actor_id: "anonymous", actor_role: "ANONYMOUS" },
    { ...entry, sequence: 1, action: "moon.land", actor_id: "user_2", actor_role: "ASTRONAUT" },
  ];
  const doctor = { user_id: "user_2", email: "doctor@stmarys.com", name: "Dr. Miller", role: "DOCTOR" as const };
  server.use(
    http.get("/me", ({ response }) => response(200).json(staff("ADMIN", ["audit.read"]))),
    http.get("/organization/{org_id}/settings", ({ response }) => response(200).json({ items: [] })),
    http.get("/organization/{org_id}/users", ({ response }) =>
      response(200).json({ items: [{ ...doctor, status: "active", created_at: entry.at, version: 1 }] }),
    ),
    http.get("/organization/{org_id}/audit", ({ response }) => response(200).json({ items })),
  );
  renderAt("/app/audit");
  const row = async (action: string) => within((await screen.findByText(action)).closest("tr") as HTMLElement);
  expect((await row("Looked at a record")).getByText("Dr. Miller")).toBeTruthy();
  const refused = await row("Was refused a sign-in");
  expect(refused.getByText("Not signed in")).toBeTruthy();
  expect(refused.queryByText("–")).toBeNull();
  expect((await row("moon.land")).getByText("ASTRONAUT")).toBeTruthy();
});

it("looks through parts of a long log in which nothing is, and asks whether to go on after some", async () => {
  const asked: (string | null)[] = [];
  const found = {
    ...{ sequence: 7, at: "2026-11-01T08:00:00Z", action: "moon.land", actor_id: "user_2", actor_role: "DOCTOR" },
    ...{ details: {}, hash: "", previous_hash: "" },
  };
  server.use(
    http.get("/me", ({ response }) => response(200).json(staff("ADMIN", ["audit.read"]))),
    http.get("/organization/{org_id}/settings", ({ response }) => response(200).json({ items: [] })),
    http.get("/organization/{org_id}/audit", ({ request, response }) => {
      asked.push(new URL(request.url).searchParams.get("cursor"));
      const isThere = asked.length === 7;
      return response(200).json(isThere ? { items: [found] } : { items: [], next_cursor: `${asked.length}` });
    }),
  );
  const { user } = renderAt("/app/audit");
  expect(await screen.findByText("Nothing so far")).toBeTruthy();
  expect(asked).toEqual([null, "1", "2", "3", "4"]);
  await user.click(screen.getByRole("button", { name: "Show more" }));
  expect(await screen.findByText("moon.land")).toBeTruthy();
  expect(screen.queryByText("Nothing so far")).toBeNull();
  expect(asked).toEqual([null, "1", "2", "3", "4", "5", "6"]);
});

type Part = Schema<"Verification"> | Response;

/** The page of a log that is verified in these parts, each when it is let go; and what was asked for. */
function inParts(...parts: Part[]) {
  const asked: (string | null)[] = [];
  const waiting: (() => void)[] = [];
  server.use(
    http.get("/me", ({ response }) => response(200).json(staff("ADMIN", ["audit.read"]))),
    http.get("/organization/{org_id}/settings", ({ response }) => response(200).json({ items: [] })),
    http.get("/organization/{org_id}/audit", ({ response }) => response(200).json({ items: [] })),
    http.get("/organization/{org_id}/audit/verify", async ({ request, response }) => {
      const part = parts[asked.length];
      asked.push(new URL(request.url).searchParams.get("after"));
      await new Promise<void>((go) => waiting.push(go));
      if (part === undefined) throw new Error("asked for more than there is");
      return part instanceof Response ? part : response(200).json(part);
    }),
  );
  const answerNext = async () => {
    await waitFor(() => expect(waiting).toHaveLength(1));
    waiting.pop()?.();
  };
  return { ...renderAt("/app/audit"), asked, answerNext };
}

const first = { intact: true, entries: 250_000, continue_after: 250_000 };
const whole = "The log is whole and unchanged";

it("asks for the next part until there is none, says how many hold so far, and only then that the log is whole", async () => {
  const second = { intact: true, entries: 500_000, continue_after: 500_000 };
  const { user, asked, answerNext } = inParts(first, second, { intact: true, entries: 500_003 });
  await user.click(await screen.findByRole("button", { name: "Verify the log" }));
  await answerNext();
  expect(await screen.findByText(/^250,000 entries hold so far/)).toBeTruthy();
  expect(screen.queryByText(whole)).toBeNull();
  await answerNext();
  expect(await screen.findByText(/^500,000 entries hold so far/)).toBeTruthy();
  expect(screen.queryByText(whole)).toBeNull();
  await answerNext();
  expect(await screen.findByText(whole)).toBeTruthy();
  expect(screen.getByText("500,003 entries were checked.")).toBeTruthy();
  expect(screen.queryByText(/hold so far/)).toBeNull();
  expect(asked).toEqual([null, "250000", "500000"]);
});

it("stops at the first place that is broken, and at the first part without an answer", async () => {
  const place = { sequence: 250_002, reason: "The hash differs." };
  const broken = { ...first, intact: false, entries: 250_001, broken: place };
  const { user, asked, answerNext } = inParts(first, broken, first, problem("unavailable", 503));
  await user.click(await screen.findByRole("button", { name: "Verify the log" }));
  await answerNext();
  await answerNext();
  expect(await screen.findByText("The log is broken at entry 250,002")).toBeTruthy();
  expect(screen.queryByText(/hold so far/)).toBeNull();
  await user.click(screen.getByRole("button", { name: "Verify the log" }));
  await answerNext();
  await answerNext();
  expect(await screen.findByRole("alert")).toBeTruthy();
  expect(screen.getByText(/^250,000 entries hold so far/)).toBeTruthy();
  expect(screen.queryByText(whole)).toBeNull();
  expect(asked).toEqual([null, "250000", null, "250000"]);
});

it("asks for no further part once the page was left", async () => {
  const { user, asked, answerNext, router } = inParts(first, first);
  await user.click(await screen.findByRole("button", { name: "Verify the log" }));
  await waitFor(() => expect(asked).toHaveLength(1));
  await router.navigate({ to: "/app/account" });
  await waitFor(() => expect(screen.queryByRole("button", { name: "Verify the log" })).toBeNull());
  await answerNext();
  await new Promise((soon) => setTimeout(soon, 50));
  expect(asked).toHaveLength(1);
});
