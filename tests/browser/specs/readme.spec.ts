import { PASSWORD } from "../support/api";
import { prefix } from "../support/environment";
import { PLATFORM_ADMINISTRATOR } from "../support/setup";
import { expect, signIn, signInToPlatform, test } from "../support/test";
import { inviteTeammate, newHospital, toTeam } from "../support/wizard";

/** The README's pictures; `make screenshots` puts them in their place. */
test.use({ viewport: { width: 1440, height: 900 } });

/** Names as people read them, without what keeps the tests' hospitals apart. */
const telling = new RegExp(`${prefix}[ _-]?|([A-Za-z]) [0-9a-f]{4}(?=")|(_[a-z]+)_[0-9a-f]{4}(?=")`, "g");

test.beforeEach(async ({ page }) => {
  await page.route(/\/(me|organization|organizations|master|signup)(\/|\?|$)/, async (route) => {
    if (route.request().headers().accept?.includes("text/event-stream")) return route.continue();
    const response = await route.fetch();
    const type = response.headers()["content-type"] ?? "";
    if (!type.includes("json")) return route.fulfill({ response });
    const body = (await response.text()).replaceAll(telling, "$1$2");
    return route.fulfill({ response, body });
  });
});

const shot = (name: string) => ({ path: `screenshots/readme/${name}.png`, animations: "disabled" as const });

test("the wizard", async ({ page }) => {
  await toTeam(page, newHospital("City Care Clinic"));
  await inviteTeammate(page, "ana.gomez@citycare.example", "DOCTOR");
  await expect(page.getByText("2 of 20 seats taken")).toBeVisible();
  await page.getByLabel("E-mail address").fill("asha.rao@citycare.example");
  await page.getByLabel("Role").selectOption("RECEPTIONIST");
  await page.screenshot(shot("wizard"));
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByLabel("New password").fill(PASSWORD);
});

test("the staff workspace", async ({ page, clinic }) => {
  await signIn(page, clinic, clinic.reception);
  await expect(page.getByRole("row", { name: /Jane Smith/ })).toBeVisible();
  await page.screenshot(shot("workspace"));
});

test("the dashboard", async ({ page, clinic }) => {
  expect(clinic.id).toBeTruthy();
  await signInToPlatform(page, PLATFORM_ADMINISTRATOR);
  await expect(page.locator(".recharts-surface").first()).toBeAttached();
  await page.screenshot(shot("dashboard"));
});
