import { CirclePause } from "lucide-react";
import { type ReactNode, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { DeadEnd } from "@/components/DeadEnd";
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
      <main id="content" tabIndex={-1} className="grid min-h-dvh place-items-center p-4">
        <DeadEnd
          icon={CirclePause}
          tone="neutral"
          title={t("suspended.title")}
          advice={t("suspended.explanation")}
          action={
            <Button look="primary" onClick={() => void session.signOut()}>
              {t("session.signOut")}
            </Button>
          }
        />
      </main>
    </UnlessStillSignedIn>
  );
}
