import { Building2, LayoutDashboard, ScrollText } from "lucide-react";
import { useTranslation } from "react-i18next";
import { type Destination, Shell } from "./Shell";
import { UnlessStillSignedIn } from "./UnlessStillSignedIn";

export function PlatformLayout() {
  const { t } = useTranslation();
  const destinations: Destination[] = [
    { to: "/platform", icon: LayoutDashboard, label: t("navigation.dashboard"), exact: true },
    { to: "/platform/organizations", icon: Building2, label: t("navigation.organizations") },
    { to: "/platform/audit", icon: ScrollText, label: t("navigation.audit") },
  ];
  return (
    <UnlessStillSignedIn>
      <Shell place={t("navigation.platform")} destinations={destinations} account="/platform/account" />
    </UnlessStillSignedIn>
  );
}
