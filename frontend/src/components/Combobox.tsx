import { Combobox as Base } from "@base-ui/react/combobox";
import clsx from "clsx";
import { Check, ChevronsUpDown } from "lucide-react";
import { type ReactNode, type Ref, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "./Button";
import { folded } from "./folded";
import { Field, type FieldProps, fieldLook, inputLook } from "./form/Field";

export interface Choice {
  id: string;
  name: string;
  /** A second line that tells two of the same name apart. */
  note?: string;
}

/** Whether every word is in the name of a choice or in its note. What an earlier search has found may not fit any more. */
function matches(choice: Choice, words: string): boolean {
  const text = folded(`${choice.name} ${choice.note ?? ""}`);
  return folded(words)
    .split(/\s+/u)
    .every((word) => text.includes(word));
}

/** The library puts a way out before and behind an open list, for those who hear it, and names it in English alone. */
function nameWaysOut(words: string): void {
  for (const one of document.querySelectorAll('[aria-label="Dismiss"]')) one.setAttribute("aria-label", words);
}

/** A field that finds one of many while the person types: among all choices, or among those that a search has found. */
export function Combobox({
  choices,
  value,
  onChange,
  onSearch,
  isSearching = false,
  placeholder,
  inputRef,
  open,
  none,
  ...frame
}: FieldProps & {
  choices: Choice[];
  value: Choice | null;
  onChange: (choice: Choice | null) => void;
  onSearch?: (words: string) => void;
  isSearching?: boolean;
  placeholder?: string;
  /** By which a form gives the field the focus when it is wrong. */
  inputRef?: Ref<HTMLInputElement>;
  /** What a button beside the field says that asks for the choices and shows them; without it an arrow inside does. */
  open?: { words: string; load: () => void };
  /** What the list says when nothing was found. */
  none: ReactNode;
}) {
  const { t } = useTranslation();
  const [words, setWords] = useState(value?.name ?? "");
  // A form that is filled anew chooses, too; what the person chooses or clears is in the field already.
  const [named, setNamed] = useState(value?.id);
  if (named !== value?.id) {
    setNamed(value?.id);
    setWords(value?.name ?? "");
  }
  const chosen = value && !choices.some((choice) => choice.id === value.id) ? [value, ...choices] : choices;
  return (
    <Base.Root
      items={chosen}
      filter={matches}
      value={value}
      onValueChange={(choice) => {
        setNamed(choice?.id);
        onChange(choice);
      }}
      inputValue={words}
      onInputValueChange={(text, { reason }) => {
        setWords(text);
        if (reason === "input-change" || reason === "input-clear") onSearch?.(text);
      }}
      itemToStringLabel={(choice: Choice) => choice.name}
      isItemEqualToValue={(one: Choice, other: Choice) => one.id === other.id}
      onOpenChangeComplete={(isOpen) => isOpen && nameWaysOut(t("common.close"))}
      autoHighlight
    >
      <Field {...frame}>
        {(control) => (
          <div className={open ? "flex min-w-0 flex-wrap gap-2" : "relative"}>
            <Base.Input
              {...control}
              {...(inputRef ? { ref: inputRef } : {})}
              placeholder={placeholder}
              dir="auto"
              className={open ? clsx(inputLook, "w-0 flex-[1_1_12rem]") : clsx(fieldLook, "pe-11")}
            />
            {open ? (
              <Base.Trigger render={<Button onClick={open.load} />}>
                <ChevronsUpDown aria-hidden className="size-4" />
                {open.words}
              </Base.Trigger>
            ) : (
              <Base.Trigger
                aria-label={t("common.showChoices")}
                className="absolute inset-y-0 end-0 inline-flex w-10 items-center justify-center rounded-md text-ink-soft"
              >
                <ChevronsUpDown aria-hidden className="size-4" />
              </Base.Trigger>
            )}
          </div>
        )}
      </Field>
      <Base.Portal>
        <Base.Positioner sideOffset={4} className="z-60">
          <Base.Popup className="appear max-h-80 w-(--anchor-width) overflow-y-auto rounded-md border border-line bg-surface p-1 shadow-float">
            <Base.Status className="px-3 text-ink-soft empty:hidden">
              {isSearching ? <span className="block py-2">{t("common.searching")}</span> : null}
            </Base.Status>
            <Base.Empty className="px-3 text-ink-soft empty:hidden">
              {isSearching ? null : <span className="block py-2">{none}</span>}
            </Base.Empty>
            <Base.List>
              {(choice: Choice) => (
                <Base.Item
                  key={choice.id}
                  value={choice}
                  className="grid min-h-10 grid-cols-[1fr_auto] items-center gap-2 rounded-sm px-3 py-2 data-highlighted:bg-accent-soft"
                >
                  <span className="grid min-w-0">
                    <span dir="auto">{choice.name}</span>
                    {choice.note && <span className="text-ink-soft">{choice.note}</span>}
                  </span>
                  <Base.ItemIndicator>
                    <Check aria-hidden className="size-4 text-accent" />
                  </Base.ItemIndicator>
                </Base.Item>
              )}
            </Base.List>
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
