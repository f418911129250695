import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

/** One number that says how things stand. */
export function Figure({
  icon: Icon,
  label,
  children,
  note,
}: {
  icon: LucideIcon;
  label: string;
  children: ReactNode;
  note?: ReactNode;
}) {
  return (
    <div className="grid content-start gap-2 min-w-0 rounded-lg border border-line bg-surface p-4 sm:p-6">
      {/* On a small screen the icon leaves its line to long words. */}
      <dt className="grid gap-2 text-ink-soft hyphens-auto sm:flex sm:items-center">
        <Icon aria-hidden className="size-4 shrink-0" />
        <span className="min-w-0">{label}</span>
      </dt>
      <dd className="text-xl font-semibold tracking-tight tabular">{children}</dd>
      {note && <dd className="text-ink-soft">{note}</dd>}
    </div>
  );
}

export function Figures({ label, children }: { label: string; children: ReactNode }) {
  return (
    <section aria-label={label}>
      <dl className="grid grid-cols-2 gap-4 lg:grid-cols-[repeat(auto-fit,minmax(10rem,1fr))]">{children}</dl>
    </section>
  );
}
