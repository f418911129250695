import { cleanup, configure } from "@testing-library/react";
import { afterAll, afterEach, beforeAll } from "vitest";
import { loadWorkWords, startI18n } from "@/i18n";
import { server } from "./server";

// A page is loaded when somebody goes there, which takes a busy machine its time.
configure({ asyncUtilTimeout: 10_000 });

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
