import { useTranslation } from "react-i18next";
import { PasswordField } from "@/components/form/fields";

/** A password that somebody chooses. The server says how hard it is to guess. */
export function NewPassword({ name = "password" }: { name?: string }) {
  const { t } = useTranslation();
  return (
    <PasswordField
      name={name}
      label={t("password.new")}
      hint={t("password.hint")}
      autoComplete="new-password"
      maxLength={256}
    />
  );
}
