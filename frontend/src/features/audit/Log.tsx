import { type QueryKey, useMutation } from "@tanstack/react-query";
import { ScrollText, ShieldCheck } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "@/api/client";
import { after, type Page, usePages } from "@/api/pages";
import { Button } from "@/components/Button";
import { Field, fieldLook } from "@/components/form/Field";
import { Select } from "@/components/form/Select";
import { More } from "@/components/More";
import { Notice } from "@/components/Notice";
import { Card, PageHeader } from "@/components/Page";
import { ProblemNotice } from "@/components/ProblemNotice";
import { useRoleName } from "@/components/RoleBadge";
import { Empty, Failure, Skeleton } from "@/components/states";
import { Body, Cell, Head, HeadCell, Row, Table } from "@/components/Table";
import { useFormat } from "@/dates/format";
import { boundsOf } from "@/dates/zone";
import { useKnownWords } from "@/i18n/known";

type Entry = Schema<"AuditEntry">;

interface Query {
  limit: number;
  cursor?: string;
  actor_id?: string;
  action?: string;
  target_id?: string;
  since?: string;
  until?: string;
}

interface Person {
  user_id: string;
  email: string;
  name?: string | null;
}

/** A log: a hospital's, or the platform's. */
export interface LogSource {
  key: QueryKey;
  load: (query: Query, signal: AbortSignal) => Promise<Page<Entry>>;
  /** Verifies a part: what follows an entry, or the beginning. */
  verify: (query: { after?: number }, signal: AbortSignal) => Promise<Schema<"Verification">>;
  /** In which its times are shown and its days begin. */
  zone: string;
  /** Those who can have done something, as far as they are known here. */
  people: readonly Person[];
  /** Where to find what something was done to, if it has a page. */
  linkTo?: (target: Schema<"AuditTarget">) => ReactNode;
  /** An action to filter by, as an example. */
  example: string;
}

interface Filter {
  actor: string;
  action: string;
  target: string;
  since: string;
  until: string;
}

const everything: Filter = { actor: "", action: "", target: "", since: "", until: "" };

/** The API looks for a page in a part of a long log. So many parts in a row without an entry are gone through unasked. */
const EMPTY_IN_A_ROW = 5;

/** The API takes no longer ids and actions. */
const LONGEST = 64;

export function Log({
  source,
  explanation,
  verifyHint,
}: {
  source: LogSource;
  explanation: string;
  /** What verifying finds, and what not. */
  verifyHint: string;
}) {
  const { t } = useTranslation();
  const [filter, setFilter] = useState(everything);
  return (
    <div className="grid gap-6">
      <PageHeader title={t("audit.title")} explanation={explanation} />
      <Verify verify={source.verify} hint={verifyHint} />
      <Filters source={source} filter={filter} onChange={setFilter} />
      <Entries source={source} filter={filter} />
    </div>
  );
}

