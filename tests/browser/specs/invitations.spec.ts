import { ask, hospital, invite, PASSWORD, pathOf, person } from "../support/api";
import { expireInvitation } from "../support/control";
import { audit, expect, signIn, test } from "../support/test";

test("an invitation leads to the first day, once", async ({ page, browser, clinic, watcher }) => {
  const { invitation_url } = await invite(clinic, "receptionist", "first-day@clinic.example");
  await page.goto(pathOf(invitation_url));
  await expect(page.getByText("first-day@clinic.example")).toBeVisible();
  // The token is in no history and on no screen that somebody shares.
  expect(page.url()).not.toContain("token");
  await audit(page);
  watcher.provokes(422, /accept/);
  await page.getByLabel("New password").fill("passwordpassword");
  await page.getByRole("button", { name: "Accept and sign in" }).click();
  await expect(page.getByText(/too easy to guess/i)).toBeVisible();
  await page.getByLabel("Your name").fill("Fay Firstday");
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByRole("button", { name: "Accept and sign in" }).click();
  await expect(page.getByRole("heading", { name: "Today" })).toBeVisible();
  await expect(page.getByText("Fay Firstday")).toBeVisible();

  watcher.provokes(410, /preview/);
  const second = await browser.newContext();
  const late = await second.newPage();
  await late.goto(pathOf(invitation_url));
  await expect(late.getByRole("heading", { name: "This invitation cannot be used any more" })).toBeVisible();
  await audit(late);
  await second.close();
});

test("an invitation that has expired says so, and what to do", async ({ page, clinic, watcher }) => {
  const { invitation_url, user_id } = await invite(clinic, "opd");
  await expireInvitation(clinic.database, user_id);
  watcher.provokes(410, /preview/);
  await page.goto(pathOf(invitation_url));
  await expect(page.getByRole("heading", { name: "This invitation cannot be used any more" })).toBeVisible();
  await expect(page.getByText("ask your administrator for a new link")).toBeVisible();
  // The new link, in the same tab: only what stands behind the # is another.
  const renewed = await ask<{ invitation_url: string }>(
    "POST",
    `/organization/${clinic.id}/users/${user_id}/invitation`,
    clinic.admin.token,
  );
  await page.evaluate((link) => {
    window.location.hash = new URL(link).hash;
  }, renewed.invitation_url);
  await expect(page.getByRole("button", { name: "Accept and sign in" })).toBeVisible();
  expect(page.url()).not.toContain("token");
  // A page that is loaded anew has forgotten the link, which says nothing about the invitation.
  await page.reload();
  await expect(page.getByRole("heading", { name: "Open the link once more" })).toBeVisible();
  await audit(page);
  await page.goto(pathOf(renewed.invitation_url));
  await expect(page.getByRole("button", { name: "Accept and sign in" })).toBeVisible();
});

test("where the answer to an acceptance is lost, the sign-in is the way on", async ({ page, clinic, watcher }) => {
  const { invitation_url, email } = await invite(clinic, "receptionist");
  await page.goto(pathOf(invitation_url));
  await page.getByLabel("New password").fill(PASSWORD);
  watcher.goesOffline();
  await page.route("**/invitations/accept", async (route) => {
    await route.fetch();
    await route.abort();
  });
  await page.getByRole("button", { name: "Accept and sign in" }).click();
  await expect(page.getByText("Your password may have been set all the same")).toBeVisible();
  await audit(page);
  await page.unroute("**/invitations/accept");
  watcher.provokes(410, /accept/);
  await page.getByRole("button", { name: "Accept and sign in" }).click();
  await expect(page.getByRole("button", { name: "Accept and sign in" })).toHaveCount(0);
  await page.getByRole("link", { name: "Sign in" }).click();
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "Today" })).toBeVisible();
});

test("an invitation that is used in another tab meanwhile keeps nobody waiting", async ({ page, clinic, watcher }) => {
  const { invitation_url } = await invite(clinic, "opd");
  await page.goto(pathOf(invitation_url));
  await page.getByLabel("New password").fill(PASSWORD);
  const token = invitation_url.split("#token=")[1];
  await ask("POST", "/invitations/accept", undefined, { token, password: PASSWORD });
  watcher.provokes(410, /accept/);
  await page.getByRole("button", { name: "Accept and sign in" }).click();
  await expect(page.getByText("This invitation cannot be used any more")).toBeVisible();
});

test("a new password by a link that the administrator hands over", async ({ page, browser, watcher }) => {
  const at = await hospital("Reset");
  const doctor = await person(at, "doctor", "Dr. Forget");
  await signIn(page, at, at.admin, "/app/users");
  const row = page.getByRole("row", { name: /Dr. Forget/ });
  await row.getByRole("button", { name: /More actions/ }).click();
  await page.getByRole("menuitem", { name: "Reset the password" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Reset the password" }).click();
  const link = await page.getByLabel(doctor.email).inputValue();

  const context = await browser.newContext();
  const other = await context.newPage();
  await other.goto(pathOf(link));
  await audit(other);
  await other.getByLabel("New password").fill("seven purple quarries hum softly");
  await other.getByRole("button", { name: "Set the new password" }).click();
  await expect(other.getByText("Your new password is set.")).toBeVisible();
  await other.getByRole("link", { name: "Sign in" }).click();
  await other.getByLabel("E-mail address").fill(doctor.email);
  await other.getByLabel("Password", { exact: true }).fill("seven purple quarries hum softly");
  await other.getByRole("button", { name: "Sign in" }).click();
  await expect(other.getByRole("heading", { name: "Today" })).toBeVisible();
  watcher.provokes(410, /password-reset/);
  await other.goto("/");
  await other.goto(pathOf(link));
  await other.getByLabel("New password").fill("seven purple quarries hum loudly");
  await other.getByRole("button", { name: "Set the new password" }).click();
  await expect(other.getByRole("heading", { name: "This link cannot be used any more" })).toBeVisible();
  await context.close();
});

test("a forgotten password is answered the same for everybody", async ({ page }) => {
  await page.goto("/forgot-password");
  await page.getByLabel("E-mail address").fill("nobody@nowhere.example");
  await page.getByRole("button", { name: "Send the link" }).click();
  await expect(page.getByText("If nobody@nowhere.example is known here, a link is on its way.")).toBeVisible();
});
