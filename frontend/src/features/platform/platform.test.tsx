import { screen, waitFor } from "@testing-library/react";
import { expect, it } from "vitest";
import { hospital, plans, staff } from "@/testing/people";
import { renderAt } from "@/testing/render";
import { http, server } from "@/testing/server";

it("has the API sort all organizations, and keeps the order in the address", async () => {
  const { organization: _, ...owner } = staff("PLATFORM_ADMINISTRATOR", []);
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
  const users = await screen.findByRole("columnheader", { name: "Users" });
  expect(users.getAttribute("aria-sort")).toBe("descending");
  await user.click(screen.getByRole("button", { name: "Name" }));
  await waitFor(() => expect(router.state.location.search).toEqual({ sort: "name" }));
  await user.click(screen.getByRole("button", { name: "Name" }));
  await waitFor(() => expect(router.state.location.search).toEqual({ sort: "-name" }));
  await user.click(screen.getByRole("button", { name: "Name" }));
  await waitFor(() => expect(router.state.location.search).toEqual({}));
  expect(asked).toEqual(["-users", "name", "-name", null]);
});
