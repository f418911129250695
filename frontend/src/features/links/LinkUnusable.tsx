import { Unlink } from "lucide-react";
import { useTranslation } from "react-i18next";
import { ButtonLink } from "@/components/Button";
import { PageHeader } from "@/components/Page";

/** A link that was used, has expired or was replaced: the server does not say which, so that nobody can try links out. */
export function LinkUnusable({ title, advice }: { title: string; advice: string }) {
  const { t } = useTranslation();
  return (
    <div className="mx-auto grid max-w-md justify-items-start gap-6">
      <span className="grid size-12 place-items-center rounded-full bg-warn-soft text-warn">
        <Unlink aria-hidden className="size-6" />
      </span>
      <PageHeader title={title} explanation={advice} />
      <ButtonLink to="/">{t("notFound.home")}</ButtonLink>
    </div>
  );
}
