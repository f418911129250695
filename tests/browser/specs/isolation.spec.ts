import type { Browser, BrowserContext, Page, Request, Response } from "@playwright/test";
import { appointment, ask, hospital, PASSWORD, type Person, patient, person, until } from "../support/api";
import { expect, signInHere, test } from "../support/test";

/** What has no body by its nature, whatever the server might send with it. */
const BODILESS = [204, 301, 302, 303, 304, 307, 308];

/** Letters of the build, alike for everybody: Chromium tells nobody what is in a font that it has kept. */
const FONT = /^\/assets\/inter-[\w-]+\.woff2$/;

function hasNone(response: Response): boolean {
  const isFont = response.request().resourceType() === "font" && FONT.test(new URL(response.url()).pathname);
  return isFont || BODILESS.includes(response.status());
}

/** Everything that the server has said to a page, and what of it could not be read. */
class Said {
  readonly bodies: string[] = [];
  readonly unread: string[] = [];
  private readonly underWay = new Set<Request>();
  private readonly answered = new Set<Request>();
  private changed = Date.now();

  constructor(page: Page) {
    page.on("request", (request) => {
      this.underWay.add(request);
      this.changed = Date.now();
    });
    page.on("requestfailed", (request) => {
      const why = request.failure()?.errorText;
      // A page that is left gives up what it has asked for; nothing was said then.
      const isUnanswered = why === "net::ERR_ABORTED" && !this.answered.has(request);
      if (!isUnanswered) this.unread.push(`${request.method()} ${request.url()}: ${why}`);
      this.end(request);
    });
    page.on("response", (response) => {
      this.answered.add(response.request());
      void this.read(response);
    });
  }

  private async read(response: Response): Promise<void> {
    const request = response.request();
    try {
      if (!hasNone(response)) this.bodies.push(await response.text());
    } catch (error) {
      this.unread.push(`${response.status()} ${request.method()} ${request.url()}: ${error}`);
    }
    this.end(request);
  }

  private end(request: Request): void {
    this.underWay.delete(request);
    this.changed = Date.now();
  }

  /** Until every answer is here and read, and nothing follows: a page that is left takes with it what it still asks for. */
  async settle(): Promise<void> {
    await until(async () => this.underWay.size === 0 && Date.now() - this.changed > 500).catch(() => {
      throw new Error(`not answered: ${[...this.underWay].map((request) => request.url()).join(", ")}`);
    });
  }
}

/** Somebody of one of the hospitals, in a browser of their own. */
class Window {
  readonly said: Said;

  constructor(
    readonly context: BrowserContext,
    readonly page: Page,
    readonly who: Person,
  ) {
    this.said = new Said(page);
  }

  static async open(browser: Browser, who: Person): Promise<Window> {
    const context = await browser.newContext();
    return new Window(context, await context.newPage(), who);
  }
}

/** A hospital of which every kind of record has something in it that only this hospital knows. */
async function side(browser: Browser, name: string) {
  const at = await hospital(name);
  const doctor = await person(at, "doctor", `Dr. ${name} Doctor`);
  const opd = await person(at, "opd", `${name} Outpatient`);
  const secret = `${name} Patient`;
  const [street, medicine, note, reason] = [`${name} Street`, `${name} Drops`, `${name} Note`, `${name} Reason`];
  const patientId = await patient(at, secret, { address: street });
  const path = `/organization/${at.id}`;
  await ask("POST", `${path}/pharmacy`, opd.token, { medicine, quantity: 8, reorder_level: 10 });
  await ask("POST", `${path}/patients/${patientId}/notes`, doctor.token, { text: note });
  const noon = new Date(`${new Date().toISOString().slice(0, 10)}T12:00:00Z`);
  await appointment(at, patientId, doctor, noon, reason);
  // Its own pages show all of it, so that a body that is not looked into is noticed.
  const markers = [at.name, at.database, at.admin.email, doctor.email, secret, street, medicine, note, reason];
  const windows = { admin: await Window.open(browser, at.admin), doctor: await Window.open(browser, doctor) };
  return { name, at, secret, note, patientId, markers, windows, all: Object.values(windows) };
}

