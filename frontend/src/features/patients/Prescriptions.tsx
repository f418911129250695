import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { z } from "zod";
import { answer, api, type Schema } from "@/api/client";
import { useIdempotency } from "@/api/idempotency";
import { fields } from "@/api/rules.generated";
import { Button } from "@/components/Button";
import { Form, useForm } from "@/components/form/Form";
import { TextArea, TextField } from "@/components/form/fields";
import { rulesIn } from "@/components/form/rules";
import { Notice } from "@/components/Notice";
import { announce } from "@/components/Toasts";
import { useFormat } from "@/dates/format";
import { useHospital } from "@/session/me";
import { useZone } from "../settings/queries";
import { useAuthors } from "../users/authors";
import { Addable, NothingYet } from "./Addable";
import { type Patient, useRereadPatient } from "./queries";

export function Prescriptions({ patient, canAdd }: { patient: Patient; canAdd: boolean }) {
  const { t } = useTranslation();
  const format = useFormat(useZone());
  const { nameOf: author } = useAuthors();
  const draft = `patients/${patient.patient_id}/prescription`;
  const newestFirst = [...(patient.prescriptions ?? [])].reverse();
  return (
    <Addable
      title={t("prescriptions.title")}
      add={t("prescriptions.prescribe")}
      canAdd={canAdd}
      draft={draft}
      form={(close) => <Prescribe patient={patient} draft={draft} onDone={close} />}
    >
      {newestFirst.length === 0 && <NothingYet>{t("prescriptions.none")}</NothingYet>}
      <ul className="divide-y divide-line">
        {newestFirst.map((prescription) => (
          <li key={prescription.prescription_id} className="grid gap-1 px-4 py-3 sm:px-6">
            <p className="font-medium" dir="auto">
              {prescription.medicine}
            </p>
            <p dir="auto">
              {inWords(prescription, t("prescriptions.days", { count: prescription.duration_days ?? 0 }))}
            </p>
            {prescription.instructions && (
              <p className="whitespace-pre-line text-ink-soft" dir="auto">
                {prescription.instructions}
              </p>
            )}
            <p className="text-ink-soft">
              <time dateTime={prescription.at}>{format.dateTime(prescription.at)}</time> ·{" "}
              {author(prescription.author_id)}
            </p>
          </li>
        ))}
      </ul>
    </Addable>
  );
}

function inWords({ dose, frequency, duration_days }: Schema<"Prescription">, days: string): string {
  return [dose, frequency, ...(duration_days ? [days] : [])].join(" · ");
}

function Prescribe({ patient, draft, onDone }: { patient: Patient; draft: string; onDone: () => void }) {
  const { t } = useTranslation();
  const { organization_id: org_id } = useHospital();
  const { patient_id, allergies } = patient;
  const once = useIdempotency();
  const reread = useRereadPatient(patient_id);
  const schema = useMemo(() => {
    const rules = rulesIn(t);
    const { NewPrescription } = fields;
    return z.object({
      medicine: rules.required(NewPrescription.medicine),
      dose: rules.required(NewPrescription.dose),
      frequency: rules.required(NewPrescription.frequency),
      duration_days: rules.optionalNumber(NewPrescription.duration_days),
      instructions: rules.optional(NewPrescription.instructions),
    });
  }, [t]);
  const state = useForm({
    schema,
    defaultValues: { medicine: "", dose: "", frequency: "", duration_days: "", instructions: "" },
    draft,
    submit: async ({ duration_days, instructions, ...said }) => {
      const body = { ...said, ...(duration_days ? { duration_days } : {}), ...(instructions ? { instructions } : {}) };
      await once(body, (key) => {
        const params = { path: { org_id, patient_id }, header: { "Idempotency-Key": key } };
        return answer(api.POST("/organization/{org_id}/patients/{patient_id}/prescriptions", { params, body }));
      });
      await reread();
      announce(t("prescriptions.prescribed"));
      onDone();
    },
  });
  return (
    <Form state={state} label={t("prescriptions.prescribe")}>
      {allergies.length > 0 && (
        <Notice tone="warn" title={t("prescriptions.allergic")}>
          <span dir="auto">{allergies.join(", ")}</span>
        </Notice>
      )}
      <div className="grid items-start gap-4 sm:grid-cols-2">
        <TextField name="medicine" label={t("prescriptions.medicine")} autoComplete="off" className="sm:col-span-2" />
        <TextField name="dose" label={t("prescriptions.dose")} hint={t("prescriptions.doseHint")} autoComplete="off" />
        <TextField
          name="frequency"
          label={t("prescriptions.frequency")}
          hint={t("prescriptions.frequencyHint")}
          autoComplete="off"
        />
        <TextField name="duration_days" label={t("prescriptions.duration")} inputMode="numeric" optional />
        <TextArea name="instructions" label={t("prescriptions.instructions")} optional className="sm:col-span-2" />
      </div>
      <Button type="submit" look="primary" pending={state.isSubmitting} className="justify-self-end">
        {t("prescriptions.prescribe")}
      </Button>
    </Form>
  );
}
