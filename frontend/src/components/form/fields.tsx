import clsx from "clsx";
import { Eye, EyeOff } from "lucide-react";
import { type ComponentProps, type ReactNode, useState } from "react";
import { type FieldValues, get, useFormContext, useFormState } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { Field, type FieldProps, fieldLook } from "./Field";
import { Select } from "./Select";

type Named<Props> = Omit<FieldProps, "error"> & Omit<Props, "name" | "className"> & { name: string };

/** The error of a field of the form around it. */
export function useFieldError(name: string): string | undefined {
  const { errors } = useFormState();
  const error = get(errors, name) as { message?: string } | undefined;
  return error?.message;
}

/** Splits what belongs to the frame of a field from what belongs to its control. */
function split<Props extends Omit<FieldProps, "error">>(props: Props) {
  const { label, hint, optional, className, ...control } = props;
  return {
    frame: { label, hint, ...(optional === undefined ? {} : { optional }), ...(className ? { className } : {}) },
    control,
  };
}

export function TextField({ name, ...props }: Named<ComponentProps<"input">>) {
  const { register } = useFormContext<FieldValues>();
  const error = useFieldError(name);
  const { frame, control } = split(props);
  return (
    <Field {...frame} error={error}>
      {(tied) => <input type="text" dir="auto" {...control} {...tied} {...register(name)} className={fieldLook} />}
    </Field>
  );
}

export function TextArea({ name, ...props }: Named<ComponentProps<"textarea">>) {
  const { register } = useFormContext<FieldValues>();
  const error = useFieldError(name);
  const { frame, control } = split(props);
  return (
    <Field {...frame} error={error}>
      {(tied) => <textarea rows={3} dir="auto" {...control} {...tied} {...register(name)} className={fieldLook} />}
    </Field>
  );
}

export function SelectField({ name, children, ...props }: Named<ComponentProps<"select">> & { children: ReactNode }) {
  const { register } = useFormContext<FieldValues>();
  const error = useFieldError(name);
  const { frame, control } = split(props);
  return (
    <Field {...frame} error={error}>
      {(tied) => (
        <Select {...control} {...tied} {...register(name)}>
          {children}
        </Select>
      )}
    </Field>
  );
}

/** A password that can be looked at, and pasted, and that says when the Caps Lock key is on. */
export function PasswordField({ name, ...props }: Named<ComponentProps<"input">>) {
  const { t } = useTranslation();
  const { register } = useFormContext<FieldValues>();
  const error = useFieldError(name);
  const [shown, setShown] = useState(false);
  const [capsLock, setCapsLock] = useState(false);
  const { frame, control } = split(props);
  const hint = capsLock ? <span className="font-medium text-warn">{t("form.capsLock")}</span> : frame.hint;
  return (
    <Field {...frame} hint={hint} error={error}>
      {(tied) => (
        <div className="relative">
          <input
            autoCapitalize="none"
            spellCheck={false}
            {...control}
            {...tied}
            {...register(name)}
            type={shown ? "text" : "password"}
            onKeyUp={(event) => setCapsLock(event.getModifierState("CapsLock"))}
            className={clsx(fieldLook, "pe-11")}
          />
          <button
            type="button"
            onClick={() => setShown(!shown)}
            aria-pressed={shown}
            aria-label={t("form.showPassword")}
            className="absolute inset-y-0 end-0 inline-flex w-10 items-center justify-center rounded-md text-ink-soft hover:text-ink"
          >
            {shown ? <EyeOff aria-hidden className="size-4" /> : <Eye aria-hidden className="size-4" />}
          </button>
        </div>
      )}
    </Field>
  );
}
