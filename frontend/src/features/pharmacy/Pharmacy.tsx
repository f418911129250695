import { useNavigate, useSearch } from "@tanstack/react-router";
import {
  ArchiveRestore,
  Boxes,
  CalendarX2,
  MoreHorizontal,
  Package,
  PackageX,
  Pencil,
  Plus,
  Trash2,
} from "lucide-react";
import { useCallback, useState } from "react";
import { useTranslation } from "react-i18next";
import { answer, api, ifMatch } from "@/api/client";
import { Badge } from "@/components/Badge";
import { Button, IconButton } from "@/components/Button";
import { Confirm } from "@/components/Confirm";
import { useNewest } from "@/components/form/versions";
import { Guard } from "@/components/Guard";
import { Menu, MenuItem } from "@/components/Menu";
import { More } from "@/components/More";
import { Card, PageHeader } from "@/components/Page";
import { SearchField } from "@/components/SearchField";
import { Segments } from "@/components/Segments";
import { Empty, Failure, Skeleton } from "@/components/states";
import { Body, Cell, Head, HeadCell, Row, Table } from "@/components/Table";
import { announce } from "@/components/Toasts";
import { useFormat } from "@/dates/format";
import { dayIn, localOf } from "@/dates/zone";
import { useHospital, useMay } from "@/session/me";
import { useZone } from "../settings/queries";
import { MedicineDialog } from "./MedicineDialog";
import {
  EXPIRING_DAYS,
  type Medicine,
  type Shown,
  useExpiringBefore,
  useMedicines,
  useRereadPharmacy,
} from "./queries";
import { StockDialog } from "./StockDialog";

const route = "/app/pharmacy";

/** What is being done, in a dialog. */
type Doing = { what: "add" } | { what: "edit" | "stock" | "remove" | "restore"; medicine: Medicine };

/** What an empty list says. */
const none = { all: "none", low: "noneLow", expiring: "noneExpiring", removed: "noneRemoved" } as const;

export function Pharmacy() {
  return (
    <Guard permission="pharmacy.read">
      <Stock />
    </Guard>
  );
}

function Stock() {
  const { t } = useTranslation();
  const may = useMay();
  const navigate = useNavigate();
  const { q = "", show = "all" } = useSearch({ from: route });
  const [doing, setDoing] = useState<Doing | null>(null);
  // What is there at that moment counts: a search that is still being typed comes later than a choice.
  const find = useCallback(
    (change: { q?: string; show?: Shown }) =>
      void navigate({
        to: route,
        search: (before: { q?: string; show?: Exclude<Shown, "all"> }) => {
          const next = { show: "all" as Shown, q: "", ...before, ...change };
          return { ...(next.q ? { q: next.q } : {}), ...(next.show === "all" ? {} : { show: next.show }) };
        },
        replace: true,
      }),
    [navigate],
  );
  const search = useCallback((words: string) => find({ q: words }), [find]);
  return (
    <div className="grid gap-6">
      <PageHeader
        title={t("pharmacy.title")}
        explanation={t("pharmacy.explanation")}
        actions={
          may("pharmacy.manage") && (
            <Button look="primary" onClick={() => setDoing({ what: "add" })}>
              <Plus aria-hidden className="size-4" />
              {t("pharmacy.add")}
            </Button>
          )
        }
      />
      <div className="flex flex-wrap items-center justify-between gap-4">
        <SearchField label={t("pharmacy.search")} value={q} onSearch={search} />
        <Segments<Shown>
          label={t("pharmacy.show")}
          value={show}
          choices={[
            { value: "all", label: t("pharmacy.all") },
            { value: "low", label: t("pharmacy.low") },
            { value: "expiring", label: t("pharmacy.expiring") },
            { value: "removed", label: t("pharmacy.removedOnes") },
          ]}
          onChange={(next) => find({ show: next })}
        />
      </div>
      <List q={q} show={show} onDo={setDoing} />
      {doing?.what === "add" && <MedicineDialog onClose={() => setDoing(null)} />}
      {doing?.what === "edit" && <MedicineDialog medicine={doing.medicine} onClose={() => setDoing(null)} />}
      {doing?.what === "stock" && <StockDialog medicine={doing.medicine} onClose={() => setDoing(null)} />}
      {doing?.what === "restore" && <Restore medicine={doing.medicine} onClose={() => setDoing(null)} />}
      {doing?.what === "remove" && <Remove medicine={doing.medicine} onClose={() => setDoing(null)} />}
    </div>
  );
}

