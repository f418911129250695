import { Unlink } from "lucide-react";
import { useTranslation } from "react-i18next";
import { isProblem } from "@/api/problem";
import { ButtonLink } from "@/components/Button";
import { DeadEnd } from "@/components/DeadEnd";
import { Notice } from "@/components/Notice";

/** A link that was used, has expired or was replaced: the server does not say which, so that nobody can try links out. */
export function LinkUnusable({ title, advice }: { title: string; advice: string }) {
  return <DeadEnd icon={Unlink} tone="warn" title={title} advice={advice} />;
}

/** The page was opened without a link, or was loaded anew, which forgets it. Whether it still works is another matter. */
export function LinkMissing() {
  const { t } = useTranslation();
  return <DeadEnd icon={Unlink} tone="warn" title={t("links.missing.title")} advice={t("links.missing.advice")} />;
}

/** Nobody knows whether a password was set: the link may be used by now, and the way on is the sign-in. */
export function MaybeDone() {
  const { t } = useTranslation();
  return (
    <Notice tone="info">
      <div className="grid justify-items-start gap-4">
        <p>{t("links.maybeDone")}</p>
        <ButtonLink to="/sign-in">{t("signIn.submit")}</ButtonLink>
      </div>
    </Notice>
  );
}

/** After such an answer the same try may have had its effect. */
export function isLost(error: unknown): boolean {
  return isProblem(error) && error.isUndecided;
}
