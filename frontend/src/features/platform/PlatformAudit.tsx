import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { answer, api } from "@/api/client";
import { useMe } from "@/session/me";
import { Log, type LogSource } from "../audit/Log";

/** The platform's own log. What happens inside a hospital is in the hospital's. */
export function PlatformAudit() {
  const { t } = useTranslation();
  const { user } = useMe();
  const source: LogSource = {
    key: ["platform", "audit"],
    load: (query, signal) => answer(api.GET("/master/audit-log", { params: { query }, signal })),
    verify: (query, signal) => answer(api.GET("/master/audit-log/verify", { params: { query }, signal })),
    zone: "UTC",
    people: [user],
    linkTo: ({ type, id }) =>
      type === "organization" && (
        <Link
          to="/platform/organizations/$organizationId"
          params={{ organizationId: id }}
          className="text-accent underline underline-offset-2"
        >
          {id}
        </Link>
      ),
    example: "organization.suspend",
  };
  return (
    <Log source={source} explanation={t("audit.platformExplanation")} verifyHint={t("audit.platformVerifyHint")} />
  );
}
