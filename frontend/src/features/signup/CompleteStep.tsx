import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { ArrowRight, PartyPopper } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { useWatch } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { z } from "zod";
import { answer, api } from "@/api/client";
import { isProblem } from "@/api/problem";
import { fields } from "@/api/rules.generated";
import { Button } from "@/components/Button";
import { CopyField } from "@/components/CopyField";
import { Form, useForm } from "@/components/form/Form";
import { TextField } from "@/components/form/fields";
import { rulesIn } from "@/components/form/rules";
import { Notice } from "@/components/Notice";
import { Card, Fact } from "@/components/Page";
import { ProblemNotice } from "@/components/ProblemNotice";
import { RoleBadge } from "@/components/RoleBadge";
import { useSession } from "@/session/context";
import { meQuery } from "@/session/me";
import { NewPassword } from "../links/NewPassword";
import { changeSignup, forgetSignup, type Teammate, useSignupDraft } from "./draft";
import { keepLink, restoreLinks, useLinks } from "./links";
import { SetupEnded } from "./PaymentStep";
import { StepHeader } from "./StepHeader";

/** The administrator's own password first; then everything that the hospital needs to begin. */
export function CompleteStep() {
  const { t } = useTranslation();
  const { isComplete } = useSignupDraft();
  return (
    <>
      <StepHeader
        step="complete"
        explanation={isComplete ? t("signup.complete.done") : t("signup.complete.explanation")}
      />
      {isComplete ? <Begin /> : <AdministratorPassword />}
    </>
  );
}

function AdministratorPassword() {
  const { t } = useTranslation();
  const session = useSession();
  const { signup, details, team = [], administrator = "" } = useSignupDraft();
  const schema = useMemo(() => {
    const rules = rulesIn(t);
    return z.object({
      name: rules.optional(fields.SetUpAdministrator.name),
      password: rules.newPassword(fields.SetUpAdministrator.password),
    });
  }, [t]);
  const state = useForm({
    schema,
    defaultValues: { name: administrator, password: "" },
    submit: async ({ name, password }) => {
      // With the password the setup ends, and with it the way to get the links again.
      await restoreLinks(signup?.organization_id ?? "", team);
      const body = { password, ...(name === undefined ? {} : { name }) };
      const { user } = await answer(api.POST("/setup/administrator", { body }));
      session.begin(user);
      changeSignup({ isComplete: true });
    },
  });
  // The name survives a reload; the password is kept nowhere.
  const name = useWatch({ control: state.form.control, name: "name" });
  useEffect(() => changeSignup({ administrator: name }), [name]);
  if (isProblem(state.problem, "unauthenticated")) return <SetupEnded />;
  return (
    <Form state={state} className="grid max-w-xl gap-6">
      <dl>
        <Fact label={t("signup.complete.signInAs")}>{details?.organization_email}</Fact>
      </dl>
      <input type="hidden" name="username" autoComplete="username" value={details?.organization_email ?? ""} readOnly />
      <TextField name="name" label={t("signup.complete.name")} autoComplete="name" optional />
      <NewPassword />
      <Button type="submit" look="primary" pending={state.isSubmitting} className="justify-self-end">
        {t("signup.complete.finish")}
      </Button>
    </Form>
  );
}

function Begin() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { signup, team = [] } = useSignupDraft();
  const open = async () => {
    await navigate({ to: "/app", replace: true });
    forgetSignup();
  };
  return (
    <div className="grid gap-6">
      <Notice tone="good" title={t("signup.complete.ready", { hospital: signup?.organization_name })}>
        {t("signup.complete.database")} <code className="font-medium">{signup?.database_name}</code>
      </Notice>
      {team.length > 0 && (
        <Card title={t("signup.complete.links")} explanation={t("signup.complete.linksHint")} flush>
          <ul className="divide-y divide-line">
            {team.map((teammate) => (
              <li key={teammate.user_id} className="p-4 sm:px-6">
                <TeammateLink teammate={teammate} organizationId={signup?.organization_id ?? ""} />
              </li>
            ))}
          </ul>
        </Card>
      )}
      <div className="flex flex-wrap items-center justify-between gap-4 rounded-lg bg-accent-soft p-4 sm:p-6">
        <p className="flex items-center gap-3 font-medium text-accent">
          <PartyPopper aria-hidden className="size-5" />
          {t("signup.complete.next")}
        </p>
        <Button look="primary" onClick={() => void open()}>
          {t("signup.complete.open")}
          <ArrowRight aria-hidden className="size-4 rtl:rotate-180" />
        </Button>
      </div>
    </div>
  );
}

/** The link to hand over. After a reload it is gone for good; the administrator makes a new one in its place. */
function TeammateLink({ teammate, organizationId }: { teammate: Teammate; organizationId: string }) {
  const { t } = useTranslation();
  const links = useLinks();
  const { user_id, email, role } = teammate;
  const [problem, setProblem] = useState<unknown>(null);
  const [pending, setPending] = useState(false);
  const me = useQuery(meQuery);
  const renew = async () => {
    setPending(true);
    try {
      const path = { org_id: organizationId, user_id };
      const { invitation_url } = await answer(
        api.POST("/organization/{org_id}/users/{user_id}/invitation", { params: { path } }),
      );
      keepLink(user_id, invitation_url);
    } catch (error) {
      setProblem(error);
    } finally {
      setPending(false);
    }
  };
  const link = links.get(user_id);
  return (
    <div className="grid gap-3">
      {link ? (
        <div className="grid gap-2">
          <CopyField label={email} value={link} />
          <div>
            <RoleBadge role={role} />
          </div>
        </div>
      ) : (
        <div className="flex flex-wrap items-center justify-between gap-2">
          <span className="grid gap-1">
            <span className="font-medium">{email}</span>
            <RoleBadge role={role} />
          </span>
          <Button pending={pending} disabled={!me.data} onClick={() => void renew()}>
            {t("users.newLink")}
          </Button>
        </div>
      )}
      <ProblemNotice error={problem} />
    </div>
  );
}
