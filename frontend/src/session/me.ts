import { queryOptions, useSuspenseQuery } from "@tanstack/react-query";
import { answer, api, type Schema } from "@/api/client";

/** Who is signed in, and for how many more milliseconds: without another request, and at the most. */
export type Me = Schema<"Me"> & { lasts: { idle: number; absolute: number } };

export const PLATFORM_ADMINISTRATOR = "PLATFORM_ADMINISTRATOR";

/** Who is signed in, what they may do, and how long the session lasts. */
export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: async ({ signal }): Promise<Me> => {
    const request = api.GET("/me", { signal });
    const me = await answer(request);
    // The server's clock counts, not this computer's, which may be wrong.
    const now = Date.parse((await request).response.headers.get("Date") ?? "") || Date.now();
    const until = (instant: string) => Date.parse(instant) - now;
    return { ...me, lasts: { idle: until(me.session.idle_expires_at), absolute: until(me.session.expires_at) } };
  },
  staleTime: 60_000,
});

/** Inside the pages of somebody who is signed in; the route has made sure of that. */
export function useMe(): Me {
  return useSuspenseQuery(meQuery).data;
}

/** Whether the signed-in user may do something; the API's own table decides, and says so in `GET /me`. */
export function useMay(): (permission: string) => boolean {
  const { permissions } = useMe();
  return (permission) => permissions.includes(permission);
}

/** The hospital whose staff the signed-in user is one of. */
export function useHospital(): Schema<"Organization"> {
  const { organization } = useMe();
  if (!organization) throw new Error("a page of a hospital's workspace was shown to somebody who works at none");
  return organization;
}

export function isPlatformAdministrator(me: Me): boolean {
  return me.user.role === PLATFORM_ADMINISTRATOR;
}

/** The page where somebody's work begins. */
export function homeOf(role: string): "/platform" | "/app" {
  return role === PLATFORM_ADMINISTRATOR ? "/platform" : "/app";
}
