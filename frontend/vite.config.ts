import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** Where a running API is, in development. */
const api = process.env.CHAKRAVUE_API_URL ?? "http://127.0.0.1:8008";

/** What the API answers itself; every other path is the front end's own. */
const apiPaths =
  "^/(add-user|docs|healthz|invitations|login|logout|master|me|openapi\\.json|organization|organization-login|organizations|password-reset|plans|process-payment|readyz|roles|setup|signup)(/(?!plan|details|payment|team|complete).*)?(\\?.*)?$";

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
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}", "scripts/**/*.test.mjs"],
    setupFiles: ["src/testing/setup.ts"],
    restoreMocks: true,
    testTimeout: 30_000,
  },
});
