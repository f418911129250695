import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { CircleCheck } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { isProblem } from "@/api/problem";
import { Button } from "@/components/Button";
import { Card } from "@/components/Page";
import { Failure, Skeleton } from "@/components/states";
import { useFormat } from "@/dates/format";
import { CardForm } from "./CardForm";
import { changeSignup, forgetSignup, useSignupDraft } from "./draft";
import { Progress } from "./Progress";
import { plansQuery } from "./plans";
import { type Provisioning, useProvisioning } from "./provisioning";
import { StepHeader } from "./StepHeader";

/** Pays, and shows the hospital being made. Somebody who comes back finds it as far as it has come meanwhile. */
export function PaymentStep() {
  const { t } = useTranslation();
  const draft = useSignupDraft();
  const [isPaid, setPaid] = useState(false);
  // One that was signed up before; the form below signs up by itself and must not go away while it does.
  const [isReturning] = useState(draft.signup !== undefined);
  const provisioning = useProvisioning(draft.signup?.organization_id);
  const isReady = provisioning.data?.ready === true && provisioning.data.status === "active";
  useEffect(() => {
    if (isReady) changeSignup({ isReady: true });
  }, [isReady]);

  if (isReturning && isProblem(provisioning.error, "unauthenticated", "not-found", "forbidden")) return <SetupEnded />;
  if (isReturning && provisioning.isPending) return <Skeleton lines={6} />;
  const isWaiting = provisioning.data === undefined || provisioning.data.status === "pending_payment";
  const isBeingMade = isPaid || !isWaiting;
  return (
    <>
      <StepHeader
        step="payment"
        explanation={isBeingMade ? t("signup.provisioning.explanation") : t("signup.payment.explanation")}
      />
      {isBeingMade && provisioning.data ? (
        <Making provisioning={provisioning.data} />
      ) : (
        <div className="grid items-start gap-8 md:grid-cols-[1fr_18rem]">
          <CardForm onPaid={() => setPaid(true)} provisioning={provisioning.data} />
          <Summary />
        </div>
      )}
    </>
  );
}

function Making({ provisioning }: { provisioning: Provisioning }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const button = useRef<HTMLButtonElement>(null);
  const { ready } = provisioning;
  useEffect(() => {
    if (ready) button.current?.focus();
  }, [ready]);
  return (
    <div className="grid gap-8">
      <Progress provisioning={provisioning} />
      {ready && (
        <div className="flex flex-wrap items-center justify-between gap-4">
          <p className="flex items-center gap-2 font-semibold text-good">
            <CircleCheck aria-hidden className="size-5" />
            {t("signup.provisioning.ready")}
          </p>
          <Button ref={button} look="primary" onClick={() => void navigate({ to: "/signup/team" })}>
            {t("signup.provisioning.goOn")}
          </Button>
        </div>
      )}
    </div>
  );
}

/** What is bought, beside where it is paid. */
function Summary() {
  const { t } = useTranslation();
  const format = useFormat();
  const { planId, details } = useSignupDraft();
  const { data, error, refetch } = useQuery(plansQuery);
  const plan = data?.plans.find((one) => one.plan_id === planId);
  if (error) return <Failure error={error} retry={() => void refetch()} />;
  if (!plan || !details) return <Skeleton />;
  return (
    <Card title={t("signup.payment.summary")}>
      <dl className="grid gap-4">
        <div className="grid">
          <dt className="text-ink-soft">{t("signup.details.name")}</dt>
          <dd className="font-medium" dir="auto">
            {details.organization_name}
          </dd>
          <dd className="text-ink-soft">{details.organization_email}</dd>
        </div>
        <div className="grid">
          <dt className="text-ink-soft">{t("signup.payment.plan")}</dt>
          <dd className="flex justify-between gap-2 font-medium tabular">
            <span>{plan.name}</span>
            <span>{format.money(plan.price, plan.currency)}</span>
          </dd>
        </div>
      </dl>
      <Link to="/signup/details" className="mt-4 inline-block font-medium text-accent underline underline-offset-2">
        {t("signup.payment.change")}
      </Link>
    </Card>
  );
}

/** The browser may no longer act for the sign-up: its time is over, or its administrator has a password. */
export function SetupEnded() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  return (
    <div className="grid max-w-md gap-6">
      <h1 className="text-xl font-semibold">{t("signup.ended.title")}</h1>
      <p className="text-ink-soft">{t("signup.ended.explanation")}</p>
      <div className="flex flex-wrap gap-2">
        <Button look="primary" onClick={() => void navigate({ to: "/staff" })}>
          {t("signIn.submit")}
        </Button>
        <Button
          onClick={() => {
            forgetSignup();
            void navigate({ to: "/signup/plan" });
          }}
        >
          {t("signup.ended.again")}
        </Button>
      </div>
    </div>
  );
}
