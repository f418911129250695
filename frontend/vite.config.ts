import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** Where a running API is, in development. */
const api = process.env.CHAKRAVUE_API_URL ?? "http://127.0.0.1:8008";

/** What the API answers itself; every other path is the front end's own. */
const apiPaths =
  "^/(add-user|docs|healthz|invitations|login|logout|master|me|openapi\\.json|organization|organization-login|organizations|password-reset|plans|process-payment|readyz|roles|setup|signup)(/(?!plan|details|payment|team|complete).*)?(\\?.*)?$";

/**
 * By itself the bundler puts what several pages share into a file for each set of such pages, most of them smaller than what
 * a request costs: the first page was 35 files. Earlier groups take first, each with all that its modules import.
 */
const chunks = [
  // The first page. Libraries stay as they are in most new versions of ours, and so in the browser's cache.
  { name: "libraries", tags: ["$initial" as const], test: /node_modules/ },
  // Without the entry, which would only import the others otherwise: `src/parts.ts` knows a version by it.
  { name: "first", tags: ["$initial" as const], test: /\/src\/(?!main)|vite\/preload-helper/ },
  // A few hundred bytes each.
  { name: "icons", test: /lucide-react/ },
  // Beside forms other pages show them too, and need not load the forms' libraries for them.
  { name: "common", test: /\/src\/(api\/rules|components\/(Notice|ProblemNotice|form\/(Field|Select|unsent)))\./ },
  { name: "form", test: /\/src\/components\/form\// },
  // But for the staff's, which takes the libraries of a list to choose from.
  { name: "sign-in", test: /\/src\/features\/sign-in\/(?!StaffSignIn)/ },
];

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": new URL("./src", import.meta.url).pathname } },
  server: {
    // The API takes a request with a cookie only from its own origin, so the proxy says that it comes from there.
    proxy: { [apiPaths]: { target: api, changeOrigin: true, headers: { origin: api } } },
  },
  build: {
    // The policy lets nothing but files of our own through, so nothing may become a data: URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
    rolldownOptions: { output: { codeSplitting: { groups: chunks } } },
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}", "scripts/**/*.test.mjs"],
    setupFiles: ["src/testing/setup.ts"],
    restoreMocks: true,
    testTimeout: 30_000,
  },
});
