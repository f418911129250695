import { screen, waitFor, within } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import type { Schema } from "@/api/client";
import { staff } from "@/testing/people";
import { renderAt } from "@/testing/render";
import { http, problem, server } from "@/testing/server";
import { settingsQuery } from "./queries";

type Setting = Schema<"Setting">;

const defaults: Setting[] = [
  { key: "time_zone", value: "UTC", version: 0, is_default: true },
  { key: "address", value: null, version: 0, is_default: true },
];

/** The settings as the server has them; a test changes them as somebody else would. */
function settings(...changed: Setting[]) {
  let items = defaults.map((one) => changed.find(({ key }) => key === one.key) ?? one);
  const save = (next: Setting) => {
    items = items.map((one) => (one.key === next.key ? next : one));
    return next;
  };
  const of = (key: string) => items.find((one) => one.key === key) as Setting;
  const versions = vi.fn();
  const isStale = (key: string, header: string | null) => {
    versions(header);
    return of(key).version !== 0 && header !== `"${of(key).version}"`;
  };
  server.use(
    http.get("/me", ({ response }) => response(200).json(staff("ADMIN", ["settings.read", "settings.manage"]))),
    http.get("/organization/{org_id}/settings", ({ response }) => response(200).json({ items })),
    http.get("/organization/{org_id}/settings/{key}", ({ params, response }) => response(200).json(of(params.key))),
    http.put("/organization/{org_id}/settings/{key}", async ({ params, request, response }) => {
      if (isStale(params.key, request.headers.get("If-Match"))) return problem("version-mismatch", 412);
      const { value } = await request.json();
      return response(200).json(
        save({ ...of(params.key), value, is_default: false, version: of(params.key).version + 1 }),
      );
    }),
    http.delete("/organization/{org_id}/settings/{key}", ({ params, request, response }) => {
      if (isStale(params.key, request.headers.get("If-Match"))) return problem("version-mismatch", 412);
      save(defaults.find(({ key }) => key === params.key) as Setting);
      return response(204).empty();
    }),
  );
  return { save, versions };
}

const kolkata: Setting = { key: "time_zone", value: "Asia/Kolkata", version: 3, is_default: false };
const elm: Setting = { key: "address", value: "1 Elm Street", version: 1, is_default: false };

const zoneForm = () => screen.findByRole("form", { name: "Time zone" });
const zone = async () => within(await zoneForm()).getByRole("combobox");

it("gives back a setting that was being typed, as a change of what was seen then", async () => {
  const { save, versions } = settings(elm);
  const at = renderAt("/app/settings");
  const field = async () => within(await screen.findByRole("form", { name: "Address" })).getByRole("textbox");
  await at.user.type(await field(), ", Springfield");
  const left = new Promise<void>((resolve) => at.session.onLeave(() => resolve()));
  at.session.ended();
  await left;
  await at.router.navigate({ to: "/", ignoreBlocker: true });
  save({ ...elm, value: "2 Oak Street", version: 2 });
  at.session.begin(staff("ADMIN", []).user);
  await at.router.navigate({ to: "/app/settings" });
  expect(await field()).toHaveProperty("value", "1 Elm Street, Springfield");
  const form = within(await screen.findByRole("form", { name: "Address" }));
  await at.user.click(form.getByRole("button", { name: "Save" }));
  expect(await screen.findByRole("table", { name: /Somebody else has saved/ })).toBeTruthy();
  expect(versions).toHaveBeenCalledWith('"1"');
});

it("shows the time zone that counts after the way back to the default", async () => {
  settings(kolkata);
  const { user } = renderAt("/app/settings");
  expect(await zone()).toHaveProperty("value", "Asia/Kolkata");
  await user.click(within(await zoneForm()).getByRole("button", { name: "Back to the default" }));
  await waitFor(async () => expect(await zone()).toHaveProperty("value", "UTC"));
});

it("shows what somebody else has saved when the way back to the default comes too late", async () => {
  const { save } = settings(kolkata);
  const { user } = renderAt("/app/settings");
  const form = await zoneForm();
  save({ ...kolkata, value: "Europe/Berlin", version: 4 });
  await user.click(within(form).getByRole("button", { name: "Back to the default" }));
  await waitFor(async () => expect(await zone()).toHaveProperty("value", "Europe/Berlin"));
  expect(within(form).getByRole("alert").textContent).toContain("Somebody else has changed this");
  await user.click(within(form).getByRole("button", { name: "Back to the default" }));
  await waitFor(async () => expect(await zone()).toHaveProperty("value", "UTC"));
  expect(within(form).queryByRole("alert")).toBeNull();
});

it("keeps what is half typed when the settings are read again, and sends it with the version that was seen", async () => {
  const { save, versions } = settings(elm);
  const { user, queries } = renderAt("/app/settings");
  const form = await screen.findByRole("form", { name: "Address" });
  const field = within(form).getByRole("textbox");
  await user.type(field, ", Springfield");
  save({ ...elm, value: "2 Oak Street", version: 2 });
  await queries.invalidateQueries({ queryKey: settingsQuery("").queryKey.slice(0, 1) });
  expect(field).toHaveProperty("value", "1 Elm Street, Springfield");
  await user.click(within(form).getByRole("button", { name: "Save" }));
  const both = await within(form).findByRole("table");
  expect(versions).toHaveBeenCalledWith('"1"');
  expect(within(both).getByText("2 Oak Street")).toBeTruthy();
  await user.click(within(form).getByRole("button", { name: "Take theirs" }));
  await waitFor(() => expect(field).toHaveProperty("value", "2 Oak Street"));
  // Nothing is typed now, so the next change of somebody else is shown at once.
  save({ ...elm, value: "3 Ash Street", version: 3 });
  await queries.invalidateQueries({ queryKey: settingsQuery("").queryKey.slice(0, 1) });
  await waitFor(() => expect(field).toHaveProperty("value", "3 Ash Street"));
});

it("shows the other version of the time zone once it is taken", async () => {
  const { save } = settings(kolkata);
  const { user } = renderAt("/app/settings");
  const form = await zoneForm();
  await user.clear(await zone());
  await user.type(await zone(), "Lisbon");
  await user.click(await screen.findByRole("option", { name: /Lisbon/ }));
  save({ ...kolkata, value: "Europe/Berlin", version: 4 });
  await user.click(within(form).getByRole("button", { name: "Save" }));
  await user.click(await within(form).findByRole("button", { name: "Take theirs" }));
  await waitFor(async () => expect(await zone()).toHaveProperty("value", "Europe/Berlin"));
});
