import { Menu as Base } from "@base-ui/react/menu";
import clsx from "clsx";
import type { LucideIcon } from "lucide-react";
import type { ReactElement, ReactNode } from "react";

/** A button that opens a list of things to do. */
export function Menu({
  trigger,
  defaultOpen = false,
  children,
}: {
  trigger: ReactElement;
  defaultOpen?: boolean;
  children: ReactNode;
}) {
  return (
    <Base.Root modal={false} defaultOpen={defaultOpen}>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner sideOffset={4} align="end" className="z-40">
          <Base.Popup className="appear min-w-48 rounded-md border border-line bg-surface p-1 shadow-float outline-none">
            {children}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

const itemLook =
  "flex min-h-10 cursor-pointer items-center gap-3 rounded-sm px-3 py-2 outline-none data-highlighted:bg-sunken";

export function MenuItem({
  icon: Icon,
  dangerous = false,
  onSelect,
  children,
}: {
  icon: LucideIcon;
  dangerous?: boolean;
  onSelect: () => void;
  children: ReactNode;
}) {
  return (
    <Base.Item onClick={onSelect} className={clsx(itemLook, dangerous && "text-bad")}>
      <Icon aria-hidden className="size-4 shrink-0" />
      {children}
    </Base.Item>
  );
}

export function MenuSeparator() {
  return <Base.Separator className="my-1 h-px bg-line" />;
}

/** One of several, such as a theme. */
export function MenuChoice<Value extends string>({
  label,
  value,
  choices,
  onChange,
}: {
  label: string;
  value: Value;
  choices: readonly { value: Value; label: string }[];
  onChange: (value: Value) => void;
}) {
  return (
    <Base.RadioGroup value={value} onValueChange={(next: Value) => onChange(next)} aria-label={label}>
      <div className="px-3 pt-2 pb-1 text-ink-soft" aria-hidden>
        {label}
      </div>
      {choices.map((choice) => (
        <Base.RadioItem key={choice.value} value={choice.value} className={itemLook} closeOnClick={false}>
          <span className="grid size-4 place-items-center rounded-full border border-line-strong" aria-hidden>
            <Base.RadioItemIndicator className="size-2 rounded-full bg-accent" />
          </span>
          {choice.label}
        </Base.RadioItem>
      ))}
    </Base.RadioGroup>
  );
}
