import { useNavigate } from "@tanstack/react-router";
import { CircleCheck } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { isProblem } from "@/api/problem";
import { Button } from "@/components/Button";
import { PageHeader } from "@/components/Page";
import { Failure, Skeleton } from "@/components/states";
import { CardForm } from "./CardForm";
import { changeSignup, forgetSignup, useSignupDraft } from "./draft";
import { Progress } from "./Progress";
import { type Provisioning, useProvisioning } from "./provisioning";
import { StepHeader } from "./StepHeader";
import { Summary } from "./Summary";

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

  const { data, error, refetch } = provisioning;
  const mustKnow = isReturning || isPaid;
  if (mustKnow && isProblem(error, "unauthenticated", "not-found", "forbidden")) return <SetupEnded />;
  if (mustKnow && data === undefined && !error) return <Skeleton lines={6} />;
  const isWaiting = data === undefined || data.status === "pending_payment";
  const isBeingMade = isPaid || !isWaiting;
  const isUnderWay = !data?.ready && data?.status !== "failed";
  // Whether it is paid is not known without an answer, so nobody is asked for a card.
  const isUnknown = mustKnow && data === undefined;
  const explanation = !isBeingMade
    ? t("signup.payment.explanation")
    : t(isUnderWay ? "signup.provisioning.explanation" : "signup.provisioning.paid");
  return (
    <>
      <StepHeader step="payment" explanation={isUnknown ? undefined : explanation} />
      {isBeingMade && data && <Making provisioning={data} />}
      {(isUnknown || isBeingMade) && error && <Failure error={error} retry={() => void refetch()} />}
      {!isBeingMade && !isUnknown && (
        <div className="grid items-start gap-8 md:grid-cols-[1fr_18rem]">
          <CardForm onPaid={() => setPaid(true)} provisioning={data} />
          <Summary change="/signup/details" />
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

/** The browser may no longer act for the sign-up: its time is over, or its administrator has a password. */
export function SetupEnded() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  return (
    <div className="grid max-w-md gap-6">
      <PageHeader title={t("signup.ended.title")} explanation={t("signup.ended.explanation")} />
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
