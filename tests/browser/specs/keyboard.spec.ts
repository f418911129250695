import { PASSWORD } from "../support/api";
import { expect, test } from "../support/test";
import { newHospital } from "../support/wizard";

/** The whole story once more, without a mouse. */
test("a hospital signs up and a patient is registered with the keyboard alone", async ({ page }) => {
  const { name, email } = newHospital("Keyboard");
  const { keyboard } = page;
  /** Goes on with the Tab key until this has the focus. */
  const tabTo = async (what: ReturnType<typeof page.getByRole>) => {
    for (let presses = 0; presses < 60; presses += 1) {
      if (await what.evaluate((element) => element === document.activeElement)) return;
      await keyboard.press("Tab");
    }
    throw new Error(`the Tab key does not come to ${what}`);
  };
  const type = async (label: string, text: string) => {
    await tabTo(page.getByLabel(label, { exact: true }));
    await keyboard.type(text);
  };
  const press = async (button: string | RegExp) => {
    await tabTo(page.getByRole("button", { name: button }));
    await keyboard.press("Enter");
  };

  await page.goto("/");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to content" })).toBeFocused();
  await keyboard.press("Enter");
  await expect(page.getByRole("main")).toBeFocused();
  await tabTo(page.getByRole("link", { name: "New Hospital Signup" }));
  await keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Step 1 of 5" })).toBeFocused();
  await tabTo(page.getByRole("radio", { name: "Starter" }));
  await keyboard.press("Space");
  await keyboard.press("ArrowDown");
  await expect(page.getByRole("radio", { name: "Professional" })).toBeChecked();
  // Enter sends a form from any of its fields.
  await keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Step 2 of 5" })).toBeFocused();
  await type("Hospital name", name);
  await type("E-mail address", email);
  await type("Phone number", "+1-555-0100");
  await keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Step 3 of 5" })).toBeFocused();
  await type("Name on the card", "Alex Admin");
  await type("Card number", "4111111111111111");
  await type("Expiry date", "1230");
  await type("Security code", "123");
  await keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Continue to your team" })).toBeFocused({ timeout: 60_000 });
  await keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Step 4 of 5" })).toBeFocused();
  await press("Continue without a team");
  await expect(page.getByRole("heading", { name: "Step 5 of 5" })).toBeFocused();
  await type("New password", PASSWORD);
  await keyboard.press("Enter");
  await press("Open the dashboard");
  await expect(page.getByRole("heading", { name: "Today" })).toBeFocused();

  await tabTo(page.getByRole("link", { name: "Register a patient" }));
  await keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Register a patient" })).toBeFocused();
  await type("Name", "Kei Board");
  await type("Date of birth", "05171980");
  await keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Kei Board" })).toBeFocused();
  await press("Archive");
  await expect(page.getByRole("alertdialog").getByRole("button", { name: "Cancel" })).toBeFocused();
  await keyboard.press("Escape");
  await expect(page.getByRole("alertdialog")).toBeHidden();
  await expect(page.getByRole("button", { name: "Archive" })).toBeFocused();

  // The menu, and out again.
  await press("Appearance, language and sign-out");
  await keyboard.press("End");
  await expect(page.getByRole("menuitem", { name: "Sign out" })).toBeFocused();
  await keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Welcome to ChakraVue" })).toBeVisible();

  // The hospital is remembered, and found by its name.
  await tabTo(page.getByRole("link", { name: "Hospital Staff Login" }));
  await keyboard.press("Enter");
  const hospital = page.getByRole("combobox", { name: "Hospital" });
  await tabTo(hospital);
  await expect(hospital).toHaveValue(name);
  await keyboard.press("ControlOrMeta+A");
  await keyboard.type(name);
  await expect(page.getByRole("option")).toHaveCount(1);
  await keyboard.press("Enter");
  await expect(hospital).toHaveValue(name);
  await expect(page.getByRole("listbox")).toBeHidden();
  await type("E-mail address", email);
  await type("Password", PASSWORD);
  await keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Today" })).toBeVisible();
});
