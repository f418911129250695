import { standardSchemaResolver } from "@hookform/resolvers/standard-schema";
import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import {
  type DefaultValues,
  type FieldPath,
  type FieldValues,
  FormProvider,
  get,
  type UseFormReturn,
  useForm as useHookForm,
} from "react-hook-form";
import { useTranslation } from "react-i18next";
import type { z } from "zod";
import { isProblem } from "@/api/problem";
import { inOwnWords } from "@/i18n/refusals";
import { Notice } from "../Notice";
import { ProblemNotice } from "../ProblemNotice";
import { draftOf, dropDraft, keepDraft, leaveDraft } from "./drafts";
import { useUnsent } from "./unsent";

interface FormOptions<Input extends FieldValues, Output> {
  schema: z.ZodType<Output, Input>;
  defaultValues: DefaultValues<Input>;
  /** Sends the values. What it throws is shown; fields that the API names get its words and the first gets the focus. */
  submit: (values: Output, form: UseFormReturn<Input, unknown, Output>) => Promise<void>;
  /** The form's name, if what is typed shall outlive the end of the session; see `drafts`. */
  draft?: string;
  /** What a field is called in the API's answer, where it is not the field's own name. */
  pointers?: Record<string, FieldPath<Input>>;
}

/** Thrown by `submit` where nothing was saved and the form says itself why: at a field, or as two versions side by side. */
export class Unsent extends Error {}

/** A form of ours: checked before it is sent, sent once, and errors of the API put where they belong. */
export function useForm<Input extends FieldValues, Output>(options: FormOptions<Input, Output>) {
  const { schema, defaultValues, draft, pointers = {} } = options;
  const [kept] = useState(() => (draft === undefined ? undefined : draftOf<Input>(draft)));
  const form = useHookForm<Input, unknown, Output>({
    resolver: standardSchemaResolver(schema),
    defaultValues: { ...defaultValues, ...kept } as DefaultValues<Input>,
    // Not as somebody leaves a field: a message that appears then moves the button away from under their click.
    mode: "onSubmit",
  });
  const [problem, setProblem] = useState<unknown>(null);
  // A form that is being sent may be disabled, so the field with an error gets the focus once it is sent.
  const focusNext = useRef<FieldPath<Input> | null>(null);
  // The state of React comes a moment later than the second click of a double click.
  const busy = useRef(false);
  const { isDirty } = form.formState;
  const typed = useRef(false);
  // What was restored is what the form began with, and yet nobody has sent it.
  const isRestored = useRef(kept !== undefined);
  useEffect(() => {
    typed.current = isDirty;
  }, [isDirty]);
  const isUnsent = useCallback(() => {
    // Whoever sends a form may be led away by that.
    if (busy.current) return false;
    return typed.current || (isRestored.current && draftOf(draft ?? "") !== undefined);
  }, [draft]);
  useUnsent(isUnsent);

  useEffect(() => {
    if (draft === undefined) return;
    if (kept) keepDraft(draft, { values: kept });
    const { unsubscribe } = form.watch((values) => keepDraft(draft, { values: values }));
    return () => {
      unsubscribe();
      leaveDraft(draft);
    };
  }, [form, draft, kept]);

  const send = form.handleSubmit(async (values) => {
    setProblem(null);
    try {
      await options.submit(values, form);
      if (draft !== undefined) dropDraft(draft);
      isRestored.current = false;
    } catch (error) {
      if (error instanceof Unsent) return;
      const { first, all } = isProblem(error) ? putAtFields(await inOwnWords(error.errors), form, pointers) : nowhere;
      focusNext.current = first;
      if (!all) setProblem(error);
    }
  });

  const { isSubmitting } = form.formState;
  useEffect(() => {
    if (isSubmitting || focusNext.current === null) return;
    form.setFocus(focusNext.current);
    focusNext.current = null;
  }, [isSubmitting, form]);

  const submitNow = async () => {
    if (busy.current) return;
    busy.current = true;
    await send().finally(() => {
      busy.current = false;
    });
  };

  const onSubmit = (event: React.FormEvent) => {
    event.preventDefault();
    // A form in a dialog is a child of the page's form for React's events.
    event.stopPropagation();
    void submitNow();
  };

  const forgetProblem = useCallback(() => setProblem(null), []);

  return { form, problem, forgetProblem, onSubmit, submitNow, isSubmitting };
}

