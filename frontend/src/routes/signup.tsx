import { createRoute, redirect } from "@tanstack/react-router";
import { forgetSignup, signupDraft } from "@/features/signup/draft";
import { type Step, stepFor, steps } from "@/features/signup/steps";
import { loadWorkWords } from "@/i18n";
import { lazyPage } from "./lazy-page";
import { root } from "./root-route";

const pages = {
  plan: lazyPage(() => import("@/features/signup/PlanStep"), "PlanStep"),
  details: lazyPage(() => import("@/features/signup/DetailsStep"), "DetailsStep"),
  payment: lazyPage(() => import("@/features/signup/PaymentStep"), "PaymentStep"),
  team: lazyPage(() => import("@/features/signup/TeamStep"), "TeamStep"),
  complete: lazyPage(() => import("@/features/signup/CompleteStep"), "CompleteStep"),
};

/** The five steps of a sign-up, each at an address of its own. */
export function signupRoutes() {
  const layout = createRoute({
    getParentRoute: () => root,
    path: "/signup",
    loader: loadWorkWords,
    component: lazyPage(() => import("@/features/signup/SignupLayout"), "SignupLayout"),
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
    beforeLoad: ({ preload }) => {
      // Whoever begins once more is done with the hospital that is set up; to pass the link is not to begin.
      if (!preload && signupDraft().isComplete) forgetSignup();
      throw redirect({ to: `/signup/${stepFor(steps[0], signupDraft())}`, replace: true });
    },
  });
  return layout.addChildren([index, step("plan"), step("details"), step("payment"), step("team"), step("complete")]);
}
