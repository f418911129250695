import { ShieldX } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useMay, useMe } from "@/session/me";
import { ButtonLink } from "./Button";
import { PageHeader } from "./Page";
import { useRoleName } from "./RoleBadge";
import { Empty } from "./states";

/** A page for those who have a permission. Everybody else is told what it is and who can help. */
export function Guard({ permission, children }: { permission: string; children: ReactNode }) {
  const { t } = useTranslation();
  const may = useMay();
  const { user } = useMe();
  const nameOf = useRoleName();
  if (may(permission)) return children;
  return (
    <>
      <PageHeader title={t("forbidden.title")} />
      <Empty
        icon={ShieldX}
        title={t("forbidden.heading", { role: nameOf(user.role) })}
        action={<ButtonLink to="/app">{t("forbidden.home")}</ButtonLink>}
      >
        {t("forbidden.explanation")}
      </Empty>
    </>
  );
}
