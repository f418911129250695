import { CalendarClock, CircleCheck, CircleSlash, Hourglass, type LucideIcon, Stethoscope, UserX } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Badge, type BadgeTone } from "@/components/Badge";
import type { AppointmentStatus } from "./queries";

const looks: Record<AppointmentStatus, { tone: BadgeTone; icon: LucideIcon }> = {
  booked: { tone: "neutral", icon: CalendarClock },
  arrived: { tone: "warn", icon: Hourglass },
  in_progress: { tone: "accent", icon: Stethoscope },
  done: { tone: "good", icon: CircleCheck },
  cancelled: { tone: "neutral", icon: CircleSlash },
  missed: { tone: "bad", icon: UserX },
};

export function AppointmentBadge({ status, wraps = false }: { status: AppointmentStatus; wraps?: boolean }) {
  const { t } = useTranslation();
  const { tone, icon } = looks[status];
  return (
    <Badge tone={tone} icon={icon} wraps={wraps}>
      {t(`appointments.statuses.${status}`)}
    </Badge>
  );
}
