import { screen, waitFor } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { staff } from "@/testing/people";
import { renderAt } from "@/testing/render";
import { http, problem, server } from "@/testing/server";

it("says why the workspace cannot be shown, and shows it when it can", async () => {
  // React tells the console of what it has caught; the program's own root does not.
  vi.spyOn(console, "error").mockImplementation(() => {});
  server.use(http.get("/me", () => problem("database-unavailable", 503)));
  const { user } = renderAt("/app/account");
  const again = await screen.findByRole("button", { name: "Try again" });
  expect(screen.getByRole("main").contains(again)).toBe(true);
  expect(screen.getByRole("heading", { level: 1 })).toBeTruthy();
  server.use(
    http.get("/me", ({ response }) => response(200).json(staff("DOCTOR", []))),
    http.get("/me/sessions", ({ response }) => response(200).json({ sessions: [] })),
    http.get("/organization/{org_id}/settings", ({ response }) => response(200).json({ items: [] })),
  );
  await user.click(again);
  expect(await screen.findByRole("heading", { name: "Your account" })).toBeTruthy();
});

it("leads whoever is not signed in to the sign-in, and back", async () => {
  server.use(
    http.get("/me", () => problem("unauthenticated", 401)),
    http.get("/organizations", ({ response }) => response(200).json({ items: [] })),
  );
  const { router } = renderAt("/platform/organizations?status=active");
  await screen.findByRole("button", { name: "Sign in" });
  expect(router.state.location.pathname).toBe("/admin");
  expect(router.state.location.search).toEqual({ redirect: "/platform/organizations?status=active" });
});

it("says that the hospital is suspended to whoever loads the page again, and lets them sign out", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  server.use(
    http.get("/me", () => problem("subscription-suspended", 403)),
    http.post("/logout", ({ response }) => response(204).empty()),
  );
  const { user, session } = renderAt("/app/patients");
  const left = vi.fn();
  session.onLeave(left);
  expect(await screen.findByRole("heading", { name: "The hospital's subscription is suspended" })).toBeTruthy();
  expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
  await user.click(screen.getByRole("button", { name: "Sign out" }));
  await waitFor(() => expect(left).toHaveBeenCalledWith("signed-out"));
});
