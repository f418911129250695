import { useTranslation } from "react-i18next";
import { isProblem } from "@/api/problem";
import { useKnownWords } from "@/i18n/known";
import { Countdown } from "./Countdown";

/** Kinds with so many causes that the API's own sentence, which is in English, says more than ours. */
const varied = ["conflict", "hospital-not-ready", "managed-elsewhere", "payment-declined", "plan-too-small"];

/** What a person is told of an error: in our words where the kind is known, else in the API's, which are for programs, too. */
export function ProblemText({ error }: { error: unknown }) {
  const { t, i18n } = useTranslation();
  const wordsFor = useKnownWords();
  if (!isProblem(error)) return <p>{t("problems.unexpected")}</p>;
  const known = wordsFor(`problems.kinds.${error.kind}`);
  const isTold = i18n.language === "en" && varied.includes(error.kind);
  const words = isTold ? error.message || known : known || error.message;
  return (
    <>
      <p>{words || t("problems.unexpected")}</p>
      {error.retryAt && (
        <p className="tabular">
          <Countdown until={error.retryAt}>{(time) => t("problems.wait", { time })}</Countdown>
        </p>
      )}
      {error.status >= 500 && error.requestId && (
        <p className="text-ink-soft">{t("problems.requestId", { id: error.requestId })}</p>
      )}
    </>
  );
}
