import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { isProblem } from "@/api/problem";
import { Button } from "@/components/Button";
import { useSecondsUntil } from "@/components/Countdown";
import { useFormat } from "@/dates/format";

/** The button of a sign-in. While the server wants no further attempt, it says for how long. */
export function SubmitButton({
  pending,
  problem,
  children,
}: {
  pending: boolean;
  problem: unknown;
  children: ReactNode;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const seconds = useSecondsUntil(isProblem(problem) ? problem.retryAt : undefined);
  return (
    <Button type="submit" look="primary" pending={pending} disabled={seconds > 0} className="w-full tabular">
      {seconds > 0 ? t("signIn.wait", { time: format.duration(seconds) }) : children}
    </Button>
  );
}
