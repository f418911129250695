import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Database } from "lucide-react";
import { useDeferredValue, useEffect, useMemo, useState } from "react";
import { useWatch } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { z } from "zod";
import { answer, api } from "@/api/client";
import { fields } from "@/api/rules.generated";
import { Button, ButtonLink } from "@/components/Button";
import { Form, putAtFields, useForm } from "@/components/form/Form";
import { TextField } from "@/components/form/fields";
import { rulesIn } from "@/components/form/rules";
import { changeSignup, type Details, signupDraft, useSignupDraft } from "./draft";
import { StepHeader } from "./StepHeader";
import { Summary } from "./Summary";

const nothing: Details = { organization_name: "", organization_email: "", organization_phone: "" };

export function DetailsStep() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [draft] = useState(signupDraft);
  const schema = useMemo(() => {
    const rules = rulesIn(t);
    return z.object({
      organization_name: rules.required(fields.SignupRequest.organization_name),
      organization_email: rules.email(fields.SignupRequest.organization_email),
      organization_phone: rules.required(fields.SignupRequest.organization_phone, t("form.phone")),
    });
  }, [t]);
  const state = useForm({
    schema,
    defaultValues: draft.typed ?? nothing,
    submit: async (details) => {
      changeSignup({ details });
      await navigate({ to: "/signup/payment" });
    },
  });
  const { form } = state;
  useEffect(() => {
    const { refused } = signupDraft();
    if (!refused) return;
    const { first } = putAtFields(refused, form, {});
    if (first) form.setFocus(first);
    changeSignup({ refused: undefined });
  }, [form]);
  // What is typed and not sent yet survives a reload, too, whether or not it is right already.
  const typed = useWatch({ control: state.form.control });
  useEffect(() => changeSignup({ typed: { ...nothing, ...typed } }), [typed]);
  return (
    <>
      <StepHeader step="details" explanation={t("signup.details.explanation")} />
      <div className="grid items-start gap-8 md:grid-cols-[1fr_18rem]">
        <Form state={state}>
          <div className="grid gap-3">
            <TextField name="organization_name" label={t("signup.details.name")} autoComplete="organization" />
            <DatabaseName hospital={typed.organization_name ?? ""} />
          </div>
          <TextField
            name="organization_email"
            type="email"
            inputMode="email"
            label={t("signup.details.email")}
            hint={t("signup.details.emailHint")}
            autoComplete="email"
          />
          <TextField
            name="organization_phone"
            type="tel"
            label={t("signup.details.phone")}
            hint={t("signup.details.phoneHint")}
            autoComplete="tel"
          />
          <div className="flex flex-wrap justify-between gap-2">
            <ButtonLink to="/signup/plan">{t("common.back")}</ButtonLink>
            <Button type="submit" look="primary" pending={state.isSubmitting}>
              {t("common.continue")}
            </Button>
          </div>
        </Form>
        <Summary change="/signup/plan" />
      </div>
    </>
  );
}

/** The name that the hospital's database would get, as the server makes it from the hospital's name. */
function DatabaseName({ hospital }: { hospital: string }) {
  const { t } = useTranslation();
  const name = useSettled(hospital.trim());
  const { signup } = useSignupDraft();
  // By this name the hospital is signed up already, and has its database's name: another one would be for another hospital.
  const own = signup && signup.details.organization_name === name ? signup : undefined;
  const preview = useQuery({
    queryKey: ["database-name", name],
    queryFn: ({ signal }) =>
      answer(api.GET("/signup/database-name", { params: { query: { organization_name: name } }, signal })),
    enabled: own === undefined && name !== "" && [...name].length <= 300,
    placeholderData: (previous) => previous,
    retry: false,
  });
  const shown = name === "" ? undefined : (own ?? preview.data)?.database_name;
  return (
    <p className="flex items-center gap-2 rounded-md bg-sunken px-3 py-2 text-ink-soft" aria-live="polite">
      <Database aria-hidden className="size-4 shrink-0" />
      <span className="min-w-0">
        {t("signup.details.database")}{" "}
        <code className="inline-block font-medium break-all text-ink">{shown ?? "–"}</code>
      </span>
    </p>
  );
}

/** The value, once it has not changed for a moment. */
function useSettled(value: string): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), 200);
    return () => clearTimeout(timer);
  }, [value]);
  return useDeferredValue(settled);
}
