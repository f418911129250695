import { useTranslation } from "react-i18next";
import { SelectField, TextArea, TextField } from "@/components/form/fields";
import { useZone } from "../settings/queries";
import { useDoctors } from "./queries";

/** The fields of when, with whom and why. */
export function TimesFields() {
  const { t } = useTranslation();
  const zone = useZone();
  const doctors = useDoctors();
  const hasNone = doctors.data?.items.length === 0;
  return (
    <>
      <SelectField
        name="doctor_id"
        label={t("appointments.doctor")}
        hint={hasNone ? t("appointments.noDoctors") : undefined}
      >
        <option value="">{t("appointments.chooseDoctor")}</option>
        {doctors.data?.items.map((doctor) => (
          <option key={doctor.user_id} value={doctor.user_id}>
            {doctor.name ?? doctor.email}
          </option>
        ))}
      </SelectField>
      <div className="grid items-start gap-x-4 gap-y-6 sm:grid-cols-3">
        <TextField name="day" type="date" label={t("appointments.day")} />
        <TextField
          name="time"
          type="time"
          label={t("appointments.time")}
          hint={t("appointments.inZone", { zone: zone.replaceAll("_", " ") })}
        />
        <TextField name="minutes" inputMode="numeric" label={t("appointments.minutes")} />
      </div>
      <TextArea name="reason" label={t("appointments.reason")} optional />
    </>
  );
}
