import { readdirSync, readFileSync } from "node:fs";
import i18next from "i18next";
import { afterEach, expect, it } from "vitest";
import { changeLanguage } from "./index";
import german from "./locales/de/refusals";
import { inOwnWords, reworded } from "./refusals";

const API = "../api/src";
const FILES = [
  "payments/cards.rs",
  "payments/provider.rs",
  "sign_in/password_policy.rs",
  "text.rs",
  "../../crds/src/texts.rs",
];

/** Where the API's own source says what is wrong with a field. */
const source = [
  ...FILES.map((file) => `${API}/${file}`),
  ...readdirSync(`${API}/endpoints`, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".rs"))
    .map((file) => `${API}/endpoints/${file}`),
]
  // The tests stand at the end of each file.
  .map((file) => readFileSync(file, "utf8").split("#[cfg(test)]")[0] ?? "")
  .join("\n");

/** Those that no form of ours can bring about, or that a person reads nowhere. */
const UNSEEN = [
  // Filled in from another constant, which is a month or a code.
  "must be {FORM}",
  "must be next_cursor of a page with the same q",
  "must be *",
  "must not be there beside card_number",
  "must have three letters of the hospital's name or more",
];

afterEach(() => changeLanguage("en", false));

it("German has words for whatever the API's source says of a field", () => {
  const said = [...source.matchAll(/"((?:must|is|only the test) [^"\n\\]*|The (?:card|payment was)[^"\n]*\.)"/g)].map(
    ([, sentence]) => sentence ?? "",
  );
  const field = said.filter((sentence) => !UNSEEN.includes(sentence));
  expect(field.length).toBeGreaterThan(30);
  const unknown = field
    // As a value would stand there.
    .map((sentence) => sentence.replace(/\{[^}]*\}/g, "7"))
    .filter((sentence) => reworded(sentence, german) === sentence);
  expect([...new Set(unknown)]).toEqual([]);
});

it.each([
  ["must have 1 to 200 characters", "Bitte 1 bis 200 Zeichen eingeben."],
  ["length is greater than 64", "Bitte höchstens 64 Zeichen verwenden."],
  ["must be an e-mail address such as admin@stmarys.com (at most 254 characters)", /^Bitte eine E-Mail-Adresse/],
  ["is too easy to guess. This is a common password. Take a few words that do not belong together", /^Ist zu leicht/],
  ["is too easy to guess; take a few words that do not belong together", /^Ist zu leicht/],
  [
    "must be 99: that is the price of the plan Starter",
    "Der Preis des Tarifs Starter ist jetzt 99. Laden Sie die Seite neu.",
  ],
])("“%s” is said in German", async (detail, words) => {
  await changeLanguage("de", false);
  const [error] = await inOwnWords([{ pointer: "/x", detail }]);
  expect(error?.detail).toMatch(words);
  expect(error?.pointer).toBe("/x");
});

it("what nobody has translated is said as the API says it, and English always is", async () => {
  await changeLanguage("de", false);
  expect(await inOwnWords([{ detail: "must be in bloom" }])).toEqual([{ detail: "must be in bloom" }]);
  await changeLanguage("en", false);
  expect(i18next.language).toBe("en");
  expect(await inOwnWords([{ detail: "is required" }])).toEqual([{ detail: "is required" }]);
});

it("every place of a sentence in German has one in the API's", () => {
  for (const [api, here] of german) {
    for (const [place] of here.matchAll(/\{\w+\}/g)) expect(api).toContain(place);
  }
});
