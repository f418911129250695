import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../Button";

/** The end of a form: the way out, and the button that sends it. */
export function FormActions({
  pending,
  children,
  ...wayOut
}: { pending: boolean; children: ReactNode } & ({ onCancel: () => void } | { cancel: ReactNode })) {
  const { t } = useTranslation();
  return (
    <div className="flex flex-wrap justify-end gap-2 max-sm:*:grow">
      {"cancel" in wayOut ? wayOut.cancel : <Button onClick={wayOut.onCancel}>{t("common.cancel")}</Button>}
      <Button type="submit" look="primary" pending={pending}>
        {children}
      </Button>
    </div>
  );
}
