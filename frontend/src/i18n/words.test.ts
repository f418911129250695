import { readFileSync } from "node:fs";
import i18next from "i18next";
import { expect, it } from "vitest";
import { words as closed } from "@/api/rules.generated";
import { changeLanguage, languages } from "./index";
import deDoors from "./locales/de/doors";
import deStart from "./locales/de/start";
import deWork from "./locales/de/work";
import enDoors from "./locales/en/doors";
import enStart from "./locales/en/start";
import enWork from "./locales/en/work";

type Words = { [key: string]: string | Words };

function flat(words: Words, prefix = ""): Map<string, string> {
  const entries = Object.entries(words).flatMap(([key, value]): [string, string][] =>
    typeof value === "string" ? [[prefix + key, value]] : [...flat(value, `${prefix}${key}.`)],
  );
  return new Map(entries);
}

// What is said of problems is in more than one part.
const english = new Map([enStart, enDoors, enWork].flatMap((part) => [...flat(part)]));
const german = new Map([deStart, deDoors, deWork].flatMap((part) => [...flat(part)]));

it("every language says the same things", () => {
  expect([...german.keys()].sort()).toEqual([...english.keys()].sort());
});

it("every translation has the same places for values, and says something", () => {
  const places = (text: string) => [...text.matchAll(/\{\{([^}]+)\}\}/g)].map(([, name]) => name).sort();
  for (const [key, text] of english) {
    expect(places(german.get(key) ?? ""), key).toEqual(places(text));
    expect(german.get(key)?.trim(), key).not.toBe("");
  }
});

it("every closed list of the API has words for all that is in it", () => {
  const lists: Record<string, readonly string[]> = {
    "appointments.statuses": closed.AppointmentStatus,
    "appointments.actions": closed.AppointmentStatus,
    "patients.sexes": closed.Sex,
    "pharmacy.reasons": closed.StockReason,
    "payments.statuses": closed.PaymentStatus,
    "payments.failures": closed.Failure,
    "users.statuses": closed.UserStatus,
    "signup.provisioning.states": closed.ProvisioningStepState,
  };
  for (const [prefix, names] of Object.entries(lists)) {
    for (const name of names) expect(english.has(`${prefix}.${name}`), `${prefix}.${name}`).toBe(true);
  }
  for (const role of closed.Role) expect(english.has(`roles.${role}.name`), role).toBe(true);
  for (const key of closed.SettingKey) expect(english.has(`settings.keys.${key}.title`), key).toBe(true);
});

it("every kind of problem that the API knows has words", async () => {
  const { readFile } = await import("node:fs/promises");
  // The tests run in the front end's folder.
  const source = await readFile("../api/src/http/problem.rs", "utf8");
  const kinds = [...source.matchAll(/=> \([A-Z_]+, "([a-z-]+)"/g)].map(([, slug]) => slug);
  expect(kinds.length).toBeGreaterThan(30);
  expect(kinds.filter((kind) => !english.has(`problems.kinds.${kind}`))).toEqual([]);
});

it("every count is written as the language writes numbers", async () => {
  for (const [key, text] of [...english, ...german]) expect(text, key).not.toContain("{{count}}");
  await changeLanguage("de", false);
  expect(i18next.t("pharmacy.lowCount", { count: 1200 })).toBe("1.200 Arzneimittel sind knapp");
  await changeLanguage("en", false);
  expect(i18next.t("pharmacy.lowCount", { count: 1200 })).toBe("1,200 medicines run low");
  expect(i18next.t("form.numberBetween", { minimum: 0.2, maximum: 1e9 })).toContain("from 0.2 to 1,000,000,000");
});

const files = import.meta.glob<string>("../**/*.{ts,tsx}", { query: "?raw", import: "default", eager: true });
const source = Object.entries(files)
  .filter(([path]) => !/\.(test|generated)\.tsx?$/.test(path))
  .map(([, text]) => text)
  .join("\n");

it("nothing is said that nobody asks for", () => {
  // A key is written out, or made of a beginning and a word of the API, as in `roles.${role}.name`.
  const made = [...source.matchAll(/`([a-zA-Z]+(?:\.[a-zA-Z_]+)*\.?)\$\{/g)].map(([, beginning]) => beginning ?? "");
  const unused = [...english.keys()].filter((key) => {
    const bare = key.replace(/_(zero|one|other)$/, "");
    return (
      !source.includes(`"${bare}"`) && !made.some((beginning) => beginning.includes(".") && bare.startsWith(beginning))
    );
  });
  expect(unused).toEqual([]);
});

it("knows the same languages before the program is there", () => {
  const [, listed] = /const languages = (\[.*\]);/.exec(readFileSync("public/theme.js", "utf8")) ?? [];
  expect(JSON.parse(listed ?? "null")).toEqual(Object.keys(languages));
  const styles = readFileSync("src/styles/app.css", "utf8");
  for (const one of Object.keys(languages)) {
    expect(styles).toContain(`:root:lang(${one}) [data-prerendered]:not(:lang(${one}))`);
  }
});
