import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import { PlanCards } from "@/components/PlanCards";
import { Failure, Skeleton } from "@/components/states";
import { Anew } from "./Anew";
import { changeSignup, useSignupDraft } from "./draft";
import { plansQuery } from "./plans";
import { StepHeader } from "./StepHeader";

export function PlanStep() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const draft = useSignupDraft();
  const [isMissing, setMissing] = useState(false);
  const { data, error, refetch } = useQuery(plansQuery);
  const goOn = (event: React.FormEvent) => {
    event.preventDefault();
    if (draft.planId) void navigate({ to: "/signup/details" });
    else setMissing(true);
  };
  return (
    <>
      <StepHeader step="plan" explanation={t("signup.plan.explanation")} />
      {error && !data && <Failure error={error} retry={() => void refetch()} />}
      {!data && !error && <Skeleton lines={8} />}
      {data && (
        <form className="grid gap-8" onSubmit={goOn}>
          {isMissing && !draft.planId && <Notice tone="bad">{t("signup.plan.missing")}</Notice>}
          <Anew />
          <PlanCards plans={data.plans} value={draft.planId} onChange={(planId) => changeSignup({ planId })} />
          <div className="flex justify-end">
            <Button type="submit" look="primary">
              {t("common.continue")}
            </Button>
          </div>
        </form>
      )}
    </>
  );
}
