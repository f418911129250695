import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";

/** The words for something that the API names, if there are any: an older front end may meet a newer API. */
export function useKnownWords(): (key: string) => string | undefined {
  const { t, i18n } = useTranslation();
  return (key) =>
    i18n.exists(key) ? (t as TFunction<"translation", undefined> & ((key: string) => string))(key) : undefined;
}
