import { Plus, Trash2 } from "lucide-react";
import { useMemo } from "react";
import { useFieldArray, useFormContext } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { z } from "zod";
import type { Schema } from "@/api/client";
import { Button, IconButton } from "@/components/Button";
import { inputLook } from "@/components/form/Field";
import { useFieldError } from "@/components/form/fields";
import { SettingCard, type SettingProps } from "./SettingCard";

type Hours = Schema<"OpeningHours">;
const days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;
type Weekday = (typeof days)[number];
type Input = Record<Weekday, { from: string; to: string }[]>;

const closed = Object.fromEntries(days.map((day) => [day, []])) as unknown as Input;

/** When the hospital is open, day by day; a day may have a pause. */
export function OpeningHoursSetting({ setting }: SettingProps) {
  const { t } = useTranslation();
  const schema = useMemo(() => {
    const time = z.string().refine((text) => /^(([01]\d|2[0-3]):[0-5]\d|24:00)$/.test(text), t("form.time"));
    const hours = z
      .array(z.object({ from: time, to: time }))
      .refine((all) => all.every(({ from, to }) => from < to), t("settings.hours.endsAfter"))
      .refine(
        (all) => all.every(({ from }, index) => index === 0 || (all[index - 1]?.to ?? "") < from),
        t("settings.hours.inOrder"),
      );
    return z.object(Object.fromEntries(days.map((day) => [day, hours])) as Record<Weekday, typeof hours>);
  }, [t]);
  const toInput = (hours: Schema<"SettingValue">) => ({ ...closed, ...(hours as Hours | null) }) as Input;
  const shown = (hours: Schema<"SettingValue">) =>
    days
      .map((day) => {
        const all = ((hours as Hours | null)?.[day] ?? []).map(({ from, to }) => `${from}–${to}`);
        return `${t(`settings.hours.${day}`)} ${all.join(", ") || "–"}`;
      })
      .join("; ");
  return (
    <SettingCard setting={setting} schema={schema} toInput={toInput} toValue={(output) => output} shown={shown}>
      <div className="grid grid-cols-[minmax(0,1fr)] divide-y divide-line">
        {days.map((day) => (
          <DayHours key={day} day={day} />
        ))}
      </div>
    </SettingCard>
  );
}

function DayHours({ day }: { day: Weekday }) {
  const { t } = useTranslation();
  const { register } = useFormContext<Input>();
  const { fields, append, remove } = useFieldArray<Input, Weekday>({ name: day });
  const ofAll = useFieldError(`${day}.root`);
  const ofDay = useFieldError(day);
  const error = ofAll ?? ofDay;
  const name = t(`settings.hours.${day}`);
  return (
    <fieldset className="grid grid-cols-[minmax(0,1fr)] gap-2 py-4 first:pt-0 last:pb-0 sm:grid-cols-[8rem_minmax(0,1fr)] sm:items-start">
      <legend className="float-start pt-2 font-medium">{name}</legend>
      <div className="grid grid-cols-[minmax(0,1fr)] gap-2">
        {fields.map((field, index) => (
          <div key={field.id} className="flex items-center gap-2">
            <div className="grid min-w-0 flex-1 gap-2 sm:flex sm:flex-none sm:items-center">
              <input
                type="time"
                aria-label={t("settings.hours.from", { day: name })}
                className={`${inputLook} w-full sm:w-32`}
                {...register(`${day}.${index}.from`)}
              />
              <span aria-hidden className="text-ink-soft max-sm:hidden">
                –
              </span>
              <input
                type="time"
                aria-label={t("settings.hours.to", { day: name })}
                className={`${inputLook} w-full sm:w-32`}
                {...register(`${day}.${index}.to`)}
              />
            </div>
            <IconButton label={t("settings.hours.remove", { day: name })} onClick={() => remove(index)}>
              <Trash2 aria-hidden className="size-4" />
            </IconButton>
          </div>
        ))}
        <div className="flex flex-wrap items-center gap-x-3">
          {fields.length === 0 && <span className="text-ink-soft">{t("settings.hours.closed")}</span>}
          <Button
            look="quiet"
            className="-ms-3"
            onClick={() => append(fields.length === 0 ? { from: "08:00", to: "17:00" } : { from: "", to: "" })}
          >
            <Plus aria-hidden className="size-4" />
            {t("settings.hours.add")}
            <span className="sr-only">: {name}</span>
          </Button>
        </div>
        {error && <p className="font-medium text-bad">{error}</p>}
      </div>
    </fieldset>
  );
}
