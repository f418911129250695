import type { Page } from "@playwright/test";
import { ask, hospital, PASSWORD, person } from "../support/api";
import { resume, suspend } from "../support/control";
import { audit, expect, look, signIn, test } from "../support/test";

/** Ends every session of somebody but the one that asks, as their other device can. */
async function endOtherSessions(token: string): Promise<void> {
  const { sessions } = await ask<{ sessions: { session_id: string; current: boolean }[] }>("GET", "/me/sessions", token);
  for (const { session_id, current } of sessions) {
    if (!current) await ask("DELETE", `/me/sessions/${session_id}`, token);
  }
}

test("a session that ends during work leads to the sign-in and back, with the work", async ({ page, clinic, watcher }) => {
  const somebody = await person(clinic, "receptionist", "Wanda Work");
  await signIn(page, clinic, somebody, "/app/patients/new");
  await page.getByLabel("Name", { exact: true }).fill("Half Typed");
  await page.getByLabel(/^Address/).fill("A long street\nin a far town");
  await page.getByLabel("Date of birth").fill("1977-07-07");
  await endOtherSessions(somebody.token);
  watcher.provokes(401, /patients|\/me$/);
  await page.getByRole("button", { name: "Register a patient" }).click();
  await expect(page.getByText("Your session has ended.")).toBeVisible();
  await expect(page.getByRole("combobox", { name: "Hospital" })).toHaveValue(clinic.name);
  await audit(page);
  await page.getByLabel("E-mail address").fill(somebody.email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(/\/app\/patients\/new$/);
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("Half Typed");
  await expect(page.getByLabel(/^Address/)).toHaveValue("A long street\nin a far town");
  await page.getByRole("button", { name: "Register a patient" }).click();
  await expect(page.getByRole("heading", { name: "Half Typed" })).toBeVisible();
});

test("nobody loses what they have typed by a link, the Back button or a closed tab without a word", async ({ page, clinic }) => {
  await signIn(page, clinic, clinic.reception, "/app/patients");
  await page.getByRole("link", { name: "Register a patient" }).click();
  const name = page.getByLabel("Name", { exact: true });
  await name.fill("Half Typed");
  const question = page.getByRole("alertdialog", { name: "Leave without saving?" });
  await page.getByRole("link", { name: "Appointments", exact: true }).click();
  await expect(question).toBeVisible();
  await look(page, "leave");
  await question.getByRole("button", { name: "Stay here" }).click();
  await page.goBack();
  await question.getByRole("button", { name: "Stay here" }).click();
  await expect(name).toHaveValue("Half Typed");
  const asked = page.waitForEvent("dialog");
  const reloading = page.reload();
  const dialog = await asked;
  expect(dialog.type()).toBe("beforeunload");
  await dialog.accept();
  await reloading;
  await name.fill("Half Typed");
  await page.getByRole("link", { name: "Appointments", exact: true }).click();
  await question.getByRole("button", { name: "Leave" }).click();
  await expect(page).toHaveURL(/\/app\/appointments$/);
});

test("what somebody has typed is given back to nobody else", async ({ page, clinic, watcher }) => {
  const somebody = await person(clinic, "receptionist", "Tom Typed");
  await signIn(page, clinic, somebody, "/app/patients/new");
  await page.getByLabel("Name", { exact: true }).fill("Not Yours");
  await endOtherSessions(somebody.token);
  watcher.provokes(401, /patients|me$/);
  await page.getByLabel("Date of birth").fill("1977-07-07");
  await page.getByRole("button", { name: "Register a patient" }).click();
  await expect(page.getByText("Your session has ended.")).toBeVisible();
  await page.getByLabel("E-mail address").fill(clinic.opd.email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "Register a patient" })).toBeVisible();
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("");
});

test("a minute before the end somebody is asked, and the end comes by itself", async ({ page, clinic }) => {
  const somebody = await person(clinic, "receptionist", "Ida Idle");
  await page.clock.install();
  await signIn(page, clinic, somebody, "/app/patients");
  await expect(page.getByRole("link", { name: "Jane Smith" })).toBeVisible();
  await page.clock.fastForward("13:10");
  await expect(page.getByRole("alertdialog", { name: "Are you still there?" })).toBeVisible();
  await expect(page.getByText(/\d+ seconds left/)).toBeVisible();
  await audit(page);
  await page.getByRole("button", { name: "Stay signed in" }).click();
  await expect(page.getByRole("alertdialog")).toBeHidden();
  await page.clock.fastForward("13:10");
  await expect(page.getByRole("alertdialog")).toBeVisible();
  await page.clock.fastForward("01:00");
  await expect(page.getByText("Your session has ended.")).toBeVisible();
  await expect(page.getByText("Jane Smith")).toHaveCount(0);
});

/**
 * Returns how to wait for the next word that another tab says to this one: an answer of the server that is on its way to
 * the other tab, as the network shows it, has prolonged nothing yet.
 */
