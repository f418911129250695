import { useTranslation } from "react-i18next";
import { Notice } from "@/components/Notice";

/** What is shown is not everything, and nobody may take it for that. */
export function CutNotice({ shown }: { shown: number }) {
  const { t } = useTranslation();
  return (
    <div className="p-4 sm:px-6">
      <Notice tone="warn">{t("appointments.cut", { count: shown })}</Notice>
    </div>
  );
}
