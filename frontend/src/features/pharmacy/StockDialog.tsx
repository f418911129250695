import { Dialog } from "@base-ui/react/dialog";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { z } from "zod";
import { answer, api, type Schema } from "@/api/client";
import { useIdempotency } from "@/api/idempotency";
import { isProblem } from "@/api/problem";
import { fields, words } from "@/api/rules.generated";
import { DialogFrame } from "@/components/DialogFrame";
import { Form, Unsent, useForm } from "@/components/form/Form";
import { FormActions } from "@/components/form/FormActions";
import { SelectField, TextField } from "@/components/form/fields";
import { rulesIn } from "@/components/form/rules";
import { closing } from "@/components/form/unsent";
import { Notice } from "@/components/Notice";
import { announce } from "@/components/Toasts";
import { useFormat } from "@/dates/format";
import { useHospital } from "@/session/me";
import { type Medicine, useRereadPharmacy } from "./queries";

type Reason = Schema<"StockReason">;

/** What comes in adds to the stock, everything else takes from it; a count says how much there is. */
const comesIn: Reason[] = ["received", "returned"];

export function StockDialog({ medicine, onClose }: { medicine: Medicine; onClose: () => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { organization_id: org_id } = useHospital();
  const once = useIdempotency();
  const reread = useRereadPharmacy();
  const [inStock, setInStock] = useState(medicine.quantity);
  // What was in stock while somebody counted, if others have changed it since.
  const [before, setBefore] = useState<number | null>(null);
  const schema = useMemo(() => {
    const rules = rulesIn(t);
    return z
      .object({
        reason: z.enum(words.StockReason),
        amount: rules.number({ minimum: 0, maximum: fields.StockChange.change.maximum }),
      })
      .refine(({ reason, amount }) => reason === "counted" || amount > 0, {
        path: ["amount"],
        message: t("pharmacy.aboveZero"),
      });
  }, [t]);
  const state = useForm({
    schema,
    defaultValues: { reason: "dispensed" as Reason, amount: "" },
    draft: `pharmacy/${medicine.medicine_id}/stock`,
    pointers: { "/change": "amount" },
    submit: async ({ reason, amount }, form) => {
      const path = { org_id, medicine_id: medicine.medicine_id };
      if (reason === "counted") {
        // A count is sent as what it changes, so it must be told from what is there now and not from what this page remembers.
        const { quantity } = await answer(
          api.GET("/organization/{org_id}/pharmacy/{medicine_id}", { params: { path } }),
        );
        if (quantity !== inStock) {
          setBefore(inStock);
          setInStock(quantity);
          throw new Unsent();
        }
      }
      const change = reason === "counted" ? amount - inStock : comesIn.includes(reason) ? amount : -amount;
      if (change === 0) {
        announce(t("pharmacy.countedSame"));
        await reread();
        onClose();
        return;
      }
      try {
        const body = { change, reason };
        // A count of another stock is another count, also where it changes as much.
        await once(reason === "counted" ? { ...body, inStock } : body, (key) => {
          const params = { path, header: { "Idempotency-Key": key } };
          return answer(api.POST("/organization/{org_id}/pharmacy/{medicine_id}/stock", { params, body }));
        });
      } catch (error) {
        if (!isProblem(error, "stock-too-low")) throw error;
        const quantity = error.extra.quantity as number;
        setInStock(quantity);
        form.setError(
          "amount",
          { message: t("pharmacy.tooLow", { quantity: format.number(quantity) }) },
          { shouldFocus: true },
        );
        throw new Unsent();
      }
      await reread();
      announce(t("pharmacy.changed", { name: medicine.medicine }));
      onClose();
    },
  });
  const reason = state.form.watch("reason");
  return (
    <Dialog.Root open onOpenChange={closing(onClose)}>
      <DialogFrame title={t("pharmacy.changeTitle", { name: medicine.medicine })}>
        <Form state={state} label={t("pharmacy.change")}>
          <p className="text-ink-soft">
            {t("pharmacy.inStockNow", { quantity: format.number(inStock), unit: medicine.unit ?? "" })}
          </p>
          {before !== null && reason === "counted" && (
            <Notice tone="warn" title={t("pharmacy.countedMeanwhile")}>
              {t("pharmacy.countedMeanwhileHint", { before: format.number(before), now: format.number(inStock) })}
            </Notice>
          )}
          <SelectField name="reason" label={t("pharmacy.reason")}>
            {words.StockReason.map((one) => (
              <option key={one} value={one}>
                {t(`pharmacy.reasons.${one}`)}
              </option>
            ))}
          </SelectField>
          <TextField
            name="amount"
            inputMode="numeric"
            autoComplete="off"
            label={t(reason === "counted" ? "pharmacy.countedNow" : "pharmacy.amount")}
          />
          <FormActions pending={state.isSubmitting} onCancel={onClose}>
            {t("common.save")}
          </FormActions>
        </Form>
      </DialogFrame>
    </Dialog.Root>
  );
}
