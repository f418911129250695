import { useTranslation } from "react-i18next";
import { Button } from "./Button";
import { Notice } from "./Notice";

/** One field in which the two versions of a record differ, as a person reads it. */
export interface Difference {
  field: string;
  theirs: string;
  yours: string;
}

/** Somebody else has saved the record meanwhile: both versions side by side, and the choice between them. */
export function Conflict({
  differences,
  state,
  onTakeTheirs,
}: {
  differences: Difference[];
  /** Of the form, which is sent again to keep what was typed. */
  state: { isSubmitting: boolean; submitNow: () => Promise<void> };
  onTakeTheirs: () => void;
}) {
  const { t } = useTranslation();
  return (
    <Notice tone="warn" title={t("conflict.title")}>
      <div className="grid gap-4">
        <p>{differences.length > 0 ? t("conflict.explanation") : t("conflict.same")}</p>
        {differences.length > 0 && (
          <div className="overflow-x-auto rounded-md border border-line bg-surface">
            <table className="w-full text-start">
              <caption className="sr-only">{t("conflict.title")}</caption>
              <thead>
                <tr className="border-b border-line text-ink-soft">
                  <th scope="col" className="px-3 py-2 text-start font-medium">
                    {t("conflict.field")}
                  </th>
                  <th scope="col" className="px-3 py-2 text-start font-medium">
                    {t("conflict.theirs")}
                  </th>
                  <th scope="col" className="px-3 py-2 text-start font-medium">
                    {t("conflict.yours")}
                  </th>
                </tr>
              </thead>
              <tbody className="divide-y divide-line">
                {differences.map(({ field, theirs, yours }) => (
                  <tr key={field}>
                    <th scope="row" className="px-3 py-2 text-start font-medium">
                      {field}
                    </th>
                    <td className="px-3 py-2">{theirs || "–"}</td>
                    <td className="px-3 py-2">{yours || "–"}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        <div className="flex flex-wrap gap-2">
          <Button look="primary" pending={state.isSubmitting} onClick={() => void state.submitNow()}>
            {t("conflict.keepMine")}
          </Button>
          <Button onClick={onTakeTheirs}>{t("conflict.takeTheirs")}</Button>
        </div>
      </div>
    </Notice>
  );
}
