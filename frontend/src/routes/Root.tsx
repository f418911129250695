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
        className="no-print fixed start-4 top-0 z-60 -translate-y-full rounded-b-md bg-accent px-4 py-2 text-on-accent focus:translate-y-0"
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
