import { cleanup, fireEvent, screen, waitFor, within } from "@testing-library/react";
import { delay } from "msw";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Schema } from "@/api/client";
import { fields as rules } from "@/api/rules.generated";
import { forgetDrafts } from "@/components/form/drafts";
import { hospital, patient, plans, staff } from "@/testing/people";
import { renderAt } from "@/testing/render";
import { http, problem, server } from "@/testing/server";
import { changeSignup, forgetSignup, signupDraft } from "./signup/draft";

/** What people are called, and what no page may take for anything but a text. */
const ODD = ["<script>alert(1)</script>", "محمد عبد الله", "👩‍⚕️ Ada 🦆 O'Neil", "{{7*7}} $t(x) %s $&"];

type Kind = "text" | "lines" | "list" | "email" | "phone" | "number" | "day" | "password" | "newPassword" | "card";

interface Rule {
  maxLength?: number;
  maximum?: number;
  pattern?: string;
}

interface FieldCase {
  label: string | RegExp;
  /** Where it stands in what is sent. */
  name: string;
  kind: Kind;
  good: string;
  required?: boolean;
  rule?: Rule;
  /** More that is refused here, and why. */
  wrong?: [typed: string, why: string | RegExp][];
}

interface FormCase {
  name: string;
  at: string;
  /** Whatever comes before the form is there. Returns what it stands in. */
  open?: (user: User) => Promise<HTMLElement>;
  send: string | RegExp;
  fields: FieldCase[];
}

type User = ReturnType<typeof renderAt>["user"];

const medicine: Schema<"Medicine"> = {
  medicine_id: "med_1",
  medicine: "Paracetamol",
  quantity: 100,
  unit: "boxes",
  low: false,
  created_at: "2026-11-01T08:00:00Z",
  version: 1,
};

const doctor: Schema<"User"> = {
  user_id: "user_2",
  email: "doctor@stmarys.com",
  name: "Dr. Miller",
  role: "DOCTOR",
  status: "active",
  created_at: "2026-11-01T08:00:00Z",
  version: 1,
};

const appointment: Schema<"Appointment"> = {
  appointment_id: "app_1",
  patient_id: patient.patient_id,
  patient_name: patient.name,
  record_number: patient.record_number,
  doctor_id: doctor.user_id,
  doctor_name: "Dr. Miller",
  starts_at: "2030-01-07T09:00:00Z",
  ends_at: "2030-01-07T09:30:00Z",
  status: "booked",
  next: ["arrived"],
  created_at: "2026-11-01T08:00:00Z",
  version: 1,
};

const EVERYTHING = [
  ...["appointments.book", "appointments.read", "audit.read", "clinical_notes.read", "clinical_notes.write"],
  ...[
    "organization.read",
    "patients.archive",
    "patients.read",
    "patients.register",
    "pharmacy.manage",
    "pharmacy.read",
  ],
  ...["prescriptions.read", "prescriptions.write", "queue.manage", "settings.manage", "settings.read"],
  ...["subscription.manage", "users.manage", "users.read", "vitals.read", "vitals.record"],
];

const settings: Schema<"Setting">[] = [
  { key: "time_zone", value: "UTC", version: 0, is_default: true },
  { key: "language", value: "en", version: 0, is_default: true },
  { key: "appointment_minutes", value: 30, version: 0, is_default: true },
  { key: "opening_hours", value: null, version: 0, is_default: true },
  { key: "address", value: null, version: 0, is_default: true },
];

/** What was sent; nothing is taken, so that the form stays as it is. */
const sent: Record<string, unknown>[] = [];

/** Settled once the server may answer. */
let mayAnswer = Promise.resolve();

/** Gives the same input more than once; the first is answered when all of it was given. */
async function whileUnanswered(input: () => Promise<void>): Promise<void> {
  let release = () => {};
  mayAnswer = new Promise((resolve) => {
    release = resolve;
  });
  try {
    await input();
  } finally {
    release();
  }
}

const json = (path: string, body: object) => http.untyped.get(`*${path}`, () => Response.json(body));

