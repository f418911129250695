import { CirclePause } from "lucide-react";
import { type ReactNode, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { Empty } from "@/components/states";
import { useSession } from "@/session/context";
import { UnlessStillSignedIn } from "./UnlessStillSignedIn";

/** When the hospital's subscription is suspended during work, that is said in place of everything else. */
export function Suspended({ children }: { children: ReactNode }) {
  const session = useSession();
  const isSuspended = useSyncExternalStore(session.subscribe, session.isSuspended);
  return isSuspended ? <SuspendedPage /> : children;
}

/** Says so, and offers the only thing that is left to do. */
export function SuspendedPage() {
  const { t } = useTranslation();
  const session = useSession();
  return (
    <UnlessStillSignedIn>
      <main id="content" tabIndex={-1} className="grid min-h-dvh place-items-center">
        <h1 className="sr-only">{t("suspended.title")}</h1>
        <Empty
          icon={CirclePause}
          title={t("suspended.title")}
          action={
            <Button look="primary" onClick={() => void session.signOut()}>
              {t("session.signOut")}
            </Button>
          }
        >
          {t("suspended.explanation")}
        </Empty>
      </main>
    </UnlessStillSignedIn>
  );
}
