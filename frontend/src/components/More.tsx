import { useTranslation } from "react-i18next";
import { Button } from "./Button";

/** The end of a list that has more to show than was loaded. */
export function More({
  query,
}: {
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
}) {
  const { t } = useTranslation();
  if (!query.hasNextPage) return null;
  return (
    <div className="grid place-items-center border-t border-line p-4">
      <Button pending={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        {t("common.showMore")}
      </Button>
    </div>
  );
}
