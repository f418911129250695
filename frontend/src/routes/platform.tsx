import { createRoute, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { isProblem } from "@/api/problem";
import { loadWorkWords } from "@/i18n";
import { isPlatformAdministrator, meQuery } from "@/session/me";
import { WholeFailure } from "./RouteFailure";
import { root } from "./router";
import { signInPathFor } from "./sign-in-path";

/** The pages of those who run the platform. */
export function platformRoutes() {
  const layout = createRoute({
    getParentRoute: () => root,
    path: "/platform",
    component: lazyRouteComponent(() => import("@/features/workspace/PlatformLayout"), "PlatformLayout"),
    errorComponent: WholeFailure,
    beforeLoad: async ({ context, location }) => {
      const words = loadWorkWords();
      const me = await context.queries.ensureQueryData(meQuery).catch((error: unknown) => {
        if (isProblem(error, "unauthenticated")) throw redirect(signInPathFor(location.href));
        throw error;
      });
      if (!isPlatformAdministrator(me)) throw redirect({ to: "/app", replace: true });
      await words;
    },
  });
  const getParentRoute = () => layout;
  return layout.addChildren([
    createRoute({
      getParentRoute,
      path: "/",
      component: lazyRouteComponent(() => import("@/features/platform/PlatformDashboard"), "PlatformDashboard"),
    }),
    createRoute({
      getParentRoute,
      path: "/organizations",
      validateSearch: (search): { q?: string; status?: string; plan?: string } => ({
        ...(typeof search.q === "string" && search.q ? { q: search.q.slice(0, 300) } : {}),
        ...(typeof search.status === "string" ? { status: search.status } : {}),
        ...(typeof search.plan === "string" ? { plan: search.plan } : {}),
      }),
      component: lazyRouteComponent(() => import("@/features/platform/Organizations"), "Organizations"),
    }),
    createRoute({
      getParentRoute,
      path: "/organizations/$organizationId",
      component: lazyRouteComponent(() => import("@/features/platform/OrganizationDetail"), "OrganizationDetail"),
    }),
    createRoute({
      getParentRoute,
      path: "/account",
      component: lazyRouteComponent(() => import("@/features/account/Account"), "Account"),
    }),
  ]);
}
