import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { answer, api, type Schema } from "@/api/client";
import { after, usePages } from "@/api/pages";
import type { Day } from "@/dates/day";
import { useHospital } from "@/session/me";

export type Patient = Schema<"Patient">;

export interface PatientSearch {
  q?: string;
  born?: Day;
  archived?: true;
}

export function usePatients({ q, born, archived }: PatientSearch) {
  const { organization_id: org_id } = useHospital();
  return usePages(["patients", org_id, q ?? "", born ?? "", archived ?? false], (cursor, signal) => {
    const filter = { ...(q ? { q } : {}), ...(born ? { birth_date: born } : {}), ...(archived ? { archived } : {}) };
    const query = { limit: 25, ...after(cursor), ...filter };
    return answer(api.GET("/organization/{org_id}/patients", { params: { path: { org_id }, query }, signal }));
  });
}

export function patientQuery(org_id: string, patient_id: string) {
  return queryOptions({
    queryKey: ["patient", org_id, patient_id],
    queryFn: ({ signal }) =>
      answer(
        api.GET("/organization/{org_id}/patients/{patient_id}", { params: { path: { org_id, patient_id } }, signal }),
      ),
  });
}

export function usePatient(patientId: string) {
  return useQuery(patientQuery(useHospital().organization_id, patientId));
}

/** Takes over what the API has answered, and has the lists asked anew. */
export function useKeepPatient(): (patient: Patient) => void {
  const queries = useQueryClient();
  const { organization_id } = useHospital();
  return useCallback(
    (patient: Patient) => {
      queries.setQueryData(patientQuery(organization_id, patient.patient_id).queryKey, patient);
      void queries.invalidateQueries({ queryKey: ["patients", organization_id] });
    },
    [queries, organization_id],
  );
}

/** Reads a record again after something was added to it. */
export function useRereadPatient(patientId: string): () => Promise<void> {
  const queries = useQueryClient();
  const { organization_id } = useHospital();
  return () => queries.invalidateQueries({ queryKey: ["patient", organization_id, patientId] });
}