async function nextWordBetweenTabs(page: Page): Promise<() => Promise<void>> {
  const told = await page.evaluateHandle(() => {
    const channel = new BroadcastChannel("chakravue.session");
    // The session's own channel is older, and so has heard it before.
    const word = new Promise<void>((resolve) => channel.addEventListener("message", () => resolve(), { once: true }));
    return { word: word.finally(() => channel.close()) };
  });
  return () => told.evaluate(({ word }) => word);
}

test("a tab that nobody uses lasts as long as the one that somebody does", async ({ page, context, clinic }) => {
  const somebody = await person(clinic, "receptionist", "Ines Idle");
  await page.clock.install();
  await signIn(page, clinic, somebody, "/app/patients");
  await expect(page.getByRole("link", { name: "Jane Smith" })).toBeVisible();
  const used = await context.newPage();
  await used.goto("/app/patients");
  for (const name of ["Appointments", "Patients"]) {
    await page.clock.fastForward("12:00");
    const told = await nextWordBetweenTabs(page);
    // A tab says it at most every two seconds, and may have had an answer in just this moment.
    await page.clock.fastForward("00:03");
    await used.getByRole("link", { name, exact: true }).click();
    await told();
  }
  // What is answered after the jump counts from there.
  await expect(used.getByRole("link", { name: "Jane Smith" })).toBeVisible();
  await page.clock.fastForward("12:00");
  await expect(page.getByRole("link", { name: "Jane Smith" })).toBeVisible();
  await expect(page.getByRole("alertdialog")).toHaveCount(0);
  // How long it lasts counts from the last answer, and that may have come a moment later than all that is shown.
  await expect(async () => {
    await page.clock.fastForward("00:10");
    await expect(page.getByRole("alertdialog", { name: "Are you still there?" })).toBeVisible({ timeout: 1_000 });
  }).toPass({ timeout: 120_000, intervals: [0] });
  // Asked in both, answered in one.
  await used.getByRole("button", { name: "Stay signed in" }).click();
  await expect(page.getByRole("alertdialog")).toBeHidden();
});

test("whoever cannot be kept signed in reads why", async ({ page, context, clinic, watcher }) => {
  const somebody = await person(clinic, "receptionist", "Nina Network");
  await page.clock.install();
  await signIn(page, clinic, somebody, "/app/patients");
  await expect(page.getByRole("link", { name: "Jane Smith" })).toBeVisible();
  await page.clock.fastForward("13:10");
  watcher.goesOffline();
  await context.setOffline(true);
  const dialog = page.getByRole("alertdialog");
  await dialog.getByRole("button", { name: "Stay signed in" }).click();
  await expect(dialog.getByRole("alert")).toContainText("The server cannot be reached");
  await look(page, "session-warning");
  await context.setOffline(false);
  await dialog.getByRole("button", { name: "Stay signed in" }).click();
  await expect(dialog).toBeHidden();
});

