import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef, useState } from "react";
import type { DefaultValues, FieldValues } from "react-hook-form";
import { useTranslation } from "react-i18next";
import type { z } from "zod";
import { answer, api, ifMatch, type Schema } from "@/api/client";
import { isProblem } from "@/api/problem";
import { Button } from "@/components/Button";
import { Conflict } from "@/components/Conflict";
import { draftOf, dropDraft, keepDraft, seenIn } from "@/components/form/drafts";
import { Form, Unsent, useForm } from "@/components/form/Form";
import { Card } from "@/components/Page";
import { ProblemNotice } from "@/components/ProblemNotice";
import { announce } from "@/components/Toasts";
import { useHospital, useMay } from "@/session/me";
import { settingsQuery } from "./queries";

export interface SettingProps {
  setting: Schema<"Setting">;
}

/** One setting: its field, saved by itself, and a way back to its default. */
export function SettingCard<Input extends FieldValues, Output>({
  setting,
  schema,
  toInput,
  toValue,
  shown = (value) => (value === null ? "" : String(value)),
  children,
}: SettingProps & {
  schema: z.ZodType<Output, Input>;
  /** What the form holds for a value. */
  toInput: (value: Schema<"SettingValue">) => Input;
  toValue: (output: Output) => Schema<"SettingValue">;
  /** The value as a person reads it beside another one. */
  shown?: (value: Schema<"SettingValue">) => string;
  children: ReactNode;
}) {
  const { t } = useTranslation();
  const may = useMay();
  const queries = useQueryClient();
  const { organization_id: org_id } = useHospital();
  // What the form was filled from: half a change that is typed stays one of this version, whatever others save meanwhile.
  const draft = `settings/${setting.key}`;
  const [seen, setSeen] = useState(() => seenIn<Schema<"Setting">>(draft) ?? setting);
  useEffect(() => keepDraft(draft, { seen }), [draft, seen]);
  const [theirs, setTheirs] = useState<Schema<"Setting"> | null>(null);
  const [mine, setMine] = useState<Schema<"SettingValue">>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const { key } = setting;
  const path = { org_id, key };
  const read = () => answer(api.GET("/organization/{org_id}/settings/{key}", { params: { path } }));
  const reread = () => queries.invalidateQueries({ queryKey: settingsQuery(org_id).queryKey });

  const state = useForm<Input, Output>({
    schema,
    defaultValues: toInput(setting.value) as DefaultValues<Input>,
    draft,
    submit: async (output) => {
      const { version } = theirs ?? seen;
      const value = toValue(output);
      try {
        const header = version === 0 ? {} : ifMatch(version);
        show(
          await answer(api.PUT("/organization/{org_id}/settings/{key}", { params: { path, header }, body: { value } })),
        );
      } catch (error) {
        if (!isProblem(error, "version-mismatch", "version-required")) throw error;
        setMine(value);
        setTheirs(await read());
        throw new Unsent();
      }
      await reread();
      announce(t("common.saved"));
    },
    pointers: { "/value": Object.keys(toInput(setting.value))[0] as never },
  });
  const { reset, formState } = state.form;
  const { isDirty } = formState;
  const show = (next: Schema<"Setting">) => {
    setSeen(next);
    setTheirs(null);
    reset(toInput(next.value));
    // Nothing is typed in it any more.
    dropDraft(draft);
  };
  // Changed by somebody else: shown at once, unless something is typed here.
  const shownLast = useRef(setting);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only another setting is shown anew
  useEffect(() => {
    if (shownLast.current === setting) return;
    shownLast.current = setting;
    if (!isDirty && draftOf(draft) === undefined) show(setting);
  }, [setting]);

  const toDefault = async () => {
    setProblem(null);
    try {
      await answer(
        api.DELETE("/organization/{org_id}/settings/{key}", {
          params: { path, header: ifMatch((theirs ?? seen).version) },
        }),
      );
      announce(t("common.saved"));
    } catch (error) {
      setProblem(error);
      if (!isProblem(error, "version-mismatch", "version-required")) return;
    }
    // The default, or what somebody else has saved meanwhile.
    await read().then(show, setProblem);
    await reread();
  };
  const takeTheirs = async () => {
    if (theirs) show(theirs);
    await reread();
  };
  return (
    <Card title={t(`settings.keys.${key}.title`)} explanation={t(`settings.keys.${key}.hint`)}>
      <Form state={state} label={t(`settings.keys.${key}.title`)}>
        <ProblemNotice error={problem} />
        {theirs && (
          <Conflict
            differences={[
              { field: t(`settings.keys.${key}.title`), theirs: shown(theirs.value), yours: shown(mine) },
            ].filter((one) => one.theirs !== one.yours)}
            state={state}
            onTakeTheirs={() => void takeTheirs()}
          />
        )}
        <fieldset
          disabled={!may("settings.manage")}
          className="grid grid-cols-[minmax(0,1fr)] gap-6 [&>div>label]:sr-only"
        >
          {children}
          {may("settings.manage") && (
            <div className="flex flex-wrap justify-end gap-2 max-sm:*:grow">
              {!setting.is_default && (
                <Button look="quiet" onClick={() => void toDefault()}>
                  {t("settings.toDefault")}
                </Button>
              )}
              <Button type="submit" look="primary" pending={state.isSubmitting}>
                {t("common.save")}
              </Button>
            </div>
          )}
        </fieldset>
      </Form>
    </Card>
  );
}
