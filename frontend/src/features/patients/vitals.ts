import type { Schema } from "@/api/client";

export type Measure = keyof Schema<"Measured">;

/** What can be measured, in the order of a chart at the bedside, with its unit. The names are the API's. */
export const measures: { name: Measure; unit: string; whole: boolean }[] = [
  { name: "temperature_celsius", unit: "°C", whole: false },
  { name: "pulse_per_minute", unit: "/min", whole: true },
  { name: "systolic_mmhg", unit: "mmHg", whole: true },
  { name: "diastolic_mmhg", unit: "mmHg", whole: true },
  { name: "respiratory_rate_per_minute", unit: "/min", whole: true },
  { name: "oxygen_saturation_percent", unit: "%", whole: true },
  { name: "weight_kg", unit: "kg", whole: false },
  { name: "height_cm", unit: "cm", whole: false },
];

/** A number and its unit stay on one line. */
const SPACE = "\u00a0";

export interface Reading {
  label: "bloodPressure" | Measure;
  text: string;
}

/** The readings as a person says them: the two blood pressures are one. */
export function readingsOf(vitals: Schema<"Vitals">, number: (value: number) => string): Reading[] {
  const readings: Reading[] = [];
  for (const { name, unit } of measures) {
    const value = vitals[name];
    if (typeof value !== "number" || name === "diastolic_mmhg") continue;
    if (name === "systolic_mmhg") {
      readings.push({ label: "bloodPressure", text: `${value}/${vitals.diastolic_mmhg ?? "–"}${SPACE}${unit}` });
    } else {
      readings.push({ label: name, text: `${number(value)}${SPACE}${unit}` });
    }
  }
  return readings;
}
