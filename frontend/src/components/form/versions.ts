import { useEffect, useState } from "react";
import { isProblem } from "@/api/problem";
import { keepDraft, seenIn } from "./drafts";

/**
 * A record that somebody edits while others may save it: `seen` is the version that the person has seen, `theirs` the one that
 * the API then told of. Only the person's word decides between the two. What was typed before the session ended goes with the
 * version that was seen then.
 */
export function useVersions<Saved>(record: Saved, draft?: string) {
  const [seen, setSeen] = useState(() => (draft === undefined ? undefined : seenIn<Saved>(draft)) ?? record);
  const [theirs, setTheirs] = useState<NonNullable<Saved> | null>(null);
  useEffect(() => {
    if (draft !== undefined) keepDraft(draft, { seen });
  }, [draft, seen]);
  const takeTheirs = (show: (theirs: NonNullable<Saved>) => void) => {
    if (theirs === null) return;
    setSeen(theirs);
    show(theirs);
    setTheirs(null);
  };
  return { seen, theirs, setTheirs, takeTheirs };
}

/**
 * A record that something is done to as a whole, such as removing it. When somebody else has changed it meanwhile, it is read
 * again, so that the person sees what it is now and their next try is of that.
 */
export function useNewest<Saved>(record: Saved, read: () => Promise<Saved>) {
  const [newest, setNewest] = useState(record);
  const attempt = async (does: (newest: Saved) => Promise<unknown>) => {
    try {
      await does(newest);
    } catch (error) {
      if (isProblem(error, "version-mismatch")) setNewest(await read());
      throw error;
    }
  };
  return { newest, attempt };
}
