import { type ErrorComponentProps, useRouter } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { Failure } from "@/components/states";

/** In place of a page that could not be loaded; trying again loads it again. */
export function RouteFailure({ error }: ErrorComponentProps) {
  const { t } = useTranslation();
  const router = useRouter();
  return (
    <>
      <h1 className="sr-only">{t("common.cannotShow")}</h1>
      <Failure error={error} retry={() => void router.invalidate()} />
    </>
  );
}

/** The same where not even the frame around the page could be loaded. */
export function WholeFailure(props: ErrorComponentProps) {
  return (
    <main id="content" tabIndex={-1} className="grid min-h-dvh place-items-center">
      <div>
        <RouteFailure {...props} />
      </div>
    </main>
  );
}
