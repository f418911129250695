import { useQueryClient } from "@tanstack/react-query";
import clsx from "clsx";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { isProblem } from "@/api/problem";
import { Button } from "@/components/Button";
import { Confirm } from "@/components/Confirm";
import { ProblemNotice } from "@/components/ProblemNotice";
import { announce } from "@/components/Toasts";
import { useHospital } from "@/session/me";
import { type Appointment, type AppointmentStatus, forgetAppointments, useChangeAppointment } from "./queries";

/** What the person may make of an appointment now, as the API says in `next`: each a button. */
export function StatusActions({ appointment, compact = false }: { appointment: Appointment; compact?: boolean }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const { organization_id } = useHospital();
  const change = useChangeAppointment();
  const [pending, setPending] = useState<AppointmentStatus | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const [isCancelling, setCancelling] = useState(false);
  // When somebody else was quicker, what is there now is shown, and what can be made of that.
  const changeTo = async (status: AppointmentStatus) => {
    try {
      await change(appointment, { status });
    } catch (error) {
      if (isProblem(error, "version-mismatch", "conflict")) {
        await forgetAppointments(queries, organization_id);
        await queries.invalidateQueries({ queryKey: ["appointment", organization_id] });
      }
      throw error;
    }
  };
  const move = async (status: AppointmentStatus) => {
    setPending(status);
    setProblem(null);
    try {
      await changeTo(status);
      announce(
        t("appointments.moved", {
          patient: appointment.patient_name ?? "",
          status: t(`appointments.statuses.${status}`),
        }),
      );
    } catch (error) {
      setProblem(error);
    } finally {
      setPending(null);
    }
  };
  // What cannot be undone comes last, and not where one clicks in passing.
  const others = appointment.next.filter((status) => status !== "cancelled");
  const canCancel = !compact && others.length < appointment.next.length;
  const shown: AppointmentStatus[] = canCancel ? [...others, "cancelled"] : others;
  if (shown.length === 0 && !problem) return null;
  const whose = appointment.patient_name ?? "";
  return (
    <div className="grid gap-2">
      <div className={clsx("flex flex-wrap gap-2", !compact && "max-sm:*:grow")}>
        {shown.map((status, index) => (
          <Button
            key={status}
            look={index === 0 && status !== "cancelled" ? "primary" : status === "cancelled" ? "danger" : "secondary"}
            pending={pending === status}
            disabled={pending !== null}
            onClick={() => (status === "cancelled" ? setCancelling(true) : void move(status))}
          >
            {t(`appointments.actions.${status}`)}
            <span className="sr-only">: {whose}</span>
          </Button>
        ))}
      </div>
      <ProblemNotice error={problem} />
      <Confirm
        open={isCancelling}
        onClose={() => setCancelling(false)}
        title={t("appointments.cancelTitle", { patient: whose })}
        action={t("appointments.actions.cancelled")}
        dangerous
        onConfirm={() => changeTo("cancelled")}
      >
        {t("appointments.cancelHint")}
      </Confirm>
    </div>
  );
}
