import type { Dialog } from "@base-ui/react/dialog";
import { useEffect } from "react";

/** The forms that are shown, each with whether something is typed in it that would be lost with it. */
const forms = new Set<() => boolean>();

/** Tells of a form for as long as it is shown. */
export function useUnsent(isUnsent: () => boolean): void {
  useEffect(() => {
    forms.add(isUnsent);
    return () => void forms.delete(isUnsent);
  }, [isUnsent]);
}

/** Whether somebody would lose what they have typed by going away. */
export function hasUnsent(): boolean {
  return [...forms].some((isUnsent) => isUnsent());
}

/** Closes a dialog by its buttons always; by a click beside it, or Escape, only where that costs nobody their work. */
export function closing(onClose: () => void) {
  return (isOpen: boolean, details: Dialog.Root.ChangeEventDetails) => {
    if (isOpen) return;
    const isInPassing = details.reason === "outside-press" || details.reason === "escape-key";
    if (isInPassing && hasUnsent()) details.cancel();
    else onClose();
  };
}