beforeEach(() => {
  sent.length = 0;
  forgetDrafts();
  forgetSignup();
  window.history.replaceState(null, "", "/");
  vi.stubGlobal(
    "EventSource",
    class {
      addEventListener() {}
      close() {}
    },
  );
  const take = async ({ request }: { request: Request }) => {
    sent.push(JSON.parse((await request.text()) || "{}") as Record<string, unknown>);
    await mayAnswer;
    return problem("conflict", 409);
  };
  server.use(
    http.untyped.post("*/invitations/preview", () =>
      Response.json({ user: { ...staff("DOCTOR", []).user, name: null }, expires_at: "2030-01-01T00:00:00Z" }),
    ),
    http.untyped.post("*", take),
    http.untyped.patch("*", take),
    http.untyped.put("*", take),
    json("/me", staff("ADMIN", EVERYTHING)),
    json("/me/sessions", { sessions: [] }),
    json("/plans", { plans }),
    json("/roles", { roles: [] }),
    json("/organizations", { items: [] }),
    json("/signup/database-name", { database_name: "mercy" }),
    json("/organization/:id", hospital),
    json("/organization/:id/provisioning", {
      organization_id: hospital.organization_id,
      status: "pending_payment",
      ready: false,
      message: "",
      steps: [],
    }),
    json("/organization/:id/settings", { items: settings }),
    json("/organization/:id/users", { items: [doctor] }),
    json("/organization/:id/users/:user", doctor),
    json("/organization/:id/patients", { items: [patient] }),
    json("/organization/:id/patients/:patient", { ...patient, notes: [], prescriptions: [], vitals: [] }),
    json("/organization/:id/appointments", { items: [] }),
    json("/organization/:id/appointments/:appointment", appointment),
    json("/organization/:id/pharmacy", { items: [medicine] }),
    json("/organization/:id/pharmacy/:medicine", medicine),
  );
});

const details = { organization_name: "Mercy", organization_email: "a@b.example", organization_phone: "+1-555-0100" };
const plan = plans[0] as Schema<"Plan">;
const signedUp = {
  planId: plan.plan_id,
  typed: details,
  details,
  signup: {
    organization_id: hospital.organization_id,
    organization_name: "Mercy",
    database_name: "mercy",
    plan,
    details,
  },
};

/** A form that a button of the page opens. */
const behind = (button: string | RegExp, form: string | RegExp) => async (user: User) => {
  await user.click((await screen.findAllByRole("button", { name: button }))[0] as HTMLElement);
  return screen.findByRole("form", { name: form });
};

/** In happy-dom a list that React has filled shows its first entry. */
async function chooseDoctor(choice: HTMLElement): Promise<HTMLElement> {
  await within(choice).findByRole("option", { name: "Dr. Miller" });
  fireEvent.change(choice, { target: { value: doctor.user_id } });
  return choice.closest("form") as HTMLElement;
}

const password = (name: string): FieldCase => ({
  label: "New password",
  name,
  kind: "newPassword",
  good: "violet tractors sing at noon",
  required: true,
});
const email = (name: string, rule: Rule, required = true): FieldCase => ({
  label: /^E-mail address/,
  name,
  kind: "email",
  good: "somebody@mercy.example",
  required,
  rule,
});
const ownPassword: FieldCase = { label: "Password", name: "password", kind: "password", good: "x", required: true };
const yourName = (label: RegExp, rule: Rule): FieldCase => ({ label, name: "name", kind: "text", good: "Ada", rule });

const { NewPatient, NewMedicine, NewPrescription } = rules;

const patientFields: FieldCase[] = [
  { label: "Name", name: "name", kind: "text", good: "Ada", required: true, rule: NewPatient.name },
  {
    label: "Date of birth",
    name: "birth_date",
    kind: "day",
    good: "1980-05-17",
    required: true,
    wrong: [["2999-01-01", "The date of birth cannot be in the future."]],
  },
  { label: /^Record number/, name: "record_number", kind: "text", good: "P7", rule: NewPatient.record_number },
  {
    label: /^Allergies/,
    name: "allergies",
    kind: "list",
    good: "nuts",
    rule: NewPatient.allergies,
    wrong: [["x,".repeat(101), "Enter at most 100 allergies."]],
  },
  { label: /^Phone/, name: "phone", kind: "phone", good: "+1-555-0100", rule: NewPatient.phone },
  email("email", NewPatient.email, false),
  { label: /^Address/, name: "address", kind: "lines", good: "1 Elm Street", rule: NewPatient.address },
];

