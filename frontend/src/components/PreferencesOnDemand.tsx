import { SunMoon } from "lucide-react";
import { type ComponentProps, lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { IconButton } from "./Button";

const load = () => import("./Preferences");

const PreferencesMenu = lazy(() => load().then(({ PreferencesMenu }) => ({ default: PreferencesMenu })));

/** Their menu takes a library that the first page does without: it comes when somebody is about to open it. */
export function PreferencesOnDemand() {
  const [wanted, setWanted] = useState(false);
  if (!wanted) {
    const prepare = () => void load();
    return <Trigger aria-expanded={false} onPointerEnter={prepare} onFocus={prepare} onClick={() => setWanted(true)} />;
  }
  return (
    <Suspense fallback={<Trigger aria-expanded={false} />}>
      <PreferencesMenu trigger={<Trigger />} />
    </Suspense>
  );
}

function Trigger(props: ComponentProps<"button">) {
  const { t } = useTranslation();
  return (
    <IconButton label={t("common.appearanceAndLanguage")} className="-me-2.5" aria-haspopup="menu" {...props}>
      <SunMoon aria-hidden className="size-5" />
    </IconButton>
  );
}
