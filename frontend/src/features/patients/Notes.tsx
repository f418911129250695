import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { z } from "zod";
import { answer, api } from "@/api/client";
import { useIdempotency } from "@/api/idempotency";
import { fields } from "@/api/rules.generated";
import { Button } from "@/components/Button";
import { Form, useForm } from "@/components/form/Form";
import { TextArea } from "@/components/form/fields";
import { rulesIn } from "@/components/form/rules";
import { announce } from "@/components/Toasts";
import { useFormat } from "@/dates/format";
import { useHospital } from "@/session/me";
import { useZone } from "../settings/queries";
import { useAuthors } from "../users/authors";
import { Addable, NothingYet } from "./Addable";
import { type Patient, useRereadPatient } from "./queries";

export function Notes({ patient, canAdd }: { patient: Patient; canAdd: boolean }) {
  const { t } = useTranslation();
  const format = useFormat(useZone());
  const { nameOf: author } = useAuthors();
  const draft = `patients/${patient.patient_id}/note`;
  const newestFirst = [...(patient.notes ?? [])].reverse();
  return (
    <Addable
      title={t("notes.title")}
      add={t("notes.write")}
      canAdd={canAdd}
      draft={draft}
      form={(close) => <Write patientId={patient.patient_id} draft={draft} onDone={close} />}
    >
      {newestFirst.length === 0 && <NothingYet>{t("notes.none")}</NothingYet>}
      <ul className="divide-y divide-line">
        {newestFirst.map((note) => (
          <li key={note.note_id} className="grid gap-1 px-4 py-3 sm:px-6">
            <p className="text-ink-soft">
              <time dateTime={note.at}>{format.dateTime(note.at)}</time> · {author(note.author_id)}
            </p>
            <p className="whitespace-pre-line" dir="auto">
              {note.text}
            </p>
          </li>
        ))}
      </ul>
    </Addable>
  );
}

function Write({ patientId, draft, onDone }: { patientId: string; draft: string; onDone: () => void }) {
  const { t } = useTranslation();
  const { organization_id: org_id } = useHospital();
  const once = useIdempotency();
  const reread = useRereadPatient(patientId);
  const schema = useMemo(() => z.object({ text: rulesIn(t).required(fields.NewNote.text) }), [t]);
  const state = useForm({
    schema,
    defaultValues: { text: "" },
    draft,
    submit: async (body) => {
      await once(body, (key) => {
        const params = { path: { org_id, patient_id: patientId }, header: { "Idempotency-Key": key } };
        return answer(api.POST("/organization/{org_id}/patients/{patient_id}/notes", { params, body }));
      });
      await reread();
      announce(t("notes.written"));
      onDone();
    },
  });
  return (
    <Form state={state} label={t("notes.write")}>
      <TextArea name="text" rows={6} label={t("notes.text")} hint={t("notes.hint")} />
      <Button type="submit" look="primary" pending={state.isSubmitting} className="justify-self-end">
        {t("common.save")}
      </Button>
    </Form>
  );
}
