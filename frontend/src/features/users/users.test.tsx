import { screen, waitFor } from "@testing-library/react";
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
