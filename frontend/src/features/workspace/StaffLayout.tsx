import { useQuery } from "@tanstack/react-query";
import { Outlet } from "@tanstack/react-router";
import {
  CalendarDays,
  ClipboardList,
  CreditCard,
  LayoutDashboard,
  Pill,
  ScrollText,
  Settings2,
  Users,
  UsersRound,
} from "lucide-react";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { Failure, Skeleton } from "@/components/states";
import { changeLanguage, isLanguage, isLanguageChosen } from "@/i18n";
import { useHospital, useMay } from "@/session/me";
import { settingsQuery, settingValue } from "../settings/queries";
import { type Destination, Shell } from "./Shell";
import { Suspended } from "./Suspended";
import { UnlessStillSignedIn } from "./UnlessStillSignedIn";

/** A hospital's workspace. Who may do what decides what there is to go to, and the API decides who may. */
export function StaffLayout() {
  const { t } = useTranslation();
  const may = useMay();
  const hospital = useHospital();
  useHospitalLanguage(hospital.organization_id);
  const all: (Destination & { needs?: string })[] = [
    { to: "/app", icon: LayoutDashboard, label: t("navigation.today"), exact: true, needs: "appointments.read" },
    { to: "/app/patients", icon: ClipboardList, label: t("navigation.patients"), needs: "patients.read" },
    { to: "/app/appointments", icon: CalendarDays, label: t("navigation.appointments"), needs: "appointments.read" },
    { to: "/app/pharmacy", icon: Pill, label: t("navigation.pharmacy"), needs: "pharmacy.read" },
    {
      to: "/app/users",
      icon: may("users.manage") ? Users : UsersRound,
      label: t("navigation.users"),
      needs: "users.read",
    },
    { to: "/app/subscription", icon: CreditCard, label: t("navigation.subscription"), needs: "subscription.manage" },
    { to: "/app/settings", icon: Settings2, label: t("navigation.settings"), needs: "settings.read" },
    { to: "/app/audit", icon: ScrollText, label: t("navigation.audit"), needs: "audit.read" },
  ];
  const destinations = all.filter(({ needs }) => needs === undefined || may(needs));
  return (
    <UnlessStillSignedIn>
      <Suspended>
        <Shell place={hospital.organization_name} destinations={destinations} account="/app/account">
          <WithSettings />
        </Shell>
      </Suspended>
    </UnlessStillSignedIn>
  );
}

/** The page, once it is known in which time zone the hospital is: until then every time would be a wrong one. */
function WithSettings() {
  const { data, error, refetch } = useQuery(settingsQuery(useHospital().organization_id));
  if (data) return <Outlet />;
  return error ? <Failure title="h1" error={error} retry={() => void refetch()} /> : <Skeleton lines={10} />;
}

/** Whoever has not chosen a language of their own reads the hospital's. */
function useHospitalLanguage(organizationId: string): void {
  const settings = useQuery(settingsQuery(organizationId));
  const language = settings.data && settingValue(settings.data, "language");
  useEffect(() => {
    const spoken = language?.split("-")[0];
    // Its default says nothing about the hospital.
    const isSet = settings.data?.items.some(({ key, is_default }) => key === "language" && !is_default);
    if (isSet && !isLanguageChosen() && isLanguage(spoken)) {
      // Where its words cannot be loaded, the present ones are still read.
      changeLanguage(spoken, false).catch(() => {});
    }
  }, [language, settings.data]);
}
