import clsx from "clsx";
import { ChevronDown } from "lucide-react";
import type { ComponentProps } from "react";
import { inputLook } from "./Field";

/** A choice of the browser's own, with an arrow that stands as far from the frame as the text does. */
export function Select({ className = "w-full", children, ...props }: ComponentProps<"select">) {
  return (
    <span className={clsx("relative block min-w-0", className)}>
      <select {...props} className={clsx(inputLook, "w-full appearance-none truncate pe-9")}>
        {children}
      </select>
      <ChevronDown aria-hidden className="pointer-events-none absolute inset-y-0 end-3 my-auto size-4 text-ink-soft" />
    </span>
  );
}
