import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import type { Schema } from "@/api/client";
import { useSession } from "@/session/context";
import { homeOf, meQuery } from "@/session/me";
import { redirectFor } from "@/session/redirect";

/** Goes to work once somebody is signed in: back to where they were, or to the beginning of their day. */
export function useGoToWork() {
  const session = useSession();
  const queries = useQueryClient();
  const navigate = useNavigate();
  return async (user: Schema<"SignedInUser">, redirect?: string) => {
    session.begin(user);
    await queries.ensureQueryData(meQuery);
    await navigate({ to: redirectFor(homeOf(user.role), redirect), replace: true });
  };
}
