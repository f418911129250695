import { expect, test } from "../support/test";

/** The tests' own eyes: what goes wrong in a window that a test opens itself fails it, too. */
test("a second window is watched as the first one is", async ({ page, browser, watcher }) => {
  const context = await browser.newContext();
  for (const [place, window] of [
    ["the first", page],
    ["a second in the same browser", await page.context().newPage()],
    ["one of somebody else", await context.newPage()],
  ] as const) {
    await window.goto("/");
    await expect(window.getByRole("heading", { level: 1 })).toBeVisible();
    await window.evaluate(async (place) => {
      console.error(`loud in ${place}`);
      await fetch("/me").then((answer) => answer.text());
      setTimeout(() => {
        throw new Error(`thrown in ${place}`);
      });
    }, place);
    const seen: string[] = [];
    await expect(() => {
      seen.push(...watcher.take());
      expect([...seen].sort()).toEqual(["401: GET /me", `console: loud in ${place}`, `error: thrown in ${place}`]);
    }).toPass();
  }
  await context.close();
});

test("nothing may be styled but by files of our own and by script", async ({ page, watcher }) => {
  await page.goto("/");
  await page.evaluate(() => document.body.insertAdjacentHTML("beforeend", '<p id="odd" style="color: rgb(1, 2, 3)">odd</p>'));
  await expect(page.locator("#odd")).not.toHaveCSS("color", "rgb(1, 2, 3)");
  await expect(() => expect(watcher.take().join()).toContain("Content Security Policy")).toPass();
});
