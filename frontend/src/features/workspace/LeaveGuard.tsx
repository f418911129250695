import { AlertDialog } from "@base-ui/react/alert-dialog";
import { useBlocker } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { DialogFrame } from "@/components/DialogFrame";
import { hasUnsent } from "@/components/form/unsent";

/** Asks before somebody leaves a page on which they have typed something that is not sent. */
export function LeaveGuard() {
  const { t } = useTranslation();
  const { status, proceed, reset } = useBlocker({
    // The same page with another search shows the same forms; what is in a dialog has its own way out.
    shouldBlockFn: ({ current, next }) => current.pathname !== next.pathname && hasUnsent(),
    enableBeforeUnload: hasUnsent,
    withResolver: true,
  });
  return (
    <AlertDialog.Root open={status === "blocked"} onOpenChange={(isOpen) => isOpen || reset?.()}>
      <DialogFrame mustAnswer title={t("leave.title")}>
        <AlertDialog.Description className="text-ink-soft">{t("leave.explanation")}</AlertDialog.Description>
        <div className="flex flex-wrap justify-end gap-2 max-sm:*:grow">
          {/* The first one has the focus: Enter in passing costs nobody anything. */}
          <Button look="primary" onClick={reset}>
            {t("leave.stay")}
          </Button>
          <Button look="danger" onClick={proceed}>
            {t("leave.go")}
          </Button>
        </div>
      </DialogFrame>
    </AlertDialog.Root>
  );
}
