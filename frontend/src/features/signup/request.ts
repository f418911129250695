import { answer, api, type Schema } from "@/api/client";
import { changeSignup, type Details, type SignupDraft, signupDraft } from "./draft";

/**
 * The hospital of this draft with the plan that is chosen now: signed up if it is not yet, and given another plan if it has one.
 */
export async function signUp(plan: Schema<"Plan">): Promise<NonNullable<SignupDraft["signup"]>> {
  const { details } = signupDraft();
  if (!details) throw new Error("the details come before the payment");
  const signup = await signedUp(details, plan);
  if (signup.plan.plan_id === plan.plan_id) return signup;
  const changed = await answer(
    api.POST("/organization/{org_id}/plan", {
      params: { path: { org_id: signup.organization_id } },
      body: { plan_id: plan.plan_id },
    }),
  );
  const kept = { ...signup, plan: changed.plan };
  changeSignup({ signup: kept });
  return kept;
}

async function signedUp(details: Details, plan: Schema<"Plan">): Promise<NonNullable<SignupDraft["signup"]>> {
  const { signup, request } = signupDraft();
  if (signup && isSame(signup.details, details)) return signup;
  // The key outlives a reload, so that a sign-up whose answer was lost is not made a second time, even for another plan.
  const { body, key } =
    request && isSame(request.body, details) ? request : { body: bodyOf(details, plan), key: crypto.randomUUID() };
  changeSignup({ request: { body, key } });
  const made = await answer(api.POST("/signup", { body, params: { header: { "Idempotency-Key": key } } }));
  const { organization_id, organization_name, database_name } = made;
  const kept = { organization_id, organization_name, database_name, plan: made.plan, details };
  changeSignup({ signup: kept });
  return kept;
}

function bodyOf(details: Details, { plan_id, name, price, max_users }: Schema<"Plan">): Schema<"SignupRequest"> {
  return { ...details, plan: { plan_id, name, price, max_users } };
}

/** Whether both are of one hospital. */
export function isSame(one: Details, other: Details): boolean {
  return (
    one.organization_name === other.organization_name &&
    one.organization_email === other.organization_email &&
    one.organization_phone === other.organization_phone
  );
}
