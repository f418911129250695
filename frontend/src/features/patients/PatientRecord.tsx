import { useParams } from "@tanstack/react-router";
import { Archive, ArchiveRestore, CalendarPlus, Pencil, Printer } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { answer, api, ifMatch } from "@/api/client";
import { Button, ButtonLink } from "@/components/Button";
import { Confirm } from "@/components/Confirm";
import { Guard } from "@/components/Guard";
import { Notice } from "@/components/Notice";
import { Card, Fact, PageHeader } from "@/components/Page";
import { Failure, Skeleton } from "@/components/states";
import { announce } from "@/components/Toasts";
import { useFormat } from "@/dates/format";
import { yearsSince } from "@/dates/zone";
import { useHospital, useMay, useMe } from "@/session/me";
import { useZone } from "../settings/queries";
import { AllergyBadge } from "./AllergyBadge";
import { History } from "./History";
import { Notes } from "./Notes";
import { PatientAppointments } from "./PatientAppointments";
import { Prescriptions } from "./Prescriptions";
import { type Patient, useKeepPatient, usePatient, useRereadPatient } from "./queries";
import { VitalSigns } from "./VitalSigns";

/** Everything about one patient that the reader may see: the API leaves out what they may not. */
export function PatientRecord() {
  const { patientId } = useParams({ from: "/app/patients/$patientId" });
  const patient = usePatient(patientId);
  return (
    <Guard permission="patients.read">
      {patient.isPending && <Skeleton lines={10} />}
      {patient.isError && <Failure error={patient.error} retry={() => void patient.refetch()} />}
      {patient.data && <Record key={patientId} patient={patient.data} />}
    </Guard>
  );
}

function Record({ patient }: { patient: Patient }) {
  const { t } = useTranslation();
  const may = useMay();
  const hospital = useHospital();
  const { user } = useMe();
  const zone = useZone();
  const format = useFormat(zone);
  const isArchived = Boolean(patient.archived_at);
  return (
    <div className="grid gap-6">
      <p className="hidden print:block">
        {t("patients.printed", {
          hospital: hospital.organization_name,
          when: format.dateTime(new Date().toISOString()),
          who: user.name ?? user.email,
        })}
      </p>
      <PageHeader
        eyebrow={<span className="tabular">{patient.record_number}</span>}
        title={patient.name}
        explanation={
          <span className="flex flex-wrap items-center gap-x-4 gap-y-2">
            <span>
              {t("patients.bornAge", {
                date: format.day(patient.birth_date),
                count: yearsSince(patient.birth_date, zone),
              })}
            </span>
            {patient.sex && <span>{t(`patients.sexes.${patient.sex}`)}</span>}
            {patient.blood_group && (
              <span>{t("patients.bloodGroupIs", { group: patient.blood_group.replace("-", "−") })}</span>
            )}
          </span>
        }
        actions={<Actions patient={patient} isArchived={isArchived} />}
      />
      {isArchived && (
        <Notice tone="warn" title={t("patients.isArchived")}>
          {t("patients.isArchivedHint")}
        </Notice>
      )}
      <Card className="print-whole">
        <dl className="grid gap-x-8 gap-y-4 sm:grid-cols-2 lg:grid-cols-4">
          <Fact label={t("patients.allergies")} className="sm:col-span-2 lg:col-span-4">
            <AllergyBadge allergies={patient.allergies} />
          </Fact>
          <Fact label={t("patients.phone")}>{patient.phone ?? "–"}</Fact>
          <Fact label={t("patients.email")}>{patient.email ?? "–"}</Fact>
          <Fact label={t("patients.address")} className="sm:col-span-2">
            <span className="whitespace-pre-line" dir="auto">
              {patient.address ?? "–"}
            </span>
          </Fact>
        </dl>
      </Card>
      <div className="grid items-start gap-6 xl:grid-cols-2 print:grid-cols-1">
        {patient.vitals && <VitalSigns patient={patient} canAdd={may("vitals.record") && !isArchived} />}
        {patient.notes && <Notes patient={patient} canAdd={may("clinical_notes.write") && !isArchived} />}
        {patient.prescriptions && (
          <Prescriptions patient={patient} canAdd={may("prescriptions.write") && !isArchived} />
        )}
        {may("appointments.read") && <PatientAppointments patientId={patient.patient_id} />}
      </div>
      <History patient={patient} />
    </div>
  );
}

function Actions({ patient, isArchived }: { patient: Patient; isArchived: boolean }) {
  const { t } = useTranslation();
  const may = useMay();
  const { organization_id: org_id } = useHospital();
  const keep = useKeepPatient();
  const reread = useRereadPatient(patient.patient_id);
  const [isAsking, setAsking] = useState(false);
  const path = { org_id, patient_id: patient.patient_id };
  const archive = async () => {
    try {
      await answer(
        api.DELETE("/organization/{org_id}/patients/{patient_id}", {
          params: { path, header: ifMatch(patient.version) },
        }),
      );
      keep({ ...patient, archived_at: new Date().toISOString() });
    } finally {
      // When somebody else was quicker, the page shows what they saved, and the next try is of that.
      await reread();
    }
    announce(t("patients.archivedNow"));
  };
  const restore = async () => {
    keep(await answer(api.POST("/organization/{org_id}/patients/{patient_id}/restore", { params: { path } })));
    announce(t("patients.restoredNow"));
  };
  return (
    <>
      {may("appointments.book") && !isArchived && (
        <ButtonLink to="/app/appointments/new" search={{ patient: patient.patient_id }} look="primary">
          <CalendarPlus aria-hidden className="size-4" />
          {t("appointments.book")}
        </ButtonLink>
      )}
      {may("patients.register") && !isArchived && (
        <ButtonLink to="/app/patients/$patientId/edit" params={{ patientId: patient.patient_id }}>
          <Pencil aria-hidden className="size-4" />
          {t("common.edit")}
        </ButtonLink>
      )}
      <Button onClick={() => window.print()}>
        <Printer aria-hidden className="size-4" />
        {t("common.print")}
      </Button>
      {may("patients.archive") && (
        <Button look="quiet" onClick={() => setAsking(true)}>
          {isArchived ? <ArchiveRestore aria-hidden className="size-4" /> : <Archive aria-hidden className="size-4" />}
          {t(isArchived ? "patients.restore" : "patients.archive")}
        </Button>
      )}
      <Confirm
        open={isAsking}
        onClose={() => setAsking(false)}
        title={t(isArchived ? "patients.restoreTitle" : "patients.archiveTitle", { name: patient.name })}
        action={t(isArchived ? "patients.restore" : "patients.archive")}
        dangerous={!isArchived}
        onConfirm={isArchived ? restore : archive}
      >
        {t(isArchived ? "patients.restoreHint" : "patients.archiveHint")}
      </Confirm>
    </>
  );
}
