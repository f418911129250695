import { type ReactNode, useEffect, useState } from "react";

/** Whole seconds until then; 0 when it is past. */
export function useSecondsUntil(until: Date | undefined): number {
  const [now, setNow] = useState(Date.now);
  const end = until?.getTime() ?? 0;
  useEffect(() => {
    const look = () => setNow(Date.now());
    look();
    if (end <= Date.now()) return;
    const timer = setInterval(look, 1000);
    return () => clearInterval(timer);
  }, [end]);
  return Math.max(0, Math.ceil((end - now) / 1000));
}

/** Shows the seconds that are left, and nothing when there are none. */
export function Countdown({ until, children }: { until: Date; children: (seconds: number) => ReactNode }) {
  const seconds = useSecondsUntil(until);
  return seconds > 0 ? children(seconds) : null;
}
