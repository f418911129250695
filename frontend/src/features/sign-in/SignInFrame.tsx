import type { ReactNode } from "react";
import { PageHeader } from "@/components/Page";

/** A page with one form in its middle. */
export function SignInFrame({
  title,
  explanation,
  children,
  footer,
}: {
  title: string;
  explanation: ReactNode;
  children: ReactNode;
  footer?: ReactNode;
}) {
  return (
    <div className="mx-auto grid max-w-md gap-6">
      <PageHeader title={title} explanation={explanation} />
      <div className="rounded-lg border border-line bg-surface p-6">{children}</div>
      {footer && <div className="grid gap-2 text-ink-soft">{footer}</div>}
    </div>
  );
}
