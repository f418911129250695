import { screen, waitFor, within } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import type { Schema } from "@/api/client";
import { patient, staff } from "@/testing/people";
import { renderAt } from "@/testing/render";
import { http, problem, server } from "@/testing/server";

const settings = http.get("/organization/{org_id}/settings", ({ response }) => response(200).json({ items: [] }));
const users = http.get("/organization/{org_id}/users", ({ response }) => response(200).json({ items: [] }));
const appointments = http.get("/organization/{org_id}/appointments", ({ response }) =>
  response(200).json({ items: [] }),
);

const as = (role: string, ...permissions: string[]) =>
  http.get("/me", ({ response }) => response(200).json(staff(role, permissions)));

it("puts what the API refuses at its field, and gives that the focus", async () => {
  server.use(
    settings,
    as("RECEPTIONIST", "patients.read", "patients.register"),
    http.post("/organization/{org_id}/patients", () =>
      problem("record-number-taken", 409, {
        errors: [{ pointer: "/record_number", code: "taken", detail: "is taken already" }],
      }),
    ),
  );
  const { user } = renderAt("/app/patients/new");
  await user.type(await screen.findByLabelText("Name"), "Jane Smith");
  await user.type(screen.getByLabelText("Date of birth"), "1980-05-17");
  const number = screen.getByLabelText(/Record number/);
  await user.type(number, "P000001");
  await user.click(screen.getByRole("button", { name: "Register a patient" }));
  expect(await screen.findByText("This is taken already.")).toBeTruthy();
  await waitFor(() => expect(document.activeElement).toBe(number));
  expect(number.getAttribute("aria-invalid")).toBe("true");
});

it("sends only what was changed, with the version that was seen", async () => {
  const sent = vi.fn();
  server.use(
    settings,
    users,
    appointments,
    as("RECEPTIONIST", "patients.read", "patients.register"),
    http.get("/organization/{org_id}/patients/{patient_id}", ({ response }) => response(200).json(patient)),
    http.patch("/organization/{org_id}/patients/{patient_id}", async ({ request, response }) => {
      sent(request.headers.get("If-Match"), await request.json());
      return response(200).json({ ...patient, phone: "+1-555-0200", version: 2 });
    }),
    http.get("/organization/{org_id}/patients", ({ response }) => response(200).json({ items: [] })),
  );
  const { user } = renderAt("/app/patients/pat_1/edit");
  await user.type(await screen.findByLabelText(/^Phone/), "+1-555-0200");
  await user.click(screen.getByRole("button", { name: "Save" }));
  await screen.findByText("+1-555-0200");
  expect(sent).toHaveBeenCalledWith('"1"', { phone: "+1-555-0200" });
});

it("shows both versions when somebody else was quicker, and sends with the newer one", async () => {
  const versions: (string | null)[] = [];
  let current = patient;
  server.use(
    settings,
    users,
    appointments,
    as("RECEPTIONIST", "patients.read", "patients.register"),
    http.get("/organization/{org_id}/patients/{patient_id}", ({ response }) => response(200).json(current)),
    http.patch("/organization/{org_id}/patients/{patient_id}", async ({ request, response }) => {
      versions.push(request.headers.get("If-Match"));
      if (versions.length === 1) {
        current = { ...patient, phone: "+1-555-0300", version: 2 };
        return problem("version-mismatch", 412);
      }
      return response(200).json({ ...current, phone: "+1-555-0200", version: 3 });
    }),
    http.get("/organization/{org_id}/patients", ({ response }) => response(200).json({ items: [] })),
  );
  const { user } = renderAt("/app/patients/pat_1/edit");
  await user.type(await screen.findByLabelText(/^Phone/), "+1-555-0200");
  await user.click(screen.getByRole("button", { name: "Save" }));
  const both = await screen.findByRole("table", { name: /Somebody else has saved/ });
  expect(within(both).getByText("+1-555-0300")).toBeTruthy();
  expect(within(both).getByText("+1-555-0200")).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Keep mine" }));
  await screen.findByRole("heading", { name: "Jane Smith" });
  expect(versions).toEqual(['"1"', '"2"']);
});

it("shows no part of a record that the API leaves out, and no button that the role has no permission for", async () => {
  server.use(
    settings,
    users,
    appointments,
    as("RECEPTIONIST", "patients.read", "appointments.read"),
    http.get("/organization/{org_id}/patients/{patient_id}", ({ response }) => response(200).json(patient)),
  );
  renderAt("/app/patients/pat_1");
  await screen.findByRole("heading", { name: "Jane Smith" });
  expect(screen.queryByRole("heading", { name: "Clinical notes" })).toBeNull();
  expect(screen.queryByRole("link", { name: "Edit" })).toBeNull();
  expect(screen.queryByRole("button", { name: "Archive" })).toBeNull();
});

it("says what the page is and who can help when the role has no access", async () => {
  server.use(settings, as("DOCTOR", "patients.read"));
  renderAt("/app/audit");
  expect(await screen.findByText("The role Doctor has no access to this page")).toBeTruthy();
});

