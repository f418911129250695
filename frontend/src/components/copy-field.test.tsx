import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { CopyField } from "./CopyField";

const LINK = "https://chakravue.example/accept-invitation#token=cinv_1";

afterEach(() => vi.unstubAllGlobals());

/** Copies where the browser has this clipboard. */
async function copyTo(clipboard: object | undefined): Promise<void> {
  const user = userEvent.setup({ writeToClipboard: false });
  vi.stubGlobal("navigator", Object.create(navigator, { clipboard: { value: clipboard } }));
  render(<CopyField label="somebody@stmarys.com" value={LINK} />);
  await user.click(screen.getByRole("button", { name: /Copy/ }));
}

it("says that a text was copied when it was", async () => {
  const writeText = vi.fn(async () => {});
  await copyTo({ writeText });
  expect(await screen.findByRole("button", { name: /Copied/ })).toBeTruthy();
  expect(writeText).toHaveBeenCalledWith(LINK);
});

it.each([
  ["refuses", { writeText: () => Promise.reject(new DOMException("no leave", "NotAllowedError")) }],
  ["is not there", undefined],
])("selects the text where the clipboard %s", async (_, clipboard) => {
  await copyTo(clipboard);
  expect((await screen.findByRole("status")).textContent).toBe("Selected: copy it with the keyboard");
  expect(screen.queryByRole("button", { name: /Copied/ })).toBeNull();
  const field = screen.getByRole<HTMLInputElement>("textbox");
  expect([field.selectionStart, field.selectionEnd]).toEqual([0, LINK.length]);
});