const nowhere = { first: null, all: false };

/** Puts each error at its field. Returns the first of these, and whether all of them have found one. */
export function putAtFields<Input extends FieldValues, Output>(
  errors: readonly { pointer?: string | null; detail: string }[],
  form: UseFormReturn<Input, unknown, Output>,
  pointers: Record<string, FieldPath<Input>>,
): { first: FieldPath<Input> | null; all: boolean } {
  const values = form.getValues();
  const found: FieldPath<Input>[] = [];
  for (const { pointer, detail } of errors) {
    const path = (pointer ?? "").slice(1).replaceAll("/", ".");
    const name = pointers[pointer ?? ""] ?? (path as FieldPath<Input>);
    // An entry of a list belongs to the field that holds the list.
    const field = [name, name.replace(/\.\d+$/, "") as FieldPath<Input>].find((one) => get(values, one) !== undefined);
    if (!field) continue;
    form.setError(field, { type: "server", message: sentence(detail) });
    found.push(field);
  }
  return { first: found[0] ?? null, all: found.length > 0 && found.length === errors.length };
}

/** `is required` of the API's answer, as it stands below a field. */
function sentence(detail: string): string {
  const text = detail.charAt(0).toUpperCase() + detail.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

export function Form<Input extends FieldValues, Output>({
  state,
  label,
  className = "grid gap-6",
  children,
}: {
  state: ReturnType<typeof useForm<Input, Output>>;
  /** What the form is for, where no heading says so. */
  label?: string;
  className?: string;
  children: ReactNode;
}) {
  return (
    <FormProvider {...state.form}>
      <form noValidate onSubmit={state.onSubmit} className={className} aria-label={label}>
        <ErrorSummary form={state.form} />
        <ProblemNotice error={state.problem} />
        {children}
      </form>
    </FormProvider>
  );
}

/** Where more than one field is wrong, all of them are listed first, each a way to its field. */
function ErrorSummary<Input extends FieldValues, Output>({ form }: { form: UseFormReturn<Input, unknown, Output> }) {
  const { t } = useTranslation();
  const { errors, isSubmitted } = form.formState;
  const fields = flatten(errors);
  if (!isSubmitted || fields.length < 2) return null;
  return (
    <Notice tone="bad" title={t("form.summary", { count: fields.length })}>
      <ul className="list-disc ps-4">
        {fields.map(({ name, message }) => (
          <li key={name}>
            <button
              type="button"
              className="text-start text-bad underline underline-offset-2"
              onClick={() => form.setFocus(name as FieldPath<Input>)}
            >
              {labelOf(name)}
              {message}
            </button>
          </li>
        ))}
      </ul>
    </Notice>
  );
}

/** What the field is called on the page, before what is wrong with it. */
function labelOf(name: string): string {
  const field = document.getElementsByName(name)[0];
  const label =
    field instanceof HTMLInputElement || field instanceof HTMLSelectElement || field instanceof HTMLTextAreaElement
      ? field.labels?.[0]?.firstChild?.textContent
      : undefined;
  return label ? `${label}: ` : "";
}

function flatten(errors: object, prefix = ""): { name: string; message: string }[] {
  return Object.entries(errors).flatMap(([key, value]: [string, unknown]) => {
    if (typeof value !== "object" || value === null) return [];
    const name = `${prefix}${key}`;
    if ("message" in value && typeof value.message === "string") return [{ name, message: value.message }];
    return flatten(value, `${name}.`);
  });
}
