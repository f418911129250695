import clsx from "clsx";
import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

export type BadgeTone = "neutral" | "accent" | "good" | "warn" | "bad" | "info";

const tones: Record<BadgeTone, string> = {
  neutral: "bg-sunken text-ink-soft",
  accent: "bg-accent-soft text-accent",
  good: "bg-good-soft text-good",
  warn: "bg-warn-soft text-warn",
  bad: "bg-bad-soft text-bad",
  info: "bg-info-soft text-info",
};

/** A state: always an icon and a word, so that nobody has to tell colours apart. */
export function Badge({
  tone,
  icon: Icon,
  wraps = false,
  children,
}: {
  tone: BadgeTone;
  icon: LucideIcon;
  /** Where there is little room, more lines rather than less of the word. */
  wraps?: boolean;
  children: ReactNode;
}) {
  return (
    <span
      className={clsx(
        "inline-flex max-w-full items-center gap-1.5 px-2.5 py-0.5 text-sm font-medium",
        wraps ? "rounded-lg" : "rounded-full whitespace-nowrap",
        tones[tone],
      )}
    >
      <Icon aria-hidden className="size-3.5 shrink-0" />
      <span className={clsx(!wraps && "truncate")}>{children}</span>
    </span>
  );
}
