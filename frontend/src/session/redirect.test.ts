import { describe, expect, it } from "vitest";
import { redirectFor, safeRedirect } from "./redirect";

describe("where a sign-in leads", () => {
  it("keeps a path of a workspace, with its search", () => {
    expect(safeRedirect("/app/patients?q=jane")).toBe("/app/patients?q=jane");
    expect(safeRedirect("/platform")).toBe("/platform");
  });

  it.each([
    "https://evil.example/app",
    "//evil.example/app",
    "/\\evil.example/app",
    "javascript:alert(1)",
    "/application",
    "/docs",
    "/app/../docs",
    "app",
    "",
    `/app/${"x".repeat(3000)}`,
    42,
    null,
    { href: "/app" },
  ])("ignores %s", (wanted) => {
    expect(safeRedirect(wanted)).toBeUndefined();
  });

  it("sends nobody to a workspace that is not theirs", () => {
    expect(redirectFor("/app", "/platform/organizations")).toBe("/app");
    expect(redirectFor("/platform", "/platform/organizations")).toBe("/platform/organizations");
  });
});
