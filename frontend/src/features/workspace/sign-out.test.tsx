import { screen, waitFor, within } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { patient, staff } from "@/testing/people";
import { renderAt } from "@/testing/render";
import { http, server } from "@/testing/server";

it("tells nobody that they are signed out while the server does not know it", async () => {
  server.use(
    http.get("/me", ({ response }) =>
      response(200).json(staff("RECEPTIONIST", ["patients.read", "patients.register"])),
    ),
    http.get("/organization/{org_id}/settings", ({ response }) => response(200).json({ items: [] })),
    http.get("/organization/{org_id}/patients", ({ response }) => response(200).json({ items: [patient] })),
    http.untyped.post("*/logout", () => Response.error()),
  );
  const { user, session } = renderAt("/app/patients");
  const left = vi.fn();
  session.onLeave(left);
  await screen.findByRole("link", { name: "Jane Smith" });
  const signOut = async () => {
    await user.click(screen.getByRole("button", { name: /appearance, language and sign-out/ }));
    await user.click(await screen.findByRole("menuitem", { name: "Sign out" }));
  };
  await signOut();
  expect((await screen.findByRole("alert")).textContent).toContain("You are not signed out yet");
  // What the screen showed is no longer there for whoever comes by.
  expect(screen.queryByText("Jane Smith")).toBeNull();
  expect(left).not.toHaveBeenCalled();

  await user.click(screen.getByRole("button", { name: "Stay signed in" }));
  await screen.findByRole("link", { name: "Jane Smith" });
  await user.click(screen.getByRole("link", { name: "Register a patient" }));
  await user.type(await screen.findByLabelText("Name"), "Half Typed");
  const giveUp = async () => {
    await signOut();
    const dialog = within(await screen.findByRole("alertdialog", { name: "Sign out without saving?" }));
    await user.click(dialog.getByRole("button", { name: "Sign out" }));
  };
  await giveUp();
  await user.click(await screen.findByRole("button", { name: "Stay signed in" }));
  expect(await screen.findByLabelText("Name")).toHaveProperty("value", "Half Typed");
  await giveUp();
  server.use(http.post("/logout", ({ response }) => response(204).empty()));
  await user.click(await screen.findByRole("button", { name: "Try again" }));
  await waitFor(() => expect(left).toHaveBeenCalledWith("signed-out"));
});
