// Makes `welcome.html` of `index.html`: with the first page as it will be, in every language, in place of what is shown while
// the program is on its way. The API answers with it who asks for `/`.
import { readFile, rm, writeFile } from "node:fs/promises";
import react from "@vitejs/plugin-react";
import { build } from "vite";

const root = new URL("..", import.meta.url).pathname;
/** Below `node_modules`, so that what it imports is found. */
const made = new URL("../node_modules/.prerender/", import.meta.url);

await build({
  root,
  configFile: false,
  logLevel: "warn",
  plugins: [react()],
  resolve: { alias: { "@": `${root}src` } },
  build: {
    ssr: "src/prerender.tsx",
    outDir: made.pathname,
    emptyOutDir: true,
    copyPublicDir: false,
    rolldownOptions: { output: { entryFileNames: "prerender.mjs" } },
  },
});
const { prerender } = await import(new URL("prerender.mjs", made));
const page = await readFile(new URL("../dist/index.html", import.meta.url), "utf8");
const waiting = /<!-- What is painted before .*?(?=<noscript>)/s;
if (!waiting.test(page)) throw new Error("index.html has no place for the first page");
const welcome = await prerender();
await writeFile(
  new URL("../dist/welcome.html", import.meta.url),
  page.replace(waiting, () => `<div id="root">${welcome}\n      `),
);
await rm(made, { recursive: true });
