import { useSyncExternalStore } from "react";
import { answer, api } from "@/api/client";
import type { Teammate } from "./draft";

/** Invitation links by user. They are secrets, so they are kept in memory and nowhere else. */
const links = new Map<string, string>();
const listeners = new Set<() => void>();
let version = 0;

export function keepLink(userId: string, link: string): void {
  links.set(userId, link);
  version += 1;
  for (const listener of listeners) listener();
}

export function useLinks(): ReadonlyMap<string, string> {
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => version,
  );
  return links;
}

/** Invites somebody as long as the setup lasts. Sent again with the same key, it answers the same link. */
export async function invite(organization_id: string, teammate: Omit<Teammate, "user_id">) {
  const { email, role, name, key } = teammate;
  const invited = await answer(
    api.POST("/add-user", {
      body: { organization_id, email, role: role as "DOCTOR", ...(name === null ? {} : { name }) },
      params: { header: { "Idempotency-Key": key } },
    }),
  );
  keepLink(invited.user_id, invited.invitation_url);
  return invited;
}

/** After a reload the links are gone; while the setup lasts, the same requests bring them back. */
export async function restoreLinks(organization_id: string, team: readonly Teammate[]): Promise<void> {
  await Promise.all(team.filter(({ user_id }) => !links.has(user_id)).map((one) => invite(organization_id, one)));
}
