import { Link, useSearch } from "@tanstack/react-router";
import { Building2 } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { useFormContext } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { z } from "zod";
import { answer, api } from "@/api/client";
import { isProblem } from "@/api/problem";
import { fields } from "@/api/rules.generated";
import { Button } from "@/components/Button";
import { Form, useForm } from "@/components/form/Form";
import { PasswordField, TextField } from "@/components/form/fields";
import { rulesIn } from "@/components/form/rules";
import { Notice } from "@/components/Notice";
import { ProblemNotice } from "@/components/ProblemNotice";
import { SignInFrame } from "./SignInFrame";
import { SubmitButton } from "./SubmitButton";
import { useGoToWork } from "./use-sign-in";

interface Credentials {
  email: string;
  password: string;
}

interface HospitalChoice {
  organization_id: string;
  organization_name: string;
}

/** For everybody who knows their e-mail address; the hospital is found by it. */
export function RegularSignIn() {
  const { t } = useTranslation();
  return (
    <SignInFrame
      title={t("signIn.regular.title")}
      explanation={t("signIn.regular.explanation")}
      footer={
        <p>
          {t("signIn.regular.firstTime")}{" "}
          <Link to="/staff" className="font-medium text-accent underline underline-offset-2">
            {t("signIn.regular.chooseHospital")}
          </Link>
        </p>
      }
    >
      <EmailSignIn />
    </SignInFrame>
  );
}

/** For those who run the platform. */
export function PlatformSignIn() {
  const { t } = useTranslation();
  return (
    <SignInFrame title={t("signIn.platform.title")} explanation={t("signIn.platform.explanation")}>
      <EmailSignIn />
    </SignInFrame>
  );
}

function EmailSignIn() {
  const { t } = useTranslation();
  const { redirect } = useSearch({ strict: false });
  const goToWork = useGoToWork();
  // Where the password is right at several hospitals, the person says which; what was typed waits here, in memory.
  const [choice, setChoice] = useState<{ credentials: Credentials; hospitals: HospitalChoice[] } | null>(null);
  const schema = useMemo(() => {
    const rules = rulesIn(t);
    return z.object({ email: rules.email(fields.Login.email), password: rules.password() });
  }, [t]);
  const state = useForm({
    schema,
    defaultValues: { email: "", password: "" },
    submit: async (credentials, form) => {
      try {
        const { user } = await answer(api.POST("/login", { body: credentials }));
        await goToWork(user, redirect);
      } catch (error) {
        if (isProblem(error, "choose-organization")) {
          setChoice({ credentials, hospitals: error.extra.organizations as HospitalChoice[] });
          return;
        }
        form.resetField("password");
        throw error;
      }
    },
  });
  if (choice) return <ChooseHospital {...choice} onBack={() => setChoice(null)} />;
  return (
    <Form state={state}>
      <Redirected redirect={redirect} />
      <CredentialFields state={state} />
    </Form>
  );
}

function ChooseHospital({
  credentials,
  hospitals,
  onBack,
}: {
  credentials: Credentials;
  hospitals: HospitalChoice[];
  onBack: () => void;
}) {
  const { t } = useTranslation();
  const { redirect } = useSearch({ strict: false });
  const goToWork = useGoToWork();
  const [pending, setPending] = useState<string | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const choose = async (organization_id: string) => {
    setPending(organization_id);
    try {
      const { user } = await answer(api.POST("/organization-login", { body: { ...credentials, organization_id } }));
      await goToWork(user, redirect);
    } catch (error) {
      setProblem(error);
      setPending(null);
    }
  };
  return (
    <div className="grid gap-4">
      <h2 className="text-base font-semibold">{t("signIn.choose.title")}</h2>
      <ProblemNotice error={problem} />
      <ul className="grid gap-2">
        {hospitals.map(({ organization_id, organization_name }) => (
          <li key={organization_id}>
            <Button
              className="w-full justify-start text-start"
              pending={pending === organization_id}
              disabled={pending !== null}
              onClick={() => void choose(organization_id)}
            >
              <Building2 aria-hidden className="size-4 shrink-0 text-accent" />
              <span dir="auto">{organization_name}</span>
            </Button>
          </li>
        ))}
      </ul>
      <Button look="quiet" onClick={onBack}>
        {t("common.back")}
      </Button>
    </div>
  );
}

/** Why somebody who was at work sees a sign-in. */
export function Redirected({ redirect }: { redirect: string | undefined }) {
  const { t } = useTranslation();
  if (redirect === undefined) return null;
  return <Notice tone="info">{t("signIn.ended")}</Notice>;
}

/** Who somebody is, and the way to send it. */
export function CredentialFields({
  state,
}: {
  state: { isSubmitting: boolean; problem: unknown; forgetProblem: () => void };
}) {
  const { t } = useTranslation();
  const { watch } = useFormContext();
  const { forgetProblem } = state;
  // What was refused, and for how long, was this account; another one may be tried at once.
  useEffect(() => {
    const { unsubscribe } = watch((_, { name }) => {
      if (name === "email" || name === "organization_id") forgetProblem();
    });
    return unsubscribe;
  }, [watch, forgetProblem]);
  return (
    <>
      <TextField name="email" type="email" label={t("signIn.email")} autoComplete="username" inputMode="email" />
      <PasswordField name="password" label={t("signIn.password")} autoComplete="current-password" />
      <SubmitButton pending={state.isSubmitting} problem={state.problem}>
        {t("signIn.submit")}
      </SubmitButton>
      <ForgotPasswordLink />
    </>
  );
}

function ForgotPasswordLink() {
  const { t } = useTranslation();
  return (
    <Link to="/forgot-password" className="justify-self-start font-medium text-accent underline underline-offset-2">
      {t("signIn.forgot")}
    </Link>
  );
}
