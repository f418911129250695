import { useTranslation } from "react-i18next";
import { answer, api } from "@/api/client";
import { Guard } from "@/components/Guard";
import { useHospital } from "@/session/me";
import { useZone } from "../settings/queries";
import { useAuthors } from "../users/authors";
import { Log } from "./Log";

export function AuditLog() {
  return (
    <Guard permission="audit.read">
      <HospitalLog />
    </Guard>
  );
}

function HospitalLog() {
  const { t } = useTranslation();
  const { organization_id: org_id } = useHospital();
  const path = { org_id };
  const source = {
    key: ["audit", org_id],
    load: (query: object, signal: AbortSignal) =>
      answer(api.GET("/organization/{org_id}/audit", { params: { path, query }, signal })),
    verify: (query: object, signal: AbortSignal) =>
      answer(api.GET("/organization/{org_id}/audit/verify", { params: { path, query }, signal })),
    zone: useZone(),
    people: useAuthors().all,
    example: "patient.read",
  };
  return <Log source={source} explanation={t("audit.explanation")} verifyHint={t("audit.verifyHint")} />;
}
