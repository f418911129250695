import type { Schema } from "@/api/client";
import type { FieldError } from "@/api/problem";

export type Code = FieldError["code"];

export type Say<Of extends Code> = (
  error: Extract<FieldError, { code: Of }>,
  /** As the language writes it. */
  number: (value: number) => string,
) => string;

/** What is said of a field for each code of the API; one that is missing does not compile. */
export type Refusals = { [Of in Code]: string | Say<Of> };

/** What a failed payment means for whoever typed the card. */
export type PaymentAdvice = Record<Schema<"Failure">, string>;

/** Why a password is easy to guess. */
export type Guesses = Record<Schema<"Guess">, string>;
