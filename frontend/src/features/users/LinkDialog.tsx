import { Dialog } from "@base-ui/react/dialog";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { CopyField } from "@/components/CopyField";
import { DialogFrame } from "@/components/DialogFrame";
import { ProblemNotice } from "@/components/ProblemNotice";
import { useFormat } from "@/dates/format";

/** A link to hand over to somebody, or why there is none. */
export interface HandedOver {
  kind: "invitation" | "reset";
  email: string;
  url?: string;
  expiresAt?: string;
  problem?: unknown;
}

/** Shows a link, once. */
export function LinkDialog({
  link,
  zone,
  onClose,
}: {
  link: HandedOver;
  /** The hospital's; the platform has none. */
  zone?: string;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const format = useFormat(zone);
  const { kind, email, url, expiresAt, problem } = link;
  return (
    <Dialog.Root open onOpenChange={(isOpen) => isOpen || onClose()}>
      <DialogFrame title={t(`users.link.${kind}.title`)} wide>
        <ProblemNotice error={problem} />
        {url && (
          <>
            <Dialog.Description className="text-ink-soft">{t(`users.link.${kind}.hint`, { email })}</Dialog.Description>
            <CopyField label={email} value={url} />
            {expiresAt && <p className="text-ink-soft">{t("users.until", { when: format.dateTime(expiresAt) })}</p>}
          </>
        )}
        <div className="flex justify-end">
          <Button look="primary" onClick={onClose}>
            {t("common.done")}
          </Button>
        </div>
      </DialogFrame>
    </Dialog.Root>
  );
}
