import { screen, waitFor } from "@testing-library/react";
import { delay } from "msw";
import { expect, it, vi } from "vitest";
import { hospital, staff } from "@/testing/people";
import { renderAt } from "@/testing/render";
import { http, problem, server } from "@/testing/server";

const directory = http.get("/organizations", ({ response }) =>
  response(200).json({
    items: [{ organization_id: hospital.organization_id, organization_name: hospital.organization_name }],
  }),
);

const signedIn = { expires_at: "2030-01-01T00:00:00Z", token: "chs_secret", user: staff("DOCTOR", []).user };

async function fill(user: ReturnType<typeof renderAt>["user"], email = "doctor@stmarys.com") {
  await user.type(await screen.findByLabelText("E-mail address"), email);
  await user.type(screen.getByLabelText("Password"), "violet tractors sing at noon");
}

it("signs in to the hospital that is remembered, and keeps no token", async () => {
  localStorage.setItem("organizationContext", JSON.stringify({ organizationId: "org_1", organizationName: "Mercy" }));
  const asked = vi.fn();
  server.use(
    directory,
    http.post("/organization-login", async ({ request, response }) => {
      asked(await request.json());
      return response(200).json(signedIn);
    }),
    http.get("/me", ({ response }) => response(200).json(staff("DOCTOR", []))),
    http.get("/organization/{org_id}/settings", ({ response }) => response(200).json({ items: [] })),
  );
  const { user, router } = renderAt("/staff?redirect=/app/account");
  expect(await screen.findByLabelText("Hospital")).toHaveProperty("value", "Mercy");
  server.use(http.get("/me/sessions", ({ response }) => response(200).json({ sessions: [] })));
  await fill(user);
  await user.click(screen.getByRole("button", { name: "Sign in" }));
  await waitFor(() => expect(router.state.location.pathname).toBe("/app/account"));
  expect(asked).toHaveBeenCalledWith({
    organization_id: "org_1",
    email: "doctor@stmarys.com",
    password: "violet tractors sing at noon",
  });
  expect(JSON.stringify({ ...localStorage, ...sessionStorage })).not.toContain("chs_secret");
});

it("says when another attempt counts, and forgets the password", async () => {
  const detail = "Not right together; wait as long as Retry-After says.";
  server.use(http.post("/login", () => problem("invalid-credentials", 401, { detail }, { "Retry-After": "3" })));
  const { user } = renderAt("/sign-in");
  await fill(user);
  await user.click(screen.getByRole("button", { name: "Sign in" }));
  const waiting = await screen.findByRole("button", { name: /Try again in \d second/ });
  expect(waiting).toHaveProperty("disabled", true);
  expect(screen.getByRole("alert").textContent).toContain("do not fit together");
  expect(screen.getByRole("alert").textContent).not.toContain("Retry-After");
  expect(screen.getByLabelText("Password")).toHaveProperty("value", "");
  expect(screen.getByLabelText("E-mail address")).toHaveProperty("value", "doctor@stmarys.com");
});

it("lets another account be tried while one has to wait", async () => {
  server.use(http.post("/login", () => problem("invalid-credentials", 401, {}, { "Retry-After": "86399" })));
  const { user } = renderAt("/sign-in");
  await fill(user);
  await user.click(screen.getByRole("button", { name: "Sign in" }));
  expect(await screen.findByRole("button", { name: "Try again in 24 hours" })).toHaveProperty("disabled", true);
  await user.type(screen.getByLabelText("E-mail address"), ".example");
  expect(screen.getByRole("button", { name: "Sign in" })).toHaveProperty("disabled", false);
  expect(screen.queryByRole("alert")).toBeNull();
});

it("asks once, however often the button is clicked", async () => {
  const asked = vi.fn();
  server.use(
    http.post("/login", async () => {
      asked();
      await delay(50);
      return problem("invalid-credentials", 401);
    }),
  );
  const { user } = renderAt("/sign-in");
  await fill(user);
  await user.dblClick(screen.getByRole("button", { name: "Sign in" }));
  await screen.findByRole("alert");
  expect(asked).toHaveBeenCalledTimes(1);
});

it("shows a problem of a kind that it does not know in the API's own words", async () => {
  server.use(http.post("/login", () => problem("eclipse", 409, { detail: "The moon is in the way." })));
  const { user } = renderAt("/sign-in");
  await fill(user);
  await user.click(screen.getByRole("button", { name: "Sign in" }));
  expect((await screen.findByRole("alert")).textContent).toContain("The moon is in the way.");
});

it("says that the server is away when it is, and keeps what was typed", async () => {
  server.use(http.untyped.post("*/login", () => Response.error()));
  const { user } = renderAt("/sign-in");
  await fill(user);
  await user.click(screen.getByRole("button", { name: "Sign in" }));
  expect((await screen.findByRole("alert")).textContent).toContain("cannot be reached");
});

it("loads the hospitals by a button that says so, and leads to the field that is missing first", async () => {
  let isAway = true;
  server.use(
    http.get("/organizations", ({ response }) =>
      isAway
        ? problem("internal", 500)
        : response(200).json({
            items: [{ organization_id: hospital.organization_id, organization_name: hospital.organization_name }],
          }),
    ),
  );
  const { user } = renderAt("/staff");
  await screen.findByRole("alert");
  await user.click(screen.getByRole("button", { name: "Sign in" }));
  await waitFor(() => expect(document.activeElement).toBe(screen.getByRole("combobox", { name: "Hospital" })));
  isAway = false;
  await user.click(screen.getByRole("button", { name: "Load Hospitals" }));
  await user.click(await screen.findByRole("option", { name: hospital.organization_name }));
  expect(screen.getByRole("combobox", { name: "Hospital" })).toHaveProperty("value", hospital.organization_name);
});

it("takes the hospital's id where the platform lists no hospitals", async () => {
  server.use(http.get("/organizations", () => problem("not-found", 404)));
  renderAt("/staff");
  expect(await screen.findByLabelText("Hospital ID")).toBeTruthy();
});
