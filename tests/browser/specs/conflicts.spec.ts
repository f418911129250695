import { ask, patient } from "../support/api";
import { audit, expect, signIn, test } from "../support/test";

/** Two people change the same record: nobody's change is overwritten unseen. */
test("a stale tab shows both versions and lets the person choose", async ({ page, clinic, watcher }) => {
  const id = await patient(clinic, "Con Flict");
  const path = `/organization/${clinic.id}/patients/${id}`;
  await signIn(page, clinic, clinic.reception, `/app/patients/${id}/edit`);
  await page.getByLabel("Phone").fill("+1-555-0200");
  await ask("PATCH", path, clinic.admin.token, { phone: "+1-555-0300", email: "con@example.com" }, { "If-Match": '"1"' });
  watcher.provokes(412, /patients/);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Somebody else has saved a change meanwhile").first()).toBeVisible();
  const versions = page.getByRole("table", { name: "Somebody else has saved" });
  await expect(versions.getByRole("row", { name: "Phone +1-555-0300 +1-555-0200" })).toBeVisible();
  await audit(page);
  await page.getByRole("button", { name: "Keep mine" }).click();
  await expect(page.getByRole("heading", { name: "Con Flict" })).toBeVisible();
  await expect(page.getByText("+1-555-0200")).toBeVisible();
  // What only the other one changed stays.
  await expect(page.getByText("con@example.com")).toBeVisible();

  await page.getByRole("link", { name: "Edit" }).click();
  await page.getByLabel("Phone").fill("+1-555-0400");
  await ask("PATCH", path, clinic.admin.token, { phone: "+1-555-0500" }, { "If-Match": '"3"' });
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Take theirs" }).click();
  await expect(page.getByLabel("Phone")).toHaveValue("+1-555-0500");
});

test("two people move the same patient through the queue", async ({ page, clinic, watcher }) => {
  const { appointment } = await import("../support/api");
  const { instant } = await import("../support/clinic");
  const who = await patient(clinic, "Quick Queue");
  const today = new Date().toLocaleDateString("en-CA", { timeZone: clinic.zone });
  const booked = await appointment(clinic, who, clinic.doctor, instant(today, "17:20"), "Race");
  await signIn(page, clinic, clinic.reception);
  const row = page.getByRole("row", { name: /Quick Queue/ });
  await expect(row.getByRole("button", { name: /Has arrived/ })).toBeVisible();
  const path = `/organization/${clinic.id}/appointments/${booked.appointment_id}`;
  await ask("PATCH", path, clinic.opd.token, { status: "arrived" }, { "If-Match": '"1"' });
  watcher.provokes(412, /appointments/);
  await row.getByRole("button", { name: /Has arrived/ }).click();
  await expect(row.getByText(/newest version|Read it again/)).toBeVisible();
  await expect(row.getByText("Waiting")).toBeVisible();
});

test("a form that was cancelled begins anew: no patient is mixed up with another, no change undone unseen", async ({ page, clinic }) => {
  const id = await patient(clinic, "Can Celled");
  const path = `/organization/${clinic.id}/patients/${id}`;
  await signIn(page, clinic, clinic.reception, "/app/patients");
  await page.getByRole("link", { name: "Register a patient" }).click();
  await page.getByLabel("Name", { exact: true }).fill("The One Before");
  await page.getByRole("link", { name: "Cancel" }).click();
  await page.getByRole("link", { name: "Register a patient" }).click();
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("");

  await page.goto(`/app/patients/${id}/edit`);
  await page.getByLabel("Phone").fill("+1-555-0200");
  await page.getByRole("link", { name: "Cancel" }).click();
  await expect(page.getByRole("heading", { name: "Can Celled" })).toBeVisible();
  await ask("PATCH", path, clinic.admin.token, { email: "can@example.com" }, { "If-Match": '"1"' });
  await page.reload();
  await page.getByRole("link", { name: "Edit" }).click();
  await expect(page.getByLabel("Phone")).toHaveValue("+1-555-0101");
  await expect(page.getByLabel("E-mail address")).toHaveValue("can@example.com");

  await page.goto("/app/appointments/new");
  const who = page.getByRole("combobox", { name: "Patient" });
  await who.fill("Can Celled");
  await page.getByRole("option", { name: /Can Celled/ }).click();
  await page.getByRole("link", { name: "Cancel" }).click();
  await page.getByRole("link", { name: "Book an appointment" }).click();
  await expect(who).toHaveValue("");
  await page.getByRole("button", { name: "Book an appointment" }).click();
  await expect(page.getByText("Choose a patient.").first()).toBeVisible();
});
