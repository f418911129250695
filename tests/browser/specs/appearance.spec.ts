import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { type Hospital, PASSWORD } from "../support/api";
import type { Clinic } from "../support/clinic";
import { chromium, url } from "../support/environment";
import { PLATFORM_ADMINISTRATOR } from "../support/setup";
import { audit, expect, signIn, signInToPlatform, test } from "../support/test";

test.describe.configure({ timeout: 300_000 });

/** The main views of everybody. */
const doors = ["/", "/sign-in", "/staff", "/admin", "/forgot-password", "/signup/plan"];
const staff = ({ jane }: Clinic) => [
  "/app",
  "/app/patients",
  "/app/patients/new",
  `/app/patients/${jane}`,
  `/app/patients/${jane}/edit`,
  "/app/appointments",
  "/app/appointments?view=week",
  "/app/appointments/new",
  "/app/pharmacy",
  "/app/users",
  "/app/settings",
  "/app/subscription",
  "/app/audit",
  "/app/account",
];
const platform = ({ id }: Hospital) => ["/platform", "/platform/organizations", `/platform/organizations/${id}`, "/platform/audit"];

/** Until it is all there. */
async function open(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await expect(page.locator("h1").first()).toBeAttached();
  await expect(page.locator(".skeleton")).toHaveCount(0);
}

type Words = { [key: string]: string | Words };

