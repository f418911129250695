import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";
import { Confirm } from "./Confirm";

it.each([
  ["Hôpital  Saint-Denis", "Ho\u0302pital Saint-Denis", true],
  ["Ho\u0302pital Saint-Denis ", "Hôpital Saint-Denis", true],
  ["St. Mary's\u00a0Hospital", "St. Mary's Hospital", true],
  ["St. Mary's Hospital", "St. Marys Hospital", false],
  ["St. Mary's Hospital", "st. mary's hospital", false],
])("takes for “%s” what is typed as “%s”: %s", async (typed, words, isTaken) => {
  const user = userEvent.setup();
  const onConfirm = vi.fn(async () => {});
  render(
    <Confirm open onClose={() => {}} title="Suspend" action="Go" typed={typed} onConfirm={onConfirm}>
      Really
    </Confirm>,
  );
  await user.type(await screen.findByRole("textbox"), words);
  const button = screen.getByRole("button", { name: "Go" });
  expect(button.hasAttribute("disabled")).toBe(!isTaken);
  if (!isTaken) return;
  await user.click(button);
  await waitFor(() => expect(onConfirm).toHaveBeenCalledOnce());
});
