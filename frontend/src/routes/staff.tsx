import { createRoute } from "@tanstack/react-router";
import { isDay } from "@/dates/day";
import type { PatientSearch } from "@/features/patients/queries";
import { settingsQuery } from "@/features/settings/queries";
import { isPlatformAdministrator, meQuery } from "@/session/me";
import { lazyPage } from "./lazy-page";
import { WholeFailure } from "./RouteFailure";
import { root } from "./root-route";
import { onlyFor } from "./workspace";

/** The workspace of a hospital's staff. */
export function staffRoutes() {
  const layout = createRoute({
    getParentRoute: () => root,
    path: "/app",
    component: lazyPage(() => import("@/features/workspace/StaffLayout"), "StaffLayout"),
    errorComponent: WholeFailure,
    beforeLoad: async (to) => {
      await onlyFor((me) => !isPlatformAdministrator(me), "/platform")(to);
      // Every page waits for them; they are asked for while its part of the program comes.
      const { queries } = to.context;
      const organizationId = queries.getQueryData(meQuery.queryKey)?.organization?.organization_id;
      if (organizationId) void queries.prefetchQuery(settingsQuery(organizationId));
    },
  });
  const getParentRoute = () => layout;
  const patients = () => import("@/features/patients/pages");
  const appointments = () => import("@/features/appointments/pages");
  return layout.addChildren([
    createRoute({
      getParentRoute,
      path: "/",
      component: lazyPage(() => import("@/features/today/Today"), "Today"),
    }),
    createRoute({
      getParentRoute,
      path: "/patients",
      validateSearch: (search): PatientSearch => ({
        ...(typeof search.q === "string" && search.q ? { q: search.q.slice(0, 100) } : {}),
        ...(isDay(search.born) ? { born: search.born } : {}),
        ...(search.archived === true ? { archived: true as const } : {}),
      }),
      component: lazyPage(patients, "PatientList"),
    }),
    createRoute({
      getParentRoute,
      path: "/patients/new",
      component: lazyPage(patients, "RegisterPatient"),
    }),
    createRoute({
      getParentRoute,
      path: "/patients/$patientId",
      component: lazyPage(patients, "PatientRecord"),
    }),
    createRoute({
      getParentRoute,
      path: "/patients/$patientId/edit",
      component: lazyPage(patients, "EditPatient"),
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
      component: lazyPage(appointments, "Appointments"),
    }),
    createRoute({
      getParentRoute,
      path: "/appointments/new",
      validateSearch: (search): { day?: string; patient?: string; doctor?: string } => ({
        ...(isDay(search.day) ? { day: search.day } : {}),
        ...(typeof search.patient === "string" ? { patient: search.patient } : {}),
        ...(typeof search.doctor === "string" ? { doctor: search.doctor } : {}),
      }),
      component: lazyPage(appointments, "BookAppointment"),
    }),
    createRoute({
      getParentRoute,
      path: "/pharmacy",
      validateSearch: (search): { q?: string; show?: "low" | "expiring" | "removed" } => ({
        ...(typeof search.q === "string" && search.q ? { q: search.q.slice(0, 100) } : {}),
        ...(search.show === "low" || search.show === "expiring" || search.show === "removed"
          ? { show: search.show }
          : {}),
      }),
      component: lazyPage(() => import("@/features/pharmacy/Pharmacy"), "Pharmacy"),
    }),
    createRoute({
      getParentRoute,
      path: "/users",
      component: lazyPage(() => import("@/features/users/Users"), "Users"),
    }),
    createRoute({
      getParentRoute,
      path: "/settings",
      component: lazyPage(() => import("@/features/settings/Settings"), "Settings"),
    }),
    createRoute({
      getParentRoute,
      path: "/subscription",
      component: lazyPage(() => import("@/features/subscription/Subscription"), "Subscription"),
    }),
    createRoute({
      getParentRoute,
      path: "/audit",
      component: lazyPage(() => import("@/features/audit/AuditLog"), "AuditLog"),
    }),
    createRoute({
      getParentRoute,
      path: "/account",
      component: lazyPage(() => import("@/features/account/Account"), "Account"),
    }),
  ]);
}
