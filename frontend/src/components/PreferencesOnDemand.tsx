import { SunMoon } from "lucide-react";
import { type ComponentProps, useState } from "react";
import { useTranslation } from "react-i18next";
import { part } from "@/parts";
import { IconButton } from "./Button";
import { ProblemText } from "./ProblemText";

type Loaded = typeof import("./Preferences");

const load = () => part(() => import("./Preferences"));

/** Their menu takes a library that the first page does without: it comes when somebody is about to open it. */
export function PreferencesOnDemand() {
  const [loaded, setLoaded] = useState<Loaded | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  if (loaded) return <loaded.PreferencesMenu trigger={<Trigger />} />;
  // Whoever only passes by is not told that it cannot be had.
  const prepare = () => void load().catch(() => {});
  const open = () => {
    setProblem(null);
    load().then(setLoaded, setProblem);
  };
  return (
    <div className="relative">
      <Trigger aria-expanded={false} onPointerEnter={prepare} onFocus={prepare} onClick={open} />
      {problem !== null && (
        <div
          role="alert"
          className="absolute end-0 top-full z-40 w-72 rounded-md border border-bad/30 bg-bad-soft p-4 text-bad"
        >
          <ProblemText error={problem} />
        </div>
      )}
    </div>
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