const timesFields: FieldCase[] = [
  { label: /^Day/, name: "", kind: "day", good: "2030-01-08", required: true },
  { label: /^Time/, name: "", kind: "day", good: "10:00", required: true },
  { label: "Minutes", name: "", kind: "number", good: "20", required: true, rule: { maximum: 720 } },
  { label: /^Reason/, name: "reason", kind: "lines", good: "Cough", rule: rules.NewAppointment.reason },
];

const medicineFields: FieldCase[] = [
  { label: "Medicine", name: "medicine", kind: "text", good: "Aspirin", required: true, rule: NewMedicine.medicine },
  { label: /^Unit/, name: "unit", kind: "text", good: "boxes", rule: NewMedicine.unit },
  { label: /^Reorder level/, name: "reorder_level", kind: "number", good: "7", rule: NewMedicine.reorder_level },
  { label: /^Batch/, name: "batch", kind: "text", good: "B-1", rule: NewMedicine.batch },
  { label: /^Expires on/, name: "expires_on", kind: "day", good: "2031-01-31" },
];

const record = `/app/patients/${patient.patient_id}`;

/** Every form but the first steps of a sign-up, which send nothing, and confirmations: those have tests of their own below. */
const forms: FormCase[] = [
  {
    name: "the card of a sign-up",
    at: "/signup/payment",
    send: "Pay $99",
    fields: [
      {
        label: "Name on the card",
        name: "card_name",
        kind: "text",
        good: "Ada",
        required: true,
        rule: { maxLength: 200 },
      },
      {
        label: "Card number",
        name: "card_number",
        kind: "card",
        good: " 4111-1111 1111\t1111",
        required: true,
        wrong: [
          ["4111 1111 1111 1112", "This is not a card number. Check its digits."],
          ["<script>", "This is required."],
        ],
      },
      {
        label: "Expiry date",
        name: "card_expiry",
        kind: "card",
        good: "1230",
        wrong: [
          ["", "Enter month and year, such as 12/30."],
          ["13/30", "Enter month and year, such as 12/30."],
        ],
      },
      {
        label: "Security code",
        name: "card_cvc",
        kind: "card",
        good: "123",
        wrong: [
          ["", "Enter the three or four digits of the code."],
          ["12", "Enter the three or four digits of the code."],
        ],
      },
    ],
  },
  {
    name: "the team of a sign-up",
    at: "/signup/team",
    send: "Invite",
    fields: [email("email", rules.AddUser.email), yourName(/^Name/, rules.AddUser.name)],
  },
  {
    name: "the administrator of a sign-up",
    at: "/signup/complete",
    send: "Finish the set-up",
    fields: [yourName(/^Your name/, rules.SetUpAdministrator.name), password("password")],
  },
  { name: "the sign-in", at: "/sign-in", send: "Sign in", fields: [email("email", rules.Login.email), ownPassword] },
  {
    name: "the platform's sign-in",
    at: "/admin",
    send: "Sign in",
    fields: [email("email", rules.Login.email), ownPassword],
  },
  {
    name: "the staff's sign-in",
    at: "/staff",
    send: "Sign in",
    fields: [email("email", rules.OrganizationLogin.email), ownPassword],
  },
  {
    name: "an invitation",
    at: "/accept-invitation",
    send: "Accept and sign in",
    fields: [yourName(/^Your name/, rules.AcceptInvitation.name), password("password")],
  },
  { name: "a new password", at: "/reset-password", send: "Set the new password", fields: [password("password")] },
  {
    name: "a forgotten password",
    at: "/forgot-password",
    send: "Send the link",
    fields: [email("email", rules.RequestReset.email)],
  },
  { name: "a new patient", at: "/app/patients/new", send: "Register a patient", fields: patientFields },
  {
    name: "a patient's details",
    at: `${record}/edit`,
    send: "Save",
    // What is emptied of an old record is cleared, and its number stays.
    fields: patientFields.filter(({ name }) => name !== "record_number"),
  },
  {
    name: "a note",
    at: record,
    open: behind("Write a note", "Write a note"),
    send: "Save",
    fields: [{ label: "Note", name: "text", kind: "lines", good: "Well.", required: true, rule: rules.NewNote.text }],
  },
  {
    name: "a prescription",
    at: record,
    open: behind("Prescribe", "Prescribe"),
    send: "Prescribe",
    fields: [
      {
        label: "Medicine",
        name: "medicine",
        kind: "text",
        good: "Aspirin",
        required: true,
        rule: NewPrescription.medicine,
      },
      { label: /^Dose/, name: "dose", kind: "text", good: "1", required: true, rule: NewPrescription.dose },
      {
        label: /^How often/,
        name: "frequency",
        kind: "text",
        good: "daily",
        required: true,
        rule: NewPrescription.frequency,
      },
      {
        label: /^For how many days/,
        name: "duration_days",
        kind: "number",
        good: "3",
        rule: NewPrescription.duration_days,
      },
      {
        label: /^Instructions/,
        name: "instructions",
        kind: "lines",
        good: "After meals",
        rule: NewPrescription.instructions,
      },
    ],
  },
  {
    name: "vitals",
    at: record,
    open: behind("Record vitals", "Record vitals"),
    send: "Save",
    fields: [
      {
        label: /^Pulse/,
        name: "pulse_per_minute",
        kind: "number",
        good: "70",
        rule: rules.Measured.pulse_per_minute,
      },
      {
        label: /^Oxygen/,
        name: "oxygen_saturation_percent",
        kind: "number",
        good: "98",
        rule: rules.Measured.oxygen_saturation_percent,
      },
    ],
  },
  {
    name: "a new appointment",
    at: `/app/appointments/new?patient=${patient.patient_id}`,
    open: async () => chooseDoctor(await screen.findByLabelText(/^Doctor/)),
    send: "Book an appointment",
    fields: timesFields,
  },
  {
    name: "another time for an appointment",
    at: `/app/appointments?appointment=${appointment.appointment_id}`,
    open: async (user) => {
      const form = await behind("Move or change", "Move or change")(user);
      return chooseDoctor(within(form).getByLabelText(/^Doctor/));
    },
    send: "Save",
    fields: timesFields,
  },
  {
    name: "a new medicine",
    at: "/app/pharmacy",
    open: behind("Add a medicine", "Add a medicine"),
    send: "Add a medicine",
    fields: [
      ...medicineFields,
      { label: "Quantity", name: "quantity", kind: "number", good: "5", required: true, rule: NewMedicine.quantity },
    ],
  },
  {
    name: "a change of stock",
    at: "/app/pharmacy",
    open: behind(/Change stock/, "Change stock"),
    send: "Save",
    fields: [
      {
        label: "How much",
        name: "",
        kind: "number",
        good: "5",
        required: true,
        rule: rules.StockChange.change,
        wrong: [["0", "Enter a number above 0."]],
      },
    ],
  },
  {
    name: "somebody to invite",
    at: "/app/users",
    open: behind("Invite somebody", "Invite somebody"),
    send: "Invite somebody",
    fields: [email("email", rules.AddUser.email), yourName(/^Name/, rules.AddUser.name)],
  },
  {
    name: "somebody's name and role",
    at: "/app/users",
    open: async (user) => {
      await user.click(await screen.findByRole("button", { name: "More actions for Dr. Miller" }));
      await user.click(await screen.findByRole("menuitem", { name: "Edit" }));
      return screen.findByRole("form", { name: "Edit" });
    },
    send: "Save",
    fields: [yourName(/^Name/, rules.UserChange.name)],
  },
  {
    name: "one's own password",
    at: "/app/account",
    send: "Change the password",
    fields: [
      { label: "Current password", name: "current_password", kind: "password", good: "x", required: true },
      password("new_password"),
    ],
  },
  {
    name: "how long an appointment takes",
    at: "/app/settings",
    open: () => screen.findByRole("form", { name: /length|minutes|appointment/i }),
    send: "Save",
    fields: [{ label: /./, name: "value", kind: "number", good: "20", required: true, rule: { maximum: 240 } }],
  },
  {
    name: "the hospital's address",
    at: "/app/settings",
    open: () => screen.findByRole("form", { name: "Address" }),
    send: "Save",
    fields: [
      { label: /./, name: "value", kind: "lines", good: "1 Elm Street", required: true, rule: { maxLength: 1000 } },
    ],
  },
];

