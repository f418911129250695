import { type ReactElement, useState } from "react";
import { useTranslation } from "react-i18next";
import { changeLanguage, type Language, languages } from "@/i18n";
import { Menu, MenuChoice, MenuSeparator } from "./Menu";
import { ProblemNotice } from "./ProblemNotice";
import { changeTheme, currentTheme, type Theme } from "./theme";

/** Light or dark, and the language. */
export function PreferenceChoices() {
  const { t, i18n } = useTranslation();
  const [theme, setTheme] = useState(currentTheme);
  const [problem, setProblem] = useState<unknown>(null);
  const chooseLanguage = async (language: Language) => {
    setProblem(null);
    await changeLanguage(language, true).catch(setProblem);
  };
  const chooseTheme = (next: Theme) => {
    changeTheme(next);
    setTheme(next);
  };
  const themes = (["system", "light", "dark"] as const).map((value) => ({ value, label: t(`theme.${value}`) }));
  const tongues = Object.entries(languages).map(([value, label]) => ({ value: value as Language, label }));
  return (
    <>
      <MenuChoice label={t("theme.label")} value={theme} choices={themes} onChange={chooseTheme} />
      <MenuSeparator />
      <MenuChoice
        label={t("common.language")}
        value={i18n.language as Language}
        choices={tongues}
        onChange={(language) => void chooseLanguage(language)}
      />
      <ProblemNotice error={problem} />
    </>
  );
}

/** The same as a menu that is open, for pages where nobody is signed in. */
export function PreferencesMenu({ trigger }: { trigger: ReactElement }) {
  return (
    <Menu trigger={trigger} defaultOpen>
      <PreferenceChoices />
    </Menu>
  );
}
