import clsx from "clsx";
import type { ComponentProps, ReactNode } from "react";

/** A table that becomes a list of cards where it would not fit. Each cell says in `label` what its column is called. */
export function Table({ caption, children }: { caption: string; children: ReactNode }) {
  return (
    <table className="block w-full border-collapse text-sm md:table">
      <caption className="sr-only">{caption}</caption>
      {children}
    </table>
  );
}

export function Head({ children }: { children: ReactNode }) {
  return (
    <thead className="sr-only md:not-sr-only md:table-header-group">
      <tr className="border-b border-line text-start text-ink-soft">{children}</tr>
    </thead>
  );
}

const cellPadding = "md:px-4 md:first:ps-6 md:last:pe-6";

/** `align` is where the cells below have their content, such as the ends of numbers. */
export function HeadCell({
  align = "start",
  children,
  ...props
}: Omit<ComponentProps<"th">, "align" | "className"> & { align?: "start" | "end" }) {
  return (
    <th
      scope="col"
      {...props}
      className={clsx("py-3 font-medium", align === "end" ? "text-end" : "text-start", cellPadding)}
    >
      {children}
    </th>
  );
}

export function Body({ children }: { children: ReactNode }) {
  return <tbody className="block divide-y divide-line md:table-row-group">{children}</tbody>;
}

export function Row({ className, children, ...props }: ComponentProps<"tr">) {
  return (
    <tr {...props} className={clsx("grid gap-2 px-4 py-4 sm:px-6 md:table-row md:hover:bg-sunken/60", className)}>
      {children}
    </tr>
  );
}

/** `numeric` gives every digit the same width. As a card, a cell has its label beside it. */
export function Cell({
  label,
  numeric = false,
  className,
  children,
}: {
  label?: string;
  numeric?: boolean;
  className?: string;
  children: ReactNode;
}) {
  return (
    <td
      className={clsx(
        "min-w-0 md:table-cell md:py-3 md:align-middle",
        label ? "grid grid-cols-[6.5rem_minmax(0,1fr)] items-baseline gap-x-2" : "block",
        cellPadding,
        numeric && "tabular",
        className,
      )}
    >
      {label ? (
        <>
          <span className="text-ink-soft normal-nums md:hidden">{label}</span>
          <div className="max-md:wrap-anywhere">{children}</div>
        </>
      ) : (
        children
      )}
    </td>
  );
}
