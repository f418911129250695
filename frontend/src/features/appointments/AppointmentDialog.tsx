import { Dialog } from "@base-ui/react/dialog";
import { Link } from "@tanstack/react-router";
import { CalendarClock } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { DialogFrame } from "@/components/DialogFrame";
import { draftOf } from "@/components/form/drafts";
import { closing } from "@/components/form/unsent";
import { Fact } from "@/components/Page";
import { Failure, Skeleton } from "@/components/states";
import { useFormat } from "@/dates/format";
import { useMay } from "@/session/me";
import { useZone } from "../settings/queries";
import { AppointmentBadge } from "./AppointmentBadge";
import { MoveAppointment } from "./MoveAppointment";
import { type Appointment, useAppointment } from "./queries";
import { StatusActions } from "./StatusActions";

/** Everything about one appointment, and what can be done with it. */
export function AppointmentDialog({ appointmentId, onClose }: { appointmentId: string; onClose: () => void }) {
  const { t } = useTranslation();
  const { data, isPending, error, refetch } = useAppointment(appointmentId);
  return (
    <Dialog.Root open onOpenChange={closing(onClose)}>
      <DialogFrame title={data?.patient_name ?? t("appointments.one")} wide>
        {isPending && <Skeleton />}
        {error && <Failure error={error} retry={() => void refetch()} />}
        {data && <Details appointment={data} />}
      </DialogFrame>
    </Dialog.Root>
  );
}

function Details({ appointment }: { appointment: Appointment }) {
  const { t } = useTranslation();
  const may = useMay();
  const format = useFormat(useZone());
  const draft = `appointments/${appointment.appointment_id}`;
  const [isMoving, setMoving] = useState(() => draftOf(draft) !== undefined);
  const canMove = may("appointments.book") && ["booked", "arrived"].includes(appointment.status);
  if (isMoving && canMove) {
    return <MoveAppointment appointment={appointment} draft={draft} onDone={() => setMoving(false)} />;
  }
  return (
    <>
      <div>
        <AppointmentBadge status={appointment.status} />
      </div>
      <dl className="grid gap-4 sm:grid-cols-2">
        <Fact label={t("appointments.when")}>
          {format.date(appointment.starts_at)}, {format.time(appointment.starts_at)}–{format.time(appointment.ends_at)}
        </Fact>
        <Fact label={t("appointments.doctor")}>
          <span dir="auto">{appointment.doctor_name ?? "–"}</span>
        </Fact>
        <Fact label={t("patients.recordNumber")}>
          <Link
            to="/app/patients/$patientId"
            params={{ patientId: appointment.patient_id }}
            preload={false}
            className="text-accent underline underline-offset-2"
          >
            {appointment.record_number ?? t("patients.record")}
          </Link>
        </Fact>
        <Fact label={t("appointments.reason")}>
          <span className="whitespace-pre-line" dir="auto">
            {appointment.reason ?? "–"}
          </span>
        </Fact>
      </dl>
      <div className="flex flex-wrap items-start justify-between gap-2 max-sm:*:grow">
        <StatusActions appointment={appointment} />
        {canMove && (
          <Button onClick={() => setMoving(true)}>
            <CalendarClock aria-hidden className="size-4" />
            {t("appointments.move")}
          </Button>
        )}
      </div>
    </>
  );
}
