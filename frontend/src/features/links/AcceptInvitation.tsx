import { useQuery } from "@tanstack/react-query";
import { Clock } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { z } from "zod";
import { answer, api, type Schema } from "@/api/client";
import { isProblem } from "@/api/problem";
import { fields } from "@/api/rules.generated";
import { Button, ButtonLink } from "@/components/Button";
import { Form, useForm } from "@/components/form/Form";
import { TextField } from "@/components/form/fields";
import { rulesIn } from "@/components/form/rules";
import { RoleBadge } from "@/components/RoleBadge";
import { Failure, Skeleton } from "@/components/states";
import { useFormat } from "@/dates/format";
import { PLATFORM_ADMINISTRATOR } from "@/session/me";
import { SignInFrame } from "../sign-in/SignInFrame";
import { useGoToWork } from "../sign-in/use-sign-in";
import { isLost, LinkMissing, LinkUnusable, MaybeDone } from "./LinkUnusable";
import { NewPassword } from "./NewPassword";
import { useLinkToken } from "./token";

/** The page of an invitation: who is invited to what, and the first password. */
export function AcceptInvitation() {
  const { t } = useTranslation();
  const token = useLinkToken();
  const invitation = useQuery({
    queryKey: ["invitation", token],
    queryFn: ({ signal }) => answer(api.POST("/invitations/preview", { body: { token }, signal })),
    enabled: token !== "",
    retry: false,
    gcTime: 0,
  });
  if (token === "") return <LinkMissing />;
  if (isProblem(invitation.error, "link-unusable", "invalid")) {
    return <LinkUnusable title={t("links.invitation.unusable")} advice={t("links.invitation.advice")} />;
  }
  return (
    <SignInFrame title={t("links.invitation.title")} explanation={t("links.invitation.explanation")}>
      {invitation.isPending && <Skeleton />}
      {invitation.isError && <Failure error={invitation.error} retry={() => void invitation.refetch()} />}
      {invitation.data && <FirstPassword key={token} token={token} invitation={invitation.data} />}
    </SignInFrame>
  );
}

function FirstPassword({ token, invitation }: { token: string; invitation: Schema<"Invitation"> }) {
  const { t } = useTranslation();
  const format = useFormat(Intl.DateTimeFormat().resolvedOptions().timeZone);
  const goToWork = useGoToWork();
  const { user, expires_at } = invitation;
  const [isMaybeDone, setMaybeDone] = useState(false);
  const schema = useMemo(() => {
    const rules = rulesIn(t);
    return z.object({
      name: rules.optional(fields.AcceptInvitation.name),
      password: rules.newPassword(fields.AcceptInvitation.password),
    });
  }, [t]);
  const state = useForm({
    schema,
    defaultValues: { name: user.name ?? "", password: "" },
    submit: async ({ name, password }) => {
      const body = { token, password, ...(name === undefined ? {} : { name }) };
      const accepted = await answer(api.POST("/invitations/accept", { body })).catch((error: unknown) => {
        if (isLost(error)) setMaybeDone(true);
        throw error;
      });
      await goToWork(accepted.user);
    },
  });
  if (isProblem(state.problem, "link-unusable")) {
    if (isMaybeDone) return <MaybeDone />;
    return (
      <div className="grid gap-4" role="alert">
        <p className="font-semibold">{t("links.invitation.unusable")}</p>
        <p>{t("links.invitation.advice")}</p>
        <ButtonLink to="/">{t("notFound.home")}</ButtonLink>
      </div>
    );
  }
  const place = user.role === PLATFORM_ADMINISTRATOR ? t("links.invitation.platform") : user.organization_name;
  return (
    <Form state={state}>
      <dl className="grid gap-3 rounded-md bg-sunken p-4">
        <div>
          <dt className="text-ink-soft">{t("links.invitation.to")}</dt>
          <dd className="flex flex-wrap items-center gap-2 font-medium">
            <span dir="auto">{place}</span>
            <RoleBadge role={user.role} />
          </dd>
        </div>
        <div>
          <dt className="text-ink-soft">{t("links.invitation.for")}</dt>
          <dd className="font-medium">{user.email}</dd>
        </div>
      </dl>
      <p className="flex items-center gap-2 text-ink-soft">
        <Clock aria-hidden className="size-4" />
        {t("links.invitation.until", { when: format.dateTime(expires_at) })}
      </p>
      <input type="hidden" name="username" autoComplete="username" value={user.email} readOnly />
      <TextField name="name" label={t("links.invitation.name")} autoComplete="name" optional />
      <NewPassword />
      <Button type="submit" look="primary" pending={state.isSubmitting}>
        {t("links.invitation.accept")}
      </Button>
      {isMaybeDone && <MaybeDone />}
    </Form>
  );
}