async function opened({ at, open, send }: FormCase) {
  cleanup();
  if (at.startsWith("/signup/")) changeSignup({ ...signedUp, isReady: at !== "/signup/payment" });
  if (at === "/staff") {
    localStorage.setItem("organizationContext", JSON.stringify({ organizationId: "org_1", organizationName: "Mercy" }));
  }
  const isOfLink = ["/accept-invitation", "/reset-password"].includes(at);
  const { user } = renderAt(isOfLink ? `${at}#token=t` : at);
  const place = await (open ?? (async () => (await screen.findByRole("button", { name: send })).closest("form")))(user);
  const form = (place as HTMLElement).closest("form") as HTMLFormElement;
  const button = within(form).getByRole("button", { name: send });
  const of = ({ label }: FieldCase) =>
    within(form).getByLabelText<HTMLInputElement | HTMLTextAreaElement>(label, { selector: "input, textarea" });
  const type = (field: FieldCase, value: string) => fireEvent.change(of(field), { target: { value } });
  const errorOf = (field: FieldCase) => {
    const id = of(field)
      .getAttribute("aria-describedby")
      ?.split(" ")
      .find((one) => one.endsWith("-error"));
    return id === undefined ? "" : (document.getElementById(id)?.textContent ?? "");
  };
  const refuses = async (field: FieldCase, typed: string, why: string | RegExp) => {
    type(field, typed);
    fireEvent.click(button);
    await waitFor(() => expect(errorOf(field), `“${typed.slice(0, 40)}” in ${field.label}`).toMatch(why));
    expect(of(field).getAttribute("aria-invalid")).toBe("true");
    type(field, field.good);
  };
  return { user, form, button, of, type, errorOf, refuses };
}

