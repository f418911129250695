import { ask, CARD, PASSWORD } from "../support/api";
import { clear, obstruct, pause, proceed } from "../support/control";
import { audit, expect, keepsNoSecrets, test } from "../support/test";
import {
  choosePlan,
  fillCard,
  fillDetails,
  inviteTeammate,
  newHospital,
  objectOf,
  pay,
  toPayment,
  toTeam,
} from "../support/wizard";

test("from the first page to the first day, and nothing is lost on the way", async ({ page, context }) => {
  const details = newHospital("Mercy Hospital");
  await page.goto("/");
  await audit(page);
  await page.getByRole("link", { name: "New Hospital Signup" }).click();

  await expect(page.getByRole("heading", { name: "Step 1 of 5" })).toBeFocused();
  await audit(page);
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByText("Choose a plan to continue.")).toBeVisible();
  await page.getByRole("radio", { name: "Professional" }).check();
  await page.reload();
  await expect(page.getByRole("radio", { name: "Professional" })).toBeChecked();
  await page.getByRole("button", { name: "Continue" }).click();

  await fillDetails(page, details);
  await expect(page.locator("code")).toHaveText(details.name.toLowerCase().replaceAll(/\W+/g, "_"));
  await audit(page);
  await page.reload();
  await expect(page.getByLabel("Hospital name")).toHaveValue(details.name);
  await expect(page.getByLabel("Phone number")).toHaveValue("+1-555-0100");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.goBack();
  await expect(page.getByLabel("E-mail address")).toHaveValue(details.email);
  await page.goForward();

  await expect(page.getByText("$299").first()).toBeVisible();
  await audit(page);
  const events = page.waitForRequest(/provisioning\/events$/);
  await fillCard(page, "4111 1111 1111 1111");
  await keepsNoSecrets(context, page);
  await pay(page).click();
  await events;
  await expect(page.getByText("10 of 10 steps done")).toBeVisible({ timeout: 60_000 });
  await expect(page.getByRole("button", { name: "Continue to your team" })).toBeFocused();
  await audit(page);
  // Coming back finds the hospital as far as it has come.
  await page.reload();
  await page.getByRole("button", { name: "Continue to your team" }).click();

  await expect(page.getByText("1 of 20 seats taken")).toBeVisible();
  await page.getByText("What can each role do?").click();
  await expect(page.getByText("Write clinical notes")).toBeVisible();
  await audit(page);
  await inviteTeammate(page, "doctor@mercy.example", "DOCTOR");
  await expect(page.getByText("2 of 20 seats taken")).toBeVisible();
  await inviteTeammate(page, "reception@mercy.example", "RECEPTIONIST");
  await expect(page.getByText("3 of 20 seats taken")).toBeVisible();
  await page.getByLabel("E-mail address").fill("half@typed.example");
  await page.reload();
  await expect(page.getByText("doctor@mercy.example")).toBeVisible();
  await expect(page.getByLabel("E-mail address")).toHaveValue("half@typed.example");
  await expect(page.getByLabel("Role")).toHaveValue("RECEPTIONIST");
  await keepsNoSecrets(context, page);
  await page.getByRole("button", { name: "Continue" }).click();

  await expect(page.getByText(details.email)).toBeVisible();
  await page.getByLabel("New password").fill("too short");
  await page.getByRole("button", { name: "Finish the set-up" }).click();
  await expect(page.getByText("Use at least 15 characters.")).toBeVisible();
  await page.getByLabel("Your name").fill("Alex Admin");
  await page.reload();
  await expect(page.getByLabel("Your name")).toHaveValue("Alex Admin");
  await page.getByLabel("New password").fill(PASSWORD);
  await audit(page);
  await page.getByRole("button", { name: "Finish the set-up" }).click();

  await expect(page.getByText(`${details.name} is ready`)).toBeVisible();
  await expect(page.getByLabel("doctor@mercy.example")).toHaveValue(/accept-invitation#token=cinv_/);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByRole("button", { name: "Copy : doctor@mercy.example" }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toMatch(/#token=cinv_/);
  await audit(page);
  await keepsNoSecrets(context, page);
  // The links are gone after a reload, and made anew.
  await page.reload();
  await page.getByRole("button", { name: "Make a new link" }).first().click();
  await expect(page.getByLabel("doctor@mercy.example")).toHaveValue(/accept-invitation#token=cinv_/);

  await page.getByRole("button", { name: "Open the dashboard" }).click();
  await expect(page.getByRole("heading", { name: "Today" })).toBeVisible();
  await expect(page.getByText(details.name)).toBeVisible();
  expect(await page.evaluate(() => Object.keys(sessionStorage))).not.toContain("chakravue.signup");
});

test("a declined card is told at its field, and nothing is charged", async ({ page, watcher }) => {
  watcher.provokes(402, /process-payment/);
  await toPayment(page, newHospital("Declined"));
  await fillCard(page, "4000000000000002");
  await pay(page).click();
  await expect(page.getByText("The card was declined.")).toBeVisible();
  await expect(page.getByLabel("Card number")).toBeFocused();
  await expect(page.getByLabel("Card number")).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByLabel("Card number")).toHaveValue("4000 0000 0000 0002");
  await expect(page.getByLabel("Security code")).toHaveValue("");
  await audit(page);
  for (const [number, words] of [
    ["4000000000009995", /enough money|funds/i],
    ["4000000000000127", /security code/i],
  ] as const) {
    await fillCard(page, number);
    await pay(page).click();
    await expect(page.locator("[id$=-error]").filter({ hasText: words })).toBeVisible();
  }
  await fillCard(page);
  await pay(page).click();
  await expect(page.getByRole("button", { name: "Continue to your team" })).toBeVisible({ timeout: 60_000 });
});

