import type { TFunction } from "i18next";
import { z } from "zod";

/** Digits alone: people paste spaces and hyphens along with them. */
export function digitsOf(text: string): string {
  return text.replace(/[\s-]/gu, "");
}

/** A card number as it stands on the card, in groups of four. */
export function grouped(text: string): string {
  const digits = text.replace(/\D/g, "").slice(0, 19);
  return digits.replace(/(\d{4})(?=\d)/g, "$1 ");
}

/** `1230` becomes `12/30` while it is typed, and `1/30`, as some say January, `01/30`. */
export function expiryTyped(typed: string): string {
  const text = typed.replace(/^\s*(\d)\s*\//, "0$1/");
  const digits = text.replace(/\D/g, "").slice(0, 6);
  const isLong = digits.length > 4;
  if (text.endsWith("/") && digits.length === 2) return `${digits}/`;
  return digits.length <= 2 ? digits : `${digits.slice(0, 2)}/${digits.slice(2, isLong ? 6 : 4)}`;
}

/** Where the caret belongs once a text is put in order: behind the same digits as before, and at the end where it was. */
export function caretIn(ordered: string, typed: string, caret: number | null): number {
  if (caret === null || caret >= typed.length) return ordered.length;
  const before = typed.slice(0, caret).replace(/\D/g, "").length;
  let place = 0;
  for (let digits = 0; digits < before && place < ordered.length; place += 1) {
    if (/\d/.test(ordered.charAt(place))) digits += 1;
  }
  return place;
}

/** The check digit of a card number, which catches a wrong digit before anything is sent. */
function passesLuhn(digits: string): boolean {
  let sum = 0;
  [...digits].reverse().forEach((character, place) => {
    const digit = Number(character);
    sum += place % 2 === 0 ? digit : digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
  });
  return sum % 10 === 0;
}

/** What can be said of a card before the bank is asked. */
export function cardSchema(t: TFunction) {
  return z.object({
    card_name: z
      .string()
      .trim()
      .min(1, t("form.required"))
      .max(200, t("form.tooLong", { count: 200 })),
    card_number: z
      .string()
      .transform(digitsOf)
      .refine((digits) => digits !== "", t("form.required"))
      .refine(
        (digits) => digits === "" || (/^\d{12,19}$/.test(digits) && passesLuhn(digits)),
        t("signup.payment.wrongNumber"),
      ),
    card_expiry: z
      .string()
      .trim()
      .refine((text) => /^(0?[1-9]|1[0-2])\/(\d{2}|\d{4})$/.test(text), t("signup.payment.wrongExpiry")),
    card_cvc: z
      .string()
      .trim()
      .refine((text) => /^\d{3,4}$/.test(text), t("signup.payment.wrongCode")),
  });
}