function List({ q, show, onDo }: { q: string; show: Shown; onDo: (doing: Doing) => void }) {
  const { t } = useTranslation();
  const may = useMay();
  const format = useFormat(useZone());
  const medicines = useMedicines({ q, show });
  const nothing = q ? "noneFound" : none[show];
  return (
    <Card flush>
      <p role="status" className="sr-only">
        {medicines.isSuccess ? t("pharmacy.found", { count: medicines.items.length }) : ""}
      </p>
      {medicines.isPending && <Skeleton lines={6} className="p-6" />}
      {medicines.isError && <Failure error={medicines.error} retry={() => void medicines.refetch()} />}
      {medicines.isSuccess && medicines.items.length === 0 && (
        <Empty
          icon={Boxes}
          title={t(`pharmacy.${nothing}`, { days: EXPIRING_DAYS })}
          action={
            nothing === "none" && may("pharmacy.manage") ? (
              <Button onClick={() => onDo({ what: "add" })}>{t("pharmacy.add")}</Button>
            ) : undefined
          }
        >
          {t(`pharmacy.${nothing}Hint`)}
        </Empty>
      )}
      {medicines.items.length > 0 && (
        <Table caption={t("pharmacy.title")}>
          <Head>
            <HeadCell>{t("pharmacy.medicine")}</HeadCell>
            <HeadCell align="end">{t("pharmacy.quantity")}</HeadCell>
            <HeadCell>{t("pharmacy.state")}</HeadCell>
            <HeadCell>{t("pharmacy.batch")}</HeadCell>
            <HeadCell>{t("pharmacy.expires")}</HeadCell>
            {may("pharmacy.manage") && (
              <HeadCell>
                <span className="sr-only">{t("common.actions")}</span>
              </HeadCell>
            )}
          </Head>
          <Body>
            {medicines.items.map((medicine) => (
              <Row key={medicine.medicine_id}>
                <Cell>
                  <span className="font-semibold" dir="auto">
                    {medicine.medicine}
                  </span>
                </Cell>
                <Cell label={t("pharmacy.quantity")} className="md:text-end">
                  <span className="font-medium tabular">{format.number(medicine.quantity)}</span>{" "}
                  <span className="text-ink-soft">{medicine.unit}</span>
                </Cell>
                <Cell label={t("pharmacy.state")}>
                  <StockState medicine={medicine} />
                </Cell>
                <Cell label={t("pharmacy.batch")}>{medicine.batch ?? "–"}</Cell>
                <Cell label={t("pharmacy.expires")} numeric>
                  {medicine.expires_on ? format.day(medicine.expires_on) : "–"}
                </Cell>
                {may("pharmacy.manage") && (
                  <Cell className="md:text-end">
                    <RowActions medicine={medicine} onDo={onDo} />
                  </Cell>
                )}
              </Row>
            ))}
          </Body>
        </Table>
      )}
      <More query={medicines} />
    </Card>
  );
}