const isText = ({ kind }: FieldCase) => kind === "text" || kind === "lines";

/** What is wrong in a field of each kind, and why. */
function mistakesIn({ kind, required, rule = {}, wrong = [] }: FieldCase): [string, string | RegExp][] {
  const needed = /This is required|Enter a date|Enter a time/;
  const mistakes: [string, string | RegExp][] = required ? [["", needed]] : [];
  if (required && !["password", "newPassword", "card", "day"].includes(kind)) mistakes.push([" \t ", needed]);
  if (rule.maxLength) mistakes.push(["x".repeat(rule.maxLength + 1), /Use at most/]);
  // It would turn around what is read behind it.
  if ((kind === "text" || kind === "lines") && rule.pattern) mistakes.push(["a\u202eb", /cannot be used here/]);
  if (kind === "email") {
    for (const typed of ["not an address", "a@b", "a b@c.example", "<script>@c.example"]) {
      mistakes.push([typed, /Enter an e-mail address/]);
    }
  }
  if (kind === "phone") mistakes.push(["call me", /Enter a phone number/], ["12 ab", /Enter a phone number/]);
  if (kind === "number") {
    for (const typed of ["hot", "-1", "7.5", "1e3", "1,000", "٣", String((rule.maximum ?? 0) + 1)]) {
      mistakes.push([typed, /Enter a whole number/]);
    }
  }
  if (kind === "newPassword") {
    mistakes.push(["too short", "Use at least 15 characters."], ["x".repeat(129), "Use at most 128 characters."]);
  }
  return [...mistakes, ...wrong];
}

