import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { z } from "zod";
import { answer, api } from "@/api/client";
import { isProblem } from "@/api/problem";
import { fields } from "@/api/rules.generated";
import { Button, ButtonLink } from "@/components/Button";
import { Form, useForm } from "@/components/form/Form";
import { rulesIn } from "@/components/form/rules";
import { Notice } from "@/components/Notice";
import { SignInFrame } from "../sign-in/SignInFrame";
import { isLost, LinkMissing, LinkUnusable, MaybeDone } from "./LinkUnusable";
import { NewPassword } from "./NewPassword";
import { useLinkToken } from "./token";

/** The page of a link that sets a new password. It ends every session, so the person signs in afterwards. */
export function ResetPassword() {
  const token = useLinkToken();
  return token === "" ? <LinkMissing /> : <ChoosePassword key={token} token={token} />;
}

function ChoosePassword({ token }: { token: string }) {
  const { t } = useTranslation();
  const [isMaybeDone, setMaybeDone] = useState(false);
  const [isDone, setDone] = useState(false);
  const schema = useMemo(() => z.object({ password: rulesIn(t).newPassword(fields.CompleteReset.password) }), [t]);
  const state = useForm({
    schema,
    defaultValues: { password: "" },
    submit: async ({ password }) => {
      await answer(api.POST("/password-reset/complete", { body: { token, password } })).catch((error: unknown) => {
        if (isLost(error)) setMaybeDone(true);
        throw error;
      });
      setDone(true);
    },
  });
  const isUnusable = isProblem(state.problem, "link-unusable");
  if (isUnusable && !isMaybeDone) {
    return <LinkUnusable title={t("links.reset.unusable")} advice={t("links.reset.advice")} />;
  }
  return (
    <SignInFrame title={t("links.reset.title")} explanation={t("links.reset.explanation")}>
      {isDone ? (
        <div className="grid gap-4">
          <Notice tone="good">{t("links.reset.done")}</Notice>
          <ButtonLink to="/sign-in" look="primary">
            {t("signIn.submit")}
          </ButtonLink>
        </div>
      ) : isUnusable ? (
        <MaybeDone />
      ) : (
        <Form state={state}>
          <NewPassword />
          <Button type="submit" look="primary" pending={state.isSubmitting}>
            {t("links.reset.submit")}
          </Button>
          {isMaybeDone && <MaybeDone />}
        </Form>
      )}
    </SignInFrame>
  );
}
