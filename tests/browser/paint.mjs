// How soon pages are painted in a real browser, and what they carry over the network: measures, and prints it as JSON. The
// benchmark starts it (tests/src/bench/paint.rs) and says by the environment where the front end is and who signs in.
import { chromium } from "@playwright/test";

const url = process.env.CHAKRAVUE_URL;
const { pages, rounds, signIn } = JSON.parse(process.env.PAINT);

// What Lighthouse calls a slow phone: every request 562.5 ms late, 1.6 Mbit/s less a tenth, a processor four times as slow.
const SLOW_NETWORK = {
  offline: false,
  latency: 562.5,
  downloadThroughput: (1.6 * 1024 * 1024 * 0.9) / 8,
  uploadThroughput: (750 * 1024 * 0.9) / 8,
};
const SLOW_PROCESSOR = { rate: 4 };

/** Runs in the page before anything else of it. */
function watch() {
  window.seen = { largest: 0, tasks: [] };
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.seen.largest = entry.startTime;
  }).observe({ type: "largest-contentful-paint", buffered: true });
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) window.seen.tasks.push({ startTime, duration });
  }).observe({ type: "longtask", buffered: true });
}

/**
 * The paints; the time beyond the first 50 ms of each task after the first of them, in which nothing that the user does is
 * answered; and the JavaScript that was asked for, each with whether that was before the first paint.
 */
function read() {
  const first = performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
  const { largest, tasks } = window.seen;
  const blocked = tasks.filter(({ startTime }) => startTime >= first).reduce((sum, { duration }) => sum + duration - 50, 0);
  const files = performance.getEntriesByType("resource").filter(({ name }) => new URL(name).pathname.endsWith(".js"));
  const scripts = files.map(({ name, startTime }) => ({ path: new URL(name).pathname, isFirst: startTime < first }));
  return { first, largest, blocked, scripts };
}

async function visit(context, path, { isSlow = false } = {}) {
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  let bytes = 0;
  await devtools.send("Network.enable");
  devtools.on("Network.loadingFinished", ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  if (isSlow) {
    await devtools.send("Network.emulateNetworkConditions", SLOW_NETWORK);
    await devtools.send("Emulation.setCPUThrottlingRate", SLOW_PROCESSOR);
  }
  await page.addInitScript(watch);
  await page.goto(url + path, { waitUntil: "networkidle" });
  await page.locator("h1").first().waitFor({ state: "attached" });
  const seen = await page.evaluate(read);
  const { pathname } = new URL(page.url());
  if (pathname !== path) throw new Error(`${path} leads to ${pathname}`);
  if (!(seen.first > 0) || !(seen.largest > 0)) throw new Error(`${path} was not painted: ${JSON.stringify(seen)}`);
  await page.close();
  return { ...seen, bytes };
}

const DESK = { viewport: { width: 1440, height: 900 } };
// Lighthouse's.
const PHONE = { viewport: { width: 412, height: 823 }, deviceScaleFactor: 1.75, isMobile: true, hasTouch: true };

/** A browser that has never been here, but is signed in if need be: from a page that loads nothing of the front end. */
async function newcomer(browser, isSignedIn, screen) {
  const context = await browser.newContext({ ...screen, locale: "en-GB" });
  if (!isSignedIn) return context;
  const page = await context.newPage();
  await page.goto(`${url}/icon.svg`);
  const status = await page.evaluate(async (body) => {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch("/organization-login", { method: "POST", headers, body: JSON.stringify(body) });
    await answer.text();
    return answer.status;
  }, signIn);
  if (status !== 200) throw new Error(`the sign-in is answered ${status}`);
  await page.close();
  return context;
}

/** One page in each way, in browsers of its own. */
async function visits(page, { isWarmUp }) {
  const isSignedIn = page === "/app";
  const context = await newcomer(browser, isSignedIn, DESK);
  const cold = await visit(context, page);
  if (isWarmUp) {
    await context.close();
    return [];
  }
  const warm = await visit(context, page);
  await context.close();
  const slow = await newcomer(browser, isSignedIn, PHONE);
  const onPhone = await visit(slow, page, { isSlow: true });
  await slow.close();
  return [
    { page, cache: "cold", ...cold },
    { page, cache: "warm", ...warm },
    { page, cache: "slow", ...onPhone },
  ];
}

/** A browser that was disturbed shows the page at the next try; a page that is broken is never shown. */
async function visitsInTheEnd(page, how) {
  for (let left = 2; ; left -= 1) {
    try {
      return await visits(page, how);
    } catch (error) {
      if (left === 0) throw error;
      console.error(error);
    }
  }
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
const seen = [];
// The first round only warms the server and the browser up.
for (let round = 0; round <= rounds; round += 1) {
  for (const page of pages) {
    seen.push(...(await visitsInTheEnd(page, { isWarmUp: round === 0 })));
  }
}
const version = browser.version();
await browser.close();
console.log(JSON.stringify({ version, visits: seen }));
