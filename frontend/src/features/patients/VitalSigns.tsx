import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { z } from "zod";
import { answer, api, type Schema } from "@/api/client";
import { useIdempotency } from "@/api/idempotency";
import { fields } from "@/api/rules.generated";
import { Button } from "@/components/Button";
import { Form, useForm } from "@/components/form/Form";
import { TextField } from "@/components/form/fields";
import { rulesIn } from "@/components/form/rules";
import { announce } from "@/components/Toasts";
import { useFormat } from "@/dates/format";
import { useHospital } from "@/session/me";
import { useZone } from "../settings/queries";
import { useAuthors } from "../users/authors";
import { Addable, NothingYet } from "./Addable";
import { type Patient, useRereadPatient } from "./queries";
import { measures, readingsOf } from "./vitals";

export function VitalSigns({ patient, canAdd }: { patient: Patient; canAdd: boolean }) {
  const { t } = useTranslation();
  const format = useFormat(useZone());
  const { nameOf: author } = useAuthors();
  const draft = `patients/${patient.patient_id}/vitals`;
  const newestFirst = [...(patient.vitals ?? [])].reverse();
  return (
    <Addable
      title={t("vitals.title")}
      add={t("vitals.record")}
      canAdd={canAdd}
      draft={draft}
      form={(close) => <Measure patientId={patient.patient_id} draft={draft} onDone={close} />}
    >
      {newestFirst.length === 0 && <NothingYet>{t("vitals.none")}</NothingYet>}
      <ul className="divide-y divide-line">
        {newestFirst.map((vitals) => (
          <li key={vitals.vitals_id} className="grid gap-2 px-4 py-3 sm:px-6">
            <p className="text-ink-soft">
              <time dateTime={vitals.at}>{format.dateTime(vitals.at)}</time> · {author(vitals.author_id)}
            </p>
            <dl className="flex flex-wrap gap-x-6 gap-y-2">
              {readingsOf(vitals, format.decimal).map(({ label, text }) => (
                <div key={label}>
                  <dt className="text-ink-soft">{t(`vitals.measures.${label}`)}</dt>
                  <dd className="font-medium tabular">{text}</dd>
                </div>
              ))}
            </dl>
          </li>
        ))}
      </ul>
    </Addable>
  );
}

function Measure({ patientId, draft, onDone }: { patientId: string; draft: string; onDone: () => void }) {
  const { t } = useTranslation();
  const { organization_id: org_id } = useHospital();
  const once = useIdempotency();
  const reread = useRereadPatient(patientId);
  const schema = useMemo(() => {
    const rules = rulesIn(t);
    const one = ({ name, whole }: (typeof measures)[number]) => [
      name,
      rules.optionalNumber(fields.Measured[name], whole),
    ];
    const all = z.object(
      Object.fromEntries(measures.map(one)) as Record<string, ReturnType<typeof rules.optionalNumber>>,
    );
    return all
      .refine((values) => Object.values(values).some((value) => value !== undefined), {
        path: [measures[0]?.name ?? ""],
        message: t("vitals.atLeastOne"),
      })
      .refine((values) => (values.systolic_mmhg === undefined) === (values.diastolic_mmhg === undefined), {
        path: ["diastolic_mmhg"],
        message: t("vitals.bothPressures"),
      })
      .refine(
        ({ systolic_mmhg, diastolic_mmhg }) => !(systolic_mmhg && diastolic_mmhg && systolic_mmhg <= diastolic_mmhg),
        {
          path: ["systolic_mmhg"],
          message: t("vitals.systolicAbove"),
        },
      );
  }, [t]);
  const state = useForm<Record<string, string>, Record<string, number | undefined>>({
    schema,
    defaultValues: Object.fromEntries(measures.map(({ name }) => [name, ""])),
    draft,
    submit: async (values) => {
      const measured = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
      const body = measured as Schema<"Measured">;
      await once(body, (key) => {
        const params = { path: { org_id, patient_id: patientId }, header: { "Idempotency-Key": key } };
        return answer(api.POST("/organization/{org_id}/patients/{patient_id}/vitals", { params, body }));
      });
      await reread();
      announce(t("vitals.recorded"));
      onDone();
    },
  });
  return (
    <Form state={state} label={t("vitals.record")}>
      <div className="grid grid-cols-2 items-start gap-4 sm:grid-cols-4">
        {measures.map(({ name, unit }) => (
          <TextField
            key={name}
            name={name}
            inputMode="decimal"
            autoComplete="off"
            label={
              <>
                {t(`vitals.measures.${name}`)} <span className="font-normal text-ink-soft">{unit}</span>
              </>
            }
          />
        ))}
      </div>
      <Button type="submit" look="primary" pending={state.isSubmitting} className="justify-self-end">
        {t("common.save")}
      </Button>
    </Form>
  );
}
