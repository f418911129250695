import { useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { answer, api, type Schema } from "@/api/client";
import { useIdempotency } from "@/api/idempotency";
import { ButtonLink } from "@/components/Button";
import { Form, useForm } from "@/components/form/Form";
import { FormActions } from "@/components/form/FormActions";
import { Guard } from "@/components/Guard";
import { PageHeader } from "@/components/Page";
import { announce } from "@/components/Toasts";
import { dayIn } from "@/dates/zone";
import { useHospital } from "@/session/me";
import { useZone } from "../settings/queries";
import { nobody, type PatientOutput, patientSchema } from "./details";
import { PatientFields } from "./PatientFields";
import { useKeepPatient } from "./queries";

export function RegisterPatient() {
  return (
    <Guard permission="patients.register">
      <Register />
    </Guard>
  );
}

function Register() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { organization_id: org_id } = useHospital();
  const once = useIdempotency();
  const keep = useKeepPatient();
  const today = dayIn(useZone());
  const schema = useMemo(() => patientSchema(t, today), [t, today]);
  const state = useForm({
    schema,
    defaultValues: nobody,
    draft: "patients/new",
    submit: async (values) => {
      const body = requestOf(values);
      const patient = await once(body, (key) => {
        const params = { path: { org_id }, header: { "Idempotency-Key": key } };
        return answer(api.POST("/organization/{org_id}/patients", { params, body }));
      });
      keep(patient);
      announce(t("patients.registered", { name: patient.name }));
      await navigate({ to: "/app/patients/$patientId", params: { patientId: patient.patient_id }, replace: true });
    },
  });
  return (
    <div className="mx-auto grid max-w-3xl gap-6">
      <PageHeader title={t("patients.register")} explanation={t("patients.registerHint")} />
      <Form state={state}>
        <PatientFields isNew today={today} />
        <FormActions
          pending={state.isSubmitting}
          cancel={
            <ButtonLink to="/app/patients" ignoreBlocker>
              {t("common.cancel")}
            </ButtonLink>
          }
        >
          {t("patients.register")}
        </FormActions>
      </Form>
    </div>
  );
}

/** What is not said is not sent. */
function requestOf({ sex, blood_group, ...values }: PatientOutput): Schema<"NewPatient"> {
  const said = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
  return {
    ...(said as Pick<Schema<"NewPatient">, "name" | "birth_date" | "allergies">),
    ...(sex ? { sex: sex as Schema<"Sex"> } : {}),
    ...(blood_group ? { blood_group: blood_group as Schema<"BloodGroup"> } : {}),
  };
}
