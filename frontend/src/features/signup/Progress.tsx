import { Check, CircleDashed, CircleX, LoaderCircle } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "@/api/client";
import { Notice } from "@/components/Notice";
import { useKnownWords } from "@/i18n/known";
import type { Provisioning } from "./provisioning";

/** After this long, the person is told what to do with the time. */
const LONG = 15_000;

const icons = {
  waiting: <CircleDashed aria-hidden className="size-5 text-ink-soft" />,
  working: <LoaderCircle aria-hidden className="turning size-5 text-accent" />,
  done: <Check aria-hidden className="size-5 text-good" />,
  failed: <CircleX aria-hidden className="size-5 text-bad" />,
};

/** The making of a hospital, step by step. */
export function Progress({ provisioning }: { provisioning: Provisioning }) {
  const { t } = useTranslation();
  const isLong = useIsLong(!provisioning.ready);
  const done = provisioning.steps.filter((step) => step.state === "done").length;
  const hasFailed = provisioning.status === "failed";
  return (
    <div className="grid gap-6">
      <p role="status" className="text-ink-soft">
        {t("signup.provisioning.count", { done, of: provisioning.steps.length })}
      </p>
      <ol className="grid gap-px overflow-hidden rounded-lg border border-line bg-line sm:grid-cols-2">
        {provisioning.steps.map((step) => (
          <li key={step.step} className="flex items-center gap-3 bg-surface px-4 py-3">
            {icons[step.state]}
            <span className={step.state === "waiting" ? "text-ink-soft" : "font-medium"}>
              <StepTitle step={step} />
            </span>
            <span className="sr-only">: {t(`signup.provisioning.states.${step.state}`)}</span>
          </li>
        ))}
      </ol>
      {hasFailed && (
        <Notice tone="bad" title={t("signup.provisioning.failed")}>
          <p lang="en">{provisioning.message}</p>
        </Notice>
      )}
      {isLong && !hasFailed && (
        <Notice tone="info" title={t("signup.provisioning.long")}>
          <p lang="en">{provisioning.message}</p>
          <p>{t("signup.provisioning.leave")}</p>
        </Notice>
      )}
    </div>
  );
}

/** What a step is called: in the person's language where it is known, else in the API's words. */
function StepTitle({ step }: { step: Schema<"ProvisioningStep"> }) {
  const known = useKnownWords();
  return known(`signup.provisioning.titles.${step.step}`) ?? <span lang="en">{step.title}</span>;
}

function useIsLong(isWaiting: boolean): boolean {
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    if (!isWaiting) return;
    const timer = setTimeout(() => setLong(true), LONG);
    return () => clearTimeout(timer);
  }, [isWaiting]);
  return isLong && isWaiting;
}
