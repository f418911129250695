import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { z } from "zod";
import { answer, api, type Schema } from "@/api/client";
import { isProblem } from "@/api/problem";
import { Conflict, type Difference } from "@/components/Conflict";
import { Form, Unsent, useForm } from "@/components/form/Form";
import { FormActions } from "@/components/form/FormActions";
import { useVersions } from "@/components/form/versions";
import { announce } from "@/components/Toasts";
import { useFormat } from "@/dates/format";
import { useHospital } from "@/session/me";
import { useZone } from "../settings/queries";
import { type Appointment, useChangeAppointment, useDoctors } from "./queries";
import { TimesFields } from "./TimesFields";
import { busyMessage, instantsOf, type TimesInput, type TimesOutput, timesOf, timesSchema } from "./times";

/** Another time, another doctor or another reason. */
export function MoveAppointment({
  appointment,
  draft,
  onDone,
}: {
  appointment: Appointment;
  draft: string;
  onDone: () => void;
}) {
  const { t } = useTranslation();
  const zone = useZone();
  const format = useFormat(zone);
  const change = useChangeAppointment();
  const { organization_id: org_id } = useHospital();
  const { seen, theirs, setTheirs, takeTheirs } = useVersions(appointment, draft);
  const schema = useMemo(() => z.object(timesSchema(t)), [t]);
  const state = useForm({
    schema,
    defaultValues: timesOf(appointment, zone),
    draft,
    pointers: { "/starts_at": "time", "/ends_at": "minutes" },
    submit: async (values, form) => {
      try {
        await change(theirs ?? seen, changesOf(seen, values, zone));
        announce(t("common.saved"));
        onDone();
      } catch (error) {
        if (isProblem(error, "version-mismatch")) {
          const path = { org_id, appointment_id: appointment.appointment_id };
          setTheirs(
            await answer(api.GET("/organization/{org_id}/appointments/{appointment_id}", { params: { path } })),
          );
          throw new Unsent();
        }
        const busy = busyMessage(error, t, format);
        if (!busy) throw error;
        form.setError("time", { message: busy }, { shouldFocus: true });
        throw new Unsent();
      }
    },
  });
  const differences = useDifferences(theirs, state.form.watch());
  return (
    <Form state={state} label={t("appointments.move")}>
      {theirs && (
        <Conflict
          differences={differences}
          state={state}
          onTakeTheirs={() => takeTheirs((taken) => state.form.reset(timesOf(taken, zone)))}
        />
      )}
      <TimesFields />
      <FormActions pending={state.isSubmitting} onCancel={onDone}>
        {t("common.save")}
      </FormActions>
    </Form>
  );
}

/** What differs from what was seen. */
function changesOf(seen: Appointment, values: TimesOutput, zone: string): Schema<"AppointmentChange"> {
  const before = timesOf(seen, zone);
  const isMoved = before.day !== values.day || before.time !== values.time || before.minutes !== String(values.minutes);
  return {
    ...(before.doctor_id !== values.doctor_id ? { doctor_id: values.doctor_id } : {}),
    ...(isMoved ? instantsOf(values, zone) : {}),
    ...(before.reason !== (values.reason ?? "") ? { reason: values.reason ?? null } : {}),
  };
}

function useDifferences(theirs: Appointment | null, yours: TimesInput): Difference[] {
  const { t } = useTranslation();
  const zone = useZone();
  const { data } = useDoctors();
  if (!theirs) return [];
  const saved = timesOf(theirs, zone);
  const doctor = (id: string) => {
    const found = data?.items.find((one) => one.user_id === id);
    return found ? (found.name ?? found.email) : id;
  };
  const shown = (name: keyof TimesInput, value: string) => (name === "doctor_id" ? doctor(value) : value);
  const names = ["doctor_id", "day", "time", "minutes", "reason"] as const;
  return names
    .filter((name) => saved[name] !== yours[name])
    .map((name) => ({
      field: t(`appointments.fields.${name}`),
      theirs: shown(name, saved[name]),
      yours: shown(name, yours[name]),
    }));
}
