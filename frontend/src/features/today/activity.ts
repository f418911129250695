import { useCallback, useEffect, useRef } from "react";

/** So long after the last key or click somebody counts as being there. */
const THERE = 2 * 60_000;
const REFRESH = 20_000;

/**
 * How often to look for news: often while somebody is there, never when nobody is, so that a screen that was left alone does
 * not keep its session alive.
 */
export function useRefreshWhileThere(): () => number | false {
  const lastSign = useRef(Date.now());
  useEffect(() => {
    const sign = () => {
      lastSign.current = Date.now();
    };
    window.addEventListener("pointermove", sign, { passive: true });
    window.addEventListener("keydown", sign);
    return () => {
      window.removeEventListener("pointermove", sign);
      window.removeEventListener("keydown", sign);
    };
  }, []);
  return useCallback(() => (Date.now() - lastSign.current < THERE ? REFRESH : false), []);
}
