import { randomUUID } from "node:crypto";
import { expect, type Page } from "@playwright/test";
import { CARD, named } from "./api";

export interface Details {
  name: string;
  email: string;
}

/** A hospital that wants to sign up. */
export function newHospital(name: string): Details {
  return { name: named(name), email: `admin@${randomUUID().slice(0, 8)}.example` };
}

/** What the object of such a hospital is called. */
export const objectOf = ({ name }: Details) => name.toLowerCase().replaceAll(/\W+/g, "-");

export async function choosePlan(page: Page, plan = "Professional"): Promise<void> {
  await page.goto("/signup/plan");
  await page.getByRole("radio", { name: plan }).check();
  await page.getByRole("button", { name: "Continue" }).click();
}

export async function fillDetails(page: Page, { name, email }: Details): Promise<void> {
  await expect(page.getByRole("heading", { name: "Step 2 of 5" })).toBeVisible();
  await page.getByLabel("Hospital name").fill(name);
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Phone number").fill("+1-555-0100");
}

export async function fillCard(page: Page, number = CARD): Promise<void> {
  await page.getByLabel("Name on the card").fill("Alex Admin");
  await page.getByLabel("Card number").fill(number);
  await page.getByLabel("Expiry date").fill("12/30");
  await page.getByLabel("Security code").fill("123");
}

export const pay = (page: Page) => page.getByRole("button", { name: /^Pay/ });

/** As far as the payment. */
export async function toPayment(page: Page, details: Details, plan?: string): Promise<void> {
  await choosePlan(page, plan);
  await fillDetails(page, details);
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByRole("heading", { name: "Step 3 of 5" })).toBeVisible();
}

/** As far as the team. */
export async function toTeam(page: Page, details: Details, plan?: string): Promise<void> {
  await toPayment(page, details, plan);
  await fillCard(page);
  await pay(page).click();
  await page.getByRole("button", { name: "Continue to your team" }).click();
  await expect(page.getByRole("heading", { name: "Step 4 of 5" })).toBeVisible();
}

export async function inviteTeammate(page: Page, email: string, role: string): Promise<void> {
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Role").selectOption(role);
  await page.getByRole("button", { name: "Invite", exact: true }).click();
}
