import { screen, waitFor } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import type { Schema } from "@/api/client";
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
  expect(document.title).toBe("The hospital's subscription is suspended · ChakraVue");
  expect(document.activeElement?.textContent).toBe("The hospital's subscription is suspended");
  await user.click(screen.getByRole("button", { name: "Sign out" }));
  await waitFor(() => expect(left).toHaveBeenCalledWith("signed-out"));
});

it("shows no time before it is known in which zone the hospital is, and says why it is not", async () => {
  const starts_at = "2026-11-27T09:00:00Z";
  const appointment: Schema<"Appointment"> = {
    appointment_id: "apt_1",
    patient_id: "pat_1",
    patient_name: "Jane Smith",
    doctor_id: "user_2",
    starts_at,
    ends_at: "2026-11-27T09:30:00Z",
    status: "booked",
    next: [],
    created_at: starts_at,
    version: 1,
  };
  const asked = vi.fn();
  server.use(
    http.get("/me", ({ response }) => response(200).json(staff("RECEPTIONIST", ["appointments.read"]))),
    http.get("/organization/{org_id}/settings", () => problem("database-unavailable", 503)),
    http.get("/organization/{org_id}/appointments", ({ response }) => {
      asked();
      return response(200).json({ items: [appointment] });
    }),
  );
  const { user } = renderAt("/app");
  const again = await screen.findByRole("button", { name: "Try again" });
  expect(screen.getByRole("navigation", { name: "Main" })).toBeTruthy();
  expect(asked).not.toHaveBeenCalled();
  const zone: Schema<"Setting"> = { key: "time_zone", value: "Asia/Kolkata", version: 1, is_default: false };
  server.use(http.get("/organization/{org_id}/settings", ({ response }) => response(200).json({ items: [zone] })));
  await user.click(again);
  expect(await screen.findByText("14:30")).toBeTruthy();
});