describe.each(forms)("$name", (one) => {
  it("sends nothing that is empty, blank, too long or of the wrong kind, and says at the field why", async () => {
    const { button, of, type, errorOf, refuses } = await opened(one);
    for (const field of one.fields) type(field, "");
    const needed = one.fields.filter(({ required }) => required);
    if (needed.length > 0) {
      fireEvent.click(button);
      for (const field of needed) await waitFor(() => expect(errorOf(field), String(field.label)).not.toBe(""));
      await waitFor(() => expect(document.activeElement).toBe(of(needed[0] as FieldCase)));
    }
    for (const field of one.fields) type(field, field.good);
    for (const field of one.fields) {
      for (const [typed, why] of mistakesIn(field)) await refuses(field, typed, why);
    }
    expect(sent).toEqual([]);
  });

  it("takes what people are called as it is, and sends it once, however it is sent", async () => {
    const { user, button, form, of, type } = await opened(one);
    for (const field of one.fields) type(field, field.good);
    // A password is forgotten when it was refused, and so is a card's code.
    const again = () =>
      one.fields.filter((field) => of(field).value === "").forEach((field) => void type(field, field.good));
    let count = 0;
    const arrives = async () => {
      count += 1;
      await waitFor(() => expect(sent).toHaveLength(count));
      await waitFor(() =>
        expect(within(form).getByRole("button", { name: one.send })).toHaveProperty("disabled", false),
      );
      return sent.at(-1) as Record<string, unknown>;
    };
    for (const odd of one.fields.some(isText) ? ODD : []) {
      for (const field of one.fields.filter(isText)) type(field, `  ${odd}  `);
      for (const field of one.fields.filter(({ kind }) => kind === "list")) type(field, ` ${odd} \n`);
      again();
      fireEvent.click(button);
      const body = await arrives();
      for (const field of one.fields.filter(isText)) expect(body[field.name]).toBe(odd);
      for (const field of one.fields.filter(({ kind }) => kind === "list")) expect(body[field.name]).toEqual([odd]);
    }
    again();
    await whileUnanswered(() => user.dblClick(button));
    await arrives();
    again();
    const first = one.fields.map(of).find((input) => input instanceof HTMLInputElement);
    if (first) {
      await user.click(first);
      await whileUnanswered(() => user.keyboard("{Enter}{Enter}"));
      await arrives();
      again();
    }
    const area = one.fields.map(of).find((input) => input instanceof HTMLTextAreaElement);
    if (area) {
      // Where lines are written, Enter begins the next one.
      await user.click(area);
      await user.keyboard("{Enter}{Enter}");
    }
    await delay(50);
    expect(sent).toHaveLength(count);
    for (const { name, kind } of one.fields) {
      if (kind === "card" && name === "card_number") expect(sent.at(-1)?.[name]).toBe("4111111111111111");
    }
  });
});

const isFree = ({ required, kind }: FieldCase) => !required && kind !== "card";
const mixed = forms.filter(({ fields }) => fields.some(isFree) && !fields.every(isFree));

it.each(mixed)("$name leaves out what is blank and need not be there", async (one) => {
  const { button, type } = await opened(one);
  for (const field of one.fields) type(field, field.required ? field.good : "   ");
  fireEvent.click(button);
  await waitFor(() => expect(sent).toHaveLength(1));
  for (const { name } of one.fields.filter(isFree)) {
    expect(JSON.stringify(sent[0]?.[name] ?? null)).toMatch(/^(null|\[\])$/);
  }
});

