import type { Page } from "@playwright/test";
import { ask, type Person, person } from "../support/api";
import { url } from "../support/environment";
import { audit, expect, signIn, test } from "../support/test";

/** Marks the page, so that one that was loaded anew in its place is told from it. */
const mark = (page: Page) => page.evaluate(() => Object.assign(window, { isTheSame: true }));
const isTheSame = (page: Page) => page.evaluate(() => "isTheSame" in window);

/** The server has a newer version: its page begins with another file. */
async function replace(page: Page): Promise<void> {
  await page.route(`${url}/`, (route) =>
    route.request().isNavigationRequest()
      ? route.continue()
      : route.fulfill({ contentType: "text/html", body: '<script type="module" src="/assets/index-newer.js"></script>' }),
  );
}

const navigation = (page: Page) => page.getByRole("navigation", { name: "Main" }).getByRole("link");

test("without a connection, links that one passes on the way cost nobody what they were typing", async ({
  page,
  context,
  clinic,
  watcher,
}) => {
  await signIn(page, clinic, clinic.admin, "/app/patients/new");
  await page.getByLabel("Name", { exact: true }).fill("Half Typed");
  await mark(page);
  watcher.goesOffline();
  await context.setOffline(true);
  for (const link of await navigation(page).all()) {
    await link.hover();
    await link.focus();
    await page.keyboard.press("Tab");
    await page.waitForTimeout(150);
  }
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("Half Typed");
  expect(await isTheSame(page)).toBe(true);
});

test("where the network is away, a page that nobody has seen yet says so, and comes when it can", async ({
  page,
  context,
  clinic,
  watcher,
}) => {
  await signIn(page, clinic, clinic.admin, "/app/patients");
  await expect(page.getByRole("link", { name: "Jane Smith" })).toBeVisible();
  await mark(page);
  watcher.goesOffline();
  await context.setOffline(true);
  await navigation(page).filter({ hasText: "Pharmacy" }).click();
  await expect(page.getByRole("alert")).toContainText("The server cannot be reached");
  await audit(page);
  // The part is there already, and what it shows is not.
  await navigation(page).filter({ hasText: "Patients" }).click();
  await page.getByRole("link", { name: "Jane Smith" }).click();
  await expect(page.getByRole("alert")).toContainText("The server cannot be reached");
  await context.setOffline(false);
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("heading", { name: "Jane Smith" })).toBeVisible();
  await navigation(page).filter({ hasText: "Pharmacy" }).click();
  await expect(page.getByRole("heading", { name: "Pharmacy" })).toBeVisible();
  expect(await isTheSame(page)).toBe(true);
});

test("a part that is missing on the server is said, and tried again", async ({ page, clinic, watcher }) => {
  watcher.provokes(404, /^\/assets\/Pharmacy-/);
  await signIn(page, clinic, clinic.admin, "/app/patients");
  await mark(page);
  await page.route("**/assets/Pharmacy-*.js", (route) => route.fulfill({ status: 404, body: "" }));
  await navigation(page).filter({ hasText: "Pharmacy" }).click();
  await expect(page.getByRole("alert")).toContainText("The server cannot be reached");
  await page.unroute("**/assets/Pharmacy-*.js");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("heading", { name: "Pharmacy" })).toBeVisible();
  expect(await isTheSame(page)).toBe(true);
});

test("a page whose parts a newer version has taken away is loaded anew", async ({ page, clinic, watcher }) => {
  watcher.provokes(404, /^\/assets\/Pharmacy-/);
  await signIn(page, clinic, clinic.admin, "/app/patients");
  await mark(page);
  await replace(page);
  const once = { times: 1 };
  await page.route("**/assets/Pharmacy-*.js", (route) => route.fulfill({ status: 404, body: "" }), once);
  // Not by passing the link, only by following it.
  await navigation(page).filter({ hasText: "Pharmacy" }).focus();
  await page.waitForTimeout(500);
  expect(await isTheSame(page)).toBe(true);
  await page.route("**/assets/Pharmacy-*.js", (route) => route.fulfill({ status: 404, body: "" }), once);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Pharmacy" })).toBeVisible();
  expect(await isTheSame(page)).toBe(false);
});

test("a newer version costs nobody what they have typed", async ({ page, clinic, watcher }) => {
  const somebody: Person = await person(clinic, "receptionist", "Nora Newer");
  watcher.provokes(404, /^\/assets\/StaffSignIn-/);
  watcher.provokes(401, /patients|\/me$/);
  await signIn(page, clinic, somebody, "/app/patients/new");
  await page.getByLabel("Name", { exact: true }).fill("Half Typed");
  await page.getByLabel("Date of birth").fill("1977-07-07");
  await mark(page);
  await replace(page);
  await page.route("**/assets/StaffSignIn-*.js", (route) => route.fulfill({ status: 404, body: "" }));
  const { sessions } = await ask<{ sessions: { session_id: string; current: boolean }[] }>("GET", "/me/sessions", somebody.token);
  for (const one of sessions.filter(({ current }) => !current)) await ask("DELETE", `/me/sessions/${one.session_id}`, somebody.token);
  await page.getByRole("button", { name: "Register a patient" }).click();
  await expect(page.getByRole("alert")).toContainText("A newer version of ChakraVue is in place");
  expect(await isTheSame(page)).toBe(true);
  await audit(page);
  await expect(page.getByRole("button", { name: "Load the page anew" })).toBeVisible();
});

test("the first page is there before the program, in the reader's language, and leads on without it", async ({ browser }) => {
  const welcome = { en: "Welcome to ChakraVue", de: "Willkommen bei ChakraVue" };
  for (const { locale, chosen, shown } of [
    { locale: "en-GB", chosen: undefined, shown: "en" },
    { locale: "de-AT", chosen: undefined, shown: "de" },
    { locale: "fr-FR", chosen: undefined, shown: "en" },
    { locale: "de-DE", chosen: "en", shown: "en" },
  ] as const) {
    const localStorage = chosen ? [{ name: "chakravue.language", value: chosen }] : [];
    const context = await browser.newContext({ locale, storageState: { cookies: [], origins: [{ origin: url, localStorage }] } });
    const page = await context.newPage();
    // It is never answered, so the program stays away.
    await page.route("**/assets/*.js", () => {});
    await page.goto(url, { waitUntil: "commit" });
    await expect(page.getByRole("heading")).toHaveText([welcome[shown]]);
    await expect(page.locator("html")).toHaveAttribute("lang", shown);
    const doors = page.getByRole("main").getByRole("link");
    const addresses = await doors.evaluateAll((links) => links.map((link) => link.getAttribute("href")));
    expect(addresses).toEqual(["/sign-in", "/staff", "/signup", "/admin"]);
    await audit(page);
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await page.goto(url);
    await expect(page.getByRole("button", { name: /^(Appearance|Darstellung)/ })).toBeVisible();
    await expect(page.getByRole("heading")).toHaveText([welcome[shown]]);
    await context.close();
  }
});
