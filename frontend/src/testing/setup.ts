import { cleanup } from "@testing-library/react";
import { afterAll, afterEach, beforeAll } from "vitest";
import { loadWorkWords, startI18n } from "@/i18n";
import { server } from "./server";

beforeAll(async () => {
  // A request that no test has announced is a mistake.
  server.listen({ onUnhandledRequest: "error" });
  await startI18n("en");
  await loadWorkWords();
});

afterEach(() => {
  cleanup();
  server.resetHandlers();
  localStorage.clear();
  sessionStorage.clear();
});

afterAll(() => server.close());
