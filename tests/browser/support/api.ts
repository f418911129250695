import { randomUUID } from "node:crypto";
import { prefix, url } from "./environment";

/** Good enough for everybody in these tests. */
export const PASSWORD = "violet tractors sing at noon";

/** A card that the test provider charges. */
export const CARD = "4111111111111111";

type Json = Record<string, unknown>;

/** Asks the API as a program does, and fails with what it said. */
export async function ask<Answer = Json>(method: string, path: string, token?: string, body?: Json, headers: Json = {}) {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(headers as Record<string, string>),
      ...(token ? { Authorization: `Bearer ${token}` } : {}),
      ...(body ? { "Content-Type": "application/json" } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answers ${response.status}: ${text}`);
  return (text === "" ? {} : JSON.parse(text)) as Answer;
}

export interface Person {
  email: string;
  token: string;
  userId: string;
}

export interface Hospital {
  id: string;
  name: string;
  database: string;
  admin: Person;
}

export interface Invited {
  user_id: string;
  email: string;
  invitation_url: string;
}

interface SignedIn {
  token: string;
  user: { user_id: string; email: string };
}

/** A name that nobody else has; where nothing has to be told apart, as for pictures, just the name. */
export function named(name: string): string {
  return prefix === "" ? name : `${prefix} ${name} ${randomUUID().slice(0, 4)}`;
}

/** A hospital that has paid, with its administrator signed in. */
export async function hospital(name: string, plan = "professional", price = 299): Promise<Hospital> {
  const email = `admin@${randomUUID().slice(0, 8)}.example`;
  const signup = await ask<{ organization_id: string; organization_name: string; database_name: string; setup_token: string }>(
    "POST",
    "/signup",
    undefined,
    {
      organization_name: named(name),
      organization_email: email,
      organization_phone: "+1-555-0000",
      plan: { plan_id: plan },
    },
  );
  const { organization_id, setup_token } = signup;
  await ask("POST", "/process-payment", setup_token, { organization_id, card_number: CARD, amount: price });
  await until(async () => {
    const { ready } = await ask<{ ready: boolean }>("GET", `/organization/${organization_id}/provisioning`, setup_token);
    return ready;
  });
  const { token, user } = await ask<SignedIn>("POST", "/setup/administrator", setup_token, {
    password: PASSWORD,
    name: "Alex Admin",
  });
  return {
    id: organization_id,
    name: signup.organization_name,
    database: signup.database_name,
    admin: { email, token, userId: user.user_id },
  };
}

export async function invite(at: Hospital, role: string, email = `${role}@${randomUUID().slice(0, 8)}.example`) {
  return ask<Invited>("POST", "/add-user", at.admin.token, { organization_id: at.id, email, role });
}

/** Where a link leads, wherever the API thinks that it is. */
export function pathOf(link: string): string {
  const { pathname, hash } = new URL(link);
  return pathname + hash;
}

export function tokenOf(link: string): string {
  return link.split("#token=")[1] ?? "";
}

/** Somebody of the staff who has accepted their invitation. */
export async function person(at: Hospital, role: string, name: string): Promise<Person> {
  const invited = await invite(at, role);
  const { token, user } = await ask<SignedIn>("POST", "/invitations/accept", undefined, {
    token: tokenOf(invited.invitation_url),
    password: PASSWORD,
    name,
  });
  return { email: invited.email, token, userId: user.user_id };
}

export async function patient(at: Hospital, name: string, more: Json = {}): Promise<string> {
  const body = { name, birth_date: "1980-05-17", sex: "female", phone: "+1-555-0101", ...more };
  const made = await ask<{ patient_id: string }>("POST", `/organization/${at.id}/patients`, at.admin.token, body);
  return made.patient_id;
}

export async function appointment(at: Hospital, patientId: string, doctor: Person, startsAt: Date, reason: string) {
  return ask<{ appointment_id: string; version: number }>("POST", `/organization/${at.id}/appointments`, at.admin.token, {
    patient_id: patientId,
    doctor_id: doctor.userId,
    starts_at: startsAt.toISOString(),
    reason,
  });
}

/** Looks again and again; for what cannot be watched. */
export async function until(done: () => Promise<boolean>, patience = 60_000): Promise<void> {
  const deadline = Date.now() + patience;
  while (!(await done())) {
    if (Date.now() > deadline) throw new Error("not in time");
    await new Promise((next) => setTimeout(next, 50));
  }
}
