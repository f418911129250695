import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { isDay } from "@/dates/day";
import type { PatientSearch } from "@/features/patients/queries";
import { isPlatformAdministrator } from "@/session/me";
import { WholeFailure } from "./RouteFailure";
import { root } from "./router";
import { onlyFor } from "./workspace";

/** The workspace of a hospital's staff. */
export function staffRoutes() {
  const layout = createRoute({
    getParentRoute: () => root,
    path: "/app",
    component: lazyRouteComponent(() => import("@/features/workspace/StaffLayout"), "StaffLayout"),
    errorComponent: WholeFailure,
    beforeLoad: onlyFor((me) => !isPlatformAdministrator(me), "/platform"),
  });
  const getParentRoute = () => layout;
  const patients = () => import("@/features/patients/pages");
  const appointments = () => import("@/features/appointments/pages");
  return layout.addChildren([
    createRoute({
      getParentRoute,
      path: "/",
      component: lazyRouteComponent(() => import("@/features/today/Today"), "Today"),
    }),
    createRoute({
      getParentRoute,
      path: "/patients",
      validateSearch: (search): PatientSearch => ({
        ...(typeof search.q === "string" && search.q ? { q: search.q.slice(0, 100) } : {}),
        ...(isDay(search.born) ? { born: search.born } : {}),
        ...(search.archived === true ? { archived: true as const } : {}),
      }),
      component: lazyRouteComponent(patients, "PatientList"),
    }),
    createRoute({
      getParentRoute,
      path: "/patients/new",
      component: lazyRouteComponent(patients, "RegisterPatient"),
    }),
    createRoute({
      getParentRoute,
      path: "/patients/$patientId",
      component: lazyRouteComponent(patients, "PatientRecord"),
    }),
    createRoute({
      getParentRoute,
      path: "/patients/$patientId/edit",
      component: lazyRouteComponent(patients, "EditPatient"),
    }),
    createRoute({
      getParentRoute,
      path: "/appointments",
      validateSearch: (search): { view?: "week"; day?: string; doctor?: string; appointment?: string } => ({
        ...(search.view === "week" ? { view: "week" as const } : {}),
        ...(isDay(search.day) ? { day: search.day } : {}),
        ...(typeof search.doctor === "string" ? { doctor: search.doctor } : {}),
        ...(typeof search.appointment === "string" ? { appointment: search.appointment } : {}),
      }),
      component: lazyRouteComponent(appointments, "Appointments"),
    }),
    createRoute({
      getParentRoute,
      path: "/appointments/new",
      validateSearch: (search): { day?: string; patient?: string; doctor?: string } => ({
        ...(isDay(search.day) ? { day: search.day } : {}),
        ...(typeof search.patient === "string" ? { patient: search.patient } : {}),
        ...(typeof search.doctor === "string" ? { doctor: search.doctor } : {}),
      }),
      component: lazyRouteComponent(appointments, "BookAppointment"),
    }),
    createRoute({
      getParentRoute,
      path: "/pharmacy",
      validateSearch: (search): { q?: string; show?: "low" | "expiring" } => ({
        ...(typeof search.q === "string" && search.q ? { q: search.q.slice(0, 100) } : {}),
        ...(search.show === "low" || search.show === "expiring" ? { show: search.show } : {}),
      }),
      component: lazyRouteComponent(() => import("@/features/pharmacy/Pharmacy"), "Pharmacy"),
    }),
    createRoute({
      getParentRoute,
      path: "/users",
      component: lazyRouteComponent(() => import("@/features/users/Users"), "Users"),
    }),
    createRoute({
      getParentRoute,
      path: "/settings",
      component: lazyRouteComponent(() => import("@/features/settings/Settings"), "Settings"),
    }),
    createRoute({
      getParentRoute,
      path: "/subscription",
      component: lazyRouteComponent(() => import("@/features/subscription/Subscription"), "Subscription"),
    }),
    createRoute({
      getParentRoute,
      path: "/audit",
      component: lazyRouteComponent(() => import("@/features/audit/AuditLog"), "AuditLog"),
    }),
    createRoute({
      getParentRoute,
      path: "/account",
      component: lazyRouteComponent(() => import("@/features/account/Account"), "Account"),
    }),
  ]);
}
