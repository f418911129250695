import { screen, waitFor } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { patient, staff } from "@/testing/people";
import { renderAt } from "@/testing/render";
import { http, problem, server } from "@/testing/server";
import { forgetDrafts } from "./drafts";

const everybody = ["patients.read", "patients.register", "appointments.read", "appointments.book"];

/** The record as it is on the server; a test changes it as somebody else would. */
let current = patient;
let me = staff("RECEPTIONIST", everybody);
const saved = vi.fn();

function work() {
  forgetDrafts();
  current = patient;
  me = staff("RECEPTIONIST", everybody);
  saved.mockReset();
  server.use(
    http.get("/me", ({ response }) => response(200).json(me)),
    http.get("/organization/{org_id}/settings", ({ response }) => response(200).json({ items: [] })),
    http.get("/organization/{org_id}/users", ({ response }) => response(200).json({ items: [] })),
    http.get("/organization/{org_id}/appointments", ({ response }) => response(200).json({ items: [] })),
    http.get("/organization/{org_id}/patients", ({ response }) => response(200).json({ items: [patient] })),
    http.get("/organization/{org_id}/patients/{patient_id}", ({ response }) => response(200).json(current)),
    http.patch("/organization/{org_id}/patients/{patient_id}", async ({ request, response }) => {
      const version = request.headers.get("If-Match");
      saved(version, await request.json());
      if (version !== `"${current.version}"`) return problem("version-mismatch", 412);
      return response(200).json(current);
    }),
  );
}

/** As the server says it to whoever asks after the end, and as the same or another user then signs in. */
async function endAndSignIn(at: ReturnType<typeof renderAt>, user: (typeof me)["user"], path: string) {
  const left = new Promise<void>((resolve) => at.session.onLeave(() => resolve()));
  at.session.ended();
  await left;
  await at.router.navigate({ to: "/", ignoreBlocker: true });
  me = { ...me, user };
  at.session.begin(user);
  await at.router.navigate({ to: path });
}

it("forgets a form that somebody leaves, so that the next patient begins with an empty one", async () => {
  work();
  const { user } = renderAt("/app/patients/new");
  await user.type(await screen.findByLabelText("Name"), "The One Before");
  await user.click(screen.getByRole("link", { name: "Cancel" }));
  await user.click(await screen.findByRole("link", { name: "Register a patient" }));
  expect(await screen.findByLabelText("Name")).toHaveProperty("value", "");
});

it("asks before a page is left on which something is typed, and not when it was sent or given up", async () => {
  work();
  const { user, router } = renderAt("/app/patients/new");
  await user.type(await screen.findByLabelText("Name"), "Half Typed");
  const away = () => user.click(screen.getByRole("link", { name: "Appointments" }));
  await away();
  await user.click(await screen.findByRole("button", { name: "Stay here" }));
  await waitFor(() => expect(screen.queryByRole("alertdialog")).toBeNull());
  expect(screen.getByLabelText("Name")).toHaveProperty("value", "Half Typed");
  await away();
  await user.click(await screen.findByRole("button", { name: "Leave" }));
  expect(await screen.findByRole("heading", { name: "Appointments" })).toBeTruthy();
  // Nothing is typed here.
  await user.click(screen.getByRole("link", { name: "Patients" }));
  await waitFor(() => expect(router.state.location.pathname).toBe("/app/patients"));
  expect(screen.queryByRole("alertdialog")).toBeNull();
});

it("keeps a dialog open in which something is typed, and gives that back after the session has ended", async () => {
  work();
  me = staff("ADMIN", ["users.read", "users.manage"]);
  server.use(http.get("/roles", ({ response }) => response(200).json({ roles: [] })));
  const at = renderAt("/app/users");
  const invite = async () => at.user.click(await screen.findByRole("button", { name: "Invite somebody" }));
  await invite();
  const field = () => screen.findByLabelText("E-mail address");
  await field();
  await at.user.keyboard("{Escape}");
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  await invite();
  await at.user.type(await field(), "half@typed.example");
  await at.user.keyboard("{Escape}");
  expect(await field()).toHaveProperty("value", "half@typed.example");
  await endAndSignIn(at, me.user, "/app/users");
  await invite();
  expect(await field()).toHaveProperty("value", "half@typed.example");
  await at.user.click(screen.getByRole("button", { name: "Cancel" }));
  await invite();
  expect(await field()).toHaveProperty("value", "");
});

it("shows what others have saved since somebody left the form", async () => {
  work();
  const { user } = renderAt("/app/patients/pat_1/edit");
  await user.type(await screen.findByLabelText(/^Phone/), "+1-555-0200");
  await user.click(screen.getByRole("link", { name: "Cancel" }));
  await screen.findByRole("heading", { name: "Jane Smith" });
  current = { ...patient, phone: "+1-555-0300", version: 2 };
  await user.click(screen.getByRole("link", { name: "Edit" }));
  await user.type(await screen.findByLabelText(/^E-mail/), "jane@example.com");
  await user.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(saved).toHaveBeenCalled());
  expect(saved.mock.calls[0]?.[1]).toEqual({ email: "jane@example.com" });
});

it("gives back what was typed when the session ended, with the version that was seen then", async () => {
  work();
  const at = renderAt("/app/patients/pat_1/edit");
  await at.user.type(await screen.findByLabelText(/^Phone/), "+1-555-0200");
  current = { ...patient, phone: "+1-555-0300", version: 2 };
  await endAndSignIn(at, me.user, "/app/patients/pat_1/edit");
  expect(await screen.findByLabelText(/^Phone/)).toHaveProperty("value", "+1-555-0200");
  await at.user.click(screen.getByRole("button", { name: "Save" }));
  // Not the newer version, which this person has never seen.
  expect(await screen.findByRole("table", { name: /Somebody else has saved/ })).toBeTruthy();
  expect(saved).toHaveBeenCalledWith('"1"', { phone: "+1-555-0200" });
  // Now it is left on purpose.
  await at.user.click(screen.getByRole("link", { name: "Cancel" }));
  await at.user.click(await screen.findByRole("link", { name: "Edit" }));
  expect(await screen.findByLabelText(/^Phone/)).toHaveProperty("value", "+1-555-0300");
});

it("gives what was typed back to nobody else", async () => {
  work();
  const at = renderAt("/app/patients/new");
  await at.user.type(await screen.findByLabelText("Name"), "Not Yours");
  await endAndSignIn(at, { ...me.user, user_id: "user_2" }, "/app/patients/new");
  expect(await screen.findByLabelText("Name")).toHaveProperty("value", "");
});

it("shows the patient whom a restored booking is for, and holds nobody after it was left", async () => {
  work();
  const at = renderAt("/app/appointments/new");
  const field = () => screen.findByRole("combobox", { name: "Patient" });
  await at.user.type(await field(), "Jane");
  await at.user.click(await screen.findByRole("option", { name: /Jane Smith/ }));
  await endAndSignIn(at, me.user, "/app/appointments/new");
  expect(await field()).toHaveProperty("value", "Jane Smith");
  await at.user.click(screen.getByRole("link", { name: "Cancel" }));
  await screen.findByRole("heading", { name: "Appointments" });
  await at.router.navigate({ to: "/app/appointments/new" });
  expect(await field()).toHaveProperty("value", "");
  await at.user.click(screen.getByRole("button", { name: "Book an appointment" }));
  expect(await screen.findAllByText("Choose a patient.")).not.toEqual([]);
});
