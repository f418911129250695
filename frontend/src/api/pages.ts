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

/** The cursor of a page as a query parameter; absent for the first one. */
export function after(cursor: string | undefined): { cursor?: string } {
  return cursor === undefined ? {} : { cursor };
}
