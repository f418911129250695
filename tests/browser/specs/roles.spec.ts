import { type Page } from "@playwright/test";
import { ask, hospital, PASSWORD, type Person } from "../support/api";
import type { Clinic } from "../support/clinic";
import { audit, expect, keepsNoSecrets, signIn, test } from "../support/test";

/** Signs in as every morning: the hospital from the list, then who one is. */
async function signInByForm(page: Page, at: Clinic, who: Person): Promise<void> {
  await page.goto("/");
  await page.getByRole("link", { name: "Hospital Staff Login" }).click();
  await page.getByRole("combobox", { name: "Hospital" }).fill(at.name.slice(0, 12));
  await page.getByRole("option", { name: at.name }).click();
  await page.getByLabel("E-mail address").fill(who.email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "Today" })).toBeVisible();
}

/** The navigation offers what the role's permissions open, and nothing else. */
async function offers(page: Page, destinations: string[]): Promise<void> {
  const links = page.getByRole("navigation", { name: "Main" }).getByRole("link");
  await expect(links).toHaveText(destinations);
}

test("a receptionist registers a patient, books and receives them", async ({ page, context, clinic, watcher }) => {
  await signInByForm(page, clinic, clinic.reception);
  await keepsNoSecrets(context, page);
  await offers(page, ["Today", "Patients", "Appointments", "Team", "Settings"]);
  await page.getByRole("link", { name: "Register a patient" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Rosa Register");
  await page.getByLabel("Date of birth").fill("1990-01-31");
  await page.getByLabel("Allergies").fill("nuts, pollen");
  await page.getByRole("button", { name: "Register a patient" }).click();
  await expect(page.getByRole("heading", { name: "Rosa Register" })).toBeVisible();
  await expect(page.getByText("pollen")).toBeVisible();
  // What the role may not see is not there at all.
  await expect(page.getByRole("heading", { name: "Clinical notes" })).toHaveCount(0);
  await expect(page.getByRole("heading", { name: "Vitals" })).toHaveCount(0);

  await page.getByRole("link", { name: "Book an appointment" }).click();
  await expect(page.getByRole("combobox", { name: "Patient" })).toHaveValue("Rosa Register");
  watcher.provokes(409, /appointments$/);
  await page.getByLabel("Doctor").selectOption({ label: "Dr. Ana Gómez" });
  await page.getByLabel("Time").fill("09:00");
  await page.getByRole("button", { name: "Book an appointment" }).click();
  await expect(page.getByText("The doctor has another appointment from 09:00 to 09:30.")).toBeVisible();
});

test("a receptionist's booking appears in the queue", async ({ page, clinic }) => {
  await signInByForm(page, clinic, clinic.reception);
  await page.getByRole("link", { name: "Book an appointment" }).first().click();
  await page.getByRole("combobox", { name: "Patient" }).fill("kap");
  await page.getByRole("option", { name: /Raj Kapoor/ }).click();
  await page.getByLabel("Doctor").selectOption({ label: "Dr. Li Wei" });
  await page.getByLabel("Time").fill("16:40");
  await page.getByLabel("Reason").fill("Second opinion");
  await page.getByRole("button", { name: "Book an appointment" }).click();
  await expect(page.getByRole("heading", { name: "Appointments", exact: true })).toBeVisible();
  await page.getByRole("link", { name: "Today", exact: true }).click();
  const row = page.getByRole("row", { name: /Second opinion/ });
  await row.getByRole("button", { name: /Has arrived/ }).click();
  await expect(row.getByText("Waiting")).toBeVisible();
  await expect(row.getByRole("button", { name: /Begin/ })).toBeVisible();
  await audit(page);
});

test("outpatient staff record vitals and hand out medicine", async ({ page, clinic, watcher }) => {
  watcher.provokes(409, /stock$/);
  await signInByForm(page, clinic, clinic.opd);
  await offers(page, ["Today", "Patients", "Appointments", "Pharmacy", "Team", "Settings"]);
  await page.goto(`/app/patients/${clinic.jane}`);
  await page.getByRole("button", { name: "Record vitals" }).click();
  await page.getByLabel("Pulse").fill("81");
  await page.getByLabel("Systolic").fill("120");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Enter both blood pressures.")).toBeVisible();
  await page.getByLabel("Diastolic").fill("79");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("120/79 mmHg").first()).toBeVisible();
  await expect(page.getByRole("heading", { name: "Clinical notes" })).toHaveCount(0);

  await page.getByRole("link", { name: "Pharmacy" }).click();
  await page.getByRole("button", { name: /Change stock.*Paracetamol/ }).click();
  await page.getByLabel("How much").fill("9999");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("The stock has only")).toBeVisible();
  await page.getByLabel("How much").fill("2");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("The stock of Paracetamol 500 mg is changed")).toBeVisible();
  await audit(page);
});

