/**
 * What somebody has typed and not sent yet, by form. It is kept in memory alone, so that a session that ended under
 * somebody's hands loses nothing once they have signed in again, and nothing of a patient is ever stored in the browser.
 */
const drafts = new Map<string, unknown>();

export function draftOf<Values>(form: string): Partial<Values> | undefined {
  return drafts.get(form) as Partial<Values> | undefined;
}

export function keepDraft(form: string, values: unknown): void {
  drafts.set(form, values);
}

export function dropDraft(form: string): void {
  drafts.delete(form);
}

export function forgetDrafts(): void {
  drafts.clear();
}
