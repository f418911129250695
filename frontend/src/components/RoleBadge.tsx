import type { LucideIcon } from "lucide-react";
import { ChartColumn, ClipboardPlus, ConciergeBell, ShieldCheck, Stethoscope, UserRound } from "lucide-react";
import { useKnownWords } from "@/i18n/known";
import { Badge } from "./Badge";

const icons: Record<string, LucideIcon> = {
  ADMIN: ShieldCheck,
  RECEPTIONIST: ConciergeBell,
  OPD: ClipboardPlus,
  DOCTOR: Stethoscope,
  PLATFORM_ADMINISTRATOR: ChartColumn,
};

/** What a role is called. One that this version does not know is shown as the API writes it. */
export function useRoleName(): (role: string) => string {
  const words = useKnownWords();
  return (role) => words(`roles.${role}.name`) ?? role;
}

export function RoleBadge({ role }: { role: string }) {
  const nameOf = useRoleName();
  return (
    <Badge tone="accent" icon={icons[role] ?? UserRound}>
      {nameOf(role)}
    </Badge>
  );
}
