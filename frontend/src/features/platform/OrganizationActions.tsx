import { Dialog } from "@base-ui/react/dialog";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { CirclePause, CirclePlay, Link2, MoreHorizontal, Repeat } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { answer, api, type Schema } from "@/api/client";
import { Button, IconButton } from "@/components/Button";
import { Confirm } from "@/components/Confirm";
import { DialogFrame } from "@/components/DialogFrame";
import { Menu, MenuItem } from "@/components/Menu";
import { PlanCards } from "@/components/PlanCards";
import { announce } from "@/components/Toasts";
import { useFormat } from "@/dates/format";
import { plansQuery } from "../signup/plans";
import { type HandedOver, LinkDialog } from "../users/LinkDialog";
import { organizationQuery, useRereadPlatform } from "./queries";

/** How often to look whether the operator has followed, in milliseconds. */
const FOLLOWING = 700;

type Details = Schema<"OrganizationDetails">;

/** What the platform's administrators can do with a hospital. What weighs much is confirmed by typing its name. */
export function OrganizationActions({ organization }: { organization: Details }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const reread = useRereadPlatform();
  const [doing, setDoing] = useState<"suspend" | "resume" | "plan" | null>(null);
  const [link, setLink] = useState<HandedOver | null>(null);
  // The operator follows a moment later; until it has, we look again.
  const [awaited, setAwaited] = useState<"suspended" | "active" | null>(null);
  const { organization_id: org_id, organization_name: name, status } = organization;
  const params = { path: { org_id } };
  const isFollowing = awaited !== null && status !== awaited;
  useQuery({ ...organizationQuery(org_id), refetchInterval: isFollowing ? FOLLOWING : false });
  // What was never paid for, or is being removed, has nothing that could be suspended.
  const canSuspend = !["suspended", "pending_payment", "terminating"].includes(status);
  const close = () => setDoing(null);

  const done = async (changed: Details) => {
    queries.setQueryData(organizationQuery(org_id).queryKey, changed);
    void reread();
    announce(t("common.saved"));
  };
  const suspend = async () => {
    await done(await answer(api.POST("/master/organizations/{org_id}/suspend", { params })));
    setAwaited("suspended");
  };
  const resume = async () => {
    await done(await answer(api.POST("/master/organizations/{org_id}/resume", { params })));
    setAwaited("active");
  };
  const invite = async () => {
    const email = organization.organization_email;
    try {
      const made = await answer(api.POST("/master/organizations/{org_id}/administrator-invitation", { params }));
      setLink({ kind: "invitation", email, url: made.invitation_url, expiresAt: made.expires_at });
    } catch (problem) {
      setLink({ kind: "invitation", email, problem });
    }
  };
  return (
    <>
      {status === "suspended" && (
        <Button look="primary" pending={isFollowing} onClick={() => setDoing("resume")}>
          <CirclePlay aria-hidden className="size-4" />
          {t("organizations.resume")}
        </Button>
      )}
      {canSuspend && (
        <Button look="danger" pending={isFollowing} onClick={() => setDoing("suspend")}>
          <CirclePause aria-hidden className="size-4" />
          {t("organizations.suspend")}
        </Button>
      )}
      <Button onClick={() => setDoing("plan")}>
        <Repeat aria-hidden className="size-4" />
        {t("organizations.changePlan")}
      </Button>
      <Menu
        trigger={
          <IconButton label={t("common.moreActionsFor", { name })} className="border border-line-strong bg-surface">
            <MoreHorizontal aria-hidden className="size-4" />
          </IconButton>
        }
      >
        <MenuItem icon={Link2} onSelect={() => void invite()}>
          {t("organizations.inviteAdministrator")}
        </MenuItem>
      </Menu>
      <Confirm
        open={doing === "suspend"}
        onClose={close}
        title={t("organizations.suspendTitle", { name })}
        action={t("organizations.suspend")}
        typed={name}
        dangerous
        onConfirm={suspend}
      >
        {t("organizations.suspendHint")}
      </Confirm>
      <Confirm
        open={doing === "resume"}
        onClose={close}
        title={t("organizations.resumeTitle", { name })}
        action={t("organizations.resume")}
        typed={name}
        onConfirm={resume}
      >
        {t("organizations.resumeHint")}
      </Confirm>
      {doing === "plan" && <PlanDialog organization={organization} onClose={close} onDone={done} />}
      {link && <LinkDialog link={link} onClose={() => setLink(null)} />}
    </>
  );
}

function PlanDialog({
  organization,
  onClose,
  onDone,
}: {
  organization: Details;
  onClose: () => void;
  onDone: (changed: Details) => Promise<void>;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const { data } = useQuery(plansQuery);
  const { organization_id: org_id, organization_name: name, plan: current, seats } = organization;
  const [planId, setPlanId] = useState(current.plan_id);
  const [isAsking, setAsking] = useState(false);
  const plan = data?.plans.find((one) => one.plan_id === planId);
  const change = async () => {
    const params = { path: { org_id } };
    await onDone(await answer(api.POST("/master/organizations/{org_id}/plan", { params, body: { plan_id: planId } })));
  };
  if (isAsking && plan) {
    return (
      <Confirm
        open
        onClose={onClose}
        title={t("organizations.planTitle", { name, plan: plan.name })}
        action={t("organizations.changePlan")}
        typed={name}
        onConfirm={change}
      >
        {t("organizations.planHint", { price: format.money(plan.price, plan.currency) })}
      </Confirm>
    );
  }
  return (
    <Dialog.Root open onOpenChange={(isOpen) => isOpen || onClose()}>
      <DialogFrame title={t("organizations.changePlan")} wide="very">
        <PlanCards
          plans={data?.plans ?? []}
          value={planId}
          onChange={setPlanId}
          current={current.plan_id}
          disabled={(one) => one.max_users !== null && one.max_users < seats.used}
        />
        <div className="flex flex-wrap justify-end gap-2">
          <Button onClick={onClose}>{t("common.cancel")}</Button>
          <Button look="primary" disabled={planId === current.plan_id} onClick={() => setAsking(true)}>
            {t("common.continue")}
          </Button>
        </div>
      </DialogFrame>
    </Dialog.Root>
  );
}