function sentences(language: string): string[] {
  const folder = new URL(`../../../frontend/src/i18n/locales/${language}/`, import.meta.url);
  const said = (words: Words): string[] =>
    Object.values(words).flatMap((value) => (typeof value === "string" ? [value] : said(value)));
  return ["clinic", "common", "forms", "office", "platform", "sign-in", "signup", "welcome", "workspace"].flatMap((name) =>
    said(JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8")) as Words),
  );
}

/** What somebody has typed, such as the reason of an appointment, is in no language. */
const TYPED = ["Blood pressure"];

/** What English says with more than one word and German does not: nothing of it may be left on a page in German. */
function englishAlone(): string[] {
  const german = sentences("de").join("\n");
  const isTelling = (text: string) => /\w \w/.test(text) && !text.includes("{{") && !german.includes(text) && !TYPED.includes(text);
  return sentences("en").filter(isTelling);
}

async function speakGerman(page: Page): Promise<void> {
  await page.addInitScript(() => localStorage.setItem("chakravue.language", "de"));
}

async function isGerman(page: Page, english: string[]): Promise<void> {
  await expect(page.locator("html")).toHaveAttribute("lang", "de");
  const text = `${await page.title()}\n${await page.locator("body").innerText()}`;
  expect(
    english.filter((sentence) => text.includes(sentence)),
    `in English at ${page.url()}`,
  ).toEqual([]);
}

const picture = (page: Page, name: string) =>
  page.screenshot({ path: `screenshots/${name}.png`, fullPage: true, animations: "disabled" });

/** German words are long: on a small screen, too, each has its place. */
async function fitsNarrow(page: Page, path: string): Promise<void> {
  const before = page.viewportSize();
  await page.setViewportSize({ width: 320, height: 640 });
  await picture(page, `de-narrow${path.replace(/_[0-9a-z]{26}/, "").replaceAll(/\W+/g, "-")}`);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(overflow, `${path} in German at 320 pixels scrolls sideways`).toBeLessThanOrEqual(0);
  if (before) await page.setViewportSize(before);
}

test.describe("in German", () => {
  const english = englishAlone();

  test("the doors and the forms behind them", async ({ page, clinic, watcher }) => {
    await speakGerman(page);
    for (const path of doors) {
      await open(page, path);
      await isGerman(page, english);
      await audit(page);
      await fitsNarrow(page, path);
    }
    // What a form and what the API refuses is said in German, too.
    await open(page, "/staff");
    await page.getByRole("button", { name: "Anmelden", exact: true }).click();
    await expect(page.getByText("3 Felder")).toBeVisible();
    await isGerman(page, english);
    await picture(page, "de-staff-refused");
    // Also what only those hear who cannot see the list.
    await page.getByRole("button", { name: "Krankenhäuser laden" }).click();
    await expect(page.getByRole("option").first()).toBeVisible();
    await expect(page.locator('[aria-label="Dismiss"]')).toHaveCount(0);
    expect(await page.locator('[aria-label="Schließen"]').count()).toBeGreaterThan(0);
    await signIn(page, clinic, clinic.admin, "/app/account");
    watcher.provokes(422, /\/me\/password$/);
    await page.getByLabel("Aktuelles Passwort").fill("not the password at all");
    await page.getByLabel("Neues Passwort").fill(PASSWORD);
    await page.getByRole("button", { name: /Passwort ändern/ }).click();
    await expect(page.getByText("Stimmt nicht.")).toBeVisible();
    await isGerman(page, english);
  });

  test("the staff's pages", async ({ page, clinic }) => {
    await speakGerman(page);
    await signIn(page, clinic, clinic.admin);
    for (const path of staff(clinic)) {
      await open(page, path);
      await isGerman(page, english);
      await audit(page);
      await fitsNarrow(page, path);
    }
    await open(page, "/app");
    await picture(page, "de-today");
    await signIn(page, clinic, clinic.doctor);
    await open(page, `/app/patients/${clinic.jane}`);
    await isGerman(page, english);
    await audit(page);
    await picture(page, "de-patient-record");
  });

  test("the platform's pages", async ({ page, clinic }) => {
    await speakGerman(page);
    await signInToPlatform(page, PLATFORM_ADMINISTRATOR);
    for (const path of platform(clinic)) {
      await open(page, path);
      await isGerman(page, english);
      await audit(page);
      await fitsNarrow(page, path);
    }
    await open(page, "/platform");
    await picture(page, "de-dashboard");
  });
});

test("a patient's record on paper is the record and nothing around it", async ({ page, clinic }) => {
  await signIn(page, clinic, clinic.doctor, `/app/patients/${clinic.jane}`);
  for (const words of ["Complains of headache since Monday.", "128/82 mmHg"]) {
    await expect(page.getByText(words).first()).toBeVisible();
  }
  // As somebody prints who works in the dark and on a small screen.
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  await page.setViewportSize({ width: 718, height: 1000 });
  for (const words of [clinic.name, "Jane Smith", "penicillin", "128/82 mmHg", "Complains of headache", "Ibuprofen 400 mg"]) {
    await expect(page.getByText(words).locator("visible=true").first()).toBeVisible();
  }
  await expect(page.getByRole("navigation")).toHaveCount(0);
  await expect(page.getByRole("button").locator("visible=true")).toHaveCount(0);
  await expect(page.getByRole("link", { name: "Edit" })).toBeHidden();
  await expect(page.locator("body")).toHaveCSS("background-color", "rgb(255, 255, 255)");
  const ink = await page.getByText("Complains of headache").first().evaluate((element) => getComputedStyle(element).color);
  const brightness = Math.max(...(ink.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number));
  expect(brightness, `${ink} is read on paper`).toBeLessThan(100);
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(wider, "it fits on the paper").toBeLessThanOrEqual(0);
  await picture(page, "patient-record-print");
});

/** So short that nobody sees it; not 0, so that its end is still announced to whoever waits for it. */
const STILL = 0.01;

test("whoever wants no motion sees none", async ({ page, clinic, browser }) => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  const moving = (where = page) =>
    where.evaluate((still) => {
      const milliseconds = (times: string) =>
        Math.max(...times.split(", ").map((time) => Number.parseFloat(time) * (time.endsWith("ms") ? 1 : 1000)));
      return Array.from(document.querySelectorAll("*")).flatMap((element) =>
        [undefined, "::before", "::after"].flatMap((part) => {
          const { transitionDuration, animationDuration, scrollBehavior } = getComputedStyle(element, part);
          const isStill = Math.max(milliseconds(transitionDuration), milliseconds(animationDuration)) <= still;
          return isStill && scrollBehavior === "auto" ? [] : [`${element.tagName}.${element.getAttribute("class")}${part ?? ""}`];
        }),
      );
    }, STILL);
  await open(page, "/");
  expect(await moving()).toEqual([]);
  await signIn(page, clinic, clinic.admin, "/app/patients");
  // While something is loading, which moves otherwise.
  await page.route("**/organization/*/patients?*", () => {});
  await page.goto("/app/patients?q=nobody");
  await expect(page.locator(".skeleton").first()).toBeVisible();
  expect(await moving()).toEqual([]);
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await open(page, "/app/users");
  await page.getByRole("button", { name: "Invite somebody" }).click();
  await expect(page.getByRole("dialog")).toBeVisible();
  expect(await moving()).toEqual([]);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await signInToPlatform(page, PLATFORM_ADMINISTRATOR);
  await expect(page.locator(".recharts-surface").first()).toBeAttached();
  expect(await moving()).toEqual([]);
  const running = await page.evaluate(() => document.getAnimations().filter((one) => one.playState === "running").length);
  expect(running).toBe(0);

  // That it is this wish and not the stylesheet that stands still.
  const lively = await browser.newPage({ reducedMotion: "no-preference" });
  await lively.goto("/");
  await expect(lively.getByRole("heading", { level: 1 })).toBeVisible();
  expect(await moving(lively)).not.toEqual([]);
  await lively.close();
});

