import { readFile } from "node:fs/promises";
import { screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderAt } from "@/testing/render";

it("the header that is painted before the program is here is the one that the program shows", async () => {
  // The tests run in the front end's folder.
  const page = new DOMParser().parseFromString(await readFile("index.html", "utf8"), "text/html");
  renderAt("/");
  await screen.findByRole("heading", { level: 1 });
  const partsIn = (header: Element | null) => {
    const parts = [header, ...(header?.querySelectorAll("a, a *") ?? [])];
    // The link leads to this very page, so the router marks it.
    return parts.map((part) => [part?.tagName, part?.getAttribute("class")?.replace(" active", "")]);
  };
  const [early, late] = [page.querySelector("#root > header"), document.querySelector("header")];
  expect(partsIn(early).length).toBeGreaterThan(5);
  expect(partsIn(early)).toEqual(partsIn(late));
  expect(early?.textContent?.trim()).toBe(late?.querySelector("a")?.textContent);
});
