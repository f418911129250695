import { screen, waitFor } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import type { Schema } from "@/api/client";
import { staff } from "@/testing/people";
import { renderAt } from "@/testing/render";
import { http, problem, server } from "@/testing/server";

const boxes: Schema<"Medicine"> = {
  medicine_id: "med_1",
  medicine: "Paracetamol",
  quantity: 100,
  unit: "boxes",
  low: false,
  created_at: "2026-11-01T08:00:00Z",
  version: 1,
};

function stock(current: () => Schema<"Medicine">) {
  server.use(
    http.get("/me", ({ response }) => response(200).json(staff("OPD", ["pharmacy.read", "pharmacy.manage"]))),
    http.get("/organization/{org_id}/settings", ({ response }) => response(200).json({ items: [] })),
    http.get("/organization/{org_id}/pharmacy", ({ response }) => response(200).json({ items: [current()] })),
    http.get("/organization/{org_id}/pharmacy/{medicine_id}", ({ response }) => response(200).json(current())),
  );
}

it("sends a count as what it changes of the stock that is there now, and asks when that is another", async () => {
  let current = boxes;
  const sent = vi.fn();
  stock(() => current);
  server.use(
    http.post("/organization/{org_id}/pharmacy/{medicine_id}/stock", async ({ request, response }) => {
      sent(await request.json());
      return response(200).json(current);
    }),
  );
  const { user } = renderAt("/app/pharmacy");
  await user.click(await screen.findByRole("button", { name: /Change stock/ }));
  await user.selectOptions(await screen.findByLabelText("What happened"), "counted");
  await user.type(screen.getByLabelText("How much there is"), "80");
  // Somebody hands out thirty of them meanwhile.
  current = { ...boxes, quantity: 70, version: 2 };
  await user.click(screen.getByRole("button", { name: "Save" }));
  expect(await screen.findByText(/It said 100 before and says 70 now/)).toBeTruthy();
  expect(sent).not.toHaveBeenCalled();
  await user.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(sent).toHaveBeenCalledWith({ change: 10, reason: "counted" }));
});

it("sends a change whose answer was lost under the same key, and a try after a refusal under a new one", async () => {
  const sent: { change: number; key: string | null }[] = [];
  const lost = () => problem("unavailable", 503);
  const tooLow = () => problem("stock-too-low", 409, { quantity: 100 });
  const outcomes = [lost, tooLow, tooLow];
  stock(() => boxes);
  server.use(
    http.post("/organization/{org_id}/pharmacy/{medicine_id}/stock", async ({ request, response }) => {
      const { change } = await request.json();
      sent.push({ change, key: request.headers.get("Idempotency-Key") });
      return outcomes.shift()?.() ?? response(200).json({ ...boxes, quantity: 10 });
    }),
  );
  const { user } = renderAt("/app/pharmacy");
  await user.click(await screen.findByRole("button", { name: /Change stock/ }));
  const amount = await screen.findByLabelText("How much");
  await user.type(amount, "120");
  const save = async (times: number) => {
    const button = screen.getByRole<HTMLButtonElement>("button", { name: "Save" });
    await waitFor(() => expect(button.disabled).toBe(false));
    await user.click(button);
    await waitFor(() => expect(sent).toHaveLength(times));
  };
  await save(1);
  await screen.findByRole("alert");
  await save(2);
  await waitFor(() => expect(amount.getAttribute("aria-invalid")).toBe("true"));
  // As it was: somebody may have put more there meanwhile.
  await save(3);
  await user.clear(amount);
  await user.type(amount, "90");
  await save(4);
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(sent.map(({ change }) => change)).toEqual([-120, -120, -120, -90]);
  const [first, again, ...others] = sent.map(({ key }) => key);
  expect(again).toBe(first);
  expect(new Set([first, ...others]).size).toBe(3);
  expect(first).toMatch(/^[\x21-\x7e]{16,255}$/);
});

it("counts under a new key where the stock is another, also if the change is the same", async () => {
  let current = boxes;
  const keys: (string | null)[] = [];
  stock(() => current);
  server.use(
    http.post("/organization/{org_id}/pharmacy/{medicine_id}/stock", ({ request, response }) => {
      keys.push(request.headers.get("Idempotency-Key"));
      return keys.length < 2 ? problem("unavailable", 503) : response(200).json(current);
    }),
  );
  const { user } = renderAt("/app/pharmacy");
  await user.click(await screen.findByRole("button", { name: /Change stock/ }));
  await user.selectOptions(await screen.findByLabelText("What happened"), "counted");
  const counted = screen.getByLabelText("How much there is");
  await user.type(counted, "80");
  await user.click(screen.getByRole("button", { name: "Save" }));
  await screen.findByRole("alert");
  // It had its effect, although the answer was lost.
  current = { ...boxes, quantity: 80, version: 2 };
  await user.clear(counted);
  await user.type(counted, "60");
  await user.click(screen.getByRole("button", { name: "Save" }));
  expect(await screen.findByText(/It said 100 before and says 80 now/)).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(keys).toHaveLength(2));
  expect(new Set(keys).size).toBe(2);
});

