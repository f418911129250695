// Fails the build when the first page needs more JavaScript than a slow connection should have to carry, or when a part
// that few people need has got into it.
import { readFile, rm } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const INITIAL_KILOBYTES = 150;
/** Besides the page: as many as a browser asks one server for at the same time; each more waits until another is there. */
const INITIAL_REQUESTS = 6;
/** So much of a page comes with its first answer; each delay of a slow connection brings about twice as much. */
const PAGE_KILOBYTES = 14;
const ROUTE_KILOBYTES = 130;
const STYLE_KILOBYTES = 20;
/** Parts that must stay out of the first page. */
const LAZY = ["recharts", "PlatformDashboard", "PatientRecord"];

const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(await readFile(new URL(".vite/manifest.json", dist), "utf8"));
const size = async (file) => gzipSync(await readFile(new URL(file, dist)), { level: 9 }).length / 1000;

/** A chunk with everything that it imports statically. */
const withImports = (key, seen = new Set()) => {
  if (!seen.has(key)) {
    seen.add(key);
    for (const imported of manifest[key].imports ?? []) withImports(imported, seen);
  }
  return seen;
};

const failures = [];
const say = (what, kilobytes, most) => {
  console.log(`  ${what.padEnd(44)} ${kilobytes.toFixed(1).padStart(7)} kB gzip, at most ${most}`);
  if (kilobytes > most) failures.push(what);
};

const entry = Object.keys(manifest).find((key) => manifest[key].isEntry);
const initial = withImports(entry);
const stylesheets = [...initial].flatMap((key) => manifest[key].css ?? []);

// Whatever must be there before the first page is shown is named in the page, so that all of it is asked for at once.
const needed = [...[...initial].map((key) => manifest[key].file), ...stylesheets];
for (const name of ["index.html", "welcome.html"]) {
  const page = await readFile(new URL(name, dist));
  const named = [...page.toString().matchAll(/(?:src|href)="\/([^"]+\.(?:js|css))"/g)].map(([, file]) => file);
  const unnamed = needed.filter((file) => !named.includes(file));
  if (unnamed.length > 0) failures.push(`${name} does not name ${unnamed.join(", ")}`);
  if (named.length > INITIAL_REQUESTS) failures.push(`${name} asks for ${named.length} files, not ${INITIAL_REQUESTS}`);
  say(name, gzipSync(page, { level: 9 }).length / 1000, PAGE_KILOBYTES);
}
const late = Object.keys(manifest).filter((key) => /features\/welcome\/|i18n\/locales\/\w+\/start/.test(key));
if (late.length > 0) failures.push(`the first page waits for ${late.join(", ")}`);

let total = 0;
for (const key of initial) {
  total += await size(manifest[key].file);
  const stray = LAZY.find((part) => manifest[key].file.includes(part) || (manifest[key].src ?? "").includes(part));
  if (stray) failures.push(`${stray} is part of the first page`);
}
say("first page", total, INITIAL_KILOBYTES);
let styles = 0;
for (const file of stylesheets) styles += await size(file);
say("styles", styles, STYLE_KILOBYTES);
for (const [key, chunk] of Object.entries(manifest)) {
  if (!chunk.isDynamicEntry || initial.has(key)) continue;
  let more = 0;
  for (const part of withImports(key)) if (!initial.has(part)) more += await size(manifest[part].file);
  if (more > ROUTE_KILOBYTES / 4) say(`more for ${chunk.name ?? key}`, more, ROUTE_KILOBYTES);
}
// It was for us alone; what is served are the files.
await rm(new URL(".vite", dist), { recursive: true });
if (failures.length > 0) {
  console.error(`error: over budget: ${failures.join(", ")}`);
  process.exitCode = 1;
}
