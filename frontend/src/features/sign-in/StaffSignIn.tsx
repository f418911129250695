import { useQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { useDeferredValue, useMemo, useState } from "react";
import { useController } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { z } from "zod";
import { answer, api } from "@/api/client";
import { isProblem } from "@/api/problem";
import { fields } from "@/api/rules.generated";
import { type Choice, Combobox } from "@/components/Combobox";
import { Form, useForm } from "@/components/form/Form";
import { TextField } from "@/components/form/fields";
import { rulesIn } from "@/components/form/rules";
import { ProblemNotice } from "@/components/ProblemNotice";
import { forgetHospital, rememberedHospital } from "@/session/remembered-hospital";
import { CredentialFields, Redirected } from "./SignIn";
import { SignInFrame } from "./SignInFrame";
import { useGoToWork } from "./use-sign-in";

/** Sign-in of a hospital's staff: the hospital first, then who they are there. */
export function StaffSignIn() {
  const { t } = useTranslation();
  const { redirect } = useSearch({ strict: false });
  const goToWork = useGoToWork();
  const schema = useMemo(() => {
    const rules = rulesIn(t);
    return z.object({
      organization_id: rules.chosen(t("signIn.staff.chooseFirst")),
      email: rules.email(fields.OrganizationLogin.email),
      password: rules.password(),
    });
  }, [t]);
  const state = useForm({
    schema,
    defaultValues: { organization_id: rememberedHospital()?.organizationId ?? "", email: "", password: "" },
    submit: async (body, form) => {
      try {
        const { user } = await answer(api.POST("/organization-login", { body }));
        await goToWork(user, redirect);
      } catch (error) {
        form.resetField("password");
        throw error;
      }
    },
  });
  return (
    <SignInFrame
      title={t("signIn.staff.title")}
      explanation={t("signIn.staff.explanation")}
      footer={
        <p>
          {t("signIn.staff.noHospital")}{" "}
          <Link to="/signup" className="font-medium text-accent underline underline-offset-2">
            {t("signIn.staff.signUp")}
          </Link>
        </p>
      }
    >
      <Form state={state}>
        <Redirected redirect={redirect} />
        <HospitalField />
        <CredentialFields state={state} />
      </Form>
    </SignInFrame>
  );
}

/** Finds the hospital by its name. Where the platform lists none, its id is typed instead. */
function HospitalField() {
  const { t } = useTranslation();
  const { field, fieldState } = useController<{ organization_id: string }>({ name: "organization_id" });
  const [chosen, setChosen] = useState<Choice | null>(() => {
    const known = rememberedHospital();
    return known && { id: known.organizationId, name: known.organizationName };
  });
  const [words, setWords] = useState("");
  const q = useDeferredValue(words.trim());
  const found = useQuery({
    queryKey: ["organizations", q],
    queryFn: ({ signal }) =>
      answer(api.GET("/organizations", { params: { query: { limit: 50, ...(q ? { q } : {}) } }, signal })),
    placeholderData: (previous) => previous,
  });
  const isOff = isProblem(found.error, "not-found");
  if (isOff) {
    return <TextField name="organization_id" label={t("signIn.staff.id")} hint={t("signIn.staff.idHint")} />;
  }
  // A directory that wants a few letters first says so in an error of the parameter `q`.
  const wantsMore = isProblem(found.error, "invalid");
  const choices = (found.data?.items ?? []).map((one) => ({ id: one.organization_id, name: one.organization_name }));
  return (
    <div className="grid gap-2">
      <Combobox
        inputRef={field.ref}
        label={t("signIn.staff.hospital")}
        placeholder={t("signIn.staff.search")}
        open={{ words: t("signIn.staff.load"), load: () => void found.refetch() }}
        choices={wantsMore ? [] : choices}
        value={chosen}
        isSearching={found.isFetching}
        onSearch={setWords}
        onChange={(choice) => {
          setChosen(choice);
          field.onChange(choice?.id ?? "");
          if (choice === null) forgetHospital();
        }}
        none={wantsMore ? t("signIn.staff.moreLetters") : t("signIn.staff.noneFound")}
        error={fieldState.error?.message}
      />
      {found.error && !wantsMore ? <ProblemNotice error={found.error} /> : null}
    </div>
  );
}
