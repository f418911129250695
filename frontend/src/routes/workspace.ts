import { redirect } from "@tanstack/react-router";
import { isProblem } from "@/api/problem";
import { loadWorkWords } from "@/i18n";
import { type Me, meQuery } from "@/session/me";
import type { RouterContext } from "./root-route";
import { signInPathFor } from "./sign-in-path";

/** What comes before every page of a workspace: who is not signed in does that first, and others go to their own. */
export function onlyFor(belongs: (me: Me) => boolean, elsewhere: "/app" | "/platform") {
  return async ({ context, location }: { context: RouterContext; location: { href: string } }) => {
    const words = loadWorkWords();
    const me = await context.queries.ensureQueryData(meQuery).catch(async (error: unknown) => {
      if (isProblem(error, "unauthenticated")) throw redirect(signInPathFor(location.href));
      // The page that says so needs them.
      if (isProblem(error, "subscription-suspended")) await words;
      throw error;
    });
    if (!belongs(me)) throw redirect({ to: elsewhere, replace: true });
    await words;
  };
}
