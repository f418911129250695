import clsx from "clsx";
import { type ReactNode, useEffect, useRef } from "react";

/** The name of the page in the browser's tab. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · ChakraVue`;
  }, [title]);
}

/** What a page is called. It takes the focus as it appears, so that a screen reader says where a link has led. */
export function PageTitle({
  children: title,
  takesFocus = true,
  className = "text-xl font-semibold tracking-tight",
}: {
  children: string;
  takesFocus?: boolean;
  className?: string;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  usePageTitle(title);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a title that changes, as with the language, is no other page
  useEffect(() => {
    if (takesFocus) heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <h1 ref={heading} tabIndex={-1} dir="auto" className={className}>
      {title}
    </h1>
  );
}

/** The heading of a page. */
export function PageHeader({
  title,
  explanation,
  actions,
  eyebrow,
  takesFocus = true,
}: {
  title: string;
  explanation?: ReactNode;
  actions?: ReactNode;
  eyebrow?: ReactNode;
  takesFocus?: boolean;
}) {
  return (
    <header className="flex flex-wrap items-end justify-between gap-4">
      <div className="grid min-w-0 gap-1">
        {eyebrow && <div className="text-sm text-ink-soft">{eyebrow}</div>}
        <PageTitle takesFocus={takesFocus}>{title}</PageTitle>
        {explanation && <div className="max-w-prose text-ink-soft">{explanation}</div>}
      </div>
      {actions && (
        <div className="no-print flex flex-wrap gap-2 empty:hidden max-sm:w-full max-sm:*:grow">{actions}</div>
      )}
    </header>
  );
}

/** A part of a page with a frame around it. */
export function Card({
  title,
  explanation,
  actions,
  flush = false,
  className,
  children,
}: {
  title?: ReactNode;
  explanation?: ReactNode;
  actions?: ReactNode;
  /** The content reaches the frame, as a table does. */
  flush?: boolean;
  className?: string;
  children: ReactNode;
}) {
  return (
    <section className={clsx("min-w-0 rounded-lg border border-line bg-surface", className)}>
      {(title || actions) && (
        <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 border-b border-line px-4 py-3 sm:px-6">
          <div className="grid min-w-0">
            {title && <h2 className="text-base font-semibold">{title}</h2>}
            {explanation && <p className="text-ink-soft">{explanation}</p>}
          </div>
          {actions && <div className="no-print flex flex-wrap gap-2">{actions}</div>}
        </div>
      )}
      <div className={flush ? undefined : "p-4 sm:p-6"}>{children}</div>
    </section>
  );
}

/** A fact and what it is called. */
export function Fact({ label, children, className }: { label: ReactNode; children: ReactNode; className?: string }) {
  return (
    <div className={clsx("grid min-w-0 content-start gap-0.5", className)}>
      <dt className="text-ink-soft">{label}</dt>
      <dd className="min-w-0 font-medium">{children}</dd>
    </div>
  );
}
