import { Dialog } from "@base-ui/react/dialog";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { z } from "zod";
import { answer, api, ifMatch } from "@/api/client";
import { isProblem } from "@/api/problem";
import { fields, words } from "@/api/rules.generated";
import { Conflict, type Difference } from "@/components/Conflict";
import { DialogFrame } from "@/components/DialogFrame";
import { Form, Unsent, useForm } from "@/components/form/Form";
import { FormActions } from "@/components/form/FormActions";
import { TextField } from "@/components/form/fields";
import { rulesIn } from "@/components/form/rules";
import { closing } from "@/components/form/unsent";
import { useVersions } from "@/components/form/versions";
import { useRoleName } from "@/components/RoleBadge";
import { RoleChoice } from "@/components/RoleChoice";
import { announce } from "@/components/Toasts";
import { useHospital } from "@/session/me";
import { type User, useRereadUsers } from "./queries";

const inputOf = ({ name, role }: User) => ({ name: name ?? "", role });

/** Another name or another role. Who gets another role has to sign in again. */
export function EditUserDialog({ user, onClose }: { user: User; onClose: () => void }) {
  return (
    <Dialog.Root open onOpenChange={closing(onClose)}>
      <DialogFrame title={user.name ?? user.email} wide>
        <Edit user={user} onClose={onClose} />
      </DialogFrame>
    </Dialog.Root>
  );
}

function Edit({ user, onClose }: { user: User; onClose: () => void }) {
  const { t } = useTranslation();
  const { organization_id: org_id } = useHospital();
  const reread = useRereadUsers();
  const nameOf = useRoleName();
  const draft = `users/${user.user_id}`;
  const { seen, theirs, setTheirs, takeTheirs } = useVersions(user, draft);
  const schema = useMemo(
    () => z.object({ name: rulesIn(t).optional(fields.UserChange.name), role: z.enum(words.Role) }),
    [t],
  );
  const path = { org_id, user_id: user.user_id };
  const state = useForm({
    schema,
    defaultValues: inputOf(user),
    draft,
    submit: async ({ name, role }) => {
      const body = {
        ...((name ?? null) === (seen.name ?? null) ? {} : { name: name ?? null }),
        ...(role === seen.role ? {} : { role }),
      };
      try {
        const params = { path, header: ifMatch((theirs ?? seen).version) };
        await answer(api.PATCH("/organization/{org_id}/users/{user_id}", { params, body }));
      } catch (error) {
        if (!isProblem(error, "version-mismatch")) throw error;
        setTheirs(await answer(api.GET("/organization/{org_id}/users/{user_id}", { params: { path } })));
        throw new Unsent();
      }
      await reread();
      announce(t("common.saved"));
      onClose();
    },
  });
  const yours = state.form.watch();
  const differences: Difference[] = theirs
    ? [
        { field: t("users.name"), theirs: theirs.name ?? "", yours: yours.name },
        { field: t("users.role"), theirs: nameOf(theirs.role), yours: nameOf(yours.role) },
      ].filter((one) => one.theirs !== one.yours)
    : [];
  return (
    <Form state={state} label={t("common.edit")}>
      {theirs && (
        <Conflict
          differences={differences}
          state={state}
          onTakeTheirs={() => takeTheirs((taken) => state.form.reset(inputOf(taken)))}
        />
      )}
      <TextField name="name" label={t("users.name")} autoComplete="off" optional />
      <RoleChoice name="role" role={yours.role} />
      <p className="text-ink-soft">{t("users.roleHint")}</p>
      <FormActions pending={state.isSubmitting} onCancel={onClose}>
        {t("common.save")}
      </FormActions>
    </Form>
  );
}
