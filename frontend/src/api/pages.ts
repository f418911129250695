import { type QueryKey, useInfiniteQuery } from "@tanstack/react-query";

export interface Page<Item> {
  items: Item[];
  next_cursor?: string | null;
}

/** A list of the API, page by page: everything that was loaded so far, and how to get more. */
export function usePages<Item>(
  queryKey: QueryKey,
  load: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<Item>>,
  options: { enabled?: boolean; refetchInterval?: number | false } = {},
) {
  const query = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam, signal }) => load(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    ...options,
  });
  return { ...query, items: query.data?.pages.flatMap((page) => page.items) ?? [] };
}

/**
 * Every item of a list, page by page: for what is shown as one thing, such as a day. A list of more pages than that is no list
 * that anybody reads; `isCut` says that there is more.
 */
export async function everyPage<Item>(
  load: (cursor: string | undefined) => Promise<Page<Item>>,
  mostPages: number,
): Promise<{ items: Item[]; isCut: boolean }> {
  const items: Item[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < mostPages; page += 1) {
    const found = await load(cursor);
    items.push(...found.items);
    cursor = found.next_cursor ?? undefined;
    if (cursor === undefined) return { items, isCut: false };
  }
  return { items, isCut: true };
}

/** The cursor of a page as a query parameter; absent for the first one. */
export function after(cursor: string | undefined): { cursor?: string } {
  return cursor === undefined ? {} : { cursor };
}
