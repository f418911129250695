import type { SignupDraft } from "./draft";

export const steps = ["plan", "details", "payment", "team", "complete"] as const;

export type Step = (typeof steps)[number];

/** What has to be there before a step can be taken. */
const needs: Record<Step, (draft: SignupDraft) => boolean> = {
  plan: () => true,
  details: (draft) => draft.planId !== undefined,
  payment: (draft) => draft.planId !== undefined && draft.details !== undefined,
  team: (draft) => draft.isReady === true,
  complete: (draft) => draft.isReady === true,
};

/** Whether a step is open: what comes before is done, and what was paid for is not chosen anew. */
export function isOpen(step: Step, draft: SignupDraft): boolean {
  if (draft.isComplete) return step === "complete";
  if (draft.isReady && (step === "plan" || step === "details")) return false;
  return needs[step](draft);
}

/** Where somebody who asks for this step goes: there, or to the furthest step that is open. */
export function stepFor(wanted: Step, draft: SignupDraft): Step {
  if (isOpen(wanted, draft)) return wanted;
  return [...steps].reverse().find((step) => step !== "complete" && isOpen(step, draft)) ?? "complete";
}
