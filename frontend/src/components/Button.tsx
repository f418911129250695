import { Link, type LinkProps } from "@tanstack/react-router";
import clsx from "clsx";
import { LoaderCircle } from "lucide-react";
import type { ComponentProps, ReactNode } from "react";

type Look = "primary" | "secondary" | "quiet" | "danger";

const base =
  "inline-flex min-h-10 items-center justify-center gap-2 rounded-md px-4 py-2 text-sm font-medium no-underline transition-colors disabled:opacity-60 aria-disabled:opacity-60";

const looks: Record<Look, string> = {
  primary: "bg-accent text-on-accent hover:bg-accent-strong",
  secondary: "border border-line-strong bg-surface text-ink hover:bg-sunken",
  quiet: "text-ink-soft hover:bg-sunken hover:text-ink",
  danger: "border border-bad bg-surface text-bad hover:bg-bad-soft",
};

interface ButtonProps extends ComponentProps<"button"> {
  look?: Look;
  /** Work is under way: the button shows it and takes no second click. */
  pending?: boolean;
}

export function Button({ look = "secondary", pending = false, className, children, ...props }: ButtonProps) {
  return (
    <button
      type="button"
      {...props}
      className={clsx(base, looks[look], className)}
      aria-busy={pending || undefined}
      disabled={pending || props.disabled}
    >
      {pending && <LoaderCircle aria-hidden className="turning size-4" />}
      {children}
    </button>
  );
}

/** A link that looks like a button, for what goes to another page. */
export function ButtonLink({
  look = "secondary",
  className,
  children,
  ...props
}: LinkProps & { look?: Look; className?: string; children: ReactNode }) {
  return (
    <Link {...props} className={clsx(base, looks[look], className)}>
      {children}
    </Link>
  );
}

/** A button that is an icon; its label is read aloud and shown on hover. */
export function IconButton({ label, className, children, ...props }: ComponentProps<"button"> & { label: string }) {
  return (
    <button
      type="button"
      {...props}
      aria-label={label}
      title={label}
      className={clsx(
        "inline-flex size-10 shrink-0 grow-0! items-center justify-center rounded-md text-ink-soft transition-colors hover:bg-sunken hover:text-ink",
        className,
      )}
    >
      {children}
    </button>
  );
}
