import { defineConfig } from "@playwright/test";
import { chromium, url } from "./support/environment";

/** The stack is started by tests/tests/browser.rs, which says by the environment where it is. */
export default defineConfig({
  testDir: "specs",
  outputDir: "results",
  globalSetup: "./support/setup.ts",
  forbidOnly: true,
  // One that succeeds at the second try has failed.
  retries: 0,
  workers: 2,
  fullyParallel: true,
  // Only a failing test waits so long; others do not on a busy machine.
  timeout: 180_000,
  expect: { timeout: 30_000 },
  reporter: [["list"]],
  use: {
    baseURL: url,
    locale: "en-GB",
    timezoneId: "America/New_York",
    // Set CHAKRAVUE_TRACE to look at a failure step by step; it takes as long again.
    trace: process.env.CHAKRAVUE_TRACE ? "retain-on-failure" : "off",
    screenshot: "only-on-failure",
    // Programs that run as root have no sandbox of their own.
    launchOptions: { executablePath: chromium, args: ["--no-sandbox"] },
  },
  projects: [
    { name: "hospitals", testIgnore: "alone/**" },
    // These take parts of the stack away, so nobody may work beside them.
    { name: "alone", testMatch: "alone/**", dependencies: ["hospitals"], fullyParallel: false, workers: 1 },
  ],
});
