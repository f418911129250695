import i18next from "i18next";
import type { FieldError } from "@/api/problem";

type Refusals = readonly (readonly [api: string, here: string])[];

/** Loaded when something is refused, which is seldom. English is what the API speaks itself. */
const load: Record<string, () => Promise<{ default: Refusals }>> = { de: () => import("./locales/de/refusals") };

const PLACE = /\{(\w+)\}/g;

/** What the API says of a field, in other words; its own where nobody has found others. */
export function reworded(detail: string, refusals: Refusals): string {
  for (const [api, here] of refusals) {
    const names = [...api.matchAll(PLACE)].map(([, name]) => name);
    const parts = api.split(/\{\w+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    const found = new RegExp(`^${parts.join("(.*?)")}$`, "su").exec(detail);
    if (found) return here.replace(PLACE, (_, name: string) => found[names.indexOf(name) + 1] ?? "");
  }
  return detail;
}

/** The errors of fields in the person's language, as far as that is known. */
export async function inOwnWords(errors: readonly FieldError[]): Promise<FieldError[]> {
  try {
    const refusals = (await load[i18next.language]?.())?.default ?? [];
    return errors.map((error) => ({ ...error, detail: reworded(error.detail, refusals) }));
  } catch {
    // The words could not be loaded, but what is wrong can still be said.
    return [...errors];
  }
}
