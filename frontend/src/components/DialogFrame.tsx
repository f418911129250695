import { Dialog } from "@base-ui/react/dialog";
import clsx from "clsx";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

/** The window of a `Dialog` or an `AlertDialog`. One that must be answered has no cross. */
export function DialogFrame({
  title,
  mustAnswer = false,
  wide = false,
  children,
}: {
  title: ReactNode;
  mustAnswer?: boolean;
  /** `very` is for what stands side by side. */
  wide?: boolean | "very";
  children: ReactNode;
}) {
  const { t } = useTranslation();
  return (
    <Dialog.Portal>
      <Dialog.Backdrop className="appear fixed inset-0 z-40 bg-[rgb(20_18_15/0.5)]" />
      <Dialog.Viewport className="fixed inset-0 z-50 grid place-items-center overflow-y-auto p-4">
        <Dialog.Popup
          className={clsx(
            "appear relative grid w-full gap-4 rounded-lg border border-line bg-surface p-6 shadow-float outline-none",
            wide === "very" ? "max-w-4xl" : wide ? "max-w-2xl" : "max-w-md",
          )}
        >
          <Dialog.Title className={clsx("text-lg font-semibold", !mustAnswer && "pe-10")}>{title}</Dialog.Title>
          {!mustAnswer && (
            <Dialog.Close
              aria-label={t("common.close")}
              className="absolute end-4 top-4 inline-flex size-10 items-center justify-center rounded-md text-ink-soft hover:bg-sunken"
            >
              <X aria-hidden className="size-5" />
            </Dialog.Close>
          )}
          {children}
        </Dialog.Popup>
      </Dialog.Viewport>
    </Dialog.Portal>
  );
}
