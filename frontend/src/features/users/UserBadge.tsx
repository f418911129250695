import { CircleCheck, CircleSlash, type LucideIcon, MailQuestion, MailX } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Schema } from "@/api/client";
import { Badge, type BadgeTone } from "@/components/Badge";

const looks: Record<Schema<"UserStatus">, { tone: BadgeTone; icon: LucideIcon }> = {
  active: { tone: "good", icon: CircleCheck },
  invited: { tone: "info", icon: MailQuestion },
  disabled: { tone: "neutral", icon: CircleSlash },
};

export function UserBadge({ status, hasExpired }: { status: Schema<"UserStatus">; hasExpired: boolean }) {
  const { t } = useTranslation();
  if (hasExpired) {
    return (
      <Badge tone="warn" icon={MailX}>
        {t("users.expired")}
      </Badge>
    );
  }
  const { tone, icon } = looks[status];
  return (
    <Badge tone={tone} icon={icon}>
      {t(`users.statuses.${status}`)}
    </Badge>
  );
}
