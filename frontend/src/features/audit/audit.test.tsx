import { screen, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { staff } from "@/testing/people";
import { renderAt } from "@/testing/render";
import { http, server } from "@/testing/server";

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