test("a card number is checked before it is sent", async ({ page }) => {
  await toPayment(page, newHospital("Mistyped"));
  await fillCard(page, "4111 1111 1111 1112");
  await page.getByLabel("Expiry date").fill("13/30");
  await page.getByLabel("Security code").fill("1");
  await pay(page).click();
  await expect(page.getByText("3 fields need your attention")).toBeVisible();
  await expect(page.getByText("This is not a card number.")).toHaveCount(2);
  await page.getByRole("button", { name: /Expiry date/ }).click();
  await expect(page.getByLabel("Expiry date")).toBeFocused();
});

test("a double click and a lost answer pay once", async ({ page, watcher }) => {
  const details = newHospital("Once");
  await toPayment(page, details);
  let payments = 0;
  // The first answer never arrives, though the payment was taken.
  await page.route("**/process-payment", async (route) => {
    payments += 1;
    if (payments > 1) return route.continue();
    await route.fetch();
    watcher.goesOffline();
    return route.abort();
  });
  await fillCard(page);
  await pay(page).dblclick();
  // Either the progress tells that it was paid, or the same payment is sent again; both end here.
  await page.getByRole("button", { name: "Continue to your team" }).click({ timeout: 60_000 });
  await page.getByRole("button", { name: "Continue without a team" }).click();
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByRole("button", { name: "Finish the set-up" }).click();
  await page.getByRole("button", { name: "Open the dashboard" }).click();
  await page.getByRole("link", { name: "Subscription" }).click();
  await expect(page.getByRole("row", { name: /visa/i })).toHaveCount(1);
  await expect(page.getByText("Paid", { exact: true })).toHaveCount(1);
});

test("without server-sent events the progress is asked for", async ({ page, watcher }) => {
  watcher.goesOffline();
  await page.route("**/provisioning/events", (route) => route.abort());
  await toPayment(page, newHospital("Polled"));
  await fillCard(page);
  await pay(page).click();
  await expect(page.getByText("10 of 10 steps done")).toBeVisible({ timeout: 60_000 });
});

