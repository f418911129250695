import { Dialog } from "@base-ui/react/dialog";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { z } from "zod";
import { answer, api, ifMatch, type Schema } from "@/api/client";
import { useIdempotency } from "@/api/idempotency";
import { isProblem } from "@/api/problem";
import { fields } from "@/api/rules.generated";
import { Conflict, type Difference } from "@/components/Conflict";
import { DialogFrame } from "@/components/DialogFrame";
import { Form, Unsent, useForm } from "@/components/form/Form";
import { FormActions } from "@/components/form/FormActions";
import { TextField } from "@/components/form/fields";
import { rulesIn } from "@/components/form/rules";
import { closing } from "@/components/form/unsent";
import { useVersions } from "@/components/form/versions";
import { announce } from "@/components/Toasts";
import { useHospital } from "@/session/me";
import { type Medicine, useRereadPharmacy } from "./queries";

interface MedicineInput {
  medicine: string;
  quantity: string;
  unit: string;
  reorder_level: string;
  batch: string;
  expires_on: string;
}

/** What can be corrected; a quantity changes by what comes in and goes out. */
const editable = ["medicine", "unit", "reorder_level", "batch", "expires_on"] as const;

function inputOf(medicine: Medicine | undefined): MedicineInput {
  return {
    medicine: medicine?.medicine ?? "",
    quantity: medicine ? String(medicine.quantity) : "",
    unit: medicine?.unit ?? "",
    reorder_level: medicine?.reorder_level == null ? "" : String(medicine.reorder_level),
    batch: medicine?.batch ?? "",
    expires_on: medicine?.expires_on ?? "",
  };
}

/** Adds a medicine, or corrects what is said of one. */
export function MedicineDialog({ medicine, onClose }: { medicine?: Medicine; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Dialog.Root open onOpenChange={closing(onClose)}>
      <DialogFrame title={medicine ? t("pharmacy.editTitle", { name: medicine.medicine }) : t("pharmacy.add")} wide>
        <MedicineForm {...(medicine ? { medicine } : {})} onClose={onClose} />
      </DialogFrame>
    </Dialog.Root>
  );
}

function MedicineForm({ medicine, onClose }: { medicine?: Medicine; onClose: () => void }) {
  const { t } = useTranslation();
  const { organization_id: org_id } = useHospital();
  const once = useIdempotency();
  const reread = useRereadPharmacy();
  const draft = `pharmacy/${medicine?.medicine_id ?? "new"}`;
  const { seen, theirs, setTheirs, takeTheirs } = useVersions(medicine, draft);
  const schema = useMemo(() => {
    const rules = rulesIn(t);
    const { NewMedicine } = fields;
    return z.object({
      medicine: rules.required(NewMedicine.medicine),
      quantity: rules.number(NewMedicine.quantity),
      unit: rules.optional(NewMedicine.unit),
      reorder_level: rules.optionalNumber(NewMedicine.reorder_level),
      batch: rules.optional(NewMedicine.batch),
      expires_on: rules.optionalDay(),
    });
  }, [t]);
  const state = useForm({
    schema,
    defaultValues: inputOf(medicine),
    draft,
    submit: async (values) => {
      if (!seen) {
        const said = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
        const body = said as Schema<"NewMedicine">;
        await once(body, (key) => {
          const params = { path: { org_id }, header: { "Idempotency-Key": key } };
          return answer(api.POST("/organization/{org_id}/pharmacy", { params, body }));
        });
      } else {
        const path = { org_id, medicine_id: seen.medicine_id };
        try {
          await answer(
            api.PATCH("/organization/{org_id}/pharmacy/{medicine_id}", {
              params: { path, header: ifMatch((theirs ?? seen).version) },
              body: changesOf(seen, values),
            }),
          );
        } catch (error) {
          if (!isProblem(error, "version-mismatch")) throw error;
          setTheirs(await answer(api.GET("/organization/{org_id}/pharmacy/{medicine_id}", { params: { path } })));
          throw new Unsent();
        }
      }
      await reread();
      announce(seen ? t("common.saved") : t("pharmacy.added", { name: values.medicine }));
      onClose();
    },
  });
  const differences = useDifferences(theirs, state.form.watch());
  return (
    <Form state={state} label={t("pharmacy.add")}>
      {theirs && (
        <Conflict
          differences={differences}
          state={state}
          onTakeTheirs={() => takeTheirs((taken) => state.form.reset(inputOf(taken)))}
        />
      )}
      <div className="grid items-start gap-4 sm:grid-cols-2">
        <TextField name="medicine" label={t("pharmacy.medicine")} autoComplete="off" className="sm:col-span-2" />
        {!medicine && (
          <TextField name="quantity" inputMode="numeric" label={t("pharmacy.quantity")} autoComplete="off" />
        )}
        <TextField name="unit" label={t("pharmacy.unit")} hint={t("pharmacy.unitHint")} autoComplete="off" optional />
        <TextField
          name="reorder_level"
          inputMode="numeric"
          label={t("pharmacy.reorderLevel")}
          hint={t("pharmacy.reorderHint")}
          autoComplete="off"
          optional
        />
        <TextField name="batch" label={t("pharmacy.batch")} autoComplete="off" optional />
        <TextField name="expires_on" type="date" label={t("pharmacy.expires")} autoComplete="off" optional />
      </div>
      <FormActions pending={state.isSubmitting} onCancel={onClose}>
        {medicine ? t("common.save") : t("pharmacy.add")}
      </FormActions>
    </Form>
  );
}

function changesOf(
  seen: Medicine,
  values: Partial<Record<(typeof editable)[number], unknown>>,
): Schema<"MedicineChange"> {
  const changes = editable
    .map((name) => [name, values[name] ?? null] as const)
    .filter(([name, value]) => (seen[name] ?? null) !== value);
  return Object.fromEntries(changes) as Schema<"MedicineChange">;
}

function useDifferences(theirs: Medicine | null, yours: MedicineInput): Difference[] {
  const { t } = useTranslation();
  if (!theirs) return [];
  const saved = inputOf(theirs);
  return editable
    .filter((name) => saved[name] !== yours[name])
    .map((name) => ({ field: t(`pharmacy.fields.${name}`), theirs: saved[name], yours: yours[name] }));
}
