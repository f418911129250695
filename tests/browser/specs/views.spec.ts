import { ask, invite, named, PASSWORD, pathOf } from "../support/api";
import { PLATFORM_ADMINISTRATOR } from "../support/setup";
import { expect, look, signIn, signInToPlatform, test } from "../support/test";
import { fillCard, fillDetails, inviteTeammate, newHospital, pay } from "../support/wizard";

test.describe.configure({ timeout: 300_000 });

/** Every view once, in light and dark, wide and narrow; the pictures are in `screenshots/`. */

test("the pages where nobody is signed in", async ({ page, watcher }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await look(page, "welcome");
  for (const [path, name] of [
    ["/sign-in", "sign-in"],
    ["/staff", "staff-sign-in"],
    ["/admin", "admin-sign-in"],
    ["/forgot-password", "forgot-password"],
    ["/reset-password#token=crst_nothing", "reset-password"],
    ["/nowhere", "not-found"],
  ] as const) {
    await page.goto(path);
    await expect(page.getByRole("heading", { level: 1 })).toBeAttached();
    await look(page, name);
  }
  watcher.provokes(410, /preview/);
  await page.goto("/accept-invitation#token=cinv_platform_nothing");
  await expect(page.getByRole("heading", { name: "cannot be used any more" })).toBeVisible();
  await look(page, "invitation-unusable");
  await page.goto("/reset-password");
  await expect(page.getByRole("heading", { name: "Open the link once more" })).toBeVisible();
  await look(page, "link-missing");
});

test("the steps of a sign-up", async ({ page, watcher }) => {
  watcher.provokes(402, /process-payment/);
  await page.goto("/signup/plan");
  await page.getByRole("radio", { name: "Professional" }).check();
  await look(page, "signup-1-plan");
  await page.getByRole("button", { name: "Continue" }).click();
  const details = newHospital("Looked At");
  await fillDetails(page, details);
  await expect(page.locator("code")).toHaveText(/looked_at/);
  await look(page, "signup-2-details");
  await page.getByRole("button", { name: "Continue" }).click();
  await fillCard(page, "4000000000000002");
  await pay(page).click();
  await expect(page.getByText("The card was declined.")).toBeVisible();
  await look(page, "signup-3-payment-declined");
  await fillCard(page);
  await pay(page).click();
  await expect(page.getByRole("button", { name: "Continue to your team" })).toBeVisible();
  await look(page, "signup-3-ready");
  await page.getByRole("button", { name: "Continue to your team" }).click();
  await expect(page.getByRole("heading", { name: "Step 4 of 5" })).toBeVisible();
  await look(page, "signup-4-team-empty");
  await inviteTeammate(page, "doctor@looked-at.example", "DOCTOR");
  await expect(page.getByText("2 of 20 seats taken")).toBeVisible();
  await page.getByText("What can each role do?").click();
  await look(page, "signup-4-team");
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByRole("heading", { name: "Step 5 of 5" })).toBeVisible();
  await look(page, "signup-5-password");
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByRole("button", { name: "Finish the set-up" }).click();
  await expect(page.getByText("Invitation links")).toBeVisible();
  await look(page, "signup-5-complete");
  await page.getByRole("button", { name: "Open the dashboard" }).click();
  await expect(page.getByText("No appointments today")).toBeVisible();
  await look(page, "today-empty");
  for (const [path, words] of [
    ["/app/patients", "No patients yet"],
    ["/app/appointments", "Nothing is booked"],
    ["/app/pharmacy", "No medicines yet"],
  ] as const) {
    await page.goto(path);
    await expect(page.getByText(words)).toBeVisible();
    await look(page, `empty${path.replaceAll("/", "-")}`);
  }
});

test("an invitation", async ({ page, clinic }) => {
  const { invitation_url } = await invite(clinic, "opd");
  await page.goto(pathOf(invitation_url));
  await expect(page.getByText(clinic.name)).toBeVisible();
  await look(page, "invitation");
});

test("a doctor's pages", async ({ page, clinic }) => {
  await signIn(page, clinic, clinic.doctor);
  await expect(page.getByRole("row", { name: /Jane Smith/ })).toBeVisible();
  await look(page, "today-doctor");
  await page.goto(`/app/patients/${clinic.jane}`);
  await expect(page.getByText("Registered")).toBeVisible();
  await look(page, "patient-record");
  await page.getByRole("button", { name: "Write a note" }).click();
  await page.getByRole("button", { name: "Prescribe" }).click();
  await page.getByRole("button", { name: "Record vitals" }).click();
  await look(page, "patient-record-adding");
  await page.goto("/app/users");
  await expect(page.getByText("Omar Haddad")).toBeVisible();
  await look(page, "team-doctor");
  await page.goto("/app/audit");
  await expect(page.getByText("has no access")).toBeVisible();
  await look(page, "forbidden");
});

