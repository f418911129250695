import { createRouter } from "@tanstack/react-router";
import { Skeleton } from "@/components/states";
import { platformRoutes } from "./platform";
import { publicRoutes } from "./public";
import { RouteFailure } from "./RouteFailure";
import { type RouterContext, root } from "./root-route";
import { staffRoutes } from "./staff";

export function createAppRouter(context: RouterContext) {
  return createRouter({
    routeTree: root.addChildren([...publicRoutes(), staffRoutes(), platformRoutes()]),
    context,
    defaultPreload: "intent",
    // The cache of queries decides what is fresh.
    defaultPreloadStaleTime: 0,
    defaultPendingMs: 200,
    defaultPendingComponent: () => <Skeleton className="p-8" />,
    defaultErrorComponent: RouteFailure,
    scrollRestoration: true,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
