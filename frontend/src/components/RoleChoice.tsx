import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { answer, api } from "@/api/client";
import { words } from "@/api/rules.generated";
import { useKnownWords } from "@/i18n/known";
import { SelectField } from "./form/fields";
import { useRoleName } from "./RoleBadge";

/** What each role may do, from the table by which the API decides. */
const rolesQuery = {
  queryKey: ["roles"],
  queryFn: ({ signal }: { signal: AbortSignal }) => answer(api.GET("/roles", { signal })),
  staleTime: 5 * 60_000,
};

/** The role of somebody who is invited, with what it is for. */
export function RoleChoice({ name, role }: { name: string; role: string }) {
  const { t } = useTranslation();
  const nameOf = useRoleName();
  const known = useKnownWords();
  return (
    <SelectField name={name} label={t("users.role")} hint={known(`roles.${role}.purpose`)}>
      {words.Role.map((one) => (
        <option key={one} value={one}>
          {nameOf(one)}
        </option>
      ))}
    </SelectField>
  );
}

/** What the roles may do, for whoever wants to know before choosing. */
export function RolesExplained() {
  const { t } = useTranslation();
  const nameOf = useRoleName();
  const known = useKnownWords();
  const { data } = useQuery(rolesQuery);
  if (!data) return null;
  return (
    <details className="group rounded-lg border border-line bg-surface">
      <summary className="rounded-lg px-4 py-3 font-medium sm:px-6">{t("roles.explained")}</summary>
      <div className="grid gap-6 border-t border-line p-4 sm:grid-cols-2 sm:p-6">
        {data.roles.map(({ role, permissions }) => (
          <div key={role} className="grid content-start gap-2">
            <h3 className="font-semibold">{nameOf(role)}</h3>
            <ul className="grid list-disc gap-1 ps-4 text-ink-soft">
              {permissions.map(({ name, meaning }) => (
                <li key={name}>{known(`permissions.${name.replace(".", "_")}`) ?? <span lang="en">{meaning}</span>}</li>
              ))}
            </ul>
          </div>
        ))}
      </div>
    </details>
  );
}