test("a receptionist's pages", async ({ page, clinic }) => {
  await signIn(page, clinic, clinic.reception);
  await expect(page.getByRole("row", { name: /Jane Smith/ })).toBeVisible();
  await look(page, "today-reception");
  await page.goto("/app/patients");
  await expect(page.getByRole("link", { name: "Jane Smith" })).toBeVisible();
  await look(page, "patients");
  await page.goto("/app/patients?q=nobody-at-all");
  await expect(page.getByText("Nobody matches")).toBeVisible();
  await look(page, "patients-none");
  await page.goto("/app/patients/new");
  await page.getByRole("button", { name: "Register a patient" }).click();
  await expect(page.getByText("2 fields need")).toBeVisible();
  await look(page, "register-patient");
  await page.goto(`/app/patients/${clinic.jane}/edit`);
  await expect(page.getByLabel("Name")).toHaveValue("Jane Smith");
  await look(page, "edit-patient");
  await page.goto("/app/appointments");
  await expect(page.getByText("Vaccination").first()).toBeAttached();
  await look(page, "appointments-day");
  await page.goto("/app/appointments?view=week");
  await expect(page.getByText("Vaccination").first()).toBeAttached();
  await look(page, "appointments-week");
  await page.goto("/app/appointments");
  await page.getByRole("link", { name: /Sommerfeld/ }).locator("visible=true").click();
  await expect(page.getByRole("dialog")).toBeVisible();
  await look(page, "appointment");
  await page.getByRole("button", { name: "Move or change" }).click();
  await look(page, "appointment-move");
  await page.goto("/app/appointments/new");
  await expect(page.getByLabel("Patient")).toBeVisible();
  await look(page, "book-appointment");
});

test("an administrator's pages", async ({ page, clinic }) => {
  await signIn(page, clinic, clinic.admin);
  await expect(page.getByText("The pharmacy needs attention")).toBeVisible();
  await look(page, "today-admin");
  await page.goto("/app/pharmacy");
  await expect(page.getByText("Insulin glargine", { exact: true })).toBeVisible();
  await look(page, "pharmacy");
  await page.getByRole("button", { name: /Change stock.*Paracetamol/ }).click();
  await expect(page.getByRole("dialog")).toBeVisible();
  await look(page, "pharmacy-stock");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Add a medicine" }).click();
  await look(page, "pharmacy-add");
  await page.goto("/app/users");
  await expect(page.getByText("Omar Haddad")).toBeVisible();
  await look(page, "team");
  await page.getByRole("button", { name: "Invite somebody" }).click();
  await expect(page.getByRole("dialog")).toBeVisible();
  await look(page, "team-invite");
  await page.goto("/app/settings");
  await expect(page.getByLabel("Monday, from").first()).toBeVisible();
  await look(page, "settings");
  await page.goto("/app/subscription");
  await expect(page.getByText("Visa")).toBeVisible();
  await look(page, "subscription");
  await page.goto("/app/audit");
  await page.getByRole("button", { name: "Verify the log" }).click();
  await expect(page.getByText("whole and unchanged")).toBeVisible();
  await look(page, "audit");
  await page.goto("/app/account");
  await expect(page.getByText("This device")).toBeVisible();
  await look(page, "account");
});

test("the platform's pages", async ({ page, clinic }) => {
  await ask("POST", "/signup", undefined, {
    organization_name: named("Emergency Plus"),
    organization_email: "admin@emergency.example",
    organization_phone: "+1-555-0000",
    plan: { plan_id: "enterprise" },
  });
  await signInToPlatform(page, PLATFORM_ADMINISTRATOR);
  await expect(page.locator(".recharts-surface").first()).toBeAttached();
  await look(page, "dashboard");
  await page.goto("/platform/organizations");
  // The newest is on the first page, however many hospitals other tests have made.
  await expect(page.getByRole("link", { name: /Emergency Plus/ }).first()).toBeVisible();
  await look(page, "organizations");
  await page.goto(`/platform/organizations/${clinic.id}`);
  await expect(page.getByText("SchemaReady")).toBeVisible();
  await look(page, "organization");
  await page.getByRole("button", { name: "Suspend", exact: true }).click();
  await expect(page.getByRole("alertdialog")).toBeVisible();
  await look(page, "organization-suspend");
  await page.goto(`/platform/organizations/${clinic.id}`);
  await page.getByRole("button", { name: "Change the plan" }).click();
  await expect(page.getByRole("dialog")).toBeVisible();
  await look(page, "organization-plan");
  await page.goto("/platform/audit");
  await page.getByRole("button", { name: "Verify the log" }).click();
  await expect(page.getByText("whole and unchanged")).toBeVisible();
  await look(page, "platform-audit");
});
