import clsx from "clsx";
import { CloudOff, type LucideIcon } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { isProblem, Problem } from "@/api/problem";
import { isPartMissing, reloadIfReplaced } from "@/parts";
import { Button } from "./Button";
import { PageTitle } from "./Page";
import { ProblemText } from "./ProblemText";

/** What a list or a page shows when there is nothing: what it is for, and what to do next. */
export function Empty({
  icon: Icon,
  title,
  children,
  action,
}: {
  icon: LucideIcon;
  title: ReactNode;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="grid justify-items-center gap-4 px-4 py-12 text-center">
      <span className="grid size-12 place-items-center rounded-full bg-sunken text-ink-soft">
        <Icon aria-hidden className="size-6" />
      </span>
      <div className="grid justify-items-center gap-1">
        <p className="text-base font-semibold text-balance">{title}</p>
        {children && <p className="max-w-prose text-balance text-ink-soft">{children}</p>}
      </div>
      {action}
    </div>
  );
}

/** The part that is missing is gone for good, and only the person can say when the page may be loaded anew. */
const newVersion = new Problem({ type: "new-version" });

/** Why something cannot be shown, and a way to try again. */
export function Failure({
  error,
  retry,
  title = "p",
}: {
  error: unknown;
  retry?: () => void;
  /** `h1` where it stands in place of a whole page. */
  title?: "p" | "h1";
}) {
  const { t } = useTranslation();
  const [isReplaced, setReplaced] = useState(false);
  useEffect(() => {
    if (isPartMissing(error)) void reloadIfReplaced().then(setReplaced);
  }, [error]);
  const canRetry = retry && !isReplaced && !isProblem(error, "not-found", "forbidden");
  return (
    <div role="alert" className="grid justify-items-center gap-4 px-4 py-12 text-center">
      <span className="grid size-12 place-items-center rounded-full bg-bad-soft text-bad">
        <CloudOff aria-hidden className="size-6" />
      </span>
      <div className="grid justify-items-center gap-1">
        {title === "h1" ? (
          <PageTitle className="text-base font-semibold">{t("common.cannotShow")}</PageTitle>
        ) : (
          <p className="text-base font-semibold">{t("common.cannotShow")}</p>
        )}
        <div className="max-w-prose text-balance text-ink-soft">
          <ProblemText error={isReplaced ? newVersion : error} />
        </div>
      </div>
      {canRetry && <Button onClick={retry}>{t("common.tryAgain")}</Button>}
      {isReplaced && <Button onClick={() => window.location.reload()}>{t("common.reload")}</Button>}
    </div>
  );
}

/** Grey lines where text is going to be. */
export function Skeleton({ lines = 4, className }: { lines?: number; className?: string }) {
  const { t } = useTranslation();
  return (
    <div role="status" className={clsx("grid gap-4", className)}>
      <span className="sr-only">{t("common.loading")}</span>
      {Array.from({ length: lines }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines have no identity and never move
        <div key={index} aria-hidden className="skeleton h-5" style={{ width: `${90 - ((index * 17) % 40)}%` }} />
      ))}
    </div>
  );
}
