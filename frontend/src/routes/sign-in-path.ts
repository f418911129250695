import { safeRedirect } from "@/session/redirect";
import { rememberedHospital } from "@/session/remembered-hospital";

/** The sign-in that leads back to a path of a workspace. */
export function signInPathFor(path: string) {
  const redirect = safeRedirect(path);
  const search = redirect === undefined ? {} : { redirect };
  if (path.startsWith("/platform")) return { to: "/admin", search, replace: true } as const;
  return { to: rememberedHospital() ? "/staff" : "/sign-in", search, replace: true } as const;
}