/** Where the page is wider than its window; what is wider than its own frame may scroll there, as a table does. */
async function tooWide(page: Page, paths: string[], widths: number[]): Promise<string[]> {
  const wide: string[] = [];
  for (const path of paths) {
    await open(page, path);
    for (const width of widths) {
      const height = page.viewportSize()?.height ?? 800;
      if (page.viewportSize()?.width !== width) await page.setViewportSize({ width, height });
      const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      // A chart is drawn anew a moment after its place has another width.
      await expect.poll(overflow, { timeout: 2_000 }).toBeLessThanOrEqual(0).catch(() => {});
      if ((await overflow()) > 0) wide.push(`${path} at ${width}: ${await overflow()} pixels`);
    }
  }
  return wide;
}

async function everythingFits(page: Page, at: Clinic, name: string, widths = [page.viewportSize()?.width ?? 0]): Promise<void> {
  const wide = await tooWide(page, doors, widths);
  await signIn(page, at, at.admin);
  wide.push(...(await tooWide(page, staff(at), widths)));
  await open(page, "/app");
  await picture(page, name);
  await signInToPlatform(page, PLATFORM_ADMINISTRATOR);
  wide.push(...(await tooWide(page, platform(at), widths)));
  expect(wide).toEqual([]);
}

for (const language of ["en", "de"]) {
  test(`nothing scrolls sideways between a telephone and a desktop, in ${language}`, async ({ page, clinic }) => {
    await page.addInitScript((language) => localStorage.setItem("chakravue.language", language), language);
    await everythingFits(page, clinic, `between-${language}`, [768, 1024, 1100]);
  });
}

test("nothing scrolls sideways where everything is shown twice as large", async ({ browser, clinic }) => {
  // What the browser's zoom does to a window of 1280 by 800.
  const context = await browser.newContext({ viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 });
  await everythingFits(await context.newPage(), clinic, "zoom-page");
  await context.close();
});

test("nothing scrolls sideways where the browser writes twice as large", async ({ playwright, clinic, watcher }) => {
  const args = ["--no-sandbox", "--blink-settings=defaultFontSize=32"];
  const large = await playwright.chromium.launch({ executablePath: chromium, args });
  watcher.watchAll(large);
  const page = await large.newPage({ baseURL: url, viewport: { width: 1280, height: 800 } });
  await page.goto("/");
  expect(await page.evaluate(() => getComputedStyle(document.documentElement).fontSize)).toBe("32px");
  await everythingFits(page, clinic, "zoom-text");
  await large.close();
});