/** What a page of one hospital gets for an address of the other. */
function askFrom(page: Page, path: string): Promise<number> {
  return page.evaluate(async (path) => {
    const answer = await fetch(path);
    // A body that the page does not read never ends for whoever watches the network.
    await answer.text();
    return answer.status;
  }, path);
}

test("two hospitals side by side never see a byte of each other", async ({ browser, watcher }) => {
  watcher.provokes(404, /\/(patients|provisioning)\//);
  const sides = await Promise.all(["Aurora", "Borealis"].map((name) => side(browser, name)));
  const [one, other] = sides;
  if (!one || !other) throw new Error("there are two");
  const windows = sides.flatMap(({ all }) => all);
  const settled = () => Promise.all(windows.map(({ said }) => said.settle()));
  /** At the same time, in every window of these. */
  const open = async (whose: "admin" | "doctor", pathOf: (side: (typeof sides)[number]) => string) => {
    await Promise.all(sides.map((each) => each.windows[whose].page.goto(pathOf(each))));
    for (const each of sides) {
      const { page } = each.windows[whose];
      await expect(page.getByText(each.at.name).first()).toBeVisible();
      // What a page asks for last, once its own part of the program is there, can come late on a busy machine.
      await expect(page.locator(".skeleton")).toHaveCount(0);
    }
    await settled();
  };
  await Promise.all(windows.map(({ page }) => page.goto("/")));
  for (const { page } of windows) await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await settled();
  for (const { at, all } of sides) {
    for (const { page, who } of all) {
      const body = { organization_id: at.id, email: who.email, password: PASSWORD };
      await signInHere(page, "/organization-login", body);
    }
  }
  await settled();
  const pages = ["", "/patients", "/appointments", "/pharmacy", "/users", "/audit", "/subscription", "/settings", "/account"];
  for (const path of pages) await open("admin", () => `/app${path}`);
  await open("admin", ({ patientId }) => `/app/patients/${patientId}`);
  await open("admin", ({ patientId }) => `/app/patients/${patientId}/edit`);
  for (const path of ["", "/patients", "/appointments", "/pharmacy", "/account"]) await open("doctor", () => `/app${path}`);
  await open("doctor", ({ patientId }) => `/app/patients/${patientId}`);
  for (const { windows, secret, note } of sides) {
    await expect(windows.doctor.page.getByRole("heading", { name: secret })).toBeVisible();
    await expect(windows.doctor.page.getByText(note).first()).toBeVisible();
  }
  // What is told as it happens: the stream of a hospital that is ready ends by itself.
  for (const { windows, at } of sides) {
    expect(await askFrom(windows.admin.page, `/organization/${at.id}/provisioning/events`)).toBe(200);
  }
  expect(await askFrom(one.windows.admin.page, `/organization/${other.at.id}/provisioning/events`)).toBe(404);
  await settled();
  // The other hospital's patient, by an address that somebody has sent.
  for (const { page } of one.all) {
    await page.goto(`/app/patients/${other.patientId}`);
    await expect(page.getByText("This cannot be shown right now")).toBeVisible();
    expect(await askFrom(page, `/organization/${other.at.id}/patients/${other.patientId}`)).toBe(404);
  }
  await settled();
  for (const [mine, theirs] of [
    [one, other],
    [other, one],
  ] as const) {
    const unread = mine.all.flatMap(({ said }) => said.unread);
    expect(unread, `what was said to ${mine.name} and not read`).toEqual([]);
    const everything = mine.all.flatMap(({ said }) => said.bodies).join("\n");
    for (const own of mine.markers) expect(everything, `${mine.name} was told its own ${own}`).toContain(own);
    for (const foreign of theirs.markers) {
      expect(everything, `${mine.name} was told ${foreign}`).not.toContain(foreign);
    }
    for (const { context } of mine.all) await context.close();
  }
});
