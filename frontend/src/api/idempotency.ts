import { useRef } from "react";
import { isProblem } from "./problem";

/**
 * Gives every submission one `Idempotency-Key`. The same content sent again, after an answer that was lost or by a second
 * click, has the same key and so the same effect; other content has a new one, and so has the same content after it was done
 * or refused: it is meant once more. The content stays in memory: it may hold a card.
 */
export function useIdempotency() {
  const last = useRef<{ content: string; key: string; isUndecided: boolean } | null>(null);

  async function once<T>(content: unknown, send: (key: string) => Promise<T>): Promise<T> {
    const text = JSON.stringify(content);
    if (last.current?.content !== text) last.current = { content: text, key: crypto.randomUUID(), isUndecided: false };
    const attempt = last.current;
    try {
      const done = await send(attempt.key);
      if (last.current === attempt) last.current = null;
      return done;
    } catch (error) {
      // Of an earlier attempt, which may have had its effect, one that was turned away at the door says nothing.
      const isOpen = isProblem(error) && (error.isUndecided || (attempt.isUndecided && error.isTurnedAway));
      attempt.isUndecided = isOpen;
      if (!isOpen && last.current === attempt) last.current = null;
      throw error;
    }
  }

  return once;
}
