import { TriangleAlert } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Badge } from "@/components/Badge";

/** What a patient must not be given. */
export function AllergyBadge({ allergies }: { allergies: string[] }) {
  const { t } = useTranslation();
  if (allergies.length === 0) return <span className="text-ink-soft">{t("patients.noAllergies")}</span>;
  return (
    <span className="flex flex-wrap gap-1">
      {allergies.map((allergy) => (
        <Badge key={allergy} tone="bad" icon={TriangleAlert}>
          <span dir="auto">{allergy}</span>
        </Badge>
      ))}
    </span>
  );
}
