import { Compass } from "lucide-react";
import { useTranslation } from "react-i18next";
import { ButtonLink } from "@/components/Button";
import { usePageTitle } from "@/components/Page";
import { Empty } from "@/components/states";

export function NotFound() {
  const { t } = useTranslation();
  usePageTitle(t("notFound.title"));
  return (
    <main id="content" tabIndex={-1} className="grid min-h-dvh place-items-center">
      <h1 className="sr-only">{t("notFound.title")}</h1>
      <Empty
        icon={Compass}
        title={t("notFound.title")}
        action={
          <ButtonLink to="/" look="primary">
            {t("notFound.home")}
          </ButtonLink>
        }
      >
        {t("notFound.explanation")}
      </Empty>
    </main>
  );
}
