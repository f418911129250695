import { Check, Copy } from "lucide-react";
import { useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "./Button";
import { fieldLook } from "./form/Field";

/** A text to hand over, such as a link that is shown once. */
export function CopyField({ label, value }: { label: string; value: string }) {
  const { t } = useTranslation();
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const [outcome, setOutcome] = useState<"copied" | "copyByHand" | null>(null);
  const copied = outcome === "copied";
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      setOutcome("copied");
    } catch {
      // Without leave to use the clipboard, or without one, the text is at least selected.
      field.current?.select();
      setOutcome("copyByHand");
    }
  };
  return (
    <div className="grid min-w-0 gap-1.5">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      <div className="flex gap-2">
        <input
          ref={field}
          id={id}
          readOnly
          value={value}
          className={fieldLook}
          onFocus={(event) => event.target.select()}
        />
        <Button onClick={() => void copy()} className="shrink-0">
          {copied ? <Check aria-hidden className="size-4" /> : <Copy aria-hidden className="size-4" />}
          {copied ? t("common.copied") : t("common.copy")}
          <span className="sr-only">: {label}</span>
        </Button>
      </div>
      <span role="status" className={copied ? "sr-only" : "text-ink-soft empty:hidden"}>
        {outcome ? t(`common.${outcome}`) : ""}
      </span>
    </div>
  );
}
