import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { z } from "zod";
import { answer, api } from "@/api/client";
import { fields } from "@/api/rules.generated";
import { Button, ButtonLink } from "@/components/Button";
import { Form, useForm } from "@/components/form/Form";
import { TextField } from "@/components/form/fields";
import { rulesIn } from "@/components/form/rules";
import { Notice } from "@/components/Notice";
import { SignInFrame } from "../sign-in/SignInFrame";

/** Asks for a link to choose a new password. The answer is the same whether or not there is such an account. */
export function ForgotPassword() {
  const { t } = useTranslation();
  const [sentTo, setSentTo] = useState<string | null>(null);
  const schema = useMemo(() => z.object({ email: rulesIn(t).email(fields.RequestReset.email) }), [t]);
  const state = useForm({
    schema,
    defaultValues: { email: "" },
    submit: async ({ email }) => {
      await answer(api.POST("/password-reset", { body: { email } }));
      setSentTo(email);
    },
  });
  return (
    <SignInFrame
      title={t("links.forgot.title")}
      explanation={t("links.forgot.explanation")}
      footer={<p>{t("links.forgot.noMail")}</p>}
    >
      {sentTo === null ? (
        <Form state={state}>
          <TextField name="email" type="email" label={t("signIn.email")} autoComplete="username" inputMode="email" />
          <Button type="submit" look="primary" pending={state.isSubmitting}>
            {t("links.forgot.submit")}
          </Button>
        </Form>
      ) : (
        <div className="grid gap-4">
          <Notice tone="good">{t("links.forgot.sent", { email: sentTo })}</Notice>
          <ButtonLink to="/">{t("notFound.home")}</ButtonLink>
        </div>
      )}
    </SignInFrame>
  );
}
