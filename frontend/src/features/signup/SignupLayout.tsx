import { Outlet, useLocation } from "@tanstack/react-router";
import clsx from "clsx";
import { Check } from "lucide-react";
import { useTranslation } from "react-i18next";
import { PublicHeader } from "../welcome/PublicLayout";
import { useSignupDraft } from "./draft";
import { steps } from "./steps";

/** The frame of the five steps: which there are, and which one it is. */
export function SignupLayout() {
  const { t } = useTranslation();
  const { pathname } = useLocation();
  const { isComplete } = useSignupDraft();
  const current = steps.findIndex((step) => pathname.endsWith(`/${step}`));
  return (
    <div className="flex min-h-dvh flex-col">
      <PublicHeader />
      <main
        id="content"
        tabIndex={-1}
        className="mx-auto grid w-full max-w-4xl flex-1 content-start gap-8 px-4 pt-4 pb-16 sm:px-6"
      >
        <nav aria-label={t("signup.progress")}>
          <ol className="flex gap-1 sm:gap-3">
            {steps.map((step, index) => {
              const isDone = index < current || (isComplete && index <= current);
              return (
                <li
                  key={step}
                  aria-current={index === current ? "step" : undefined}
                  className={clsx(
                    "flex flex-1 items-center gap-2 border-t-2 pt-3",
                    index <= current ? "border-accent" : "border-line",
                  )}
                >
                  <span
                    className={clsx(
                      "grid size-6 shrink-0 place-items-center rounded-full text-sm font-semibold tabular",
                      index === current && !isDone && "bg-accent text-on-accent",
                      isDone && "bg-accent-soft text-accent",
                      index > current && "bg-sunken text-ink-soft",
                    )}
                  >
                    {isDone ? <Check aria-hidden className="size-4" /> : index + 1}
                    {isDone && <span className="sr-only">{t("signup.stepDone")}</span>}
                  </span>
                  <span className={clsx("max-sm:sr-only", index === current ? "font-semibold" : "text-ink-soft")}>
                    {t(`signup.steps.${step}`)}
                  </span>
                </li>
              );
            })}
          </ol>
        </nav>
        <Outlet />
      </main>
    </div>
  );
}
