import { Check, Copy } from "lucide-react";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "./Button";
import { fieldLook } from "./form/Field";

/** A text to hand over, such as a link that is shown once. */
export function CopyField({ label, value }: { label: string; value: string }) {
  const { t } = useTranslation();
  const id = useId();
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(value).catch(() => {
      // Without leave to use the clipboard the text is at least selected.
      document.querySelector<HTMLInputElement>(`#${CSS.escape(id)}`)?.select();
    });
    setCopied(true);
  };
  return (
    <div className="grid min-w-0 gap-1.5">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      <div className="flex gap-2">
        <input id={id} readOnly value={value} className={fieldLook} onFocus={(event) => event.target.select()} />
        <Button onClick={() => void copy()} className="shrink-0">
          {copied ? <Check aria-hidden className="size-4" /> : <Copy aria-hidden className="size-4" />}
          {copied ? t("common.copied") : t("common.copy")}
          <span className="sr-only">: {label}</span>
        </Button>
      </div>
      <span role="status" className="sr-only">
        {copied ? t("common.copied") : ""}
      </span>
    </div>
  );
}
