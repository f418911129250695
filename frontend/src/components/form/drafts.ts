/**
 * What somebody has typed and not sent yet, by form. It is kept in memory alone, so that a session that ended under
 * somebody's hands loses nothing once they have signed in again, and nothing of a patient is ever stored in the browser.
 */
interface Draft {
  values?: unknown;
  /** The version of the record that the person saw when they began to type. */
  seen?: unknown;
}

const drafts = new Map<string, Draft>();

/** The session has ended or is interrupted: its forms go away, but nobody has given them up. */
let areHeld = false;

/** What was typed, if anything was. */
export function draftOf<Values>(form: string): Partial<Values> | undefined {
  return drafts.get(form)?.values as Partial<Values> | undefined;
}

/** The record as it was when what is kept was typed. */
export function seenIn<Saved>(form: string): Saved | undefined {
  const draft = drafts.get(form);
  return draft?.values === undefined ? undefined : (draft.seen as Saved | undefined);
}

/** Whether anything is kept that would be gone with this page. */
export function hasDrafts(): boolean {
  return [...drafts.values()].some(({ values }) => values !== undefined);
}

export function keepDraft(form: string, change: Draft): void {
  drafts.set(form, { ...drafts.get(form), ...change });
}

/** What was typed has been sent. */
export function dropDraft(form: string): void {
  drafts.delete(form);
}

/** Somebody leaves the form: by a button, a link, or the end of their session. Only the last keeps what they typed. */
export function leaveDraft(form: string): void {
  if (!areHeld) drafts.delete(form);
}

export function holdDrafts(): void {
  areHeld = true;
}

export function releaseDrafts(): void {
  areHeld = false;
}

export function forgetDrafts(): void {
  drafts.clear();
}