test("nobody is asked to stay when nothing can prolong the session", async ({ page, clinic }) => {
  const somebody = await person(clinic, "receptionist", "Lena Last");
  await page.route(/\/me$/, async (route) => {
    const response = await route.fetch();
    const me = (await response.json()) as { session: { expires_at: string } };
    me.session.expires_at = new Date(Date.now() + 90_000).toISOString();
    return route.fulfill({ response, json: me });
  });
  await page.clock.install();
  await signIn(page, clinic, somebody, "/app/patients/new");
  await page.getByLabel("Name", { exact: true }).fill("Last Minute");
  await page.clock.fastForward("00:45");
  const dialog = page.getByRole("alertdialog", { name: "Your session is about to end" });
  await expect(dialog).toBeVisible();
  await expect(dialog.getByRole("button")).toHaveCount(1);
  await look(page, "session-final");
  await dialog.getByRole("button", { name: "Sign in again" }).click();
  await expect(page.getByText("Your session has ended.")).toBeVisible();
  await page.getByLabel("E-mail address").fill(somebody.email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.unrouteAll();
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("Last Minute");
});

test("after the sign-out, Back shows nothing", async ({ page, clinic, watcher }) => {
  const somebody = await person(clinic, "receptionist", "Bea Back");
  await signIn(page, clinic, somebody, "/app/patients");
  await page.getByRole("link", { name: "Jane Smith" }).click();
  await expect(page.getByRole("heading", { name: "Jane Smith" })).toBeVisible();
  await page.getByRole("button", { name: "Appearance, language and sign-out" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page.getByRole("heading", { name: "Welcome to ChakraVue" })).toBeVisible();
  watcher.provokes(401, /\/me$/);
  await page.goBack();
  await expect(page.getByRole("button", { name: "Sign in" })).toBeVisible();
  await expect(page.getByText("Jane Smith")).toHaveCount(0);
  await page.goBack();
  await expect(page.getByText("Jane Smith")).toHaveCount(0);
  await page.reload();
  await expect(page.getByText("Jane Smith")).toHaveCount(0);
});

test("without a connection nobody is told that they are signed out", async ({ page, context, clinic, watcher }) => {
  const somebody = await person(clinic, "receptionist", "Olga Offline");
  await signIn(page, clinic, somebody, "/app/patients");
  await expect(page.getByRole("link", { name: "Jane Smith" })).toBeVisible();
  watcher.goesOffline();
  await context.setOffline(true);
  await page.getByRole("button", { name: "Appearance, language and sign-out" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page.getByRole("alert")).toContainText("You are not signed out yet");
  await expect(page.getByText("Jane Smith")).toHaveCount(0);
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("alert")).toContainText("You are not signed out yet");
  await look(page, "not-signed-out");
  // Who is back is asked for, too, and by then it may be nobody.
  watcher.provokes(401, /\/me$/);
  await context.setOffline(false);
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("heading", { name: "Welcome to ChakraVue" })).toBeVisible();
});

test("signing out in one tab signs out every tab", async ({ page, context, clinic }) => {
  const somebody = await person(clinic, "receptionist", "Tia Tabs");
  await signIn(page, clinic, somebody, "/app/patients");
  const other = await context.newPage();
  await other.goto("/app/patients");
  await expect(other.getByRole("link", { name: "Jane Smith" })).toBeVisible();
  await page.getByRole("button", { name: "Appearance, language and sign-out" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(other.getByRole("heading", { name: "Welcome to ChakraVue" })).toBeVisible();
  await expect(other.getByText("Jane Smith")).toHaveCount(0);
});

test("a link from elsewhere cannot choose where the sign-in leads", async ({ page, clinic }) => {
  for (const redirect of ["https://evil.example/app", "//evil.example/app", "/docs", "javascript:alert(1)"]) {
    await page.goto(`/sign-in?redirect=${encodeURIComponent(redirect)}`);
    await page.getByLabel("E-mail address").fill(clinic.opd.email);
    await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page).toHaveURL(/\/app$/);
  }
});

test("wrong passwords make one wait, which is counted down", async ({ page, clinic, watcher }) => {
  const somebody = await person(clinic, "opd", "Guess Guess");
  watcher.provokes(401, /organization-login/);
  await page.goto("/staff");
  await page.getByRole("combobox", { name: "Hospital" }).fill(clinic.name);
  await page.getByRole("option", { name: clinic.name }).click();
  await page.getByLabel("E-mail address").fill(somebody.email);
  await page.getByLabel("Password", { exact: true }).fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("button", { name: /Try again in \d+ second/ })).toBeDisabled();
  await expect(page.getByText("do not fit together")).toBeVisible();
  await expect(page.getByLabel("Password", { exact: true })).toHaveValue("");
  await expect(page.getByRole("button", { name: "Sign in" })).toBeEnabled();
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "Today" })).toBeVisible();
});

test("somebody who works at two hospitals says at which", async ({ page, clinic, watcher }) => {
  watcher.provokes(409, /\/login$/);
  const other = await hospital("Second Home");
  const email = "both@clinic.example";
  for (const at of [clinic, other]) {
    const invited = await ask<{ invitation_url: string }>("POST", "/add-user", at.admin.token, {
      organization_id: at.id,
      email,
      role: "doctor",
    });
    const token = invited.invitation_url.split("#token=")[1];
    await ask("POST", "/invitations/accept", undefined, { token, password: PASSWORD });
  }
  await page.goto("/sign-in");
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  const answered = page.waitForResponse(/\/login$/);
  await page.getByRole("button", { name: "Sign in" }).click();
  expect((await answered).status()).toBe(409);
  await audit(page);
  await page.getByRole("button", { name: other.name }).click();
  await expect(page.getByRole("heading", { name: "Today" })).toBeVisible();
  await expect(page.getByText(other.name)).toBeVisible();
});

test("a suspension during work is said in place of everything else", async ({ page, watcher }) => {
  const at = await hospital("Suspended");
  const { patient } = await import("../support/api");
  await patient(at, "Sue Spended");
  await signIn(page, at, at.admin, "/app/patients");
  await expect(page.getByRole("link", { name: "Sue Spended" })).toBeVisible();
  // Sessions end at a suspension, so either answer may be the first.
  watcher.provokes(401, /./);
  watcher.provokes(403, /./);
  await suspend(at.id);
  await page.getByRole("link", { name: "Today", exact: true }).click();
  await expect(page.getByText(/subscription is suspended|session has ended/).first()).toBeVisible();
  await expect(page.getByText("Sue Spended")).toHaveCount(0);
  await audit(page);
  // Whoever loads the page again reads the same, and can leave.
  await page.goto("/app/patients");
  await expect(page.getByRole("heading", { name: "The hospital's subscription is suspended" })).toBeVisible();
  await look(page, "suspended");
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page).toHaveURL(/\/$/);
  await resume(at.id);
  await page.goto("/sign-in");
  await page.getByLabel("E-mail address").fill(at.admin.email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("link", { name: "Patients" }).click();
  await expect(page.getByRole("link", { name: "Sue Spended" })).toBeVisible();
});
