import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { PageHeader } from "@/components/Page";
import { type Step, steps } from "./steps";

export function StepHeader({ step, explanation }: { step: Step; explanation: ReactNode }) {
  const { t } = useTranslation();
  const title = t("signup.stepTitle", {
    number: steps.indexOf(step) + 1,
    of: steps.length,
    title: t(`signup.titles.${step}`),
  });
  return <PageHeader title={title} explanation={explanation} />;
}
