import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Laptop } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { z } from "zod";
import { answer, api, type Schema } from "@/api/client";
import { fields } from "@/api/rules.generated";
import { Button } from "@/components/Button";
import { Form, useForm } from "@/components/form/Form";
import { PasswordField } from "@/components/form/fields";
import { rulesIn } from "@/components/form/rules";
import { Card, Fact, PageHeader } from "@/components/Page";
import { ProblemNotice } from "@/components/ProblemNotice";
import { RoleBadge } from "@/components/RoleBadge";
import { Failure, Skeleton } from "@/components/states";
import { announce } from "@/components/Toasts";
import { useFormat } from "@/dates/format";
import { meQuery, useMe } from "@/session/me";
import { NewPassword } from "../links/NewPassword";
import { useOwnZone } from "../settings/queries";

/** Who is signed in, where, and with which password. */
export function Account() {
  const { t } = useTranslation();
  const { user } = useMe();
  return (
    <div className="mx-auto grid max-w-3xl gap-6">
      <PageHeader title={t("account.title")} />
      <Card>
        <dl className="grid gap-4 sm:grid-cols-3">
          <Fact label={t("users.name")}>
            <span dir="auto">{user.name ?? "–"}</span>
          </Fact>
          <Fact label={t("signIn.email")}>{user.email}</Fact>
          <Fact label={t("users.role")}>
            <RoleBadge role={user.role} />
          </Fact>
        </dl>
      </Card>
      <ChangePassword />
      <Sessions />
    </div>
  );
}

const empty = { current_password: "", new_password: "" };

function ChangePassword() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const { user } = useMe();
  const schema = useMemo(() => {
    const rules = rulesIn(t);
    return z.object({
      current_password: rules.password(),
      new_password: rules.newPassword(fields.ChangePassword.new_password),
    });
  }, [t]);
  const state = useForm({
    schema,
    defaultValues: empty,
    submit: async (body, form) => {
      await answer(api.POST("/me/password", { body }));
      form.reset(empty);
      // Every other session has ended, and this one was replaced.
      await queries.invalidateQueries({ queryKey: ["sessions"] });
      await queries.invalidateQueries({ queryKey: meQuery.queryKey });
      announce(t("account.passwordChanged"));
    },
  });
  return (
    <Card title={t("account.changePassword")} explanation={t("account.changePasswordHint")}>
      <Form state={state} className="grid max-w-md gap-6">
        <input type="hidden" name="username" autoComplete="username" value={user.email} readOnly />
        <PasswordField name="current_password" label={t("account.currentPassword")} autoComplete="current-password" />
        <NewPassword name="new_password" />
        <Button type="submit" look="primary" pending={state.isSubmitting} className="justify-self-start">
          {t("account.changePassword")}
        </Button>
      </Form>
    </Card>
  );
}

function Sessions() {
  const { t } = useTranslation();
  const { data, isPending, error, refetch } = useQuery({
    queryKey: ["sessions"],
    queryFn: ({ signal }) => answer(api.GET("/me/sessions", { signal })),
  });
  return (
    <Card title={t("account.sessions")} explanation={t("account.sessionsHint")} flush>
      {isPending && <Skeleton className="p-6" />}
      {error && <Failure error={error} retry={() => void refetch()} />}
      <ul className="divide-y divide-line">
        {data?.sessions.map((session) => (
          <SessionRow key={session.session_id} session={session} onEnded={() => void refetch()} />
        ))}
      </ul>
    </Card>
  );
}

function SessionRow({ session, onEnded }: { session: Schema<"Session">; onEnded: () => void }) {
  const { t } = useTranslation();
  const format = useFormat(useOwnZone());
  const [pending, setPending] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const end = async () => {
    setPending(true);
    try {
      await answer(api.DELETE("/me/sessions/{session_id}", { params: { path: { session_id: session.session_id } } }));
      onEnded();
    } catch (error) {
      setProblem(error);
    } finally {
      setPending(false);
    }
  };
  return (
    <li className="grid gap-2 px-4 py-3 sm:px-6">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <div className="flex min-w-0 gap-3">
          <Laptop aria-hidden className="mt-1 size-4 shrink-0 text-ink-soft" />
          <div className="grid min-w-0">
            <span className="font-medium">
              {session.current ? t("account.thisDevice") : programOf(session.user_agent)}
            </span>
            <span className="text-ink-soft">
              {t("account.lastSeen", { when: format.dateTime(session.last_seen_at), address: session.address })}
            </span>
          </div>
        </div>
        {!session.current && (
          <Button pending={pending} onClick={() => void end()}>
            {t("account.endSession")}
          </Button>
        )}
      </div>
      <ProblemNotice error={problem} />
    </li>
  );
}

/** What a browser calls itself, in one word where that is known. */
function programOf(userAgent: string): string {
  const known = ["Edg", "Firefox", "Chrome", "Safari"].find((name) => userAgent.includes(`${name}/`));
  return known === "Edg" ? "Edge" : (known ?? userAgent.slice(0, 60));
}
