import { KeyRound, Link2, Link2Off, MoreHorizontal, Pencil, UserCheck, UserPlus, UserX } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { answer, api, ifMatch } from "@/api/client";
import { Button, IconButton } from "@/components/Button";
import { Confirm } from "@/components/Confirm";
import { useNewest } from "@/components/form/versions";
import { Guard } from "@/components/Guard";
import { Menu, MenuItem } from "@/components/Menu";
import { More } from "@/components/More";
import { Card, PageHeader } from "@/components/Page";
import { RoleBadge } from "@/components/RoleBadge";
import { RolesExplained } from "@/components/RoleChoice";
import { Seats } from "@/components/Seats";
import { Failure, Skeleton } from "@/components/states";
import { Body, Cell, Head, HeadCell, Row, Table } from "@/components/Table";
import { announce } from "@/components/Toasts";
import { useFormat } from "@/dates/format";
import { useHospital, useMay, useMe } from "@/session/me";
import { useZone } from "../settings/queries";
import { EditUserDialog } from "./EditUserDialog";
import { InviteDialog } from "./InviteDialog";
import { type HandedOver, LinkDialog } from "./LinkDialog";
import { type User, useRereadUsers, useUsers } from "./queries";
import { UserBadge } from "./UserBadge";

type Doing = { what: "invite" } | { what: "edit" | "disable" | "enable" | "revoke" | "reset"; user: User };

export function Users() {
  return (
    <Guard permission="users.read">
      <Staff />
    </Guard>
  );
}

function Staff() {
  const { t } = useTranslation();
  const may = useMay();
  const hospital = useHospital();
  const zone = useZone();
  const users = useUsers();
  const [doing, setDoing] = useState<Doing | null>(null);
  const [link, setLink] = useState<HandedOver | null>(null);
  const canManage = may("users.manage");
  return (
    <div className="grid gap-6">
      <PageHeader
        title={t("users.title")}
        explanation={t(canManage ? "users.explanation" : "users.explanationRead")}
        actions={
          canManage && (
            <Button look="primary" onClick={() => setDoing({ what: "invite" })}>
              <UserPlus aria-hidden className="size-4" />
              {t("users.invite")}
            </Button>
          )
        }
      />
      {canManage && (
        <Card className="max-w-md">
          <Seats seats={hospital.seats} />
        </Card>
      )}
      <Card flush>
        {users.isPending && <Skeleton lines={6} className="p-6" />}
        {users.isError && <Failure error={users.error} retry={() => void users.refetch()} />}
        {users.items.length > 0 && (
          <Table caption={t("users.title")}>
            <Head>
              <HeadCell>{t("users.who")}</HeadCell>
              <HeadCell>{t("users.role")}</HeadCell>
              <HeadCell>{t("users.status")}</HeadCell>
              <HeadCell>{t("users.lastLogin")}</HeadCell>
              {canManage && (
                <HeadCell>
                  <span className="sr-only">{t("common.actions")}</span>
                </HeadCell>
              )}
            </Head>
            <Body>
              {users.items.map((user) => (
                <UserRow key={user.user_id} user={user} onDo={setDoing} onLink={setLink} />
              ))}
            </Body>
          </Table>
        )}
        <More query={users} />
      </Card>
      {canManage && <RolesExplained />}
      {doing?.what === "invite" && <InviteDialog onClose={() => setDoing(null)} onLink={setLink} />}
      {doing?.what === "edit" && <EditUserDialog user={doing.user} onClose={() => setDoing(null)} />}
      {doing && "user" in doing && doing.what !== "edit" && (
        <Ask what={doing.what} user={doing.user} onClose={() => setDoing(null)} onLink={setLink} />
      )}
      {link && <LinkDialog link={link} zone={zone} onClose={() => setLink(null)} />}
    </div>
  );
}