test("a hospital that cannot be set up says so, and goes on when that is mended", async ({ page }) => {
  const details = newHospital("Obstructed");
  const object = objectOf(details);
  await obstruct(object);
  await toPayment(page, details);
  await fillCard(page);
  await pay(page).click();
  await expect(page.getByText("Your hospital could not be set up")).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText("nothing that was paid is lost")).toBeVisible();
  await expect(page.getByRole("listitem").filter({ hasText: "Create its own login" })).toContainText("failed");
  await audit(page);
  await clear(object);
  await expect(page.getByText("10 of 10 steps done")).toBeVisible({ timeout: 120_000 });
  await page.getByRole("button", { name: "Continue to your team" }).click();
  await expect(page.getByRole("heading", { name: "Step 4 of 5" })).toBeVisible();
});

test("a hospital that takes minutes to be set up says why, and can be come back to", async ({ page }) => {
  const details = newHospital("Held up");
  const object = objectOf(details);
  await page.clock.install();
  await toPayment(page, details);
  // Signed up, and not paid yet.
  await page.route("**/process-payment", async (route) => {
    await pause(object);
    await route.continue();
  });
  await fillCard(page);
  await pay(page).click();
  await expect(page.getByText("1 of 10 steps done")).toBeVisible({ timeout: 60_000 });
  await page.clock.fastForward("00:20");
  await expect(page.getByText("This takes longer than usual")).toBeVisible();
  await expect(page.getByText("engineers have paused the work")).toBeVisible();
  await expect(page.getByText("you pay nothing twice")).toBeVisible();
  await audit(page);

  await page.clock.fastForward("10:00");
  await page.reload();
  await expect(page.getByText("1 of 10 steps done")).toBeVisible();
  await expect(page.getByText("This takes longer than usual")).toBeHidden();
  await proceed(object);
  await expect(page.getByText("10 of 10 steps done")).toBeVisible({ timeout: 60_000 });
  await page.getByRole("button", { name: "Continue to your team" }).click();
  await expect(page.getByText("1 of 20 seats taken")).toBeVisible();
});

test("no step is skipped", async ({ page }) => {
  for (const step of ["details", "payment", "team", "complete"]) {
    await page.goto(`/signup/${step}`);
    await expect(page).toHaveURL(/\/signup\/plan$/);
  }
  await choosePlan(page);
  await page.goto("/signup/complete");
  await expect(page).toHaveURL(/\/signup\/details$/);
});

test("when every seat is taken, that is said with what to do", async ({ page, watcher }) => {
  watcher.provokes(409, /add-user/);
  await toTeam(page, newHospital("Small"), "Starter");
  for (const number of [2, 3, 4, 5]) {
    await inviteTeammate(page, `person${number}@small.example`, "OPD");
    await expect(page.getByText(`${number} of 5 seats taken`)).toBeVisible();
  }
  await inviteTeammate(page, "one-too-many@small.example", "OPD");
  await expect(page.getByText("All 5 seats of the plan are taken")).toBeVisible();
  await expect(page.getByText("larger plan under Subscription")).toBeVisible();
  await expect(page.getByLabel("E-mail address")).toHaveValue("one-too-many@small.example");
  await audit(page);
});

test("somebody who is signed in elsewhere can sign a hospital up here", async ({ page, clinic }) => {
  await page.goto("/");
  await page.evaluate(
    ([id, email, password]) =>
      fetch("/organization-login", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ organization_id: id, email, password }),
      }),
    [clinic.id, clinic.reception.email, PASSWORD] as const,
  );
  await toTeam(page, newHospital("Second"));
  await expect(page.getByText("1 of 20 seats taken")).toBeVisible();
});

test("the test card of the documentation is the one that pays", async () => {
  const { paths } = await ask<{ paths: Record<string, { post: { description: string } }> }>("GET", "/openapi.json");
  expect(paths["/process-payment"]?.post.description).toContain(CARD);
});
