import { useState } from "react";

/**
 * A record that somebody edits while others may save it: `seen` is the version that the person has seen, `theirs` the one that
 * the API then told of. Only the person's word decides between the two.
 */
export function useVersions<Saved>(record: Saved) {
  const [seen, setSeen] = useState(record);
  const [theirs, setTheirs] = useState<NonNullable<Saved> | null>(null);
  const takeTheirs = (show: (theirs: NonNullable<Saved>) => void) => {
    if (theirs === null) return;
    setSeen(theirs);
    show(theirs);
    setTheirs(null);
  };
  return { seen, theirs, setTheirs, takeTheirs };
}
