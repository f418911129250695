import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { UserPlus, Users } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { useWatch } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { z } from "zod";
import { answer, api } from "@/api/client";
import { useIdempotency } from "@/api/idempotency";
import { isProblem } from "@/api/problem";
import { fields } from "@/api/rules.generated";
import { Button } from "@/components/Button";
import { Form, useForm } from "@/components/form/Form";
import { TextField } from "@/components/form/fields";
import { rulesIn } from "@/components/form/rules";
import { Notice } from "@/components/Notice";
import { Card } from "@/components/Page";
import { RoleBadge } from "@/components/RoleBadge";
import { RoleChoice, RolesExplained } from "@/components/RoleChoice";
import { Seats } from "@/components/Seats";
import { Empty, Failure } from "@/components/states";
import { changeSignup, type Invitee, signupDraft, useSignupDraft } from "./draft";
import { invite } from "./links";
import { SetupEnded } from "./PaymentStep";
import { StepHeader } from "./StepHeader";

/** Invites the first people of the hospital. Everybody whom the plan has a seat for can be added later, too. */
export function TeamStep() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { signup, team = [] } = useSignupDraft();
  const id = signup?.organization_id ?? "";
  const hospital = useQuery({
    queryKey: ["organization", id],
    queryFn: ({ signal }) => answer(api.GET("/organization/{org_id}", { params: { path: { org_id: id } }, signal })),
  });
  if (isProblem(hospital.error, "unauthenticated", "not-found")) return <SetupEnded />;
  return (
    <>
      <StepHeader step="team" explanation={t("signup.team.explanation")} />
      <div className="grid items-start gap-6 md:grid-cols-[1fr_18rem]">
        <Card title={t("signup.team.add")}>
          <Invite organizationId={id} />
        </Card>
        <Card title={t("seats.title")}>
          {hospital.data && (
            <>
              <Seats seats={hospital.data.seats} />
              <p className="mt-2 text-ink-soft">{t("signup.team.yourSeat")}</p>
            </>
          )}
          {hospital.isError && !hospital.data && (
            <Failure error={hospital.error} retry={() => void hospital.refetch()} />
          )}
        </Card>
      </div>
      <RolesExplained />
      <Card title={t("signup.team.invited")} flush>
        {team.length === 0 ? (
          <Empty icon={Users} title={t("signup.team.nobody")}>
            {t("signup.team.nobodyHint")}
          </Empty>
        ) : (
          <ul className="divide-y divide-line">
            {team.map(({ user_id, email, name, role }) => (
              <li key={user_id} className="flex flex-wrap items-center justify-between gap-2 px-4 py-3 sm:px-6">
                <span className="grid min-w-0">
                  {name && (
                    <span className="font-medium" dir="auto">
                      {name}
                    </span>
                  )}
                  <span className={name ? "text-ink-soft" : "font-medium"}>{email}</span>
                </span>
                <RoleBadge role={role} />
              </li>
            ))}
          </ul>
        )}
      </Card>
      <div className="flex justify-end">
        <Button look="primary" onClick={() => void navigate({ to: "/signup/complete" })}>
          {team.length === 0 ? t("signup.team.skip") : t("common.continue")}
        </Button>
      </div>
    </>
  );
}

const nobody: Invitee = { email: "", role: "DOCTOR", name: "" };

function Invite({ organizationId }: { organizationId: string }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const once = useIdempotency();
  const [{ invitee }] = useState(signupDraft);
  const schema = useMemo(() => {
    const rules = rulesIn(t);
    return z.object({
      email: rules.email(fields.AddUser.email),
      role: rules.chosen(),
      name: rules.optional(fields.AddUser.name),
    });
  }, [t]);
  const state = useForm({
    schema,
    defaultValues: invitee ?? nobody,
    submit: async ({ email, role, name }, form) => {
      const person = { email, role, name: name ?? null };
      let key = "";
      const invited = await once(person, (given) => {
        key = given;
        return invite(organizationId, { ...person, key });
      });
      const team = signupDraft().team ?? [];
      changeSignup({ team: [...team, { ...person, user_id: invited.user_id, key }] });
      queries.setQueryData(["organization", organizationId], (old: object | undefined) =>
        old ? { ...old, seats: invited.seats } : old,
      );
      form.reset({ ...nobody, role });
      form.setFocus("email");
    },
  });
  // What is typed and not sent yet survives a reload.
  const typed = useWatch({ control: state.form.control });
  useEffect(() => changeSignup({ invitee: { ...nobody, ...typed } }), [typed]);
  const { isFull, limit } = seatsOf(state.problem);
  return (
    <Form state={{ ...state, problem: isFull ? null : state.problem }}>
      {isFull && (
        <Notice tone="warn" title={t("seats.full", { count: limit })}>
          {t("seats.upgradeLater")}
        </Notice>
      )}
      <TextField name="email" type="email" inputMode="email" label={t("signIn.email")} autoComplete="off" />
      <div className="grid items-start gap-6 sm:grid-cols-2">
        <RoleChoice name="role" role={typed.role ?? nobody.role} />
        <TextField name="name" label={t("users.name")} autoComplete="off" optional />
      </div>
      <Button type="submit" pending={state.isSubmitting} className="justify-self-start">
        <UserPlus aria-hidden className="size-4" />
        {t("signup.team.invite")}
      </Button>
    </Form>
  );
}

/** Whether the problem is that no seat is free, and how many there are. */
export function seatsOf(problem: unknown): { isFull: boolean; limit: number } {
  if (!isProblem(problem, "seat-limit-reached")) return { isFull: false, limit: 0 };
  const { limit } = (problem.extra.seats ?? {}) as { limit?: number };
  return { isFull: true, limit: limit ?? 0 };
}