function RowActions({ medicine, onDo }: { medicine: Medicine; onDo: (doing: Doing) => void }) {
  const { t } = useTranslation();
  const name = medicine.medicine;
  if (medicine.removed_at) {
    return (
      <Button onClick={() => onDo({ what: "restore", medicine })}>
        <ArchiveRestore aria-hidden className="size-4" />
        {t("pharmacy.restore")}
        <span className="sr-only">: {name}</span>
      </Button>
    );
  }
  return (
    <span className="inline-flex items-center gap-1">
      <Button onClick={() => onDo({ what: "stock", medicine })}>
        {t("pharmacy.change")}
        <span className="sr-only">: {name}</span>
      </Button>
      <Menu
        trigger={
          <IconButton label={t("common.moreActionsFor", { name })}>
            <MoreHorizontal aria-hidden className="size-4" />
          </IconButton>
        }
      >
        <MenuItem icon={Pencil} onSelect={() => onDo({ what: "edit", medicine })}>
          {t("common.edit")}
        </MenuItem>
        <MenuItem icon={Trash2} dangerous onSelect={() => onDo({ what: "remove", medicine })}>
          {t("pharmacy.remove")}
        </MenuItem>
      </Menu>
    </span>
  );
}

function StockState({ medicine }: { medicine: Medicine }) {
  const { t } = useTranslation();
  const zone = useZone();
  const format = useFormat(zone);
  const today = dayIn(zone);
  const soon = useExpiringBefore();
  const { expires_on, low, removed_at } = medicine;
  if (removed_at) {
    return (
      <Badge tone="neutral" icon={Trash2}>
        {t("pharmacy.removedOn", { date: format.day(localOf(removed_at, zone).day) })}
      </Badge>
    );
  }
  const hasExpired = expires_on ? expires_on < today : false;
  const expires = expires_on ? !hasExpired && expires_on < soon : false;
  return (
    <span className="flex flex-wrap gap-1">
      {hasExpired && (
        <Badge tone="bad" icon={CalendarX2}>
          {t("pharmacy.hasExpired")}
        </Badge>
      )}
      {expires && (
        <Badge tone="warn" icon={CalendarX2}>
          {t("pharmacy.expiresSoon")}
        </Badge>
      )}
      {low && (
        <Badge tone="warn" icon={PackageX}>
          {t("pharmacy.isLow")}
        </Badge>
      )}
      {!hasExpired && !expires && !low && (
        <Badge tone="good" icon={Package}>
          {t("pharmacy.inStock")}
        </Badge>
      )}
    </span>
  );
}

function Remove({ medicine, onClose }: { medicine: Medicine; onClose: () => void }) {
  const { t } = useTranslation();
  const { organization_id: org_id } = useHospital();
  const reread = useRereadPharmacy();
  const path = { org_id, medicine_id: medicine.medicine_id };
  const { newest, attempt } = useNewest(medicine, () =>
    answer(api.GET("/organization/{org_id}/pharmacy/{medicine_id}", { params: { path } })),
  );
  const remove = async () => {
    await attempt(({ version }) =>
      answer(
        api.DELETE("/organization/{org_id}/pharmacy/{medicine_id}", { params: { path, header: ifMatch(version) } }),
      ),
    ).finally(reread);
    announce(t("pharmacy.removed", { name: newest.medicine }));
  };
  return (
    <Confirm
      open
      onClose={onClose}
      title={t("pharmacy.removeTitle", { name: newest.medicine })}
      action={t("pharmacy.remove")}
      dangerous
      onConfirm={remove}
    >
      {t("pharmacy.removeHint")}
    </Confirm>
  );
}

function Restore({ medicine, onClose }: { medicine: Medicine; onClose: () => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { organization_id: org_id } = useHospital();
  const reread = useRereadPharmacy();
  const restore = async () => {
    const path = { org_id, medicine_id: medicine.medicine_id };
    await answer(api.POST("/organization/{org_id}/pharmacy/{medicine_id}/restore", { params: { path } })).finally(
      reread,
    );
    announce(t("pharmacy.restored", { name: medicine.medicine }));
  };
  return (
    <Confirm
      open
      onClose={onClose}
      title={t("pharmacy.restoreTitle", { name: medicine.medicine })}
      action={t("pharmacy.restore")}
      onConfirm={restore}
    >
      {t("pharmacy.restoreHint", { quantity: format.number(medicine.quantity), unit: medicine.unit ?? "" })}
    </Confirm>
  );
}
