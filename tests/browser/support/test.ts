import AxeBuilder from "@axe-core/playwright";
import { type Browser, type BrowserContext, expect, type Page, test as base } from "@playwright/test";
import { type Hospital, PASSWORD, type Person } from "./api";
import { type Clinic, clinic } from "./clinic";
import { url } from "./environment";

/** What a page did that no page may do, in whichever window: see {@link watch}. */
class Watcher {
  private readonly seen: string[] = [];
  private readonly provoked: { status: number; path: RegExp }[] = [];
  private isOffline = false;

  /** The test is about this error, so it is none. */
  provokes(status: number, path: RegExp): void {
    this.provoked.push({ status, path });
  }

  /** The test takes the server or the network away; requests fail then. */
  goesOffline(): void {
    this.isOffline = true;
  }

  /** Watches every page of every context that there is and that a test opens. Returns how that ends. */
  watchAll(browser: Browser): () => void {
    const watch = (context: BrowserContext) => this.watch(context);
    browser.contexts().forEach(watch);
    browser.on("context", watch);
    return () => void browser.off("context", watch);
  }

  private watch(context: BrowserContext): void {
    context.on("console", (message) => {
      if (message.type() !== "error" && message.type() !== "warning") return;
      // Chromium says of each error status what `response` says, too.
      if (message.text().startsWith("Failed to load resource")) return;
      this.seen.push(`console: ${message.text()}`);
    });
    context.on("weberror", (error) => this.seen.push(`error: ${error.error().message}`));
    context.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol !== "data:" && protocol !== "blob:" && origin !== new URL(url).origin) {
        this.seen.push(`leaves the origin: ${request.url()}`);
      }
    });
    context.on("requestfailed", (request) => {
      const reason = request.failure()?.errorText ?? "";
      // Whoever leaves a page gives up what it was asking for.
      if (this.isOffline || reason === "net::ERR_ABORTED") return;
      this.seen.push(`failed: ${request.method()} ${request.url()}: ${reason}`);
    });
    context.on("response", (response) => {
      const status = response.status();
      if (status < 400) return;
      const { pathname } = new URL(response.url());
      if (this.isOffline && status >= 500) return;
      if (this.provoked.some((one) => one.status === status && one.path.test(pathname))) return;
      this.seen.push(`${status}: ${response.request().method()} ${pathname}`);
    });
  }

  /** What was seen until now; it is not held against the test. */
  take(): string[] {
    return this.seen.splice(0);
  }

  check(): void {
    expect(this.seen, "what no page may do").toEqual([]);
  }
}

export const test = base.extend<{ watcher: Watcher }, { clinic: Clinic }>({
  /** Shared by the tests of one worker, so they only add to it. */
  clinic: [async ({}, use) => use(await clinic()), { scope: "worker", timeout: 120_000 }],

  // Whether or not a test asks for it, and before its first window is opened.
  watcher: [
    async ({ browser }, use) => {
      const watcher = new Watcher();
      const end = watcher.watchAll(browser);
      await use(watcher);
      end();
      watcher.check();
    },
    { auto: true },
  ],
});

export { expect };

/** No rule of accessibility is broken, contrast included. */
export async function audit(page: Page): Promise<void> {
  // What is still on its way is no page yet.
  await page.locator("h1").first().waitFor({ state: "attached" });
  // What is still fading in has no contrast yet.
  await page.waitForFunction(() => document.getAnimations().every((one) => one.playState !== "running" || one.effect?.getTiming().iterations === Number.POSITIVE_INFINITY));
  // There are no frames, so the way that is made for them is not needed; it opens a page for each audit.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
  const told = violations.map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map((node) => `${node.target.join(" ")} ${node.failureSummary ?? ""}`).join("\n  ")}`);
  expect(told).toEqual([]);
}

/** Signs in without the form, which has tests of its own. */
export async function signIn(page: Page, at: Hospital, who: Person, path = "/app"): Promise<void> {
  await page.goto("/");
  await signInHere(page, "/organization-login", { organization_id: at.id, email: who.email, password: PASSWORD });
  await page.goto(path);
}

export async function signInToPlatform(page: Page, email: string, path = "/platform"): Promise<void> {
  await page.goto("/");
  await signInHere(page, "/login", { email, password: PASSWORD });
  await page.goto(path);
}

/** Signs in on the page that is shown, which must be one of ours. */
export async function signInHere(page: Page, path: string, body: Record<string, string>): Promise<void> {
  const status = await page.evaluate(
    async ([path, body]) => {
      const headers = { "Content-Type": "application/json" };
      const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
      // A body that is not read never ends for whoever watches the network.
      await answer.text();
      return answer.status;
    },
    [path, body] as const,
  );
  expect(status).toBe(200);
}

/** Nothing secret is where scripts and the next person at this computer can read it. */
export async function keepsNoSecrets(context: BrowserContext, page: Page): Promise<void> {
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  expect(kept).not.toMatch(/chs_|cset_|cinv_|crst_|4111|violet tractors/);
  const cookies = await context.cookies();
  for (const cookie of cookies.filter(({ name }) => name.includes("chakravue"))) {
    expect(cookie).toMatchObject({ httpOnly: true, secure: true, sameSite: "Lax", path: "/" });
    expect(cookie.name).toMatch(/^__Host-/);
  }
}

const SIZES = [
  { name: "desktop", width: 1440, height: 900 },
  { name: "320", width: 320, height: 640 },
];

/** Writes a picture of the page as it is now, light and dark, wide and narrow, and audits each. */
export async function look(page: Page, name: string): Promise<void> {
  const before = page.viewportSize();
  for (const size of SIZES) {
    await page.setViewportSize(size);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      // Both colours and both widths are audited once; all four are looked at.
      if ((size.name === "desktop") === (colorScheme === "light")) await audit(page);
      const path = `screenshots/${name}-${size.name}-${colorScheme}.png`;
      await page.screenshot({ path, fullPage: true, animations: "disabled" });
    }
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(overflow, `${name} at ${size.width} pixels scrolls sideways`).toBeLessThanOrEqual(0);
  }
  await page.emulateMedia({ colorScheme: "light" });
  if (before) await page.setViewportSize(before);
}
