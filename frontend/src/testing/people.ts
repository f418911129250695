import type { Schema } from "@/api/client";

export const plans: Schema<"Plan">[] = [
  { plan_id: "starter", name: "Starter", price: 99, currency: "USD", interval: "month", max_users: 5 },
  { plan_id: "professional", name: "Professional", price: 299, currency: "USD", interval: "month", max_users: 20 },
];

export const hospital: Schema<"Organization"> = {
  organization_id: "org_01jd8x2v9t6m3k5q7r1w4y0z8a",
  organization_name: "St. Mary's Hospital",
  organization_email: "admin@stmarys.com",
  organization_phone: "+1-555-0000",
  database_name: "st_marys_hospital",
  plan: plans[1] as Schema<"Plan">,
  status: "active",
  seats: { used: 3, limit: 20 },
  created_at: "2026-11-01T08:00:00Z",
};

const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

/** Somebody of the hospital's staff, with what they may do. */
export function staff(role: string, permissions: string[]): Schema<"Me"> {
  return {
    user: {
      user_id: "user_1",
      email: "somebody@stmarys.com",
      name: "Somebody",
      role,
      organization_id: hospital.organization_id,
      organization_name: hospital.organization_name,
    },
    permissions,
    organization: hospital,
    session: {
      session_id: "ses_1",
      current: true,
      created_at: new Date().toISOString(),
      last_seen_at: new Date().toISOString(),
      idle_expires_at: inAnHour(),
      expires_at: inAnHour(),
      address: "127.0.0.1",
      user_agent: "test",
    },
  };
}

export const patient: Schema<"Patient"> = {
  patient_id: "pat_1",
  record_number: "P000001",
  name: "Jane Smith",
  birth_date: "1980-05-17",
  allergies: ["penicillin"],
  created_at: "2026-11-01T08:00:00Z",
  version: 1,
};