test("a doctor treats a patient", async ({ page, clinic }) => {
  await signInByForm(page, clinic, clinic.doctor);
  await offers(page, ["Today", "Patients", "Appointments", "Pharmacy", "Team", "Settings"]);
  // Only the doctor's own patients, unless they want to see all.
  await expect(page.getByRole("row", { name: /Blood pressure/ })).toHaveCount(0);
  await page.getByText("Everybody's").click();
  await expect(page.getByRole("row", { name: /Blood pressure/ })).toBeVisible();
  await page.getByText("Mine", { exact: true }).click();
  const jane = page.getByRole("row", { name: /Jane Smith/ });
  await jane.getByRole("button", { name: /Begin/ }).click();
  await expect(jane.getByText("With the doctor")).toBeVisible();
  await jane.getByRole("link", { name: "Jane Smith" }).click();
  await page.getByRole("button", { name: "Write a note" }).click();
  await page.getByLabel("Note", { exact: true }).fill("Tension headache. <b>No</b> red flags.");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Tension headache. <b>No</b> red flags.").first()).toBeVisible();
  await page.getByRole("button", { name: "Prescribe" }).click();
  await expect(page.getByText("Known allergies")).toBeVisible();
  await page.getByLabel("Medicine").fill("Paracetamol 500 mg");
  await page.getByLabel("Dose").fill("1 tablet");
  await page.getByLabel("How often").fill("twice a day");
  await page.getByLabel("For how many days").fill("3");
  await page.getByRole("button", { name: "Prescribe" }).last().click();
  await expect(page.getByText("1 tablet · twice a day · for 3 days")).toBeVisible();
  await audit(page);
  await page.goto("/app");
  await jane.getByRole("button", { name: /Finish/ }).click();
  await expect(jane.getByText("Done")).toBeVisible();
});

test("an administrator runs the account", async ({ page, clinic, watcher }) => {
  await signInByForm(page, clinic, clinic.admin);
  await offers(page, ["Today", "Patients", "Appointments", "Pharmacy", "Team", "Subscription", "Settings", "Audit log"]);
  await page.getByRole("link", { name: "Team" }).click();
  await page.getByRole("button", { name: "Invite somebody" }).click();
  await page.getByLabel("E-mail address").fill(clinic.opd.email);
  watcher.provokes(409, /add-user/);
  await page.getByRole("dialog").getByRole("button", { name: "Invite somebody" }).click();
  await expect(page.getByText("This is taken already.")).toBeVisible();
  await page.getByLabel("E-mail address").fill("new@clinic.example");
  await page.getByRole("dialog").getByRole("button", { name: "Invite somebody" }).click();
  await expect(page.getByRole("textbox", { name: "new@clinic.example" })).toHaveValue(/#token=/);
  await audit(page);
  await page.getByRole("button", { name: "Done" }).click();

  const invited = page.getByRole("row", { name: /new@clinic.example/ });
  await invited.getByRole("button", { name: /More actions/ }).click();
  await page.getByRole("menuitem", { name: "Disable" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Disable" }).click();
  await expect(invited.getByText("Disabled")).toBeVisible();

  watcher.provokes(409, /users\//);
  await page.getByRole("row", { name: /\(you\)/ }).getByRole("button", { name: /More actions/ }).click();
  await page.getByRole("menuitem", { name: "Disable" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Disable" }).click();
  await expect(page.getByRole("alertdialog").getByRole("alert")).toContainText("administrator");
  await page.getByRole("button", { name: "Cancel" }).click();

  await page.getByRole("link", { name: "Audit log" }).click();
  await expect(page.getByText("user.invite").first()).toBeVisible();
  await page.getByRole("button", { name: "Verify the log" }).click();
  await expect(page.getByText("The log is whole and unchanged")).toBeVisible();
  // Clinical data is not the administrator's to see.
  await page.goto(`/app/patients/${clinic.jane}`);
  await expect(page.getByRole("heading", { name: "Jane Smith" })).toBeVisible();
  await expect(page.getByRole("heading", { name: "Clinical notes" })).toHaveCount(0);
});

test("a page that the role has no permission for says so", async ({ page, clinic }) => {
  await signInByForm(page, clinic, clinic.reception);
  for (const path of ["/app/pharmacy", "/app/audit", "/app/subscription"]) {
    await page.goto(path);
    await expect(page.getByText("The role Receptionist has no access to this page")).toBeVisible();
  }
});

test("settings change what the whole hospital sees", async ({ page }) => {
  const at = await hospital("Settings");
  await signIn(page, at, at.admin, "/app/settings");
  const zone = page.getByRole("form", { name: "Time zone" });
  await zone.getByRole("combobox").fill("india standard");
  await page.getByRole("option", { name: /Asia\/(Kolkata|Calcutta)/ }).click();
  await zone.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved")).toBeVisible();
  const language = page.getByRole("form", { name: "Language" });
  await language.getByRole("combobox").selectOption("de");
  await language.getByRole("button", { name: "Save" }).click();
  // Nobody here has chosen a language, so the hospital's is spoken.
  await expect(page.getByRole("heading", { name: "Einstellungen" })).toBeVisible();
  await audit(page);
  await page.goto("/app/appointments");
  await expect(page.getByText(/Zeiten in Asia\/(Kolkata|Calcutta)/)).toBeVisible();
  const { items } = await ask<{ items: { key: string; value: string }[] }>("GET", `/organization/${at.id}/settings`, at.admin.token);
  expect(items.find(({ key }) => key === "time_zone")?.value).toMatch(/Asia/);
});
