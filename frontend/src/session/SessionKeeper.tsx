import { AlertDialog } from "@base-ui/react/alert-dialog";
import { useEffect, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { DialogFrame } from "@/components/DialogFrame";
import { ProblemNotice } from "@/components/ProblemNotice";
import { useSession } from "./context";

/** The warning comes so long before the end. */
const WARNING = 60_000;

/**
 * Watches over the session of somebody who works: typing counts as work also when nothing is sent for a while, and a minute
 * before a session that nobody uses ends, the person is asked.
 */
export function SessionKeeper() {
  const { t } = useTranslation();
  const session = useSession();
  const endsAt = useSyncExternalStore(session.subscribe, session.endsAt);
  const isFinal = useSyncExternalStore(session.subscribe, session.endsForGood);
  const left = useTimeLeft(endsAt);

  useEffect(() => {
    const work = () => {
      if (session.needsContact() && !isEnding(session.endsAt())) void session.extend().catch(() => {});
    };
    window.addEventListener("keydown", work);
    window.addEventListener("pointerdown", work);
    return () => {
      window.removeEventListener("keydown", work);
      window.removeEventListener("pointerdown", work);
    };
  }, [session]);

  const isOver = left !== null && left <= 0;
  useEffect(() => {
    if (isOver) session.ended();
  }, [isOver, session]);

  const isWarning = left !== null && left > 0 && left <= WARNING;
  return (
    <AlertDialog.Root open={isWarning}>
      <DialogFrame mustAnswer title={t(isFinal ? "session.final.title" : "session.warning.title")}>
        <AlertDialog.Description className="text-ink-soft">
          {t(isFinal ? "session.final.explanation" : "session.warning.explanation")}
        </AlertDialog.Description>
        <p className="text-lg tabular" role="timer">
          {t("session.warning.left", { count: Math.ceil((left ?? 0) / 1000) })}
        </p>
        {isFinal ? (
          <Button look="primary" className="justify-self-end" onClick={() => session.ended()}>
            {t("session.final.signIn")}
          </Button>
        ) : (
          <StayOrLeave />
        )}
      </DialogFrame>
    </AlertDialog.Root>
  );
}

function StayOrLeave() {
  const { t } = useTranslation();
  const session = useSession();
  const [problem, setProblem] = useState<unknown>(null);
  const [pending, setPending] = useState(false);
  const stay = async () => {
    setPending(true);
    setProblem(null);
    await session.extend().catch(setProblem);
    setPending(false);
  };
  return (
    <>
      <ProblemNotice error={problem} />
      <div className="flex flex-wrap justify-end gap-2 max-sm:*:grow">
        <Button onClick={() => void session.signOut()}>{t("session.signOut")}</Button>
        <Button look="primary" pending={pending} onClick={() => void stay()}>
          {t("session.warning.stay")}
        </Button>
      </div>
    </>
  );
}

function isEnding(endsAt: number | null): boolean {
  return endsAt !== null && endsAt - Date.now() <= WARNING;
}

/** Milliseconds until then; looked at each second once it is close, and seldom before. */
function useTimeLeft(endsAt: number | null): number | null {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (endsAt === null) return;
    const look = () => setNow(Date.now());
    look();
    const timer = setInterval(look, 1000);
    // A laptop that slept has let no timer run.
    document.addEventListener("visibilitychange", look);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [endsAt]);
  return endsAt === null ? null : endsAt - now;
}
