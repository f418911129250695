import type { TFunction } from "i18next";
import { z } from "zod";

/** What the API asks of a text, as `rules.generated.ts` has it from the OpenAPI document. */
interface TextRules {
  minLength?: number;
  maxLength?: number;
  pattern?: string;
}

interface NumberRules {
  minimum?: number;
  maximum?: number;
}

/** Digits alone: `1,000` is a thousand to some and one to others, and `1e3` is no way to write a number of boxes. */
const WHOLE = /^\d+$/;

/** With at most two decimals after a point or a comma, so that neither is taken for a thousand. */
const DECIMAL = /^-?\d+([.,]\d{1,2})?$/;

/** Checks for fields that say in the person's language what is wrong; the bounds are the API's own. */
export function rulesIn(t: TFunction) {
  /** A text without the space around it. */
  const text = (rules: TextRules, wrong: string = t("form.wrongCharacters")) => {
    const most = rules.maxLength ?? 1000;
    const pattern = rules.pattern && new RegExp(rules.pattern, "u");
    return z
      .string()
      .trim()
      .refine((value) => [...value].length <= most, t("form.tooLong", { count: most }))
      .refine((value) => value === "" || !pattern || pattern.test(value), wrong);
  };
  const required = (schema: ReturnType<typeof text>) => schema.refine((value) => value !== "", t("form.required"));

  /** A number in a field that may be empty, which is `undefined`. */
  const optionalNumber = ({ minimum = 0, maximum = 1e9 }: NumberRules, whole = true) =>
    z
      .string()
      .trim()
      .transform((value, context) => {
        if (value === "") return undefined;
        const number = Number(value.replace(",", "."));
        if ((whole ? WHOLE : DECIMAL).test(value) && number >= minimum && number <= maximum) return number;
        const message = t(whole ? "form.wholeNumberBetween" : "form.numberBetween", { minimum, maximum });
        context.addIssue({ code: "custom", message });
        return z.NEVER;
      });

  return {
    required: (rules: TextRules, wrong?: string) => required(text(rules, wrong)),
    /** A text that need not be there; `undefined` when it is not. */
    optional: (rules: TextRules, wrong?: string) => text(rules, wrong).transform((value) => value || undefined),
    email: (rules: TextRules) =>
      required(text(rules)).refine((value) => /^[^\s@<>()[\],;:"\\]+@[^\s@]+\.[^\s@]+$/.test(value), t("form.email")),
    optionalEmail: (rules: TextRules) =>
      text(rules)
        .refine((value) => value === "" || /^[^\s@<>()[\],;:"\\]+@[^\s@]+\.[^\s@]+$/.test(value), t("form.email"))
        .transform((value) => value || undefined),
    /** Passwords are taken as they are, with every space. The server judges how hard they are to guess. */
    newPassword: ({ minLength = 15, maxLength = 128 }: TextRules) =>
      z
        .string()
        .refine((value) => value !== "", t("form.required"))
        .refine((value) => value === "" || [...value].length >= minLength, t("form.tooShort", { count: minLength }))
        .refine((value) => [...value].length <= maxLength, t("form.tooLong", { count: maxLength })),
    password: () => z.string().refine((value) => value !== "", t("form.required")),
    day: () => z.string().refine((value) => /^\d{4}-\d{2}-\d{2}$/.test(value), t("form.date")),
    optionalDay: () =>
      z
        .string()
        .refine((value) => value === "" || /^\d{4}-\d{2}-\d{2}$/.test(value), t("form.date"))
        .transform((value) => value || undefined),
    time: () => z.string().refine((value) => /^\d{2}:\d{2}$/.test(value), t("form.time")),
    number: (rules: NumberRules, whole = true) =>
      optionalNumber(rules, whole).transform((value, context) => {
        if (value !== undefined) return value;
        context.addIssue({ code: "custom", message: t("form.required") });
        return z.NEVER;
      }),
    optionalNumber,
    chosen: (message: string = t("form.choose")) => z.string().refine((value) => value !== "", message),
  };
}
