import { CalendarDays, HeartPulse, type LucideIcon, NotebookPen, Pill, UserPlus } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Card } from "@/components/Page";
import { useFormat } from "@/dates/format";
import { useMay } from "@/session/me";
import { usePatientAppointments } from "../appointments/queries";
import { useZone } from "../settings/queries";
import { useAuthors } from "../users/authors";
import type { Patient } from "./queries";
import { readingsOf } from "./vitals";

interface Entry {
  id: string;
  at: string;
  icon: LucideIcon;
  kind: string;
  text: string;
  by?: string;
}

/** Everything that happened with a patient, in one line of time, the newest first. On paper the parts say it already. */
export function History({ patient }: { patient: Patient }) {
  const { t } = useTranslation();
  const format = useFormat(useZone());
  const entries = useEntries(patient);
  return (
    <Card title={t("history.title")} className="no-print">
      <ol className="grid gap-6">
        {entries.map(({ id, at, icon: Icon, kind, text, by }) => (
          <li key={id} className="flex gap-4">
            <span className="grid size-8 shrink-0 place-items-center rounded-full bg-sunken text-ink-soft">
              <Icon aria-hidden className="size-4" />
            </span>
            <div className="grid min-w-0 gap-0.5">
              <p className="text-ink-soft">
                <span className="font-medium text-ink">{kind}</span> · <time dateTime={at}>{format.dateTime(at)}</time>
                {by && ` · ${by}`}
              </p>
              {text && (
                <p className="line-clamp-3 whitespace-pre-line" dir="auto">
                  {text}
                </p>
              )}
            </div>
          </li>
        ))}
      </ol>
    </Card>
  );
}

function useEntries(patient: Patient): Entry[] {
  const { t } = useTranslation();
  const may = useMay();
  const { nameOf: author } = useAuthors();
  const format = useFormat(useZone());
  const appointments = usePatientAppointments(patient.patient_id, may("appointments.read"));
  const entries: Entry[] = [
    {
      id: patient.patient_id,
      at: patient.created_at,
      icon: UserPlus,
      kind: t("history.registered"),
      text: "",
    },
    ...(patient.vitals ?? []).map((vitals) => ({
      id: vitals.vitals_id,
      at: vitals.at,
      icon: HeartPulse,
      kind: t("history.vitals"),
      text: readingsOf(vitals, format.decimal)
        .map(({ label, text }) => `${t(`vitals.measures.${label}`)} ${text}`)
        .join(" · "),
      by: author(vitals.author_id),
    })),
    ...(patient.notes ?? []).map((note) => ({
      id: note.note_id,
      at: note.at,
      icon: NotebookPen,
      kind: t("history.note"),
      text: note.text,
      by: author(note.author_id),
    })),
    ...(patient.prescriptions ?? []).map((one) => ({
      id: one.prescription_id,
      at: one.at,
      icon: Pill,
      kind: t("history.prescription"),
      text: `${one.medicine} · ${one.dose} · ${one.frequency}`,
      by: author(one.author_id),
    })),
    ...(appointments.data?.items ?? []).map((one) => ({
      id: one.appointment_id,
      at: one.starts_at,
      icon: CalendarDays,
      kind: `${t("appointments.one")}: ${t(`appointments.statuses.${one.status}`)}`,
      text: one.reason ?? "",
      ...(one.doctor_name ? { by: one.doctor_name } : {}),
    })),
  ];
  return entries.sort((one, other) => Date.parse(other.at) - Date.parse(one.at));
}
