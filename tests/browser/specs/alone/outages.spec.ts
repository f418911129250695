import { hospital, patient } from "../../support/api";
import { mongodbDown, mongodbUp } from "../../support/control";
import { audit, expect, signIn, test } from "../../support/test";

test.afterEach(mongodbUp);

test("while MongoDB is away nothing is lost, and work goes on when it is back", async ({ page, watcher }) => {
  const at = await hospital("Outage");
  await patient(at, "Ollie Outage");
  await signIn(page, at, at.admin, "/app/patients/new");
  await page.getByLabel("Name", { exact: true }).fill("Typed Before");
  await page.getByLabel("Date of birth").fill("1980-05-17");
  watcher.goesOffline();
  await mongodbDown();
  await page.getByRole("button", { name: "Register a patient" }).click();
  await expect(page.getByRole("alert")).toContainText(/try again/i, { timeout: 60_000 });
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("Typed Before");
  await audit(page);
  await mongodbUp();
  await expect(async () => {
    await page.getByRole("button", { name: "Register a patient" }).click();
    await expect(page.getByRole("heading", { name: "Typed Before" })).toBeVisible({ timeout: 5_000 });
  }).toPass({ timeout: 60_000 });

  await mongodbDown();
  await page.goto("/app/patients", { waitUntil: "commit" });
  await expect(page.getByText("This cannot be shown right now")).toBeVisible({ timeout: 60_000 });
  await audit(page);
  await mongodbUp();
  await expect(async () => {
    await page.getByRole("button", { name: "Try again" }).click();
    await expect(page.getByRole("link", { name: "Ollie Outage" })).toBeVisible({ timeout: 5_000 });
  }).toPass({ timeout: 60_000 });
});

test("without a network the page says so and keeps what was typed", async ({ page, context, watcher }) => {
  const at = await hospital("Offline");
  await signIn(page, at, at.admin, "/app/patients/new");
  await page.getByLabel("Name", { exact: true }).fill("Off Line");
  await page.getByLabel("Date of birth").fill("1980-05-17");
  watcher.goesOffline();
  await context.setOffline(true);
  await page.getByRole("button", { name: "Register a patient" }).click();
  await expect(page.getByRole("alert")).toContainText("cannot be reached");
  await context.setOffline(false);
  await page.getByRole("button", { name: "Register a patient" }).click();
  await expect(page.getByRole("heading", { name: "Off Line" })).toBeVisible();
});
