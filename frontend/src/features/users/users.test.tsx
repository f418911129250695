import { screen, waitFor, within } from "@testing-library/react";
import { expect, it } from "vitest";
import type { Schema } from "@/api/client";
import { staff } from "@/testing/people";
import { renderAt } from "@/testing/render";
import { http, problem, server } from "@/testing/server";

it("reads a user again whom somebody else has changed, so that they can be disabled at the next try", async () => {
  let current: Schema<"User"> = {
    user_id: "user_2",
    email: "doctor@stmarys.com",
    name: "Dr. Miller",
    role: "DOCTOR",
    status: "active",
    created_at: "2026-11-01T08:00:00Z",
    version: 1,
  };
  const versions: (string | null)[] = [];
  server.use(
    http.get("/me", ({ response }) => response(200).json(staff("ADMIN", ["users.read", "users.manage"]))),
    http.get("/organization/{org_id}/settings", ({ response }) => response(200).json({ items: [] })),
    http.get("/roles", ({ response }) => response(200).json({ roles: [] })),
    http.get("/organization/{org_id}/users", ({ response }) => response(200).json({ items: [current] })),
    http.get("/organization/{org_id}/users/{user_id}", ({ response }) => response(200).json(current)),
    http.patch("/organization/{org_id}/users/{user_id}", ({ request, response }) => {
      versions.push(request.headers.get("If-Match"));
      if (versions.length === 1) return problem("version-mismatch", 412);
      return response(200).json({ ...current, status: "disabled" });
    }),
  );
  const { user } = renderAt("/app/users");
  await user.click(await screen.findByRole("button", { name: "More actions for Dr. Miller" }));
  await user.click(await screen.findByRole("menuitem", { name: "Disable" }));
  current = { ...current, name: "Dr. Jane Miller", version: 2 };
  await user.click(await screen.findByRole("button", { name: "Disable" }));
  expect(await screen.findByRole("alertdialog", { name: "Disable Dr. Jane Miller?" })).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Disable" }));
  await waitFor(() => expect(screen.queryByRole("alertdialog")).toBeNull());
  expect(versions).toEqual(['"1"', '"2"']);
});

it("says of an invitation whether its link can still be used", async () => {
  const invited = (user_id: string, invitation_expires_at: string): Schema<"User"> => ({
    user_id,
    email: `${user_id}@stmarys.com`,
    role: "OPD",
    status: "invited",
    created_at: "2026-11-01T08:00:00Z",
    invitation_expires_at,
    version: 1,
  });
  const items = [invited("late", "2020-01-01T08:00:00Z"), invited("early", "2999-01-01T08:00:00Z")];
  server.use(
    http.get("/me", ({ response }) => response(200).json(staff("DOCTOR", ["users.read"]))),
    http.get("/organization/{org_id}/settings", ({ response }) => response(200).json({ items: [] })),
    http.get("/organization/{org_id}/users", ({ response }) => response(200).json({ items })),
  );
  renderAt("/app/users");
  const row = async (email: string) => within((await screen.findByText(email)).closest("tr") as HTMLElement);
  const late = await row("late@stmarys.com");
  expect(late.getByText("Invitation expired")).toBeTruthy();
  expect(late.getByText(/^Link expired on 1 Jan 2020/)).toBeTruthy();
  const early = await row("early@stmarys.com");
  expect(early.getByText("Invited")).toBeTruthy();
  expect(early.getByText(/^Link valid until 1 Jan 2999/)).toBeTruthy();
});
