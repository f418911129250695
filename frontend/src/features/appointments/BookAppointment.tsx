import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useDeferredValue, useMemo, useState } from "react";
import { useController } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { z } from "zod";
import { answer, api } from "@/api/client";
import { useIdempotency } from "@/api/idempotency";
import { ButtonLink } from "@/components/Button";
import { type Choice, Combobox } from "@/components/Combobox";
import { Form, Unsent, useForm } from "@/components/form/Form";
import { FormActions } from "@/components/form/FormActions";
import { Guard } from "@/components/Guard";
import { Card, PageHeader } from "@/components/Page";
import { Skeleton } from "@/components/states";
import { announce } from "@/components/Toasts";
import { useFormat } from "@/dates/format";
import { dayIn } from "@/dates/zone";
import { useHospital, useMay } from "@/session/me";
import { patientQuery } from "../patients/queries";
import { useSettings } from "../settings/queries";
import { forgetAppointments } from "./queries";
import { TimesFields } from "./TimesFields";
import { busyMessage, instantsOf, timesSchema } from "./times";

export function BookAppointment() {
  const { t } = useTranslation();
  const { patient } = useSearch({ from: "/app/appointments/new" });
  const { organization_id } = useHospital();
  const known = useQuery({ ...patientQuery(organization_id, patient ?? ""), enabled: patient !== undefined });
  // The defaults of the form depend on it.
  const isReady = patient === undefined || !known.isPending;
  return (
    <Guard permission="appointments.book">
      <div className="mx-auto grid max-w-2xl gap-6">
        <PageHeader title={t("appointments.book")} />
        {isReady ? (
          <Book
            patient={
              known.data ? { id: known.data.patient_id, name: known.data.name, note: known.data.record_number } : null
            }
          />
        ) : (
          <Skeleton lines={8} />
        )}
      </div>
    </Guard>
  );
}

function Book({ patient }: { patient: Choice | null }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const once = useIdempotency();
  const { organization_id: org_id } = useHospital();
  const { time_zone: zone, appointment_minutes } = useSettings();
  const format = useFormat(zone);
  const search = useSearch({ from: "/app/appointments/new" });
  const schema = useMemo(
    () =>
      z.object({
        // With the name, so that a draft shows who is meant.
        patient: z.custom<Choice | null>().transform((choice, context) => {
          if (choice) return choice;
          context.addIssue({ code: "custom", message: t("appointments.choosePatient") });
          return z.NEVER;
        }),
        ...timesSchema(t),
      }),
    [t],
  );
  const day = search.day ?? dayIn(zone);
  const state = useForm({
    schema,
    defaultValues: {
      patient,
      doctor_id: search.doctor ?? "",
      day,
      time: "",
      minutes: String(appointment_minutes),
      reason: "",
    },
    draft: `appointments/new?${patient?.id ?? ""}`,
    pointers: { "/patient_id": "patient", "/starts_at": "time", "/ends_at": "minutes" },
    submit: async ({ patient: { id: patient_id }, doctor_id, reason, ...times }, form) => {
      const body = { patient_id, doctor_id, ...instantsOf(times, zone), ...(reason ? { reason } : {}) };
      try {
        await once(body, (key) => {
          const params = { path: { org_id }, header: { "Idempotency-Key": key } };
          return answer(api.POST("/organization/{org_id}/appointments", { params, body }));
        });
      } catch (error) {
        const busy = busyMessage(error, t, format);
        if (!busy) throw error;
        form.setError("time", { message: busy }, { shouldFocus: true });
        throw new Unsent();
      }
      void forgetAppointments(queries, org_id);
      announce(t("appointments.booked"));
      await navigate({ to: "/app/appointments", search: { day: times.day } });
    },
  });
  return (
    <Form state={state}>
      <Card>
        <div className="grid gap-6">
          <PatientField />
          <TimesFields />
        </div>
      </Card>
      <FormActions
        pending={state.isSubmitting}
        cancel={
          <ButtonLink to="/app/appointments" search={{ day }} ignoreBlocker>
            {t("common.cancel")}
          </ButtonLink>
        }
      >
        {t("appointments.book")}
      </FormActions>
    </Form>
  );
}

function PatientField() {
  const { t } = useTranslation();
  const may = useMay();
  const { organization_id: org_id } = useHospital();
  const { field, fieldState } = useController<{ patient: Choice | null }, "patient">({ name: "patient" });
  const [words, setWords] = useState("");
  const q = useDeferredValue(words.trim()).slice(0, 100);
  const { data, isFetching } = useQuery({
    queryKey: ["patients", org_id, "choices", q],
    queryFn: ({ signal }) =>
      answer(
        api.GET("/organization/{org_id}/patients", {
          params: { path: { org_id }, query: { limit: 20, ...(q ? { q } : {}) } },
          signal,
        }),
      ),
    placeholderData: (previous) => previous,
  });
  const choices = (data?.items ?? []).map((one) => ({ id: one.patient_id, name: one.name, note: one.record_number }));
  return (
    <Combobox
      inputRef={field.ref}
      label={t("appointments.patient")}
      placeholder={t("patients.search")}
      choices={choices}
      value={field.value}
      isSearching={isFetching}
      onSearch={setWords}
      onChange={field.onChange}
      none={t("appointments.noPatientFound")}
      error={fieldState.error?.message}
      hint={
        may("patients.register") && (
          <Link to="/app/patients/new" className="text-accent underline underline-offset-2">
            {t("appointments.notRegistered")}
          </Link>
        )
      }
    />
  );
}
