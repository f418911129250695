import type { Schema } from "@/api/client";
import type { Details } from "./draft";

/** What is asked for with a sign-up. */
export function bodyOf(details: Details, { plan_id, name, price, max_users }: Schema<"Plan">) {
  return { ...details, plan: { plan_id, name, price, max_users } };
}

/** The same as a text, to tell one sign-up from another. */
export function contentOf(details: Details, plan: Schema<"Plan">): string {
  return JSON.stringify(bodyOf(details, plan));
}