/** Has the whole chain of hashes computed again, part by part: until the last one nothing is said of the whole. */
function Verify({ verify, hint }: { verify: LogSource["verify"]; hint: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [soFar, setSoFar] = useState(0);
  const asking = useRef<AbortController | null>(null);
  // Each part that is asked for becomes an entry of the log: none for a page that was left.
  useEffect(() => () => asking.current?.abort(), []);
  const verification = useMutation({
    mutationFn: async () => {
      setSoFar(0);
      asking.current = new AbortController();
      const { signal } = asking.current;
      let part = await verify({}, signal);
      while (part.intact && part.continue_after !== undefined) {
        setSoFar(part.entries);
        part = await verify({ after: part.continue_after }, signal);
      }
      return part;
    },
  });
  const { data, error } = verification;
  return (
    <Card>
      <div className="grid gap-4">
        <div className="flex flex-wrap items-center justify-between gap-4">
          <p className="max-w-prose text-ink-soft">{hint}</p>
          <Button pending={verification.isPending} onClick={() => verification.mutate()}>
            <ShieldCheck aria-hidden className="size-4" />
            {t("audit.verify")}
          </Button>
        </div>
        <ProblemNotice error={error} />
        {!data && soFar > 0 && (
          <Notice tone="info">{t("audit.soFar", { count: soFar, entries: format.number(soFar) })}</Notice>
        )}
        {data?.intact && (
          <Notice tone="good" title={t("audit.intact")}>
            {t("audit.intactHint", { count: data.entries, entries: format.number(data.entries) })}
          </Notice>
        )}
        {data && !data.intact && (
          <Notice tone="bad" title={t("audit.broken", { place: format.number(data.broken?.sequence ?? 0) })}>
            <p lang="en">{data.broken?.reason}</p>
          </Notice>
        )}
      </div>
    </Card>
  );
}

function Filters({
  source: { people, example },
  filter,
  onChange,
}: {
  source: LogSource;
  filter: Filter;
  onChange: (filter: Filter) => void;
}) {
  const { t } = useTranslation();
  const set = (name: keyof Filter) => (event: React.ChangeEvent<HTMLInputElement | HTMLSelectElement>) =>
    onChange({ ...filter, [name]: event.target.value });
  return (
    <form
      className="grid items-end gap-4 sm:grid-cols-2 lg:grid-cols-3 xl:grid-cols-6"
      onSubmit={(event) => event.preventDefault()}
    >
      <Field label={t("audit.who")}>
        {(control) => (
          <Select {...control} value={filter.actor} onChange={set("actor")}>
            <option value="">{t("audit.everybody")}</option>
            {people.map((user) => (
              <option key={user.user_id} value={user.user_id}>
                {user.name ?? user.email}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <Field label={t("audit.what")}>
        {(control) => (
          <input
            {...control}
            className={fieldLook}
            value={filter.action}
            maxLength={LONGEST}
            placeholder={t("audit.suchAs", { example })}
            onChange={set("action")}
          />
        )}
      </Field>
      <Field label={t("audit.targetId")}>
        {(control) => (
          <input
            {...control}
            className={fieldLook}
            value={filter.target}
            maxLength={LONGEST}
            onChange={set("target")}
          />
        )}
      </Field>
      <Field label={t("audit.since")}>
        {(control) => (
          <input {...control} type="date" className={fieldLook} value={filter.since} onChange={set("since")} />
        )}
      </Field>
      <Field label={t("audit.until")}>
        {(control) => (
          <input {...control} type="date" className={fieldLook} value={filter.until} onChange={set("until")} />
        )}
      </Field>
      <Button onClick={() => onChange(everything)} disabled={JSON.stringify(filter) === JSON.stringify(everything)}>
        {t("audit.clear")}
      </Button>
    </form>
  );
}

function Entries({ source, filter }: { source: LogSource; filter: Filter }) {
  const { t } = useTranslation();
  const { zone } = source;
  const entries = usePages([...source.key, zone, filter], (cursor, signal) => {
    const [action, target_id] = [filter.action.trim(), filter.target.trim()];
    const query = {
      limit: 50,
      ...after(cursor),
      ...(filter.actor ? { actor_id: filter.actor } : {}),
      ...(action ? { action } : {}),
      ...(target_id ? { target_id } : {}),
      ...(filter.since ? { since: boundsOf(filter.since, filter.since, zone).from } : {}),
      ...(filter.until ? { until: boundsOf(filter.until, filter.until, zone).to } : {}),
    };
    return source.load(query, signal);
  });
  const { hasNextPage, isFetching, isError, fetchNextPage } = entries;
  const pages = entries.data?.pages ?? [];
  const empty = pages.length - 1 - pages.findLastIndex((page) => page.items.length > 0);
  const looksOn = hasNextPage && !isError && empty % EMPTY_IN_A_ROW !== 0;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a page may come and be shown as quickly as if nothing had been asked
  useEffect(() => {
    if (looksOn && !isFetching) void fetchNextPage();
  }, [looksOn, isFetching, fetchNextPage, pages.length]);
  return (
    <Card flush>
      {(entries.isPending || (looksOn && entries.items.length === 0)) && <Skeleton lines={8} className="p-6" />}
      {isError && <Failure error={entries.error} retry={() => void entries.refetch()} />}
      {entries.isSuccess && entries.items.length === 0 && !looksOn && (
        <Empty icon={ScrollText} title={t(hasNextPage ? "audit.noneYet" : "audit.none")}>
          {t(hasNextPage ? "audit.noneYetHint" : "audit.noneHint")}
        </Empty>
      )}
      {entries.items.length > 0 && (
        <Table caption={t("audit.title")}>
          <Head>
            <HeadCell align="end">{t("audit.sequence")}</HeadCell>
            <HeadCell>{t("audit.at")}</HeadCell>
            <HeadCell>{t("audit.who")}</HeadCell>
            <HeadCell>{t("audit.what")}</HeadCell>
            <HeadCell>{t("audit.target")}</HeadCell>
          </Head>
          <Body>
            {entries.items.map((entry) => (
              <EntryRow key={entry.sequence} entry={entry} source={source} />
            ))}
          </Body>
        </Table>
      )}
      <More query={entries} />
    </Card>
  );
}

function EntryRow({ entry, source }: { entry: Entry; source: LogSource }) {
  const { t } = useTranslation();
  const format = useFormat(source.zone);
  const who = source.people.find(({ user_id }) => user_id === entry.actor_id);
  const role = useRoleName()(entry.actor_role);
  const known = useKnownWords();
  const action = known(`audit.actions.${entry.action.replace(".", "_")}`);
  const { target } = entry;
  const kind = target && (known(`audit.targets.${target.type}`) ?? target.type);
  const details = Object.entries(entry.details as Record<string, unknown>);
  return (
    <Row>
      <Cell label={t("audit.sequence")} className="md:text-end">
        <span className="text-ink-soft tabular">{format.number(entry.sequence)}</span>
      </Cell>
      <Cell label={t("audit.at")}>
        <time dateTime={entry.at} className="xl:whitespace-nowrap">
          {format.dateTime(entry.at)}
        </time>
      </Cell>
      <Cell label={t("audit.who")}>
        {who ? (
          <span className="grid">
            <span dir="auto">{who.name ?? who.email}</span>
            <span className="text-ink-soft">{role}</span>
          </span>
        ) : (
          // Nobody of the team, such as whoever signed the hospital up: the role says who.
          <span>{role}</span>
        )}
      </Cell>
      <Cell label={t("audit.what")}>
        <span className="grid">
          {action && <span className="font-medium">{action}</span>}
          <code className={action ? "text-ink-soft" : "font-medium"}>{entry.action}</code>
        </span>
      </Cell>
      <Cell>
        <details className="min-w-0">
          <summary className="rounded-sm text-ink-soft">
            {target ? `${kind} ${target.id.slice(-6)}` : t("audit.details")}
          </summary>
          <dl className="mt-2 grid gap-1 text-ink-soft">
            {target && (
              <div>
                <dt className="inline font-medium">{kind}: </dt>
                <dd className="inline break-all">{source.linkTo?.(target) ?? target.id}</dd>
              </div>
            )}
            {details.map(([name, value]) => (
              <div key={name}>
                <dt className="inline font-medium">{name}: </dt>
                <dd className="inline break-all">{typeof value === "string" ? value : JSON.stringify(value)}</dd>
              </div>
            ))}
            <div>
              <dt className="inline font-medium">SHA-256: </dt>
              <dd className="inline break-all">{entry.hash}</dd>
            </div>
          </dl>
        </details>
      </Cell>
    </Row>
  );
}
