import clsx from "clsx";
import { CircleAlert, CircleCheck, Info, type LucideIcon, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";

export type Tone = "info" | "good" | "warn" | "bad";

const tones: Record<Tone, { icon: LucideIcon; look: string }> = {
  info: { icon: Info, look: "border-info/30 bg-info-soft text-info" },
  good: { icon: CircleCheck, look: "border-good/30 bg-good-soft text-good" },
  warn: { icon: TriangleAlert, look: "border-warn/30 bg-warn-soft text-warn" },
  bad: { icon: CircleAlert, look: "border-bad/30 bg-bad-soft text-bad" },
};

/** Something that the person should know, beside what it is about. What goes wrong is read aloud at once. */
export function Notice({ tone, title, children }: { tone: Tone; title?: ReactNode; children?: ReactNode }) {
  const { icon: Icon, look } = tones[tone];
  return (
    <div role={tone === "bad" ? "alert" : "status"} className={clsx("flex gap-3 rounded-md border p-4", look)}>
      <Icon aria-hidden className="mt-0.5 size-4 shrink-0" />
      <div className="grid min-w-0 gap-1">
        {title && <p className="font-semibold">{title}</p>}
        {children && <div className="text-ink">{children}</div>}
      </div>
    </div>
  );
}
