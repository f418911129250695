import clsx from "clsx";
import { Check } from "lucide-react";
import { useId } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "@/api/client";
import { useFormat } from "@/dates/format";

/** The plans as a choice of one. */
export function PlanCards({
  plans,
  value,
  onChange,
  current,
  disabled = () => false,
}: {
  plans: Schema<"Plan">[];
  value: string | undefined;
  onChange: (planId: string) => void;
  /** The plan that the hospital has now. */
  current?: string;
  disabled?: (plan: Schema<"Plan">) => boolean;
}) {
  const { t } = useTranslation();
  const name = useId();
  return (
    <fieldset className="grid gap-4 sm:grid-cols-3">
      <legend className="sr-only">{t("plans.choose")}</legend>
      {plans.map((plan) => (
        <label
          key={plan.plan_id}
          className={clsx(
            "grid cursor-pointer content-start gap-4 rounded-lg border bg-surface p-6 transition-colors has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent has-disabled:cursor-not-allowed has-disabled:bg-sunken",
            plan.plan_id === value ? "border-accent ring-1 ring-accent" : "border-line hover:border-line-strong",
          )}
        >
          <span className="flex items-center justify-between gap-2">
            <span className="text-base font-semibold">{plan.name}</span>
            <input
              type="radio"
              name={name}
              value={plan.plan_id}
              checked={plan.plan_id === value}
              disabled={disabled(plan)}
              onChange={() => onChange(plan.plan_id)}
              className="size-4 accent-accent"
            />
          </span>
          <PlanFacts plan={plan} />
          {plan.plan_id === current && <span className="text-ink-soft">{t("plans.current")}</span>}
        </label>
      ))}
    </fieldset>
  );
}

function PlanFacts({ plan }: { plan: Schema<"Plan"> }) {
  const { t } = useTranslation();
  const format = useFormat();
  const seats = plan.max_users === null ? t("plans.anySeats") : t("plans.seats", { count: plan.max_users });
  return (
    <>
      <span className="flex items-baseline gap-1.5">
        <span className="text-xl font-semibold tracking-tight tabular">{format.money(plan.price, plan.currency)}</span>
        <span className="text-ink-soft">{plan.interval === "month" ? t("plans.perMonth") : plan.interval}</span>
      </span>
      <span className="grid gap-2">
        {[seats, t("plans.ownDatabase"), t("plans.everyFeature")].map((fact) => (
          <span key={fact} className="flex gap-2">
            <Check aria-hidden className="mt-0.5 size-4 shrink-0 text-accent" />
            {fact}
          </span>
        ))}
      </span>
    </>
  );
}
