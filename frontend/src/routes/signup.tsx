import { createRoute, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { signupDraft } from "@/features/signup/draft";
import { type Step, stepFor, steps } from "@/features/signup/steps";
import { loadWorkWords } from "@/i18n";
import { root } from "./router";

const pages = {
  plan: lazyRouteComponent(() => import("@/features/signup/PlanStep"), "PlanStep"),
  details: lazyRouteComponent(() => import("@/features/signup/DetailsStep"), "DetailsStep"),
  payment: lazyRouteComponent(() => import("@/features/signup/PaymentStep"), "PaymentStep"),
  team: lazyRouteComponent(() => import("@/features/signup/TeamStep"), "TeamStep"),
  complete: lazyRouteComponent(() => import("@/features/signup/CompleteStep"), "CompleteStep"),
};

/** The five steps of a sign-up, each at an address of its own. */
export function signupRoutes() {
  const layout = createRoute({
    getParentRoute: () => root,
    path: "/signup",
    beforeLoad: loadWorkWords,
    component: lazyRouteComponent(() => import("@/features/signup/SignupLayout"), "SignupLayout"),
  });
  const step = <Path extends Step>(path: Path) =>
    createRoute({
      getParentRoute: () => layout,
      path,
      beforeLoad: () => {
        const open = stepFor(path, signupDraft());
        if (open !== path) throw redirect({ to: `/signup/${open}`, replace: true });
      },
      component: pages[path],
    });
  const index = createRoute({
    getParentRoute: () => layout,
    path: "/",
    beforeLoad: () => {
      throw redirect({ to: `/signup/${stepFor(steps[0], signupDraft())}`, replace: true });
    },
  });
  return layout.addChildren([index, step("plan"), step("details"), step("payment"), step("team"), step("complete")]);
}