it("reads a medicine again that somebody else has changed, so that it can be removed at the next try", async () => {
  let current = boxes;
  const versions: (string | null)[] = [];
  stock(() => current);
  server.use(
    http.delete("/organization/{org_id}/pharmacy/{medicine_id}", ({ request, response }) => {
      versions.push(request.headers.get("If-Match"));
      return versions.length === 1 ? problem("version-mismatch", 412) : response(204).empty();
    }),
  );
  const { user } = renderAt("/app/pharmacy");
  await user.click(await screen.findByRole("button", { name: "More actions for Paracetamol" }));
  await user.click(await screen.findByRole("menuitem", { name: "Remove" }));
  current = { ...boxes, medicine: "Paracetamol 500 mg", version: 2 };
  await user.click(await screen.findByRole("button", { name: "Remove" }));
  expect(await screen.findByRole("alertdialog", { name: "Remove Paracetamol 500 mg?" })).toBeTruthy();
  expect(screen.getByRole("alert").textContent).toContain("Somebody else has changed this");
  await user.click(screen.getByRole("button", { name: "Remove" }));
  await waitFor(() => expect(screen.queryByRole("alertdialog")).toBeNull());
  expect(versions).toEqual(['"1"', '"2"']);
});

it("offers whoever may change the stock to add the first medicine where there is none", async () => {
  server.use(
    http.get("/me", ({ response }) => response(200).json(staff("OPD", ["pharmacy.read", "pharmacy.manage"]))),
    http.get("/organization/{org_id}/settings", ({ response }) => response(200).json({ items: [] })),
    http.get("/organization/{org_id}/pharmacy", ({ response }) => response(200).json({ items: [] })),
  );
  const { user } = renderAt("/app/pharmacy");
  await screen.findByText("No medicines yet");
  const [, inTheMiddle] = screen.getAllByRole("button", { name: "Add a medicine" });
  await user.click(inTheMiddle as HTMLElement);
  expect(await screen.findByRole("dialog", { name: "Add a medicine" })).toBeTruthy();
  await user.keyboard("{Escape}");
  await user.click(screen.getByRole("radio", { name: "Low" }));
  await screen.findByText("Nothing runs low");
  expect(screen.getAllByRole("button", { name: "Add a medicine" })).toHaveLength(1);
});

it("lists what was removed, and restores it", async () => {
  const gone = { ...boxes, removed_at: "2026-11-20T08:00:00Z" };
  const asked: (string | null)[] = [];
  const restored = vi.fn();
  stock(() => boxes);
  server.use(
    http.get("/organization/{org_id}/pharmacy", ({ request, response }) => {
      const removed = new URL(request.url).searchParams.get("removed");
      asked.push(removed);
      const items = removed === "true" ? (restored.mock.calls.length ? [] : [gone]) : [];
      return response(200).json({ items });
    }),
    http.post("/organization/{org_id}/pharmacy/{medicine_id}/restore", ({ params, response }) => {
      restored(params.medicine_id);
      return response(200).json(boxes);
    }),
  );
  const { user } = renderAt("/app/pharmacy");
  await screen.findByText("No medicines yet");
  await user.click(screen.getByRole("radio", { name: "Removed" }));
  await screen.findByText("Removed 20 Nov 2026");
  // What is not in the stock cannot be handed out.
  expect(screen.queryByRole("button", { name: /Change stock/ })).toBeNull();
  await user.click(screen.getByRole("button", { name: /^Restore ?: Paracetamol/ }));
  await screen.findByText(/with the quantity that it had: 100 boxes/);
  await user.click(screen.getByRole("button", { name: "Restore" }));
  await screen.findByText("Nothing was removed");
  expect(restored).toHaveBeenCalledExactlyOnceWith("med_1");
  expect(asked).toContain("true");
});

it("offers nobody to restore a medicine who may only read", async () => {
  server.use(
    http.get("/me", ({ response }) => response(200).json(staff("DOCTOR", ["pharmacy.read"]))),
    http.get("/organization/{org_id}/settings", ({ response }) => response(200).json({ items: [] })),
    http.get("/organization/{org_id}/pharmacy", ({ response }) =>
      response(200).json({ items: [{ ...boxes, removed_at: "2026-11-20T08:00:00Z" }] }),
    ),
  );
  renderAt("/app/pharmacy?show=removed");
  await screen.findByText("Removed 20 Nov 2026");
  expect(screen.queryByRole("button", { name: /Restore/ })).toBeNull();
});
