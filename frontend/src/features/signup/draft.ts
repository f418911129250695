import { useSyncExternalStore } from "react";
import type { Schema } from "@/api/client";

export interface Details {
  organization_name: string;
  organization_email: string;
  organization_phone: string;
}

export interface Invitee {
  email: string;
  role: string;
  name: string;
}

/** Somebody of the team who was invited in the wizard. */
export interface Teammate {
  user_id: string;
  email: string;
  name: string | null;
  role: string;
  /** Sent again with the same key, the invitation answers the same link. */
  key: string;
}

/**
 * How far a sign-up has come. It is kept in the browser's tab, so that a reload or a lost connection loses nothing; it
 * holds no password, no card and no token. The server has the rest, and the last word.
 */
export interface SignupDraft {
  planId?: string;
  /** What stands in the form now, right or not; `details` is what was taken. */
  typed?: Details;
  details?: Details;
  /** What the server refused of the details, to be shown where they are typed. */
  refused?: { pointer?: string | null; detail: string }[];
  /** The key of the sign-up that was sent, and what was sent with it. */
  request?: { body: Schema<"SignupRequest">; key: string };
  /** The hospital that was signed up, the plan that it has now, and what it was signed up with. */
  signup?: Pick<Schema<"SignupAnswer">, "organization_id" | "organization_name" | "database_name" | "plan"> & {
    details: Details;
  };
  isReady?: boolean;
  /** Who stands in the form of the team and is not invited yet. */
  invitee?: Invitee;
  team?: Teammate[];
  /** What the administrator is called. */
  administrator?: string;
  isComplete?: boolean;
}

const KEPT = "chakravue.signup";

let draft: SignupDraft = read();
const listeners = new Set<() => void>();

function read(): SignupDraft {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
    return typeof kept === "object" && kept !== null ? kept : {};
  } catch {
    return {};
  }
}

export function signupDraft(): SignupDraft {
  return draft;
}

export function changeSignup(change: { [Name in keyof SignupDraft]?: SignupDraft[Name] | undefined }): void {
  draft = { ...draft, ...change } as SignupDraft;
  sessionStorage.setItem(KEPT, JSON.stringify(draft));
  for (const listener of listeners) listener();
}

export function forgetSignup(): void {
  draft = {};
  sessionStorage.removeItem(KEPT);
  for (const listener of listeners) listener();
}

export function useSignupDraft(): SignupDraft {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, signupDraft);
}
