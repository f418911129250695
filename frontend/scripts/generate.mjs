// Writes what the front end knows of the API from the committed OpenAPI document: the client's types, and the rules for
// fields (lengths, bounds, patterns) and the words of closed lists that forms show. With --check nothing is written; it
// fails when a file is not what the document says.
import { readFile, writeFile } from "node:fs/promises";
import openapiTypescript, { astToString } from "openapi-typescript";

const document = JSON.parse(await readFile(new URL("../../api/openapi.json", import.meta.url), "utf8"));
const HEADER = "// Written by `npm run generate` from api/openapi.json. Change the API, not this file.\n\n";
const RULES = ["minLength", "maxLength", "minimum", "maximum", "maxItems", "pattern"];

const resolve = (schema) => {
  const found = schema.$ref ? document.components.schemas[schema.$ref.split("/").at(-1)] : schema;
  // What may also be null has the rules of its other form.
  const forms = (found.oneOf ?? []).filter((form) => form.type !== "null");
  return forms.length === 1 ? resolve(forms[0]) : found;
};

const rulesOf = (schema) => {
  const resolved = resolve(schema);
  const rules = Object.fromEntries(RULES.filter((rule) => rule in resolved).map((rule) => [rule, resolved[rule]]));
  return resolved.type === "array" ? { ...rules, ...rulesOf(resolved.items), maxItems: resolved.maxItems } : rules;
};

/** The schemas of request bodies, by their names. */
const bodies = new Set();
for (const path of Object.values(document.paths)) {
  for (const operation of Object.values(path)) {
    const reference = operation.requestBody?.content?.["application/json"]?.schema?.$ref;
    if (reference) bodies.add(reference.split("/").at(-1));
  }
}

const fields = {};
const words = {};
for (const [name, schema] of Object.entries(document.components.schemas).sort(([a], [b]) => a.localeCompare(b))) {
  if (schema.enum) words[name] = schema.enum;
  if (!bodies.has(name)) continue;
  const rules = Object.entries(schema.properties ?? {}).map(([field, value]) => [field, rulesOf(value)]);
  const known = rules.filter(([, rule]) => Object.values(rule).some((value) => value !== undefined));
  if (known.length > 0) fields[name] = Object.fromEntries(known);
}

const written = {
  "schema.generated.ts": HEADER + astToString(await openapiTypescript(document)),
  "rules.generated.ts":
    `${HEADER}/** What the API asks of the fields of each request. */\n` +
    `export const fields = ${JSON.stringify(fields, null, 2)} as const;\n\n` +
    `/** The words of the API's closed lists. */\nexport const words = ${JSON.stringify(words, null, 2)} as const;\n`,
};

let stale = false;
for (const [name, text] of Object.entries(written)) {
  const file = new URL(`../src/api/${name}`, import.meta.url);
  if (!process.argv.includes("--check")) {
    await writeFile(file, text);
  } else if ((await readFile(file, "utf8").catch(() => "")) !== text) {
    console.error(`error: frontend/src/api/${name} is not what api/openapi.json says; run: make generate`);
    stale = true;
  }
}
process.exitCode = stale ? 1 : 0;
