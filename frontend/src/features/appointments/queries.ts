import { type QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { answer, api, ifMatch, type Schema } from "@/api/client";
import { after, everyPage } from "@/api/pages";
import type { Day } from "@/dates/day";
import { boundsOf } from "@/dates/zone";
import { useHospital } from "@/session/me";

export type Appointment = Schema<"Appointment">;
export type AppointmentStatus = Schema<"AppointmentStatus">;

/** More than any hospital has in a week that one can look at; the calendar says so if there are more. */
const MOST_PAGES = 10;

/** The API begins with the oldest, and a record needs the newest: nobody has had so many appointments. */
const MOST_PAGES_OF_PATIENT = 100;

/** Every doctor that can be chosen. */
const MOST_PAGES_OF_DOCTORS = 50;

/** Every appointment of these days, where the hospital is. */
export function useAppointments(
  { first, last, zone, doctorId }: { first: Day; last: Day; zone: string; doctorId?: string | undefined },
  options: { refetchInterval?: () => number | false } = {},
) {
  const { organization_id: org_id } = useHospital();
  return useQuery({
    queryKey: ["appointments", org_id, first, last, zone, doctorId ?? ""],
    queryFn: ({ signal }) =>
      everyPage((cursor) => {
        const whose = doctorId ? { doctor_id: doctorId } : {};
        const query = { ...boundsOf(first, last, zone), limit: 100, ...whose, ...after(cursor) };
        return answer(api.GET("/organization/{org_id}/appointments", { params: { path: { org_id }, query }, signal }));
      }, MOST_PAGES),
    placeholderData: (previous) => previous,
    ...options,
  });
}

export function usePatientAppointments(patient_id: string, enabled = true) {
  const { organization_id: org_id } = useHospital();
  return useQuery({
    queryKey: ["appointments", org_id, "patient", patient_id],
    queryFn: ({ signal }) =>
      everyPage((cursor) => {
        const query = { patient_id, limit: 100, ...after(cursor) };
        return answer(api.GET("/organization/{org_id}/appointments", { params: { path: { org_id }, query }, signal }));
      }, MOST_PAGES_OF_PATIENT),
    enabled,
  });
}

export function useAppointment(appointment_id: string) {
  const { organization_id: org_id } = useHospital();
  return useQuery({
    queryKey: ["appointment", org_id, appointment_id],
    queryFn: ({ signal }) =>
      answer(
        api.GET("/organization/{org_id}/appointments/{appointment_id}", {
          params: { path: { org_id, appointment_id } },
          signal,
        }),
      ),
  });
}

/** The doctors with whom one can book. */
export function useDoctors() {
  const { organization_id: org_id } = useHospital();
  return useQuery({
    queryKey: ["users", org_id, "doctors"],
    queryFn: ({ signal }) =>
      everyPage((cursor) => {
        const query = { role: "DOCTOR" as const, status: "active" as const, limit: 100, ...after(cursor) };
        return answer(api.GET("/organization/{org_id}/users", { params: { path: { org_id }, query }, signal }));
      }, MOST_PAGES_OF_DOCTORS),
    staleTime: 60_000,
  });
}

/** Changes an appointment as the person has seen it, and has every list asked anew. */
export function useChangeAppointment() {
  const queries = useQueryClient();
  const { organization_id: org_id } = useHospital();
  return async (seen: Appointment, body: Schema<"AppointmentChange">): Promise<Appointment> => {
    const path = { org_id, appointment_id: seen.appointment_id };
    const changed = await answer(
      api.PATCH("/organization/{org_id}/appointments/{appointment_id}", {
        params: { path, header: ifMatch(seen.version) },
        body,
      }),
    );
    queries.setQueryData(["appointment", org_id, seen.appointment_id], changed);
    await forgetAppointments(queries, org_id);
    return changed;
  };
}

export function forgetAppointments(queries: QueryClient, org_id: string): Promise<void> {
  return queries.invalidateQueries({ queryKey: ["appointments", org_id] });
}
