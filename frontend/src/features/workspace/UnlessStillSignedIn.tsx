import { CloudOff } from "lucide-react";
import { type ReactNode, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { DeadEnd } from "@/components/DeadEnd";
import { useSession } from "@/session/context";

/** Whoever wants to be signed out while the server cannot be reached is not; that is said in place of everything else. */
export function UnlessStillSignedIn({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const session = useSession();
  const isStuck = useSyncExternalStore(session.subscribe, session.isSignOutStuck);
  const [pending, setPending] = useState(false);
  if (!isStuck) return children;
  const again = async () => {
    setPending(true);
    await session.signOut();
    setPending(false);
  };
  return (
    <main id="content" tabIndex={-1} className="grid min-h-dvh place-items-center p-4">
      <div role="alert">
        <DeadEnd
          icon={CloudOff}
          tone="warn"
          title={t("session.stuck.title")}
          advice={t("session.stuck.explanation")}
          action={
            <div className="flex flex-wrap gap-2">
              <Button onClick={() => session.stay()}>{t("session.warning.stay")}</Button>
              <Button look="primary" pending={pending} onClick={() => void again()}>
                {t("common.tryAgain")}
              </Button>
            </div>
          }
        />
      </div>
    </main>
  );
}
