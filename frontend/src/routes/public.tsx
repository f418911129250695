import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { PublicLayout } from "@/features/welcome/PublicLayout";
import { Welcome } from "@/features/welcome/Welcome";
import { safeRedirect } from "@/session/redirect";
import { root } from "./router";
import { signupRoutes } from "./signup";

/** Pages where nobody needs to be signed in. */
export function publicRoutes() {
  const layout = createRoute({ getParentRoute: () => root, id: "public", component: PublicLayout });
  const getParentRoute = () => layout;
  const validateSearch = (search: Record<string, unknown>): { redirect?: string } => {
    const redirect = safeRedirect(search.redirect);
    return redirect === undefined ? {} : { redirect };
  };
  const signIn = () => import("@/features/sign-in/SignIn");
  return [
    layout.addChildren([
      createRoute({ getParentRoute, path: "/", component: Welcome }),
      createRoute({
        getParentRoute,
        path: "/sign-in",
        validateSearch,
        component: lazyRouteComponent(signIn, "RegularSignIn"),
      }),
      createRoute({
        getParentRoute,
        path: "/admin",
        validateSearch,
        component: lazyRouteComponent(signIn, "PlatformSignIn"),
      }),
      createRoute({
        getParentRoute,
        path: "/staff",
        validateSearch,
        component: lazyRouteComponent(() => import("@/features/sign-in/StaffSignIn"), "StaffSignIn"),
      }),
      createRoute({
        getParentRoute,
        path: "/forgot-password",
        component: lazyRouteComponent(() => import("@/features/links/ForgotPassword"), "ForgotPassword"),
      }),
      createRoute({
        getParentRoute,
        path: "/accept-invitation",
        component: lazyRouteComponent(() => import("@/features/links/AcceptInvitation"), "AcceptInvitation"),
      }),
      createRoute({
        getParentRoute,
        path: "/reset-password",
        component: lazyRouteComponent(() => import("@/features/links/ResetPassword"), "ResetPassword"),
      }),
    ]),
    signupRoutes(),
  ];
}