describe("the first steps of a sign-up", () => {
  const named = (label: string) => screen.findByLabelText<HTMLInputElement>(label);

  it("go on with a plan alone", async () => {
    const { user, router } = renderAt("/signup/plan");
    await user.click(await screen.findByRole("button", { name: "Continue" }));
    expect(await screen.findByText("Choose a plan to continue.")).toBeTruthy();
    await user.click(screen.getByRole("radio", { name: /Starter/ }));
    await user.keyboard("{Enter}");
    await waitFor(() => expect(router.state.location.pathname).toBe("/signup/details"));
  });

  it.each([
    ["Hospital name", "", "This is required."],
    ["Hospital name", " \t ", "This is required."],
    ["Hospital name", "x".repeat(301), "Use at most 300 characters."],
    ["E-mail address", "admin@", "Enter an e-mail address"],
    ["E-mail address", `${"x".repeat(250)}@b.example`, "Use at most 254 characters."],
    ["Phone number", "12 ab", "Enter a phone number"],
    ["Phone number", "", "This is required."],
  ])("%s is refused as it is typed in case %#", async (label, typed, why) => {
    changeSignup({ planId: plan.plan_id, typed: details });
    const { user, router } = renderAt("/signup/details");
    fireEvent.change(await named(label), { target: { value: typed } });
    await user.click(screen.getByRole("button", { name: "Continue" }));
    expect((await screen.findAllByText(new RegExp(why))).length).toBeGreaterThan(0);
    expect(document.activeElement).toBe(await named(label));
    expect(router.state.location.pathname).toBe("/signup/details");
    expect(signupDraft().details).toBeUndefined();
  });

  it.each(ODD)("the hospital may be called “%s”", async (odd) => {
    changeSignup({ planId: plan.plan_id, typed: details });
    const { user, router } = renderAt("/signup/details");
    fireEvent.change(await named("Hospital name"), { target: { value: ` ${odd} ` } });
    await user.click(screen.getByLabelText("Phone number"));
    await user.keyboard("{Enter}{Enter}");
    await waitFor(() => expect(router.state.location.pathname).toBe("/signup/payment"));
    expect(signupDraft().details?.organization_name).toBe(odd);
    expect(sent).toEqual([]);
  });
});

describe("what the platform does with a hospital", () => {
  const { organization: _, ...owner } = staff("PLATFORM_ADMINISTRATOR", []);
  const name = hospital.organization_name;

  beforeEach(() => {
    server.use(
      json("/me", owner),
      json("/master/organizations/:id", {
        ...hospital,
        conditions: [],
        payments: [],
        object_name: "st-mary-s",
        users: 3,
      }),
      json("/master/payments", { items: [] }),
    );
  });

  it.each([
    ["", true],
    ["   ", true],
    ["something else", true],
    [name.toLowerCase(), true],
    [`${name}x`, true],
    ["<script>", true],
    [`  ${name} `, false],
  ])("is confirmed by its name: with “%s” the button is off: %s", async (typed, isOff) => {
    const { user } = renderAt(`/platform/organizations/${hospital.organization_id}`);
    await user.click(await screen.findByRole("button", { name: "Suspend" }));
    const dialog = within(await screen.findByRole("alertdialog"));
    const field = dialog.getByLabelText(/to confirm/);
    fireEvent.change(field, { target: { value: typed } });
    expect(dialog.getByRole("button", { name: "Suspend" })).toHaveProperty("disabled", isOff);
    await user.click(field);
    await whileUnanswered(() => user.keyboard("{Enter}{Enter}"));
    if (!isOff) expect((await dialog.findByRole("alert")).textContent).toBeTruthy();
    // What must not be sent had time to be.
    await delay(50);
    expect(sent).toHaveLength(isOff ? 0 : 1);
  });

  it("changes a plan only to another one, and asks for the name", async () => {
    const { user } = renderAt(`/platform/organizations/${hospital.organization_id}`);
    await user.click(await screen.findByRole("button", { name: "Change the plan" }));
    const goOn = await screen.findByRole("button", { name: "Continue" });
    expect(goOn).toHaveProperty("disabled", true);
    await user.click(await screen.findByRole("radio", { name: /Starter/ }));
    await user.click(goOn);
    const dialog = within(await screen.findByRole("alertdialog"));
    const change = dialog.getByRole("button", { name: "Change the plan" });
    expect(change).toHaveProperty("disabled", true);
    fireEvent.change(dialog.getByLabelText(/to confirm/), { target: { value: name } });
    await whileUnanswered(() => user.dblClick(change));
    await waitFor(() => expect(sent).toEqual([{ plan_id: "starter" }]));
  });
});
