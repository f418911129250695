import { Link, type LinkProps } from "@tanstack/react-router";
import { ArrowRight, Building2, ChartColumn, KeyRound, type LucideIcon, Stethoscope } from "lucide-react";
import { useTranslation } from "react-i18next";
import { PageHeader } from "@/components/Page";

interface Door {
  to: LinkProps["to"];
  icon: LucideIcon;
  name: "regular" | "staff" | "signup" | "admin";
}

const doors: Door[] = [
  { to: "/sign-in", icon: KeyRound, name: "regular" },
  { to: "/staff", icon: Stethoscope, name: "staff" },
  { to: "/signup", icon: Building2, name: "signup" },
  { to: "/admin", icon: ChartColumn, name: "admin" },
];

/** The four doors: who somebody is decides where they go on. */
export function Welcome() {
  const { t } = useTranslation();
  return (
    <div className="mx-auto grid max-w-4xl gap-8">
      <PageHeader title={t("welcome.title")} explanation={t("welcome.explanation")} takesFocus={false} />
      <ul className="grid gap-4 sm:grid-cols-2">
        {doors.map(({ to, icon: Icon, name }) => (
          <li key={name}>
            <Link
              to={to}
              className="group flex h-full items-start gap-3 rounded-lg border border-line bg-surface p-4 transition-colors hover:border-accent sm:gap-4 sm:p-6"
            >
              <span className="grid size-10 shrink-0 place-items-center rounded-md bg-accent-soft text-accent">
                <Icon aria-hidden className="size-5" />
              </span>
              <span className="grid min-w-0 flex-1 gap-1 wrap-anywhere hyphens-auto">
                <span className="text-base font-semibold">{t(`welcome.doors.${name}.title`)}</span>
                <span className="text-ink-soft">{t(`welcome.doors.${name}.purpose`)}</span>
              </span>
              <ArrowRight
                aria-hidden
                className="mt-1 size-4 shrink-0 text-ink-soft transition-transform group-hover:translate-x-0.5 rtl:rotate-180"
              />
            </Link>
          </li>
        ))}
      </ul>
    </div>
  );
}
