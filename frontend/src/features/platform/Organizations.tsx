import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import {
  createColumnHelper,
  flexRender,
  functionalUpdate,
  getCoreRowModel,
  type SortingState,
  useReactTable,
} from "@tanstack/react-table";
import { ArrowDown, ArrowUp, Building2, ChevronsUpDown } from "lucide-react";
import { useCallback, useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "@/api/client";
import { Field } from "@/components/form/Field";
import { Select } from "@/components/form/Select";
import { More } from "@/components/More";
import { OrganizationBadge } from "@/components/OrganizationBadge";
import { Card, PageHeader } from "@/components/Page";
import { SearchField } from "@/components/SearchField";
import { Empty, Failure, Skeleton } from "@/components/states";
import { Body, Cell, Head, HeadCell, Row, Table } from "@/components/Table";
import { useFormat } from "@/dates/format";
import { plansQuery } from "../signup/plans";
import { type OrganizationSearch, useOrganizations } from "./queries";
import { isSort, type OrganizationSort } from "./sort";

const route = "/platform/organizations";

/** The states that the API knows of; it refuses others. */
const statuses = ["active", "pending_payment", "provisioning", "suspended", "failed", "terminating"] as const;

type Organization = Schema<"OrganizationSummary">;

/** Every hospital of the platform. */
export function Organizations() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const search = useSearch({ from: route });
  const plans = useQuery(plansQuery);
  const organizations = useOrganizations(search);
  const { q = "", status = "", plan = "" } = search;
  const find = useCallback(
    (change: { [key in keyof OrganizationSearch]: OrganizationSearch[key] | undefined }) =>
      void navigate({
        to: route,
        // What is there at that moment counts: a search that is still being typed comes later than a filter.
        search: (before: OrganizationSearch) =>
          Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value)),
        replace: true,
      }),
    [navigate],
  );
  const onSearch = useCallback((words: string) => find({ q: words }), [find]);
  return (
    <div className="grid gap-6">
      <PageHeader title={t("organizations.title")} explanation={t("organizations.explanation")} />
      <div className="flex flex-wrap items-end gap-4">
        <SearchField label={t("organizations.search")} value={q} onSearch={onSearch} maxLength={300} />
        <Field label={t("organizations.status")}>
          {(control) => (
            <Select
              {...control}
              className="w-48"
              value={status}
              onChange={(event) => find({ status: event.target.value })}
            >
              <option value="">{t("organizations.every")}</option>
              {statuses.map((one) => (
                <option key={one} value={one}>
                  {t(`organizations.statuses.${one}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label={t("organizations.plan")}>
          {(control) => (
            <Select {...control} className="w-48" value={plan} onChange={(event) => find({ plan: event.target.value })}>
              <option value="">{t("organizations.every")}</option>
              {plans.data?.plans.map((one) => (
                <option key={one.plan_id} value={one.plan_id}>
                  {one.name}
                </option>
              ))}
            </Select>
          )}
        </Field>
      </div>
      <Card flush>
        <p role="status" className="sr-only">
          {organizations.isSuccess ? t("organizations.found", { count: organizations.items.length }) : ""}
        </p>
        {organizations.isPending && <Skeleton lines={8} className="p-6" />}
        {organizations.isError && <Failure error={organizations.error} retry={() => void organizations.refetch()} />}
        {organizations.isSuccess && organizations.items.length === 0 && (
          <Empty icon={Building2} title={t(q || status || plan ? "organizations.noneFound" : "organizations.none")}>
            {t(q || status || plan ? "organizations.noneFoundHint" : "organizations.noneHint")}
          </Empty>
        )}
        {organizations.items.length > 0 && (
          <Sortable organizations={organizations.items} sort={search.sort} onSort={(sort) => find({ sort })} />
        )}
        <More query={organizations} />
      </Card>
    </div>
  );
}

const column = createColumnHelper<Organization>();

/** As the API has sorted them: all hospitals there are, not only those that were loaded. */
function Sortable({
  organizations,
  sort,
  onSort,
}: {
  organizations: Organization[];
  sort: OrganizationSort | undefined;
  onSort: (sort: OrganizationSort | undefined) => void;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const sorting: SortingState = sort ? [{ id: sort.replace(/^-/, ""), desc: sort.startsWith("-") }] : [];
  const columns = useMemo(
    () => [
      column.accessor("organization_name", {
        id: "name",
        header: t("organizations.name"),
        cell: ({ row: { original } }) => (
          <span className="grid min-w-0">
            <Link
              to="/platform/organizations/$organizationId"
              params={{ organizationId: original.organization_id }}
              dir="auto"
              className="font-semibold underline-offset-2 hover:text-accent hover:underline"
            >
              {original.organization_name}
            </Link>
            <code className="wrap-anywhere text-ink-soft">{original.database_name}</code>
          </span>
        ),
      }),
      column.accessor("status", {
        header: t("organizations.status"),
        cell: (cell) => <OrganizationBadge status={cell.getValue()} />,
      }),
      column.accessor((one) => one.plan.price, {
        id: "price",
        header: t("organizations.plan"),
        cell: ({ row: { original } }) => (
          <span>
            {original.plan.name}{" "}
            <span className="text-ink-soft tabular">{format.money(original.plan.price, original.plan.currency)}</span>
          </span>
        ),
      }),
      column.accessor((one) => one.seats.used, {
        id: "users",
        header: t("organizations.users"),
        cell: ({ row: { original } }) => (
          <span className="tabular">
            {original.seats.limit === null
              ? format.number(original.seats.used)
              : `${format.number(original.seats.used)} / ${format.number(original.seats.limit)}`}
          </span>
        ),
      }),
      column.accessor("created_at", {
        id: "created",
        header: t("organizations.created"),
        cell: (cell) => <span className="tabular">{format.date(cell.getValue())}</span>,
      }),
    ],
    [t, format],
  );
  const table = useReactTable({
    data: organizations,
    columns,
    state: { sorting },
    manualSorting: true,
    onSortingChange: (change) => {
      const [by] = functionalUpdate(change, sorting);
      const wanted = by && `${by.desc ? "-" : ""}${by.id}`;
      onSort(isSort(wanted) ? wanted : undefined);
    },
    getCoreRowModel: getCoreRowModel(),
  });
  return (
    <>
      <SortBy
        columns={columns.map(({ id, header }) => ({ id: id ?? "status", name: String(header) }))}
        sort={sort}
        onSort={onSort}
      />
      <Table caption={t("organizations.title")}>
        <Head>
          {table.getFlatHeaders().map((header) => {
            const direction = header.column.getIsSorted();
            const Icon = direction === "asc" ? ArrowUp : direction === "desc" ? ArrowDown : ChevronsUpDown;
            return (
              <HeadCell
                key={header.id}
                aria-sort={direction === "asc" ? "ascending" : direction === "desc" ? "descending" : "none"}
              >
                {/* Where the rows are cards, nobody sees the head. */}
                <span className="md:hidden">{flexRender(header.column.columnDef.header, header.getContext())}</span>
                <button
                  type="button"
                  onClick={header.column.getToggleSortingHandler()}
                  className="-mx-2 hidden items-center gap-1.5 rounded-sm px-2 py-1 font-medium hover:text-ink md:inline-flex"
                >
                  {flexRender(header.column.columnDef.header, header.getContext())}
                  <Icon aria-hidden className="size-3.5" />
                </button>
              </HeadCell>
            );
          })}
        </Head>
        <Body>
          {table.getRowModel().rows.map((row) => (
            <Row key={row.id}>
              {row.getVisibleCells().map((cell) => (
                // As a card, it begins with the name, which needs no label.
                <Cell
                  key={cell.id}
                  {...(cell.column.id === "name" ? {} : { label: String(cell.column.columnDef.header) })}
                >
                  {flexRender(cell.column.columnDef.cell, cell.getContext())}
                </Cell>
              ))}
            </Row>
          ))}
        </Body>
      </Table>
    </>
  );
}

/** The same where there is no room for a table, and so for a head of one. */
function SortBy({
  columns,
  sort,
  onSort,
}: {
  columns: { id: string; name: string }[];
  sort: OrganizationSort | undefined;
  onSort: (sort: OrganizationSort | undefined) => void;
}) {
  const { t } = useTranslation();
  return (
    <div className="border-b border-line p-4 sm:px-6 md:hidden">
      <Field label={t("organizations.sortBy")}>
        {(control) => (
          <Select
            {...control}
            value={sort ?? ""}
            onChange={({ target }) => onSort(isSort(target.value) ? target.value : undefined)}
          >
            <option value="">{t("organizations.asTheyCame")}</option>
            {columns.flatMap(({ id, name }) => [
              <option key={id} value={id}>
                {t("organizations.ascending", { column: name })}
              </option>,
              <option key={`-${id}`} value={`-${id}`}>
                {t("organizations.descending", { column: name })}
              </option>,
            ])}
          </Select>
        )}
      </Field>
    </div>
  );
}
