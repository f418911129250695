import { Toast } from "@base-ui/react/toast";
import { CircleCheck, X } from "lucide-react";
import { useTranslation } from "react-i18next";

const manager = Toast.createToastManager();

/** Says that something has been done. What went wrong is never said here: it stays beside what it is about. */
export function announce(title: string): void {
  manager.add({ title, timeout: 6000 });
}

export function Toasts() {
  const { t } = useTranslation();
  return (
    <Toast.Provider toastManager={manager}>
      <Toast.Portal>
        <Toast.Viewport
          aria-label={t("toasts")}
          className="no-print fixed end-4 bottom-4 z-60 grid w-[min(22rem,calc(100vw-2rem))] gap-2"
        >
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function List() {
  const { t } = useTranslation();
  const { toasts } = Toast.useToastManager();
  return toasts.map((toast) => (
    <Toast.Root
      key={toast.id}
      toast={toast}
      className="appear flex items-center gap-3 rounded-md border border-line bg-surface py-2 ps-4 pe-2 shadow-float"
    >
      <CircleCheck aria-hidden className="size-4 shrink-0 text-good" />
      <Toast.Title render={<p />} className="min-w-0 flex-1 font-medium" />
      <Toast.Close
        aria-label={t("common.close")}
        className="inline-flex size-8 items-center justify-center rounded-md text-ink-soft hover:bg-sunken"
      >
        <X aria-hidden className="size-4" />
      </Toast.Close>
    </Toast.Root>
  ));
}
