import { ask, hospital, PASSWORD } from "../support/api";
import { PLATFORM_ADMINISTRATOR } from "../support/setup";
import { audit, expect, keepsNoSecrets, signInToPlatform, test } from "../support/test";

test("the platform's administrator sees how it does, and finds a hospital", async ({ page, context }) => {
  const at = await hospital("Platform View");
  await page.goto("/");
  await page.getByRole("link", { name: "Admin Dashboard" }).click();
  await page.getByLabel("E-mail address").fill(PLATFORM_ADMINISTRATOR);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "Dashboard" })).toBeVisible();
  await keepsNoSecrets(context, page);
  for (const figure of ["Hospitals", "Active subscriptions", "Monthly revenue", "Pending payment", "Suspended"]) {
    await expect(page.getByRole("term").filter({ hasText: figure })).toBeVisible();
  }
  await expect(page.getByRole("figure", { name: "Monthly revenue by plan" })).toBeVisible();
  await page.getByRole("figure", { name: "Hospitals by plan" }).getByText("Show as a table").click();
  await expect(page.getByRole("rowheader", { name: "Professional" })).toBeVisible();
  await page.getByText("Months", { exact: true }).click();
  await expect(page.getByText("in the last 12 months")).toBeVisible();
  await audit(page);

  await page.getByRole("link", { name: "All hospitals" }).click();
  await page.getByRole("searchbox").fill(at.database);
  await expect(page.getByRole("link", { name: at.name })).toBeVisible();
  await page.getByLabel("Status").selectOption("suspended");
  await expect(page.getByText("No hospital matches")).toBeVisible();
  await page.getByLabel("Status").selectOption("active");
  await page.getByLabel("Plan").selectOption("professional");
  await expect(page.getByRole("link", { name: at.name })).toBeVisible();
  await expect(page).toHaveURL(/q=.*plan=professional|plan=professional.*q=/);
  await page.reload();
  await expect(page.getByRole("searchbox")).toHaveValue(at.database);
  await page.getByRole("button", { name: "Name" }).click();
  await expect(page.getByRole("columnheader", { name: "Name" })).toHaveAttribute("aria-sort", "ascending");
  await page.getByRole("link", { name: at.name }).click();
  await expect(page.getByText("SchemaReady")).toBeVisible();
  await expect(page.getByText("$299 in 1 payment")).toBeVisible();
});

test("who works at a hospital is counted, in its row and on the dashboard", async ({ page, clinic }) => {
  await signInToPlatform(page, PLATFORM_ADMINISTRATOR, `/platform/organizations?q=${clinic.database}`);
  // The operator counts them a moment after they have come.
  await expect(async () => {
    await page.reload();
    await expect(page.getByRole("row", { name: new RegExp(clinic.name) })).toContainText(/([5-9]|1\d) \/ 20/, { timeout: 2_000 });
  }).toPass({ timeout: 60_000 });
  await page.goto("/platform");
  const distribution = page.getByRole("figure", { name: "Hospitals by number of users" });
  await distribution.getByText("Show as a table").click();
  await expect(distribution.getByRole("row").nth(1)).toBeVisible();
  const rows = await distribution.getByRole("row").allInnerTexts();
  const counted = rows.filter((row) => /^[2-9]/.test(row.trim())).map((row) => Number(row.trim().split(/\s+/).at(-1)));
  expect(counted.some((hospitals) => hospitals > 0), rows.join("; ")).toBe(true);
});

test("where hospitals are cards, they are sorted by a choice, and no state is cut off", async ({ page, clinic }) => {
  expect(clinic.id).toBeTruthy();
  await page.setViewportSize({ width: 320, height: 640 });
  await signInToPlatform(page, PLATFORM_ADMINISTRATOR, "/platform/organizations");
  await expect(page.locator(".skeleton")).toHaveCount(0);
  await page.getByLabel("Sort by").selectOption("Name, descending");
  await expect(page).toHaveURL(/sort=-name/);
  await audit(page);
  // The keyboard goes nowhere that nobody sees.
  await page.getByLabel("Sort by").focus();
  await page.keyboard.press("Tab");
  await expect(page.locator(":focus")).toBeInViewport();
  expect(await page.locator("thead button").locator("visible=true").count()).toBe(0);
});

test("suspending and resuming take the hospital's name", async ({ page }) => {
  const at = await hospital("Suspend Me");
  await signInToPlatform(page, PLATFORM_ADMINISTRATOR, `/platform/organizations/${at.id}`);
  await page.getByRole("button", { name: "Suspend", exact: true }).click();
  const dialog = page.getByRole("alertdialog");
  const suspend = dialog.getByRole("button", { name: "Suspend" });
  await expect(suspend).toBeDisabled();
  await dialog.getByLabel(/to confirm/).fill("something else");
  await expect(suspend).toBeDisabled();
  await dialog.getByLabel(/to confirm/).fill(at.name);
  await suspend.click();
  await expect(page.getByRole("button", { name: "Resume" })).toBeVisible();
  await expect(page.getByText("Suspended", { exact: true }).first()).toBeVisible();
  await page.getByRole("button", { name: "Resume", exact: true }).click();
  await dialog.getByLabel(/to confirm/).fill(at.name);
  await dialog.getByRole("button", { name: "Resume" }).click();
  await expect(page.getByRole("button", { name: "Suspend", exact: true })).toBeVisible();
});

test("a plan is changed, unless it has fewer seats than are taken", async ({ page }) => {
  const at = await hospital("Grow");
  await signInToPlatform(page, PLATFORM_ADMINISTRATOR, `/platform/organizations/${at.id}`);
  await page.getByRole("button", { name: "Change the plan" }).click();
  await page.getByRole("radio", { name: /Enterprise/ }).check();
  await page.getByRole("button", { name: "Continue" }).click();
  const dialog = page.getByRole("alertdialog");
  await dialog.getByLabel(/to confirm/).fill(at.name);
  await dialog.getByRole("button", { name: "Change the plan" }).click();
  await expect(page.getByText("Enterprise · $999 per month")).toBeVisible();
  const { plan } = await ask<{ plan: { plan_id: string } }>("GET", `/organization/${at.id}`, at.admin.token);
  expect(plan.plan_id).toBe("enterprise");
});

test("staff have no way to the platform's pages, nor the platform to theirs", async ({ page, clinic }) => {
  await page.goto("/sign-in");
  await page.getByLabel("E-mail address").fill(clinic.admin.email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "Today" })).toBeVisible();
  await page.goto("/platform/organizations");
  await expect(page).toHaveURL(/\/app$/);
  await signInToPlatform(page, PLATFORM_ADMINISTRATOR, "/app/patients");
  await expect(page).toHaveURL(/\/platform$/);
});
