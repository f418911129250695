import {
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
  RouterProvider,
} from "@tanstack/react-router";
import i18next from "i18next";
import { renderToStaticMarkup } from "react-dom/server";
import { I18nextProvider, initReactI18next } from "react-i18next";
import { PublicLayout } from "./features/welcome/PublicLayout";
import { Welcome } from "./features/welcome/Welcome";
import { type Language, languages, start } from "./i18n";

/**
 * The first page as it is before the program is there, in every language; `scripts/prerender.mjs` puts it into a file. Its links
 * lead on without the program, too.
 */
export async function prerender(): Promise<string> {
  const pages = Object.keys(languages).map((language) => inLanguage(language as Language));
  return (await Promise.all(pages)).join("");
}

async function inLanguage(language: Language): Promise<string> {
  const words = i18next.createInstance();
  const resources = { [language]: { translation: start[language] } };
  await words.use(initReactI18next).init({ lng: language, resources, interpolation: { escapeValue: false } });
  // What only the program can do is not there before it; its place is.
  const root = createRootRoute({ component: () => <PublicLayout preferences={<span className="size-10" />} /> });
  const welcome = createRoute({ getParentRoute: () => root, path: "/", component: Welcome });
  const history = createMemoryHistory({ initialEntries: ["/"] });
  const router = createRouter({ routeTree: root.addChildren([welcome]), history });
  await router.load();
  return renderToStaticMarkup(
    // Until the program is there, `theme.js` has said which of them is shown.
    <div lang={language} data-prerendered="">
      <I18nextProvider i18n={words}>
        <RouterProvider router={router} />
      </I18nextProvider>
    </div>,
  );
}
