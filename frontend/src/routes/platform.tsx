import { createRoute } from "@tanstack/react-router";
import type { OrganizationSearch } from "@/features/platform/queries";
import { isSort } from "@/features/platform/sort";
import { isPlatformAdministrator } from "@/session/me";
import { lazyPage } from "./lazy-page";
import { WholeFailure } from "./RouteFailure";
import { root } from "./root-route";
import { onlyFor } from "./workspace";

/** The pages of those who run the platform. */
export function platformRoutes() {
  const layout = createRoute({
    getParentRoute: () => root,
    path: "/platform",
    component: lazyPage(() => import("@/features/workspace/PlatformLayout"), "PlatformLayout"),
    errorComponent: WholeFailure,
    beforeLoad: onlyFor(isPlatformAdministrator, "/app"),
  });
  const getParentRoute = () => layout;
  return layout.addChildren([
    createRoute({
      getParentRoute,
      path: "/",
      component: lazyPage(() => import("@/features/platform/PlatformDashboard"), "PlatformDashboard"),
    }),
    createRoute({
      getParentRoute,
      path: "/organizations",
      validateSearch: (search): OrganizationSearch => ({
        ...(typeof search.q === "string" && search.q ? { q: search.q.slice(0, 300) } : {}),
        ...(typeof search.status === "string" ? { status: search.status } : {}),
        ...(typeof search.plan === "string" ? { plan: search.plan } : {}),
        ...(isSort(search.sort) ? { sort: search.sort } : {}),
      }),
      component: lazyPage(() => import("@/features/platform/Organizations"), "Organizations"),
    }),
    createRoute({
      getParentRoute,
      path: "/organizations/$organizationId",
      component: lazyPage(() => import("@/features/platform/OrganizationDetail"), "OrganizationDetail"),
    }),
    createRoute({
      getParentRoute,
      path: "/audit",
      component: lazyPage(() => import("@/features/platform/PlatformAudit"), "PlatformAudit"),
    }),
    createRoute({
      getParentRoute,
      path: "/account",
      component: lazyPage(() => import("@/features/account/Account"), "Account"),
    }),
  ]);
}
