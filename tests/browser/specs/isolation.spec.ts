import type { Page, Request, Response } from "@playwright/test";
import { hospital, PASSWORD, patient, person, until } from "../support/api";
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

test("two hospitals side by side never see a byte of each other", async ({ browser, watcher }) => {
  watcher.provokes(404, /\/patients\//);
  const sides = await Promise.all(
    ["Aurora", "Borealis"].map(async (name) => {
      const at = await hospital(name);
      const doctor = await person(at, "doctor", `Dr. ${name} Doctor`);
      const secret = `${name} Patient`;
      const street = `${name} Street`;
      const patientId = await patient(at, secret, { address: street });
      const context = await browser.newContext();
      const page = await context.newPage();
      // What only this hospital knows; its own pages show all of it, so that a body that is not looked into is noticed.
      const markers = [at.name, at.database, at.admin.email, doctor.email, secret, street];
      return { name, at, secret, patientId, markers, context, page, said: new Said(page) };
    }),
  );
  const [one, other] = sides;
  if (!one || !other) throw new Error("there are two");
  const settled = () => Promise.all(sides.map(({ said }) => said.settle()));
  // At the same time, page by page.
  await Promise.all(sides.map(({ page }) => page.goto("/")));
  for (const { page } of sides) await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await settled();
  for (const { page, at } of sides) {
    const body = { organization_id: at.id, email: at.admin.email, password: PASSWORD };
    await signInHere(page, "/organization-login", body);
  }
  await settled();
  for (const path of ["/app/patients", "/app/appointments", "/app/users", "/app/audit", "/app/subscription", "/app/settings"]) {
    await Promise.all(sides.map(({ page }) => page.goto(path)));
    for (const { page, at } of sides) {
      await expect(page.getByText(at.name).first()).toBeVisible();
      // What a page asks for last, once its own part of the program is there, can come late on a busy machine.
      await expect(page.locator(".skeleton")).toHaveCount(0);
    }
    await settled();
  }
  for (const { page, patientId, secret } of sides) {
    await page.goto(`/app/patients/${patientId}`);
    await expect(page.getByRole("heading", { name: secret })).toBeVisible();
  }
  await settled();
  // The other hospital's patient, by an address that somebody has sent.
  await one.page.goto(`/app/patients/${other.patientId}`);
  await expect(one.page.getByText("This cannot be shown right now")).toBeVisible();
  const asked = await one.page.evaluate(
    async ([id, patientId]) => {
      const answer = await fetch(`/organization/${id}/patients/${patientId}`);
      // A body that the page does not read never ends for whoever watches the network.
      await answer.text();
      return answer.status;
    },
    [other.at.id, other.patientId] as const,
  );
  expect(asked).toBe(404);
  await settled();
  for (const [mine, theirs] of [
    [one, other],
    [other, one],
  ] as const) {
    expect(mine.said.unread, `what was said to ${mine.name} and not read`).toEqual([]);
    const everything = mine.said.bodies.join("\n");
    for (const own of mine.markers) expect(everything, `${mine.name} was told its own ${own}`).toContain(own);
    for (const foreign of theirs.markers) {
      expect(everything, `${mine.name} was told ${foreign}`).not.toContain(foreign);
    }
    await mine.context.close();
  }
});
