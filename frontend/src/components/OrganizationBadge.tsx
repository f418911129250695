import {
  CircleCheck,
  CirclePause,
  CircleX,
  Clock,
  LoaderCircle,
  type LucideIcon,
  Trash2,
  UserRound,
} from "lucide-react";
import { useKnownWords } from "@/i18n/known";
import { Badge, type BadgeTone } from "./Badge";

const looks: Record<string, { tone: BadgeTone; icon: LucideIcon }> = {
  active: { tone: "good", icon: CircleCheck },
  pending_payment: { tone: "warn", icon: Clock },
  provisioning: { tone: "info", icon: LoaderCircle },
  suspended: { tone: "neutral", icon: CirclePause },
  failed: { tone: "bad", icon: CircleX },
  terminating: { tone: "neutral", icon: Trash2 },
};

/** Where a hospital stands. */
export function OrganizationBadge({ status }: { status: string }) {
  const words = useKnownWords();
  const { tone, icon } = looks[status] ?? { tone: "neutral" as const, icon: UserRound };
  return (
    <Badge tone={tone} icon={icon} wraps>
      {words(`organizations.statuses.${status}`) ?? status}
    </Badge>
  );
}