it("finds patients by their date of birth, and keeps it in the address", async () => {
  const asked = vi.fn();
  server.use(
    settings,
    as("RECEPTIONIST", "patients.read"),
    http.get("/organization/{org_id}/patients", ({ request, response }) => {
      const born = new URL(request.url).searchParams.get("birth_date");
      asked(born);
      return response(200).json({ items: born === "1980-05-17" ? [patient] : [] });
    }),
  );
  const { user } = renderAt("/app/patients");
  const field = await screen.findByLabelText("Date of birth");
  await user.type(field, "0198-05-17");
  expect(asked).not.toHaveBeenCalledWith("0198-05-17");
  await user.clear(field);
  await user.type(field, "1980-05-17");
  expect(await screen.findByRole("link", { name: "Jane Smith" })).toBeTruthy();
  await user.clear(field);
  await user.type(field, "1981-01-01");
  expect(await screen.findByText(/Nobody matches “.*1981.*”/)).toBeTruthy();
});

it("reads a record again that somebody else has changed, so that it can be archived at the next try", async () => {
  let current = patient;
  const versions: (string | null)[] = [];
  server.use(
    settings,
    users,
    appointments,
    as("ADMIN", "patients.read", "patients.archive"),
    http.get("/organization/{org_id}/patients/{patient_id}", ({ response }) => response(200).json(current)),
    http.delete("/organization/{org_id}/patients/{patient_id}", ({ request, response }) => {
      versions.push(request.headers.get("If-Match"));
      return versions.length === 1 ? problem("version-mismatch", 412) : response(204).empty();
    }),
  );
  const { user } = renderAt("/app/patients/pat_1");
  await user.click(await screen.findByRole("button", { name: "Archive" }));
  current = { ...patient, phone: "+1-555-0300", version: 2 };
  const dialog = within(await screen.findByRole("alertdialog"));
  await user.click(dialog.getByRole("button", { name: "Archive" }));
  await screen.findByText("+1-555-0300");
  await user.click(dialog.getByRole("button", { name: "Archive" }));
  await waitFor(() => expect(versions).toEqual(['"1"', '"2"']));
});

it("sends a note whose answer was lost under the same key", async () => {
  const keys: (string | null)[] = [];
  const note = { note_id: "note_1", author_id: "user_1", at: "2026-11-23T09:00:00Z", text: "Better." };
  server.use(
    settings,
    users,
    appointments,
    as("DOCTOR", "patients.read", "clinical_notes.read", "clinical_notes.write"),
    http.get("/organization/{org_id}/patients/{patient_id}", ({ response }) =>
      response(200).json({ ...patient, notes: [] }),
    ),
    http.post("/organization/{org_id}/patients/{patient_id}/notes", ({ request, response }) => {
      keys.push(request.headers.get("Idempotency-Key"));
      return keys.length === 1 ? problem("database-unavailable", 503) : response(201).json(note);
    }),
  );
  const { user } = renderAt("/app/patients/pat_1");
  await user.click(await screen.findByRole("button", { name: "Write a note" }));
  const form = within(await screen.findByRole("form", { name: "Write a note" }));
  await user.type(form.getByRole("textbox"), "Better.");
  await user.click(form.getByRole("button", { name: "Save" }));
  await screen.findByRole("alert");
  await user.click(form.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(screen.queryByRole("form", { name: "Write a note" })).toBeNull());
  expect(keys).toHaveLength(2);
  expect(keys[1]).toBe(keys[0]);
  expect(keys[0]).toMatch(/^[\x21-\x7e]{16,255}$/);
});

it("forgets the search that is typed when the navigation leads to all patients", async () => {
  const asked: (string | null)[] = [];
  server.use(
    settings,
    as("RECEPTIONIST", "patients.read"),
    http.get("/organization/{org_id}/patients", ({ request, response }) => {
      asked.push(new URL(request.url).searchParams.get("q"));
      return response(200).json({ items: [patient] });
    }),
  );
  const { user, router } = renderAt("/app/patients");
  const field = await screen.findByRole("searchbox");
  await user.type(field, "jane");
  await waitFor(() => expect(router.state.location.search).toEqual({ q: "jane" }));
  await user.click(screen.getByRole("link", { name: "Patients" }));
  await waitFor(() => expect(field).toHaveProperty("value", ""));
  // As long as somebody pauses before their words are searched for.
  await new Promise((later) => setTimeout(later, 400));
  expect(router.state.location.search).toEqual({});
  expect(asked).toContain("jane");
});

it("shows the newest appointments of somebody who has had more than the API tells at once", async () => {
  const appointment = (day: number): Schema<"Appointment"> => ({
    appointment_id: `apt_${day}`,
    patient_id: patient.patient_id,
    doctor_id: "user_2",
    reason: `Visit ${day}`,
    starts_at: `2026-11-${day}T09:00:00Z`,
    ends_at: `2026-11-${day}T09:30:00Z`,
    status: "done",
    next: [],
    created_at: "2026-11-01T08:00:00Z",
    version: 1,
  });
  server.use(
    settings,
    users,
    as("RECEPTIONIST", "patients.read", "appointments.read"),
    http.get("/organization/{org_id}/patients/{patient_id}", ({ response }) => response(200).json(patient)),
    http.get("/organization/{org_id}/appointments", ({ request, response }) => {
      const cursor = new URL(request.url).searchParams.get("cursor");
      return response(200).json(
        cursor === null ? { items: [appointment(11)], next_cursor: "next" } : { items: [appointment(12)] },
      );
    }),
  );
  renderAt("/app/patients/pat_1");
  const newest = await screen.findByRole("link", { name: /12 Nov 2026/ });
  const oldest = screen.getByRole("link", { name: /11 Nov 2026/ });
  expect(newest.compareDocumentPosition(oldest)).toBe(Node.DOCUMENT_POSITION_FOLLOWING);
});
