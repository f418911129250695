import { useTranslation } from "react-i18next";
import { words } from "@/api/rules.generated";
import { SelectField, TextArea, TextField } from "@/components/form/fields";
import { Card } from "@/components/Page";
import type { Day } from "@/dates/day";

/** The fields of who a patient is, for registering and for correcting. */
export function PatientFields({ isNew, today }: { isNew: boolean; today: Day }) {
  const { t } = useTranslation();
  return (
    <>
      <Card title={t("patients.groups.identity")}>
        <div className="grid items-start gap-6 sm:grid-cols-2">
          <TextField name="name" label={t("patients.name")} autoComplete="off" className="sm:col-span-2" />
          <TextField name="birth_date" type="date" max={today} label={t("patients.birthDate")} autoComplete="off" />
          <SelectField name="sex" label={t("patients.sex")} optional>
            <option value="">{t("patients.notSaid")}</option>
            {words.Sex.map((sex) => (
              <option key={sex} value={sex}>
                {t(`patients.sexes.${sex}`)}
              </option>
            ))}
          </SelectField>
          <TextField
            name="record_number"
            label={t("patients.recordNumber")}
            hint={isNew ? t("patients.recordNumberHint") : undefined}
            autoComplete="off"
            optional={isNew}
          />
        </div>
      </Card>
      <Card title={t("patients.groups.medical")}>
        <div className="grid items-start gap-6 sm:grid-cols-2">
          <TextArea name="allergies" label={t("patients.allergies")} hint={t("patients.allergiesHint")} optional />
          <SelectField name="blood_group" label={t("patients.bloodGroup")} optional>
            <option value="">{t("patients.notSaid")}</option>
            {words.BloodGroup.map((group) => (
              <option key={group} value={group}>
                {group.replace("-", "−")}
              </option>
            ))}
          </SelectField>
        </div>
      </Card>
      <Card title={t("patients.groups.contact")}>
        <div className="grid items-start gap-6 sm:grid-cols-2">
          <TextField name="phone" type="tel" label={t("patients.phone")} autoComplete="off" optional />
          <TextField name="email" type="email" label={t("patients.email")} autoComplete="off" optional />
          <TextArea name="address" label={t("patients.address")} className="sm:col-span-2" optional />
        </div>
      </Card>
    </>
  );
}
