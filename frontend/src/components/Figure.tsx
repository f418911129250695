import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

/** One number that says how things stand. The numbers beside one another are at one height, however long their names. */
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
    <div className="row-span-2 grid min-w-0 grid-rows-subgrid gap-2 rounded-lg border border-line bg-surface p-4 sm:p-6">
      {/* On a small screen the icon leaves its line to long words. */}
      <dt className="grid content-start gap-2 text-ink-soft hyphens-auto sm:flex sm:items-start">
        <Icon aria-hidden className="mt-0.5 size-4 shrink-0" />
        <span className="min-w-0">{label}</span>
      </dt>
      <dd className="grid content-start gap-2">
        <span className="text-xl font-semibold tracking-tight tabular">{children}</span>
        {note && <span className="text-ink-soft">{note}</span>}
      </dd>
    </div>
  );
}

export function Figures({ label, children }: { label: string; children: ReactNode }) {
  return (
    <section aria-label={label}>
      <dl className="grid grid-cols-2 gap-4 *:last:odd:col-span-2 lg:grid-cols-[repeat(auto-fit,minmax(10rem,1fr))] lg:*:last:odd:col-span-1">
        {children}
      </dl>
    </section>
  );
}
