import { ask, type Hospital, hospital } from "../support/api";
import { expect, signIn, test } from "../support/test";
import { choosePlan, newHospital, toPayment } from "../support/wizard";

async function patientsOf(at: Hospital): Promise<{ name: string }[]> {
  const { items } = await ask<{ items: { name: string }[] }>("GET", `/organization/${at.id}/patients?limit=100`, at.admin.token);
  return items;
}

test("a patient's form takes what people are called, and refuses what cannot be", async ({ page }) => {
  const at = await hospital("Names");
  await signIn(page, at, at.admin, "/app/patients/new");
  const name = page.getByLabel("Name", { exact: true });
  const register = page.getByRole("button", { name: "Register a patient" });
  const refused = async (text: string, why: string) => {
    await name.fill(text);
    await register.click();
    await expect(page.locator("[id$=-error]").filter({ hasText: why })).toBeVisible();
    await expect(name).toBeFocused();
  };
  await page.getByLabel("Date of birth").fill("1980-05-17");
  await refused("", "This is required.");
  await refused("   \t ", "This is required.");
  await refused("x".repeat(201), "Use at most 200 characters.");
  await name.fill("Future Born");
  await page.getByLabel("Date of birth").fill("2999-01-01");
  await register.click();
  await expect(page.getByText("cannot be in the future")).toBeVisible();
  await page.getByLabel("Date of birth").fill("1980-05-17");
  await page.getByLabel("Phone").fill("call me");
  await page.getByLabel("E-mail address").fill("not an address");
  await register.click();
  await expect(page.getByText("2 fields need your attention")).toBeVisible();
  await expect(page.getByRole("button", { name: /^Phone:/ })).toBeVisible();
  await page.getByLabel("Phone").fill("");
  await page.getByLabel("E-mail address").fill("");
  expect(await patientsOf(at)).toEqual([]);

  let alerted = false;
  page.on("dialog", (dialog) => {
    // That what was refused is lost with the page is asked by the page itself.
    if (dialog.type() === "beforeunload") return dialog.accept();
    alerted = true;
  });
  for (const odd of [
    '<script>alert("x")</script><img src=x onerror=alert(1)>',
    "محمد عبد الله",
    "👩‍⚕️ Ada 🦆 O'Neil-Ångström",
    "x".repeat(200),
    "${{7*7}} {{name}} %s",
  ]) {
    await page.goto("/app/patients/new");
    await name.fill(`  ${odd}  `);
    await page.getByLabel("Date of birth").fill("1980-05-17");
    await page.getByLabel(/^Address/).fill(odd);
    await register.click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(odd);
  }
  await page.goto("/app/patients");
  await expect(page.getByRole("link", { name: "محمد عبد الله" })).toBeVisible();
  expect(alerted).toBe(false);
});

test("a double click and Enter in the middle of a form register once", async ({ page }) => {
  const at = await hospital("Double");
  await signIn(page, at, at.admin, "/app/patients/new");
  await page.getByLabel("Name", { exact: true }).fill("Only Once");
  await page.getByLabel("Date of birth").fill("1980-05-17");
  await page.getByRole("button", { name: "Register a patient" }).dblclick();
  await expect(page.getByRole("heading", { name: "Only Once" })).toBeVisible();
  await page.goto("/app/patients/new");
  await page.getByLabel("Date of birth").fill("1980-05-17");
  await page.getByLabel("Name", { exact: true }).fill("By Enter");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "By Enter" })).toBeVisible();
  expect((await patientsOf(at)).map((one) => one.name).sort()).toEqual(["By Enter", "Only Once"]);
});

test("Enter in a search sends nothing and loses nothing", async ({ page, clinic }) => {
  await signIn(page, clinic, clinic.reception, "/app/patients");
  await page.getByRole("searchbox").fill("jane");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/q=jane/);
  await expect(page.getByRole("link", { name: "Jane Smith" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Raj Kapoor" })).toHaveCount(0);
  for (const odd of [".*", "$ne", "'; drop", "\\", "(", "{\"$gt\":\"\"}"]) {
    await page.getByRole("searchbox").fill(odd);
    await expect(page.getByText("Nobody matches")).toBeVisible();
  }
});

test("a hospital may be called almost anything", async ({ page }) => {
  await choosePlan(page);
  const name = page.getByLabel("Hospital name");
  const goOn = page.getByRole("button", { name: "Continue" });
  for (const [typed, database] of [
    ["Universitätsklinikum Köln-Süd", "universitatsklinikum_koln_sud"],
    ["مستشفى السلام", "mstshfa_lslm"],
    ["北京协和医院", "beijingxieheyiyuan"],
    ["Heart ❤️ 🏥", "heart_heart_hospital"],
    ["<script>alert(1)</script>", "script_alert_1_script"],
    ["42", "hospital_42"],
  ] as const) {
    await name.fill(typed);
    await expect(page.locator("code")).toHaveText(new RegExp(`^${database}(_\\d+)?$`));
  }
  await page.getByLabel("E-mail address").fill("admin@");
  await page.getByLabel("Phone number").fill("12 ab");
  await name.fill("   ");
  await goOn.click();
  await expect(page.getByText("3 fields need your attention")).toBeVisible();
  await name.fill("x".repeat(301));
  await goOn.click();
  await expect(page.locator("[id$=-error]").filter({ hasText: "Use at most 300 characters." })).toBeVisible();
});

test("a card number is pasted with spaces, hyphens or tabs", async ({ page, context }) => {
  await toPayment(page, newHospital("Pasted"));
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  for (const pasted of ["4111 1111 1111 1111", " 4111-1111-1111-1111\t", "4111111111111111"]) {
    await page.evaluate((text) => navigator.clipboard.writeText(text), pasted);
    await page.getByLabel("Card number").fill("");
    await page.getByLabel("Card number").focus();
    await page.keyboard.press("ControlOrMeta+V");
    await expect(page.getByLabel("Card number")).toHaveValue("4111 1111 1111 1111");
  }
});

test("numbers are numbers", async ({ page, clinic }) => {
  await signIn(page, clinic, clinic.opd, `/app/patients/${clinic.jane}`);
  await page.getByRole("button", { name: "Record vitals" }).click();
  const save = page.getByRole("button", { name: "Save" });
  await save.click();
  await expect(page.getByText("Enter at least one reading.")).toBeVisible();
  for (const [label, typed, why] of [
    ["Temperature", "hot", "Enter a number from 20 to 45, with at most two decimals."],
    ["Temperature", "370", "Enter a number from 20 to 45, with at most two decimals."],
    ["Pulse", "7.5", "Enter a whole number from 0 to 350, in digits alone."],
    ["Pulse", "-1", "Enter a whole number from 0 to 350, in digits alone."],
    ["Oxygen", "1e9", "Enter a whole number from 0 to 100, in digits alone."],
  ] as const) {
    await page.getByLabel(label).fill(typed);
    await save.click();
    await expect(page.locator("[id$=-error]").filter({ hasText: why })).toBeVisible();
    await page.getByLabel(label).fill("");
  }
  await page.getByLabel("Temperature").fill("36,9");
  await save.click();
  await expect(page.getByText("36.9 °C").first()).toBeVisible();
});
