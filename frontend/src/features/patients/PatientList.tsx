import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Archive, ClipboardList, UserPlus } from "lucide-react";
import { useCallback, useEffect, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { ButtonLink } from "@/components/Button";
import { inputLook } from "@/components/form/Field";
import { Guard } from "@/components/Guard";
import { More } from "@/components/More";
import { Card, PageHeader } from "@/components/Page";
import { SearchField } from "@/components/SearchField";
import { Segments } from "@/components/Segments";
import { Empty, Failure, Skeleton } from "@/components/states";
import { Body, Cell, Head, HeadCell, Row, Table } from "@/components/Table";
import type { Day } from "@/dates/day";
import { useFormat } from "@/dates/format";
import { useMay } from "@/session/me";
import { useZone } from "../settings/queries";
import { AllergyBadge } from "./AllergyBadge";
import { type PatientSearch, usePatients } from "./queries";

export function PatientList() {
  const { t } = useTranslation();
  const may = useMay();
  const navigate = useNavigate();
  const asked = useSearch({ from: "/app/patients" });
  const { q, born, archived } = asked;
  // What is there at that moment counts: a search that is still being typed comes later than a choice.
  const change = useCallback(
    (to: (before: PatientSearch) => PatientSearch) => void navigate({ to: "/app/patients", search: to, replace: true }),
    [navigate],
  );
  const search = useCallback(
    (words: string) => change(({ q: _, ...before }) => (words ? { ...before, q: words } : before)),
    [change],
  );
  const bornOn = (day: Day) => change(({ born: _, ...before }) => (day ? { ...before, born: day } : before));
  const show = (which: "current" | "archived") =>
    change(({ archived: _, ...before }) => (which === "archived" ? { ...before, archived: true } : before));
  return (
    <Guard permission="patients.read">
      <div className="grid gap-6">
        <PageHeader
          title={t("patients.title")}
          explanation={t("patients.explanation")}
          actions={
            may("patients.register") && (
              <ButtonLink to="/app/patients/new" look="primary">
                <UserPlus aria-hidden className="size-4" />
                {t("patients.register")}
              </ButtonLink>
            )
          }
        />
        <div className="flex flex-wrap items-center justify-between gap-4">
          <div className="flex grow flex-wrap items-center gap-4">
            <SearchField label={t("patients.search")} value={q ?? ""} onSearch={search} />
            <BirthDateFilter value={born ?? ""} onChange={bornOn} />
          </div>
          <Segments
            label={t("patients.which")}
            value={archived ? "archived" : "current"}
            choices={[
              { value: "current", label: t("patients.inUse") },
              { value: "archived", label: t("patients.archived") },
            ]}
            onChange={show}
          />
        </div>
        <Found asked={asked} />
      </div>
    </Guard>
  );
}

/** Nobody who lives was born before: until the year is typed to its end, there is nothing to look for. */
const EARLIEST = "1850-01-01";

function BirthDateFilter({ value, onChange }: { value: Day | ""; onChange: (day: Day | "") => void }) {
  const { t } = useTranslation();
  const id = useId();
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  return (
    <div className="flex items-center gap-2">
      <label htmlFor={id} className="text-sm text-ink-soft">
        {t("patients.birthDate")}
      </label>
      <input
        id={id}
        type="date"
        className={inputLook}
        min={EARLIEST}
        value={typed}
        onChange={({ target }) => {
          setTyped(target.value);
          if (target.value ? target.value >= EARLIEST : !target.validity.badInput) onChange(target.value);
        }}
      />
    </div>
  );
}

function Found({ asked }: { asked: PatientSearch }) {
  const { t } = useTranslation();
  const may = useMay();
  const format = useFormat(useZone());
  const { q, born, archived } = asked;
  const patients = usePatients(asked);
  const words = [q, born && format.day(born)].filter(Boolean).join(", ");
  return (
    <Card flush>
      <p role="status" className="sr-only">
        {patients.isSuccess ? t("patients.found", { count: patients.items.length }) : ""}
      </p>
      {patients.isPending && <Skeleton lines={6} className="p-6" />}
      {patients.isError && <Failure error={patients.error} retry={() => void patients.refetch()} />}
      {patients.isSuccess && patients.items.length === 0 && (
        <Empty
          icon={archived ? Archive : ClipboardList}
          title={words ? t("patients.noneFound", { words }) : t(archived ? "patients.noneArchived" : "patients.none")}
          action={
            !archived && may("patients.register") ? (
              <ButtonLink to="/app/patients/new">{t("patients.register")}</ButtonLink>
            ) : undefined
          }
        >
          {words ? t("patients.noneFoundHint") : t(archived ? "patients.noneArchivedHint" : "patients.noneHint")}
        </Empty>
      )}
      {patients.items.length > 0 && (
        <Table caption={t("patients.title")}>
          <Head>
            <HeadCell>{t("patients.name")}</HeadCell>
            <HeadCell>{t("patients.recordNumber")}</HeadCell>
            <HeadCell>{t("patients.birthDate")}</HeadCell>
            <HeadCell>{t("patients.phone")}</HeadCell>
            <HeadCell>{t("patients.allergies")}</HeadCell>
          </Head>
          <Body>
            {patients.items.map((patient) => (
              <Row key={patient.patient_id}>
                <Cell>
                  <Link
                    to="/app/patients/$patientId"
                    params={{ patientId: patient.patient_id }}
                    preload={false}
                    dir="auto"
                    className="font-semibold text-ink underline-offset-2 hover:text-accent hover:underline"
                  >
                    {patient.name}
                  </Link>
                </Cell>
                <Cell label={t("patients.recordNumber")}>
                  <span className="tabular">{patient.record_number}</span>
                </Cell>
                <Cell label={t("patients.birthDate")} numeric>
                  {format.day(patient.birth_date)}
                </Cell>
                <Cell label={t("patients.phone")}>{patient.phone ?? "–"}</Cell>
                <Cell label={t("patients.allergies")}>
                  <AllergyBadge allergies={patient.allergies} />
                </Cell>
              </Row>
            ))}
          </Body>
        </Table>
      )}
      <More query={patients} />
    </Card>
  );
}
