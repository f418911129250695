import { Dialog } from "@base-ui/react/dialog";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { z } from "zod";
import { answer, api, type Schema } from "@/api/client";
import { useIdempotency } from "@/api/idempotency";
import { isProblem } from "@/api/problem";
import { fields, words } from "@/api/rules.generated";
import { DialogFrame } from "@/components/DialogFrame";
import { Form, useForm } from "@/components/form/Form";
import { FormActions } from "@/components/form/FormActions";
import { TextField } from "@/components/form/fields";
import { rulesIn } from "@/components/form/rules";
import { closing } from "@/components/form/unsent";
import { Notice } from "@/components/Notice";
import { RoleChoice } from "@/components/RoleChoice";
import { Seats } from "@/components/Seats";
import { useHospital, useMay } from "@/session/me";
import type { HandedOver } from "./LinkDialog";
import { useRereadUsers } from "./queries";

/** Invites somebody. They take a seat at once; the link that makes them a user is handed over. */
export function InviteDialog({ onClose, onLink }: { onClose: () => void; onLink: (link: HandedOver) => void }) {
  const { t } = useTranslation();
  const may = useMay();
  const hospital = useHospital();
  const org_id = hospital.organization_id;
  const once = useIdempotency();
  const reread = useRereadUsers();
  const schema = useMemo(() => {
    const rules = rulesIn(t);
    return z.object({
      email: rules.email(fields.AddUser.email),
      role: z.enum(words.Role),
      name: rules.optional(fields.AddUser.name),
    });
  }, [t]);
  const state = useForm({
    schema,
    defaultValues: { email: "", role: "DOCTOR" as Schema<"Role">, name: "" },
    draft: "users/new",
    submit: async ({ email, role, name }) => {
      const body = { organization_id: org_id, email, role, ...(name === undefined ? {} : { name }) };
      const invited = await once(body, (key) =>
        answer(api.POST("/add-user", { body, params: { header: { "Idempotency-Key": key } } })),
      );
      void reread();
      onClose();
      const { invitation_url, invitation_expires_at } = invited;
      onLink({
        kind: "invitation",
        email,
        url: invitation_url,
        ...(invitation_expires_at ? { expiresAt: invitation_expires_at } : {}),
      });
    },
  });
  const isFull = isProblem(state.problem, "seat-limit-reached");
  return (
    <Dialog.Root open onOpenChange={closing(onClose)}>
      <DialogFrame title={t("users.invite")}>
        <Form state={{ ...state, problem: isFull ? null : state.problem }} label={t("users.invite")}>
          {isFull && (
            <Notice tone="warn" title={t("seats.full", { count: hospital.seats.limit ?? 0 })}>
              {may("subscription.manage") && (
                <Link to="/app/subscription" className="font-medium underline underline-offset-2">
                  {t("seats.upgrade")}
                </Link>
              )}
            </Notice>
          )}
          <TextField name="email" type="email" inputMode="email" label={t("signIn.email")} autoComplete="off" />
          <RoleChoice name="role" role={state.form.watch("role")} />
          <TextField name="name" label={t("users.name")} autoComplete="off" optional />
          <Seats seats={hospital.seats} />
          <FormActions pending={state.isSubmitting} onCancel={onClose}>
            {t("users.invite")}
          </FormActions>
        </Form>
      </DialogFrame>
    </Dialog.Root>
  );
}
