import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { Card } from "@/components/Page";
import { Failure, Skeleton } from "@/components/states";
import { useFormat } from "@/dates/format";
import { localOf } from "@/dates/zone";
import { AppointmentBadge } from "../appointments/AppointmentBadge";
import { usePatientAppointments } from "../appointments/queries";
import { useZone } from "../settings/queries";
import { NothingYet } from "./Addable";

export function PatientAppointments({ patientId }: { patientId: string }) {
  const { t } = useTranslation();
  const zone = useZone();
  const format = useFormat(zone);
  const { data, isPending, error, refetch } = usePatientAppointments(patientId);
  const newestFirst = [...(data?.items ?? [])].reverse();
  return (
    <Card title={t("appointments.title")} flush>
      {isPending && <Skeleton className="p-6" />}
      {error && <Failure error={error} retry={() => void refetch()} />}
      {data && newestFirst.length === 0 && <NothingYet>{t("appointments.noneOfPatient")}</NothingYet>}
      <ul className="divide-y divide-line">
        {newestFirst.map((appointment) => (
          <li
            key={appointment.appointment_id}
            className="flex flex-wrap items-center justify-between gap-2 px-4 py-3 sm:px-6"
          >
            <span className="grid">
              <Link
                to="/app/appointments"
                search={{
                  day: localOf(appointment.starts_at, zone).day,
                  appointment: appointment.appointment_id,
                }}
                className="font-medium underline-offset-2 hover:underline"
              >
                {format.dateTime(appointment.starts_at)}
              </Link>
              <span className="text-ink-soft" dir="auto">
                {[appointment.doctor_name, appointment.reason].filter(Boolean).join(" · ")}
              </span>
            </span>
            <AppointmentBadge status={appointment.status} />
          </li>
        ))}
      </ul>
    </Card>
  );
}
