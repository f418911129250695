import type { ReactNode } from "react";
import { useId } from "react";
import { useTranslation } from "react-i18next";

export interface Datum {
  name: string;
  value: number;
}

/** A chart with what it says in a sentence, and with its numbers in a table for whoever prefers those. */
export function ChartFigure({
  title,
  summary,
  head,
  data,
  format,
  actions,
  children,
}: {
  title: string;
  summary: string;
  head: [string, string];
  data: Datum[];
  format: (value: number) => string;
  actions?: ReactNode;
  children: ReactNode;
}) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <figure
      aria-labelledby={id}
      className="grid min-w-0 content-start gap-4 rounded-lg border border-line bg-surface p-4 sm:p-6"
    >
      <figcaption className="flex flex-wrap items-start justify-between gap-2">
        <div className="grid">
          <h2 id={id} className="text-base font-semibold">
            {title}
          </h2>
          <p className="text-ink-soft">{summary}</p>
        </div>
        {actions}
      </figcaption>
      <div className="h-56 min-w-0" aria-hidden>
        {children}
      </div>
      <details>
        <summary className="rounded-sm text-ink-soft">{t("dashboard.asTable")}</summary>
        <table className="mt-3 w-full">
          <caption className="sr-only">{title}</caption>
          <thead>
            <tr className="border-b border-line text-ink-soft">
              <th scope="col" className="py-1.5 text-start font-medium">
                {head[0]}
              </th>
              <th scope="col" className="py-1.5 text-end font-medium">
                {head[1]}
              </th>
            </tr>
          </thead>
          <tbody className="divide-y divide-line">
            {data.map(({ name, value }) => (
              <tr key={name}>
                <th scope="row" className="py-1.5 text-start font-normal">
                  {name}
                </th>
                <td className="py-1.5 text-end tabular">{format(value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}
