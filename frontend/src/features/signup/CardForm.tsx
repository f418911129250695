import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Lock } from "lucide-react";
import { useMemo } from "react";
import { Controller, useFormContext } from "react-hook-form";
import { useTranslation } from "react-i18next";
import type { z } from "zod";
import { answer, api } from "@/api/client";
import { useIdempotency } from "@/api/idempotency";
import { isProblem } from "@/api/problem";
import { Button, ButtonLink } from "@/components/Button";
import { Field, fieldLook } from "@/components/form/Field";
import { Form, useForm } from "@/components/form/Form";
import { TextField } from "@/components/form/fields";
import { useFormat } from "@/dates/format";
import { inOwnWords } from "@/i18n/refusals";
import { Anew } from "./Anew";
import { cardSchema, caretIn, expiryTyped, grouped } from "./card";
import { changeSignup, useSignupDraft } from "./draft";
import { Progress } from "./Progress";
import { plansQuery } from "./plans";
import type { Provisioning } from "./provisioning";
import { signUp } from "./request";

type Card = z.input<ReturnType<typeof cardSchema>>;

const empty: Card = { card_name: "", card_number: "", card_expiry: "", card_cvc: "" };

/** Signs up and pays. Neither is done twice, however often it is tried. */
export function CardForm({ onPaid, provisioning }: { onPaid: () => void; provisioning: Provisioning | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { planId, signup } = useSignupDraft();
  const { data } = useQuery(plansQuery);
  const plan = data?.plans.find((one) => one.plan_id === planId);
  const navigate = useNavigate();
  const once = useIdempotency();
  const schema = useMemo(() => cardSchema(t), [t]);
  const state = useForm({
    schema,
    defaultValues: empty,
    submit: async (card, form) => {
      if (!plan) return;
      try {
        const { organization_id } = await signUp(plan);
        const body = { organization_id, amount: plan.price, ...card };
        await once(body, (key) =>
          answer(api.POST("/process-payment", { body, params: { header: { "Idempotency-Key": key } } })),
        );
      } catch (error) {
        if (isProblem(error, "invalid") && error.errors.some(({ pointer }) => pointer?.startsWith("/organization_"))) {
          changeSignup({ refused: await inOwnWords(error.errors) });
          await navigate({ to: "/signup/details" });
          return;
        }
        // Paid before, perhaps in another tab: there is nothing to do but to watch.
        if (!isProblem(error, "already-paid")) {
          form.resetField("card_cvc");
          throw error;
        }
      }
      form.reset(empty);
      onPaid();
    },
  });
  const isWorking = state.isSubmitting;
  return (
    <Form state={state} label={t("signup.titles.payment")}>
      {isWorking && signup && provisioning && <Progress provisioning={provisioning} />}
      {!isWorking && <Anew />}
      {data?.test_card && <p>{t("signup.payment.testCard", { number: grouped(data.test_card) })}</p>}
      <fieldset disabled={isWorking} className="grid gap-6">
        <TextField name="card_name" label={t("signup.payment.name")} autoComplete="cc-name" />
        <Typed
          name="card_number"
          label={t("signup.payment.number")}
          autoComplete="cc-number"
          as={grouped}
          placeholder="0000 0000 0000 0000"
        />
        <div className="grid grid-cols-2 gap-4">
          <Typed
            name="card_expiry"
            label={t("signup.payment.expiry")}
            autoComplete="cc-exp"
            as={expiryTyped}
            placeholder={t("signup.payment.expiryForm")}
          />
          <Typed
            name="card_cvc"
            label={t("signup.payment.code")}
            autoComplete="cc-csc"
            as={(text) => text.replace(/\D/g, "").slice(0, 4)}
            placeholder="000"
          />
        </div>
      </fieldset>
      <p className="flex items-center gap-2 text-ink-soft">
        <Lock aria-hidden className="size-4 shrink-0" />
        {t("signup.payment.notKept")}
      </p>
      <div className="flex flex-wrap justify-between gap-2">
        <ButtonLink to="/signup/details">{t("common.back")}</ButtonLink>
        <Button type="submit" look="primary" pending={isWorking} disabled={!plan} className="tabular">
          {plan ? t("signup.payment.pay", { amount: format.money(plan.price, plan.currency) }) : t("common.loading")}
        </Button>
      </div>
    </Form>
  );
}

/** A field whose text is put in order while it is typed or pasted. */
function Typed({
  name,
  label,
  as,
  ...input
}: {
  name: keyof Card;
  label: string;
  as: (text: string) => string;
  autoComplete: string;
  placeholder: string;
}) {
  const { control } = useFormContext<Card>();
  return (
    <Controller
      control={control}
      name={name}
      render={({ field, fieldState }) => (
        <Field label={label} error={fieldState.error?.message}>
          {(tied) => (
            <input
              {...input}
              {...tied}
              {...field}
              inputMode="numeric"
              className={fieldLook}
              onChange={({ target }) => {
                const caret = caretIn(as(target.value), target.value, target.selectionStart);
                target.value = as(target.value);
                target.setSelectionRange(caret, caret);
                field.onChange(target.value);
              }}
            />
          )}
        </Field>
      )}
    />
  );
}
