import { Notice } from "./Notice";
import { ProblemText } from "./ProblemText";

/** An error beside the form or button that it came from. */
export function ProblemNotice({ error }: { error: unknown }) {
  if (!error) return null;
  return (
    <Notice tone="bad">
      <ProblemText error={error} />
    </Notice>
  );
}
