import { useTranslation } from "react-i18next";
import { Notice } from "@/components/Notice";
import { useSignupDraft } from "./draft";
import { contentOf } from "./request";

/**
 * A hospital that is signed up and not paid cannot change its plan or its name: whoever changes them signs another one up. That
 * is said before it happens.
 */
export function Anew({ plan }: { plan: Parameters<typeof contentOf>[1] | undefined }) {
  const { t } = useTranslation();
  const { signup, details } = useSignupDraft();
  if (!signup || !details || !plan || signup.content === contentOf(details, plan)) return null;
  const { organization_name: hospital } = signup;
  return <Notice tone="warn">{t("signup.payment.anew", { hospital, plan: signup.plan.name })}</Notice>;
}
