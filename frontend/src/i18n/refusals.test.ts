import { readFileSync } from "node:fs";
import { afterEach, expect, it } from "vitest";
import type { FieldError } from "@/api/problem";
import { changeLanguage } from "./index";
import german from "./locales/de/refusals";
import english from "./locales/en/refusals";
import { inOwnWords, inWords } from "./refusals";

interface Schema {
  type?: string;
  enum?: string[];
  $ref?: string;
  properties?: Record<string, Schema>;
}

const { schemas } = JSON.parse(readFileSync("../api/openapi.json", "utf8")).components as {
  schemas: Record<string, Schema & { oneOf?: Schema[] }>;
};
const flaws = schemas.Flaw?.oneOf ?? [];
const codeOf = (flaw: Schema) => flaw.properties?.code?.enum?.[0] ?? "";

/** A value such as the API's document allows for a parameter. */
function example(schema: Schema): unknown {
  if (schema.$ref) return example(schemas[schema.$ref.split("/").at(-1) ?? ""] ?? {});
  if (schema.enum) return schema.enum[0];
  if (schema.type === "array") return ["one", "two"];
  return schema.type === "string" ? "something" : 1234;
}

/** One error of each code, with its parameters. */
const errors = flaws.map((flaw) => {
  const parameters = Object.entries(flaw.properties ?? {}).map(([name, schema]) => [name, example(schema)]);
  return { ...Object.fromEntries(parameters), detail: "as the API says it" } as FieldError;
});

afterEach(() => changeLanguage("en", false));

it("every code of the API's document has words in every language", () => {
  const codes = flaws.map(codeOf).sort();
  expect(codes.length).toBeGreaterThan(50);
  for (const refusals of [english, german]) expect(Object.keys(refusals).sort()).toEqual(codes);
});

it("every word says something whole, with its values as the language writes them", () => {
  for (const [language, refusals] of Object.entries({ en: english, de: german })) {
    for (const error of errors) {
      const words = inWords(error, refusals, language);
      expect(words, error.code).not.toMatch(/undefined|NaN|\[object|1234/);
      if (error.code !== "invalid") expect(words, error.code).toMatch(/^\p{Lu}.*\.$/su);
    }
  }
});

it.each<[FieldError, string]>([
  [{ code: "wrong_length", min: 1, max: 2000, detail: "" }, "Bitte 1 bis 2.000 Zeichen eingeben."],
  [{ code: "wrong_type", expected: "a whole number", detail: "" }, "Bitte eine ganze Zahl eingeben."],
  [{ code: "wrong_type", expected: "an object", detail: "" }, "Das kann hier nicht stehen."],
  [{ code: "too_small", min: 0.2, detail: "" }, "Muss mindestens 0,2 sein."],
  [
    { code: "too_guessable", why: "keyboard", detail: "" },
    "Ist zu leicht zu erraten. Tasten, die nebeneinander liegen, werden zuerst probiert. Nehmen Sie ein paar Wörter, die nicht zusammengehören.",
  ],
  [
    { code: "payment_failed", failure: "expired_card", detail: "" },
    "Die Karte ist abgelaufen. Nehmen Sie eine andere.",
  ],
])("%j is said in German", async (error, words) => {
  await changeLanguage("de", false);
  expect(await inOwnWords([{ ...error, pointer: "/x" }])).toEqual([{ ...error, pointer: "/x", detail: words }]);
});

it("a code that this version does not know is said as the API says it", async () => {
  for (const language of ["en", "de"] as const) {
    await changeLanguage(language, false);
    for (const code of ["wilted", "toString"]) {
      const error = { code, detail: "must be in bloom" } as unknown as FieldError;
      expect(await inOwnWords([error])).toEqual([error]);
    }
  }
});