function UserRow({
  user,
  onDo,
  onLink,
}: {
  user: User;
  onDo: (doing: Doing) => void;
  onLink: (link: HandedOver) => void;
}) {
  const { t } = useTranslation();
  const may = useMay();
  const me = useMe();
  const format = useFormat(useZone());
  const inviteAgain = useInviteAgain(onLink);
  const isSelf = user.user_id === me.user.user_id;
  const expires = user.status === "invited" ? user.invitation_expires_at : undefined;
  const hasExpired = expires ? Date.parse(expires) <= Date.now() : false;
  const name = user.name ?? user.email;
  return (
    <Row className="relative">
      <Cell className="max-md:pe-10">
        <span className="grid min-w-0">
          <span className="font-semibold" dir="auto">
            {name}
            {isSelf && <span className="font-normal text-ink-soft"> {t("users.you")}</span>}
          </span>
          {user.name && <span className="wrap-anywhere text-ink-soft">{user.email}</span>}
        </span>
      </Cell>
      <Cell>
        <RoleBadge role={user.role} />
      </Cell>
      <Cell>
        <span className="grid justify-items-start gap-1">
          <UserBadge status={user.status} hasExpired={hasExpired} />
          {expires && (
            <span className="text-ink-soft">
              {t(hasExpired ? "users.expiredOn" : "users.until", { when: format.dateTime(expires) })}
            </span>
          )}
        </span>
      </Cell>
      <Cell label={t("users.lastLogin")} numeric>
        {user.last_login ? format.dateTime(user.last_login) : t("users.never")}
      </Cell>
      {may("users.manage") && (
        <Cell className="max-md:absolute max-md:end-2 max-md:top-2 md:text-end">
          <Menu
            trigger={
              <IconButton label={t("common.moreActionsFor", { name })}>
                <MoreHorizontal aria-hidden className="size-4" />
              </IconButton>
            }
          >
            <MenuItem icon={Pencil} onSelect={() => onDo({ what: "edit", user })}>
              {t("common.edit")}
            </MenuItem>
            {user.status === "invited" && (
              <MenuItem icon={Link2} onSelect={() => void inviteAgain(user)}>
                {t("users.newLink")}
              </MenuItem>
            )}
            {user.status === "invited" && (
              <MenuItem icon={Link2Off} onSelect={() => onDo({ what: "revoke", user })}>
                {t("users.revoke")}
              </MenuItem>
            )}
            {user.status === "active" && (
              <MenuItem icon={KeyRound} onSelect={() => onDo({ what: "reset", user })}>
                {t("users.reset")}
              </MenuItem>
            )}
            {user.status === "disabled" ? (
              <MenuItem icon={UserCheck} onSelect={() => onDo({ what: "enable", user })}>
                {t("users.enable")}
              </MenuItem>
            ) : (
              <MenuItem icon={UserX} dangerous onSelect={() => onDo({ what: "disable", user })}>
                {t("users.disable")}
              </MenuItem>
            )}
          </Menu>
        </Cell>
      )}
    </Row>
  );
}

/** A new invitation link in place of an earlier one. */
function useInviteAgain(onLink: (link: HandedOver) => void) {
  const { organization_id: org_id } = useHospital();
  const reread = useRereadUsers();
  return async (user: User) => {
    const path = { org_id, user_id: user.user_id };
    try {
      const { invitation_url, expires_at } = await answer(
        api.POST("/organization/{org_id}/users/{user_id}/invitation", { params: { path } }),
      );
      onLink({ kind: "invitation", email: user.email, url: invitation_url, expiresAt: expires_at });
    } catch (problem) {
      onLink({ kind: "invitation", email: user.email, problem });
    }
    await reread();
  };
}

/** Asks before what ends somebody's work or session, and then does it. */
function Ask({
  what,
  user,
  onClose,
  onLink,
}: {
  what: "disable" | "enable" | "revoke" | "reset";
  user: User;
  onClose: () => void;
  onLink: (link: HandedOver) => void;
}) {
  const { t } = useTranslation();
  const { organization_id: org_id } = useHospital();
  const reread = useRereadUsers();
  const path = { org_id, user_id: user.user_id };
  const { newest, attempt } = useNewest(user, () =>
    answer(api.GET("/organization/{org_id}/users/{user_id}", { params: { path } })),
  );
  const setStatus = (status: "active" | "disabled") =>
    attempt(({ version }) =>
      answer(
        api.PATCH("/organization/{org_id}/users/{user_id}", {
          params: { path, header: ifMatch(version) },
          body: { status },
        }),
      ),
    );
  const does = {
    disable: () => setStatus("disabled"),
    enable: () => setStatus("active"),
    revoke: () => answer(api.DELETE("/organization/{org_id}/users/{user_id}/invitation", { params: { path } })),
    reset: async () => {
      const made = await answer(
        api.POST("/organization/{org_id}/users/{user_id}/password-reset", { params: { path } }),
      );
      onLink({ kind: "reset", email: user.email, url: made.reset_url, expiresAt: made.expires_at });
    },
  };
  const confirm = async () => {
    await does[what]().finally(() => void reread());
    if (what !== "reset") announce(t("common.saved"));
  };
  return (
    <Confirm
      open
      onClose={onClose}
      title={t(`users.ask.${what}.title`, { name: newest.name ?? newest.email })}
      action={t(`users.${what}`)}
      dangerous={what === "disable" || what === "revoke"}
      onConfirm={confirm}
    >
      {t(`users.ask.${what}.hint`)}
    </Confirm>
  );
}
