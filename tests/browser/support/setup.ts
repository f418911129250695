import { ask, PASSWORD, tokenOf } from "./api";
import { platformInvitation, url } from "./environment";

export const PLATFORM_ADMINISTRATOR = "administrator@chakravue.example";

/** Makes the platform's administrator, whom several specs need and who can be made only once. */
export default async function setup(): Promise<void> {
  const login = { email: PLATFORM_ADMINISTRATOR, password: PASSWORD };
  const headers = { "Content-Type": "application/json" };
  const { ok } = await fetch(`${url}/login`, { method: "POST", headers, body: JSON.stringify(login) });
  if (ok) return;
  const token = tokenOf(platformInvitation);
  await ask("POST", "/invitations/accept", undefined, { token, password: PASSWORD, name: "Pat Platform" });
}
