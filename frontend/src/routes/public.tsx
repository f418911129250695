import { createRoute } from "@tanstack/react-router";
import { PublicLayout } from "@/features/welcome/PublicLayout";
import { Welcome } from "@/features/welcome/Welcome";
import { loadDoorWords } from "@/i18n";
import { safeRedirect } from "@/session/redirect";
import { lazyPage } from "./lazy-page";
import { root } from "./root-route";
import { signupRoutes } from "./signup";

/** Pages where nobody needs to be signed in. */
export function publicRoutes() {
  const layout = createRoute({ getParentRoute: () => root, id: "public", component: PublicLayout });
  const getParentRoute = () => layout;
  // The words come while the page's own part does: what stands in `beforeLoad` would come first.
  const door = { getParentRoute, loader: loadDoorWords };
  const validateSearch = (search: Record<string, unknown>): { redirect?: string } => {
    const redirect = safeRedirect(search.redirect);
    return redirect === undefined ? {} : { redirect };
  };
  const signIn = () => import("@/features/sign-in/SignIn");
  return [
    layout.addChildren([
      createRoute({ getParentRoute, path: "/", component: Welcome }),
      createRoute({
        ...door,
        path: "/sign-in",
        validateSearch,
        component: lazyPage(signIn, "RegularSignIn"),
      }),
      createRoute({
        ...door,
        path: "/admin",
        validateSearch,
        component: lazyPage(signIn, "PlatformSignIn"),
      }),
      createRoute({
        ...door,
        path: "/staff",
        validateSearch,
        component: lazyPage(() => import("@/features/sign-in/StaffSignIn"), "StaffSignIn"),
      }),
      createRoute({
        ...door,
        path: "/forgot-password",
        component: lazyPage(() => import("@/features/links/ForgotPassword"), "ForgotPassword"),
      }),
      createRoute({
        ...door,
        path: "/accept-invitation",
        component: lazyPage(() => import("@/features/links/AcceptInvitation"), "AcceptInvitation"),
      }),
      createRoute({
        ...door,
        path: "/reset-password",
        component: lazyPage(() => import("@/features/links/ResetPassword"), "ResetPassword"),
      }),
    ]),
    signupRoutes(),
  ];
}
