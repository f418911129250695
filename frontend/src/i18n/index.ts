import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { part } from "@/parts";
import german from "./locales/de/start";
import type doors from "./locales/en/doors";
import english from "./locales/en/start";
import type work from "./locales/en/work";

declare module "i18next" {
  interface CustomTypeOptions {
    resources: { translation: typeof english & typeof doors & typeof work };
    returnNull: false;
  }
}

/** The languages that there are, by the names that their speakers call them. */
export const languages = { en: "English", de: "Deutsch" } as const;

export type Language = keyof typeof languages;

/** What the first page says, and what is said everywhere: so little that a request for one language would cost more than all. */
export const start: Record<Language, object> = { en: english, de: german };

/** What is said at the doors, and behind them: each part is loaded when somebody goes there. */
type Part = "doors" | "work";

type Load = () => Promise<{ default: object }>;

const load: Record<Language, Record<Part, Load>> = {
  en: {
    doors: () => import("./locales/en/doors"),
    work: () => import("./locales/en/work"),
  },
  de: {
    doors: () => import("./locales/de/doors"),
    work: () => import("./locales/de/work"),
  },
};

const KEPT = "chakravue.language";

const wanted = new Set<Part>();
const loaded = new Set<string>();

export function isLanguage(tag: string | null | undefined): tag is Language {
  return typeof tag === "string" && tag in languages;
}

/** What `public/theme.js` found before the first paint. */
function preferred(): Language {
  const { lang } = document.documentElement;
  return isLanguage(lang) ? lang : "en";
}

export function isLanguageChosen(): boolean {
  return isLanguage(localStorage.getItem(KEPT));
}

async function loadWords(language: Language): Promise<void> {
  const missing = [...wanted].filter((name) => !loaded.has(`${language}/${name}`));
  const parts = await Promise.all(missing.map((name) => part(load[language][name])));
  for (const { default: words } of parts) i18next.addResourceBundle(language, "translation", words, true);
  for (const name of missing) loaded.add(`${language}/${name}`);
}

/** Has the words for the sign-ins ready. */
export function loadDoorWords(): Promise<void> {
  wanted.add("doors");
  return loadWords(i18next.language as Language);
}

/** Has the words for everything behind the first pages ready. */
export function loadWorkWords(): Promise<void> {
  wanted.add("work");
  return loadDoorWords();
}

export async function changeLanguage(language: Language, keep: boolean): Promise<void> {
  await loadWords(language);
  if (keep) localStorage.setItem(KEPT, language);
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
}

export async function startI18n(language: Language = preferred()): Promise<void> {
  // React escapes everything that it shows.
  const interpolation = { escapeValue: false };
  if (!i18next.isInitialized) {
    await i18next.use(initReactI18next).init({ lng: language, resources: {}, interpolation, returnNull: false });
    for (const [name, words] of Object.entries(start)) i18next.addResourceBundle(name, "translation", words);
  }
  await changeLanguage(language, false);
}
