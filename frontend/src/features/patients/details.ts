import type { TFunction } from "i18next";
import { z } from "zod";
import { fields } from "@/api/rules.generated";
import { rulesIn } from "@/components/form/rules";
import type { Day } from "@/dates/day";
import type { Formats } from "@/dates/format";
import type { Patient } from "./queries";

/** Who a patient is, as the form holds it: everything is text, allergies stand one a line. */
export interface PatientInput {
  name: string;
  birth_date: string;
  sex: string;
  record_number: string;
  phone: string;
  email: string;
  address: string;
  blood_group: string;
  allergies: string;
}

export const nobody: PatientInput = {
  name: "",
  birth_date: "",
  sex: "",
  record_number: "",
  phone: "",
  email: "",
  address: "",
  blood_group: "",
  allergies: "",
};

/** The details as the form shows them. */
export function inputOf(patient: Patient): PatientInput {
  return {
    name: patient.name,
    birth_date: patient.birth_date,
    sex: patient.sex ?? "",
    record_number: patient.record_number,
    phone: patient.phone ?? "",
    email: patient.email ?? "",
    address: patient.address ?? "",
    blood_group: patient.blood_group ?? "",
    allergies: patient.allergies.join("\n"),
  };
}

export function patientSchema(t: TFunction, today: Day) {
  const rules = rulesIn(t);
  const { NewPatient } = fields;
  const most = NewPatient.allergies.maxItems;
  return z.object({
    name: rules.required(NewPatient.name),
    birth_date: rules.day().refine((day) => day <= today, t("patients.notInFuture")),
    sex: z.string(),
    record_number: rules.optional(NewPatient.record_number),
    phone: rules.optional(NewPatient.phone, t("form.phone")),
    email: rules.optionalEmail(NewPatient.email),
    address: rules.optional(NewPatient.address),
    blood_group: z.string(),
    allergies: z
      .string()
      .transform((text) =>
        text
          .split(/[\n,;]/u)
          .map((one) => one.trim())
          .filter(Boolean),
      )
      .refine((list) => list.length <= most, t("patients.tooManyAllergies", { count: most }))
      .refine(
        (list) => list.every((one) => [...one].length <= NewPatient.allergies.maxLength),
        t("form.tooLong", { count: NewPatient.allergies.maxLength }),
      ),
  });
}

export type PatientOutput = z.output<ReturnType<typeof patientSchema>>;

export const detailNames = Object.keys(nobody) as (keyof PatientInput)[];

/** How a person reads one of the details. */
export function shown(t: TFunction, format: Formats, name: keyof PatientInput, value: string): string {
  if (value === "") return "";
  if (name === "sex") return t(`patients.sexes.${value}` as "patients.sexes.female");
  if (name === "birth_date") return format.day(value);
  if (name === "allergies") return value.split("\n").join(", ");
  return value;
}
