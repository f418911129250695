import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import type { DefaultValues, FieldValues } from "react-hook-form";
import { useTranslation } from "react-i18next";
import type { z } from "zod";
import { answer, api, ifMatch, type Schema } from "@/api/client";
import { isProblem } from "@/api/problem";
import { Button } from "@/components/Button";
import { Conflict } from "@/components/Conflict";
import { Form, useForm } from "@/components/form/Form";
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
  input,
  toValue,
  shown = (value) => (value === null ? "" : String(value)),
  children,
}: SettingProps & {
  schema: z.ZodType<Output, Input>;
  input: Input;
  toValue: (output: Output) => Schema<"SettingValue">;
  /** The value as a person reads it beside another one. */
  shown?: (value: Schema<"SettingValue">) => string;
  children: ReactNode;
}) {
  const { t } = useTranslation();
  const may = useMay();
  const queries = useQueryClient();
  const { organization_id: org_id } = useHospital();
  const [theirs, setTheirs] = useState<Schema<"Setting"> | null>(null);
  const [mine, setMine] = useState<Schema<"SettingValue">>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const { key } = setting;
  const path = { org_id, key };
  const reread = () => queries.invalidateQueries({ queryKey: settingsQuery(org_id).queryKey });

  const state = useForm<Input, Output>({
    schema,
    defaultValues: input as DefaultValues<Input>,
    submit: async (output) => {
      const seen = theirs ?? setting;
      const value = toValue(output);
      try {
        const header = seen.version === 0 ? {} : ifMatch(seen.version);
        await answer(api.PUT("/organization/{org_id}/settings/{key}", { params: { path, header }, body: { value } }));
      } catch (error) {
        if (!isProblem(error, "version-mismatch", "version-required")) throw error;
        setMine(value);
        setTheirs(await answer(api.GET("/organization/{org_id}/settings/{key}", { params: { path } })));
        return;
      }
      setTheirs(null);
      await reread();
      announce(t("common.saved"));
    },
    pointers: { "/value": Object.keys(input)[0] as never },
  });
  // Saved, reset, or changed by somebody else while nothing was typed here.
  const { reset, formState } = state.form;
  const text = JSON.stringify(input);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `input` is new at every render; its text is what counts
  useEffect(() => {
    if (!formState.isSubmitting) reset(input);
  }, [text]);

  const toDefault = async () => {
    setProblem(null);
    try {
      await answer(
        api.DELETE("/organization/{org_id}/settings/{key}", { params: { path, header: ifMatch(setting.version) } }),
      );
      await reread();
      announce(t("common.saved"));
    } catch (error) {
      setProblem(error);
    }
  };
  const takeTheirs = async () => {
    setTheirs(null);
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
            <div className="flex flex-wrap justify-end gap-2">
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
