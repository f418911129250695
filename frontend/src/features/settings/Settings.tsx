import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useController } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { z } from "zod";
import { type Choice, Combobox } from "@/components/Combobox";
import { SelectField, TextArea, TextField } from "@/components/form/fields";
import { rulesIn } from "@/components/form/rules";
import { Guard } from "@/components/Guard";
import { Notice } from "@/components/Notice";
import { PageHeader } from "@/components/Page";
import { Failure, Skeleton } from "@/components/states";
import { languages } from "@/i18n";
import { useHospital, useMay } from "@/session/me";
import { OpeningHoursSetting } from "./OpeningHours";
import { settingsQuery } from "./queries";
import { SettingCard, type SettingProps } from "./SettingCard";

export function Settings() {
  const { t } = useTranslation();
  const may = useMay();
  const { organization_id } = useHospital();
  const { data, isPending, error, refetch } = useQuery(settingsQuery(organization_id));
  const of = (key: SettingProps["setting"]["key"]) => data?.items.find((item) => item.key === key);
  const [zone, language, minutes, hours, address] = [
    of("time_zone"),
    of("language"),
    of("appointment_minutes"),
    of("opening_hours"),
    of("address"),
  ];
  return (
    <Guard permission="settings.read">
      <div className="mx-auto grid max-w-3xl gap-6">
        <PageHeader title={t("settings.title")} explanation={t("settings.explanation")} />
        {!may("settings.manage") && <Notice tone="info">{t("settings.readOnly")}</Notice>}
        {isPending && <Skeleton lines={10} />}
        {error && <Failure error={error} retry={() => void refetch()} />}
        {zone && <TimeZoneSetting setting={zone} />}
        {language && <LanguageSetting setting={language} />}
        {minutes && <MinutesSetting setting={minutes} />}
        {hours && <OpeningHoursSetting setting={hours} />}
        {address && <AddressSetting setting={address} />}
      </div>
    </Guard>
  );
}

/** What a field of text holds for a value, or for none. */
const textOr = (otherwise: string) => (value: SettingProps["setting"]["value"]) => ({
  value: value === null ? otherwise : String(value),
});

function TimeZoneSetting({ setting }: SettingProps) {
  const { t } = useTranslation();
  const schema = useMemo(() => z.object({ value: z.string().refine((name) => name !== "", t("form.choose")) }), [t]);
  return (
    <SettingCard setting={setting} schema={schema} toInput={textOr("UTC")} toValue={(input) => input.value}>
      <TimeZoneField />
    </SettingCard>
  );
}

function TimeZoneField() {
  const { t, i18n } = useTranslation();
  const { field, fieldState } = useController<{ value: string }>({ name: "value" });
  const choices = useMemo(
    () => [...new Set(["UTC", ...Intl.supportedValuesOf("timeZone")])].map((id) => zoneChoice(id, i18n.language)),
    [i18n.language],
  );
  const chosen = useMemo(
    () => (field.value === "" ? null : zoneChoice(field.value, i18n.language)),
    [field.value, i18n.language],
  );
  return (
    <Combobox
      inputRef={field.ref}
      label={t("settings.keys.time_zone.title")}
      choices={choices}
      value={chosen}
      onChange={(next) => field.onChange(next?.id ?? "")}
      none={t("settings.noZone")}
      error={fieldState.error?.message}
    />
  );
}

/** A zone by the name of its city, and what its time is called. */
function zoneChoice(id: string, language: string): Choice {
  const format = new Intl.DateTimeFormat(language, { timeZone: id, timeZoneName: "longGeneric" });
  const note = format.formatToParts().find(({ type }) => type === "timeZoneName")?.value;
  return { id, name: id.replaceAll("_", " "), ...(note ? { note } : {}) };
}

function LanguageSetting({ setting }: SettingProps) {
  const { t } = useTranslation();
  const schema = useMemo(() => z.object({ value: z.string() }), []);
  const known = Object.entries(languages);
  // One that somebody has set by another way stays as it is, whether or not we speak it.
  const { value } = textOr("en")(setting.value);
  const all = known.some(([tag]) => tag === value) ? known : [...known, [value, value]];
  return (
    <SettingCard setting={setting} schema={schema} toInput={textOr("en")} toValue={(input) => input.value}>
      <SelectField name="value" label={t("settings.keys.language.title")}>
        {all.map(([tag, name]) => (
          <option key={tag} value={tag}>
            {name}
          </option>
        ))}
      </SelectField>
    </SettingCard>
  );
}

function MinutesSetting({ setting }: SettingProps) {
  const { t } = useTranslation();
  const schema = useMemo(() => z.object({ value: rulesIn(t).number({ minimum: 5, maximum: 240 }) }), [t]);
  return (
    <SettingCard setting={setting} schema={schema} toInput={textOr("30")} toValue={(output) => output.value}>
      <TextField name="value" inputMode="numeric" label={t("settings.keys.appointment_minutes.title")} />
    </SettingCard>
  );
}

function AddressSetting({ setting }: SettingProps) {
  const { t } = useTranslation();
  const schema = useMemo(() => z.object({ value: rulesIn(t).required({ maxLength: 1000 }) }), [t]);
  return (
    <SettingCard setting={setting} schema={schema} toInput={textOr("")} toValue={(output) => output.value}>
      <TextArea name="value" label={t("settings.keys.address.title")} />
    </SettingCard>
  );
}
