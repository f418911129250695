import clsx from "clsx";
import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ButtonLink } from "./Button";
import { PageHeader } from "./Page";

/** A page from which there is only one way on: the way back to the first one, if nothing else. */
export function DeadEnd({
  icon: Icon,
  tone,
  title,
  advice,
  action,
}: {
  icon: LucideIcon;
  tone: "neutral" | "warn";
  title: string;
  advice: string;
  action?: ReactNode;
}) {
  const { t } = useTranslation();
  return (
    <div className="mx-auto grid max-w-md justify-items-start gap-6">
      <span
        className={clsx(
          "grid size-12 place-items-center rounded-full",
          tone === "warn" ? "bg-warn-soft text-warn" : "bg-sunken text-ink-soft",
        )}
      >
        <Icon aria-hidden className="size-6" />
      </span>
      <PageHeader title={title} explanation={advice} />
      {action ?? <ButtonLink to="/">{t("notFound.home")}</ButtonLink>}
    </div>
  );
}
