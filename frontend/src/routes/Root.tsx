import { Outlet } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

/** What every page has: a way past the navigation for the keyboard. */
export function Root() {
  const { t } = useTranslation();
  return (
    <>
      {/* biome-ignore lint/a11y/useValidAnchor: it leads to a place on this page, as a link does */}
      <a
        href="#content"
        className="no-print sr-only rounded-b-md bg-accent px-4 py-2 text-on-accent focus:not-sr-only focus:fixed focus:start-4 focus:top-0 focus:z-60"
        onClick={(event) => {
          // The fragment belongs to links with a token, so the address stays as it is.
          event.preventDefault();
          document.querySelector<HTMLElement>("main")?.focus();
        }}
      >
        {t("common.skip")}
      </a>
      <Outlet />
    </>
  );
}
