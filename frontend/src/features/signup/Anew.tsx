import { useTranslation } from "react-i18next";
import { Notice } from "@/components/Notice";
import { useSignupDraft } from "./draft";
import { isSame } from "./request";

/** A hospital that is signed up keeps its name: whoever changes it signs another one up. That is said before it happens. */
export function Anew() {
  const { t } = useTranslation();
  const { signup, details } = useSignupDraft();
  if (!signup || !details || isSame(signup.details, details)) return null;
  return <Notice tone="warn">{t("signup.payment.anew", { hospital: signup.organization_name })}</Notice>;
}
