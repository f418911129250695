import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { answer, api, type Schema } from "@/api/client";

export type Provisioning = Schema<"Provisioning">;

/** A second between two questions is polite, says the API. */
const POLLING = 1000;

/**
 * How far a hospital has come, as it happens: by server-sent events, and where those do not get through, by asking each
 * second.
 */
export function useProvisioning(organizationId: string | undefined) {
  const queries = useQueryClient();
  const [isPolling, setPolling] = useState(false);
  const id = organizationId ?? "";
  const queryKey = ["provisioning", id];

  const query = useQuery({
    queryKey,
    queryFn: ({ signal }) =>
      answer(api.GET("/organization/{org_id}/provisioning", { params: { path: { org_id: id } }, signal })),
    enabled: organizationId !== undefined,
    // A first answer that does not come is said, and asked for again by the person.
    refetchInterval: ({ state }) => {
      const isOver = state.data ? state.data.ready : state.status === "error";
      return isPolling && !isOver ? POLLING : false;
    },
  });

  const isOver = query.data?.ready === true;
  useEffect(() => {
    if (organizationId === undefined || isOver) return;
    const events = new EventSource(`/organization/${organizationId}/provisioning/events`);
    const heard = (event: MessageEvent<string>) => {
      setPolling(false);
      queries.setQueryData(["provisioning", organizationId], JSON.parse(event.data) as Provisioning);
    };
    events.addEventListener("progress", heard);
    events.addEventListener("ready", heard);
    // The browser comes back by itself after most errors; until something is heard again, we ask.
    events.onerror = () => setPolling(true);
    return () => events.close();
  }, [organizationId, isOver, queries]);

  return query;
}
