import { Compass } from "lucide-react";
import { useTranslation } from "react-i18next";
import { DeadEnd } from "@/components/DeadEnd";
import { PublicLayout } from "@/features/welcome/PublicLayout";

export function NotFound() {
  const { t } = useTranslation();
  return (
    <PublicLayout>
      <DeadEnd icon={Compass} tone="neutral" title={t("notFound.title")} advice={t("notFound.explanation")} />
    </PublicLayout>
  );
}
