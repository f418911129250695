import { useNavigate, useParams } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { answer, api, ifMatch, type Schema } from "@/api/client";
import { isProblem } from "@/api/problem";
import { ButtonLink } from "@/components/Button";
import { Conflict, type Difference } from "@/components/Conflict";
import { Form, Unsent, useForm } from "@/components/form/Form";
import { FormActions } from "@/components/form/FormActions";
import { useVersions } from "@/components/form/versions";
import { Guard } from "@/components/Guard";
import { PageHeader } from "@/components/Page";
import { Failure, Skeleton } from "@/components/states";
import { announce } from "@/components/Toasts";
import { useFormat } from "@/dates/format";
import { dayIn } from "@/dates/zone";
import { useHospital } from "@/session/me";
import { useZone } from "../settings/queries";
import { detailNames, inputOf, type PatientInput, type PatientOutput, patientSchema, shown } from "./details";
import { PatientFields } from "./PatientFields";
import { type Patient, useKeepPatient, usePatient } from "./queries";

export function EditPatient() {
  const { t } = useTranslation();
  const { patientId } = useParams({ from: "/app/patients/$patientId/edit" });
  const patient = usePatient(patientId);
  return (
    <Guard permission="patients.register">
      <div className="mx-auto grid max-w-3xl gap-6">
        {patient.isPending && <Skeleton lines={8} />}
        {patient.isError && <Failure error={patient.error} retry={() => void patient.refetch()} />}
        {patient.data && (
          <>
            <PageHeader title={t("patients.edit", { name: patient.data.name })} />
            <Edit key={patient.data.patient_id} patient={patient.data} />
          </>
        )}
      </div>
    </Guard>
  );
}

function Edit({ patient }: { patient: Patient }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const zone = useZone();
  const today = dayIn(zone);
  const { organization_id: org_id } = useHospital();
  const keep = useKeepPatient();
  const { patient_id } = patient;
  const draft = `patients/${patient_id}/edit`;
  const { seen, theirs, setTheirs, takeTheirs } = useVersions(patient, draft);
  const schema = useMemo(() => patientSchema(t, today), [t, today]);
  const path = { org_id, patient_id };

  const save = async (values: PatientOutput, version: number) => {
    const changed = await answer(
      api.PATCH("/organization/{org_id}/patients/{patient_id}", {
        params: { path, header: ifMatch(version) },
        body: changesOf(seen, values),
      }),
    );
    keep(changed);
    announce(t("common.saved"));
    await navigate({ to: "/app/patients/$patientId", params: { patientId: patient_id }, replace: true });
  };

  const state = useForm({
    schema,
    defaultValues: inputOf(patient),
    draft,
    submit: async (values) => {
      try {
        await save(values, (theirs ?? seen).version);
      } catch (error) {
        if (!isProblem(error, "version-mismatch")) throw error;
        setTheirs(await answer(api.GET("/organization/{org_id}/patients/{patient_id}", { params: { path } })));
        throw new Unsent();
      }
    },
  });

  const differences = useDifferences(theirs, state.form.watch());

  return (
    <Form state={state}>
      {theirs && (
        <Conflict
          differences={differences}
          state={state}
          onTakeTheirs={() =>
            takeTheirs((taken) => {
              keep(taken);
              state.form.reset(inputOf(taken));
            })
          }
        />
      )}
      <PatientFields isNew={false} today={today} />
      <FormActions
        pending={state.isSubmitting}
        cancel={
          <ButtonLink to="/app/patients/$patientId" params={{ patientId: patient_id }} ignoreBlocker>
            {t("common.cancel")}
          </ButtonLink>
        }
      >
        {t("common.save")}
      </FormActions>
    </Form>
  );
}

/** Where the saved version and the form differ. */
function useDifferences(theirs: Patient | null, yours: PatientInput): Difference[] {
  const { t } = useTranslation();
  const format = useFormat(useZone());
  if (!theirs) return [];
  const saved = inputOf(theirs);
  return detailNames
    .filter((name) => saved[name] !== yours[name])
    .map((name) => ({
      field: t(`patients.fields.${name}`),
      theirs: shown(t, format, name, saved[name]),
      yours: shown(t, format, name, yours[name]),
    }));
}

/** Only what was changed is sent, so that what others change at the same time stays; what was emptied is cleared. */
function changesOf(before: Patient, values: PatientOutput): Schema<"PatientChange"> {
  const old = before as unknown as Record<string, unknown>;
  const changes = Object.entries(values)
    .map(([name, value]): [string, unknown] => [name, value === undefined || value === "" ? null : value])
    .filter(([name, value]) => JSON.stringify(old[name] ?? null) !== JSON.stringify(value))
    // A record always has a number: emptied, it stays as it is.
    .filter(([name, value]) => !(name === "record_number" && value === null));
  return Object.fromEntries(changes) as Schema<"PatientChange">;
}
