import i18next from "i18next";
import type { FieldError } from "@/api/problem";
import type { Language } from "./index";
import type { Code, Refusals, Say } from "./refusal-words";

/** Loaded when something is refused, which is seldom. */
const load: Record<Language, () => Promise<{ default: Refusals }>> = {
  en: () => import("./locales/en/refusals"),
  de: () => import("./locales/de/refusals"),
};

/** In words of ours; in the API's own, which are English, where a newer API has a code that this version does not know. */
export function inWords<Of extends Code>(
  error: Extract<FieldError, { code: Of }>,
  refusals: Refusals,
  language: string,
): string {
  const code: Of = error.code;
  if (!Object.hasOwn(refusals, code)) return error.detail;
  const words: string | Say<Of> = refusals[code];
  return typeof words === "string" ? words : words(error, (value) => value.toLocaleString(language));
}

/** The errors of fields in the person's language. */
export async function inOwnWords(errors: readonly FieldError[]): Promise<FieldError[]> {
  // Nothing is loaded for nothing: without a network, that would be waited for.
  if (errors.length === 0) return [];
  const { language } = i18next;
  try {
    const refusals = (await load[language as Language]()).default;
    return errors.map((error) => ({ ...error, detail: inWords(error, refusals, language) }));
  } catch {
    // The words could not be loaded, but what is wrong can still be said.
    return [...errors];
  }
}
