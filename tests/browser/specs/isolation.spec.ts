import type { Page } from "@playwright/test";
import { patient, person } from "../support/api";
import { hospital } from "../support/api";
import { expect, signIn, test } from "../support/test";

/** Everything that the server has said to a page. */
function bodies(page: Page): string[] {
  const said: string[] = [];
  page.on("response", (response) => {
    void response.text().then(
      (text) => said.push(text),
      () => {},
    );
  });
  return said;
}

test("two hospitals side by side never see a byte of each other", async ({ browser }) => {
  const sides = await Promise.all(
    ["Aurora", "Borealis"].map(async (name) => {
      const at = await hospital(name);
      const doctor = await person(at, "doctor", `Dr. ${name} Doctor`);
      const secret = `${name} Patient`;
      const patientId = await patient(at, secret, { address: `${name} Street` });
      const context = await browser.newContext();
      const page = await context.newPage();
      return { name, at, doctor, secret, patientId, context, page, said: bodies(page) };
    }),
  );
  const [one, other] = sides;
  if (!one || !other) throw new Error("there are two");
  // At the same time, page by page.
  for (const { page, at } of sides) await signIn(page, at, at.admin);
  for (const path of ["/app/patients", "/app/appointments", "/app/users", "/app/audit", "/app/subscription", "/app/settings"]) {
    await Promise.all(sides.map(({ page }) => page.goto(path)));
    for (const { page, at } of sides) await expect(page.getByText(at.name).first()).toBeVisible();
  }
  for (const { page, patientId, secret } of sides) {
    await page.goto(`/app/patients/${patientId}`);
    await expect(page.getByRole("heading", { name: secret })).toBeVisible();
  }
  // The other hospital's patient, by an address that somebody has sent.
  await one.page.goto(`/app/patients/${other.patientId}`);
  await expect(one.page.getByText("This cannot be shown right now")).toBeVisible();
  const asked = await one.page.evaluate(
    async ([id, patientId]) => (await fetch(`/organization/${id}/patients/${patientId}`)).status,
    [other.at.id, other.patientId] as const,
  );
  expect(asked).toBe(404);
  for (const [mine, theirs] of [
    [one, other],
    [other, one],
  ] as const) {
    const everything = mine.said.join("\n");
    expect(everything).toContain(mine.secret);
    for (const foreign of [
      theirs.at.name,
      theirs.at.database,
      theirs.secret,
      theirs.doctor.email,
      theirs.at.admin.email,
      `${theirs.name} Street`,
    ]) {
      expect(everything, `${mine.name} was told ${foreign}`).not.toContain(foreign);
    }
    await mine.context.close();
  }
});
