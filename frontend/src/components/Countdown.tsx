import { type ReactNode, useEffect, useState } from "react";
import { useFormat } from "@/dates/format";

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

/** Shows the time that is left, in words, and nothing when there is none. */
export function Countdown({ until, children }: { until: Date; children: (time: string) => ReactNode }) {
  const seconds = useSecondsUntil(until);
  const format = useFormat();
  return seconds > 0 ? children(format.duration(seconds)) : null;
}
