import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, it } from "vitest";
import type { Schema } from "@/api/client";
import { changeLanguage, loadWorkWords } from "@/i18n";
import { hospital, plans, staff } from "@/testing/people";
import { renderAt } from "@/testing/render";
import { http, problem, server } from "@/testing/server";

const { organization: _, ...owner } = staff("PLATFORM_ADMINISTRATOR", []);

it("has the API sort all organizations, and keeps the order in the address", async () => {
  const asked: (string | null)[] = [];
  server.use(
    http.get("/me", ({ response }) => response(200).json(owner)),
    http.get("/plans", ({ response }) => response(200).json({ plans })),
    http.get("/master/all-organizations", ({ request, response }) => {
      asked.push(new URL(request.url).searchParams.get("sort"));
      return response(200).json({ items: [{ ...hospital, created_at: "2026-11-01T08:00:00Z" }] });
    }),
  );
  const { user, router } = renderAt("/platform/organizations?sort=-users");
  const users = await screen.findByRole("columnheader", { name: /Users/ });
  expect(users.getAttribute("aria-sort")).toBe("descending");
  await user.click(screen.getByRole("button", { name: "Name" }));
  await waitFor(() => expect(router.state.location.search).toEqual({ sort: "name" }));
  await user.click(screen.getByRole("button", { name: "Name" }));
  await waitFor(() => expect(router.state.location.search).toEqual({ sort: "-name" }));
  await user.click(screen.getByRole("button", { name: "Name" }));
  await waitFor(() => expect(router.state.location.search).toEqual({}));
  expect(asked).toEqual(["-users", "name", "-name", null]);
});

const suspension: Schema<"AuditEntry"> = {
  sequence: 7,
  at: "2026-11-01T23:30:00Z",
  action: "organization.suspend",
  actor_id: owner.user.user_id,
  actor_role: "PLATFORM_ADMINISTRATOR",
  target: { type: "organization", id: hospital.organization_id },
  details: {},
  previous_hash: "",
  hash: "4f2a",
};

it("shows the platform's audit log page by page, and where each hospital is", async () => {
  const signUp = {
    ...suspension,
    sequence: 6,
    action: "organization.sign_up",
    actor_id: "sign_1",
    actor_role: "SETUP",
  };
  server.use(
    http.get("/me", ({ response }) => response(200).json(owner)),
    http.get("/master/audit-log", ({ query, response }) =>
      response(200).json(query.get("cursor") ? { items: [signUp] } : { items: [suspension], next_cursor: "more" }),
    ),
    http.get("/master/audit-log/verify", ({ query, response }) => {
      const isLast = query.get("after") === "6";
      return response(200).json({ intact: true, entries: isLast ? 7 : 6, ...(isLast ? {} : { continue_after: 6 }) });
    }),
  );
  const { user } = renderAt("/platform/audit");
  const row = async (words: string) => within((await screen.findByText(words)).closest("tr") as HTMLElement);
  const suspended = await row("Suspended a hospital");
  expect(suspended.getByText("Somebody")).toBeTruthy();
  // In UTC, wherever the browser is.
  expect(suspended.getByText("1 Nov 2026, 23:30 UTC")).toBeTruthy();
  await user.click(suspended.getByText(/^Hospital /));
  const link = suspended.getByRole("link", { name: hospital.organization_id });
  expect(link.getAttribute("href")).toBe(`/platform/organizations/${hospital.organization_id}`);
  await user.click(screen.getByRole("button", { name: "Show more" }));
  expect((await row("Signed a hospital up")).getByText("Sign-up")).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Verify the log" }));
  expect(await screen.findByText("The log is whole and unchanged")).toBeTruthy();
  expect(screen.getByText("7 entries were checked.")).toBeTruthy();
});

it("asks for the part of the platform's audit log that the filters say, and says so where there is none", async () => {
  const asked: Record<string, string>[] = [];
  server.use(
    http.get("/me", ({ response }) => response(200).json(owner)),
    http.get("/master/audit-log", ({ request, response }) => {
      const { limit: _, ...filters } = Object.fromEntries(new URL(request.url).searchParams);
      asked.push(filters);
      return response(200).json({ items: filters.action === "moon.land" ? [] : [suspension] });
    }),
  );
  const { user } = renderAt("/platform/audit");
  await screen.findByText("Suspended a hospital");
  await user.selectOptions(screen.getByLabelText("Who"), "Somebody");
  await user.type(screen.getByLabelText("Target ID"), hospital.organization_id);
  fireEvent.change(screen.getByLabelText("To"), { target: { value: "2026-11-01" } });
  await waitFor(() =>
    expect(asked.at(-1)).toEqual({
      actor_id: owner.user.user_id,
      target_id: hospital.organization_id,
      until: "2026-11-02T00:00:00.000Z",
    }),
  );
  await user.type(screen.getByLabelText("What"), "moon.land");
  expect(await screen.findByText("No entry fits these filters.")).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Clear filters" }));
  expect(await screen.findByText("Suspended a hospital")).toBeTruthy();
});

it("says why the platform's audit log cannot be shown, and asks again", async () => {
  let isAway = true;
  server.use(
    http.get("/me", ({ response }) => response(200).json(owner)),
    http.get("/master/audit-log", ({ response }) =>
      isAway ? response.untyped(problem("database-unavailable", 503)) : response(200).json({ items: [suspension] }),
    ),
  );
  const { user } = renderAt("/platform/audit");
  const again = await screen.findByRole("button", { name: "Try again" });
  isAway = false;
  await user.click(again);
  expect(await screen.findByText("Suspended a hospital")).toBeTruthy();
});

it("offers the platform's audit log to its administrators in German, too", async () => {
  await changeLanguage("de", false);
  await loadWorkWords();
  server.use(
    http.get("/me", ({ response }) => response(200).json(owner)),
    http.get("/master/audit-log", ({ response }) => response(200).json({ items: [suspension] })),
  );
  try {
    renderAt("/platform/audit");
    expect(await screen.findByText("Krankenhaus ausgesetzt")).toBeTruthy();
    expect(screen.getByText(/alle Zeiten in UTC/)).toBeTruthy();
  } finally {
    await changeLanguage("en", false);
  }
});
