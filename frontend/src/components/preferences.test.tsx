import { screen, waitFor } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderAt } from "@/testing/render";

it("opens the menu of appearance and language at the first click, by mouse or keyboard, and gives the focus back", async () => {
  const { user } = renderAt("/");
  const button = () => screen.findByRole("button", { name: "Appearance and language" });
  await user.click(await button());
  await user.click(await screen.findByRole("menuitemradio", { name: "Dark" }));
  await waitFor(() => expect(document.documentElement.dataset.theme).toBe("dark"));
  await user.keyboard("{Escape}");
  await waitFor(() => expect(screen.queryByRole("menuitemradio", { name: "Dark" })).toBeNull());
  expect(document.activeElement).toBe(await button());
  await user.keyboard("{Enter}");
  await user.click(await screen.findByRole("menuitemradio", { name: "Like the system" }));
});
