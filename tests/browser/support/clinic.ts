import { appointment, ask, type Hospital, hospital, type Person, patient, person } from "./api";

/** A hospital in the middle of its day: everybody is there, and there is something on every page. */
export interface Clinic extends Hospital {
  doctor: Person;
  reception: Person;
  opd: Person;
  jane: string;
  zone: string;
}

const ZONE = "America/New_York";

export async function clinic(name = "St. Mary's Hospital"): Promise<Clinic> {
  const made = await hospital(name);
  const doctor = await person(made, "doctor", "Dr. Ana Gómez");
  const other = await person(made, "doctor", "Dr. Li Wei");
  const reception = await person(made, "receptionist", "Asha Rao");
  const opd = await person(made, "opd", "Omar Haddad");
  const at = `/organization/${made.id}`;
  const put = (key: string, value: unknown) => ask("PUT", `${at}/settings/${key}`, made.admin.token, { value });
  await put("time_zone", ZONE);
  await put("address", "1 Main Street\nSpringfield");
  const day = [
    { from: "08:00", to: "12:30" },
    { from: "13:30", to: "18:00" },
  ];
  await put("opening_hours", { monday: day, tuesday: day, wednesday: day, thursday: day, friday: day });

  const jane = await patient(made, "Jane Smith", {
    blood_group: "A+",
    allergies: ["penicillin", "latex"],
    email: "jane@example.com",
    address: "12 Elm Street\nSpringfield",
  });
  const omar = await patient(made, "عمر الفاروق", { sex: "male", birth_date: "1969-02-11" });
  const kim = await patient(made, "Kim Sommerfeld", { sex: "other", birth_date: "2019-08-30" });
  const raj = await patient(made, "Raj Kapoor", { sex: "male", birth_date: "1991-12-01" });
  const eve = await patient(made, "Eve Okafor", { birth_date: "1975-03-21" });

  const today = new Date().toLocaleDateString("en-CA", { timeZone: ZONE });
  const book = (who: string, whom: Person, time: string, reason: string) =>
    appointment(made, who, whom, instant(today, time), reason);
  const move = async (id: string, by: Person, ...statuses: string[]) => {
    let version = 1;
    for (const status of statuses) {
      await ask("PATCH", `${at}/appointments/${id}`, by.token, { status }, { "If-Match": `"${version}"` });
      version += 1;
    }
  };
  const first = await book(raj, doctor, "08:30", "Follow-up after surgery");
  await move(first.appointment_id, doctor, "arrived", "in_progress", "done");
  const second = await book(eve, doctor, "09:00", "Back pain");
  await move(second.appointment_id, doctor, "arrived", "in_progress");
  const third = await book(jane, doctor, "09:30", "Headache since Monday");
  await move(third.appointment_id, reception, "arrived");
  await book(omar, other, "10:00", "Blood pressure");
  await book(kim, doctor, "11:15", "Vaccination");
  const missed = await book(raj, other, "08:00", "X-ray");
  await move(missed.appointment_id, reception, "missed");

  const record = `${at}/patients/${jane}`;
  await ask("POST", `${record}/vitals`, opd.token, {
    temperature_celsius: 37.2,
    pulse_per_minute: 76,
    systolic_mmhg: 128,
    diastolic_mmhg: 82,
    oxygen_saturation_percent: 98,
  });
  await ask("POST", `${record}/notes`, doctor.token, { text: "Complains of headache since Monday.\nNo fever." });
  await ask("POST", `${record}/prescriptions`, doctor.token, {
    medicine: "Ibuprofen 400 mg",
    dose: "1 tablet",
    frequency: "three times a day",
    duration_days: 5,
    instructions: "After meals",
  });

  const soon = new Date(Date.now() + 12 * 86_400_000).toISOString().slice(0, 10);
  const stock = (body: Record<string, unknown>) => ask("POST", `${at}/pharmacy`, opd.token, body);
  await stock({ medicine: "Amoxicillin 500 mg", quantity: 8, unit: "boxes", reorder_level: 10, batch: "AX-2201" });
  await stock({ medicine: "Ibuprofen 400 mg", quantity: 120, unit: "boxes", reorder_level: 20, expires_on: "2028-06-30" });
  await stock({ medicine: "Insulin glargine", quantity: 34, unit: "pens", batch: "IG-77", expires_on: soon });
  await stock({ medicine: "Paracetamol 500 mg", quantity: 240, unit: "boxes", reorder_level: 50 });
  return { ...made, doctor, reception, opd, jane, zone: ZONE };
}

/** The instant at which the clock of the hospital shows this. */
export function instant(day: string, time: string, zone = ZONE): Date {
  const utc = new Date(`${day}T${time}:00Z`);
  const shown = new Date(`${utc.toLocaleString("sv-SE", { timeZone: zone }).replace(" ", "T")}Z`);
  return new Date(2 * utc.getTime() - shown.getTime());
}
