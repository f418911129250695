import { Plus } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { draftOf } from "@/components/form/drafts";
import { Card } from "@/components/Page";

/** A part of a record to which things are only ever added: the list, and above it the form when it is wanted. */
export function Addable({
  title,
  add,
  canAdd,
  draft,
  form,
  children,
}: {
  title: string;
  add: string;
  canAdd: boolean;
  /** The form's draft. One that was begun before the session ended is shown again. */
  draft: string;
  form: (close: () => void) => ReactNode;
  children: ReactNode;
}) {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(() => canAdd && draftOf(draft) !== undefined);
  return (
    <Card
      title={title}
      flush
      actions={
        canAdd && (
          <Button onClick={() => setOpen(!isOpen)} aria-expanded={isOpen}>
            {!isOpen && <Plus aria-hidden className="size-4" />}
            {isOpen ? t("common.cancel") : add}
          </Button>
        )
      }
    >
      {isOpen && (
        <div className="no-print border-b border-line bg-sunken/50 p-4 sm:p-6">{form(() => setOpen(false))}</div>
      )}
      {children}
    </Card>
  );
}

/** What a list says that has nothing in it yet. */
export function NothingYet({ children }: { children: ReactNode }) {
  return <p className="p-4 text-ink-soft sm:px-6">{children}</p>;
}
