import { AlertDialog } from "@base-ui/react/alert-dialog";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "./Button";
import { DialogFrame } from "./DialogFrame";
import { Field, fieldLook } from "./form/Field";
import { ProblemNotice } from "./ProblemNotice";

/**
 * Asks before something that cannot be taken back by a click. What weighs most is confirmed by typing a name. The dialog
 * stays open until it is done, and shows why it was not.
 */
export function Confirm({
  open,
  onClose,
  title,
  children,
  action,
  typed,
  dangerous = false,
  onConfirm,
}: {
  open: boolean;
  onClose: () => void;
  title: string;
  children: ReactNode;
  action: string;
  typed?: string;
  dangerous?: boolean;
  onConfirm: () => Promise<unknown>;
}) {
  return (
    <AlertDialog.Root open={open} onOpenChange={(isOpen) => isOpen || onClose()}>
      <DialogFrame title={title} mustAnswer>
        <Question
          {...{ onClose, children, action, dangerous, onConfirm }}
          {...(typed === undefined ? {} : { typed })}
        />
      </DialogFrame>
    </AlertDialog.Root>
  );
}

/** As it is read: however its letters were put together, and whatever spaces stand between the words. */
function plain(name: string): string {
  return name.normalize("NFC").trim().replace(/\s+/gu, " ");
}

function Question({
  onClose,
  children,
  action,
  typed,
  dangerous,
  onConfirm,
}: {
  onClose: () => void;
  children: ReactNode;
  action: string;
  typed?: string;
  dangerous: boolean;
  onConfirm: () => Promise<unknown>;
}) {
  const { t } = useTranslation();
  const [words, setWords] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [pending, setPending] = useState(false);
  const isTyped = typed === undefined || plain(words) === plain(typed);
  const confirm = async (event: React.FormEvent) => {
    event.preventDefault();
    event.stopPropagation();
    if (!isTyped || pending) return;
    setPending(true);
    setError(null);
    try {
      await onConfirm();
      onClose();
    } catch (problem) {
      setError(problem);
    } finally {
      setPending(false);
    }
  };
  return (
    <form className="grid gap-4" onSubmit={confirm}>
      <AlertDialog.Description render={<div className="text-ink-soft" />}>{children}</AlertDialog.Description>
      <ProblemNotice error={error} />
      {typed !== undefined && (
        <Field label={t("confirm.type", { name: typed })}>
          {(control) => (
            <input
              {...control}
              dir="auto"
              autoComplete="off"
              className={fieldLook}
              value={words}
              onChange={(event) => setWords(event.target.value)}
            />
          )}
        </Field>
      )}
      <div className="flex flex-wrap justify-end gap-2 max-sm:*:grow">
        <Button onClick={onClose}>{t("common.cancel")}</Button>
        <Button type="submit" look={dangerous ? "danger" : "primary"} pending={pending} disabled={!isTyped}>
          {action}
        </Button>
      </div>
    </form>
  );
}
