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
