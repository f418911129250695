import { queryOptions, useQuery } from "@tanstack/react-query";
import { answer, api, type Schema } from "@/api/client";
import { useHospital, useMe } from "@/session/me";

export function settingsQuery(org_id: string) {
  return queryOptions({
    queryKey: ["settings", org_id],
    queryFn: ({ signal }) =>
      answer(api.GET("/organization/{org_id}/settings", { params: { path: { org_id } }, signal })),
    staleTime: 5 * 60_000,
  });
}

/** What each setting holds, by its key; the API's document says so in words. */
export interface SettingValues {
  time_zone: string;
  language: string;
  appointment_minutes: number;
  opening_hours: Schema<"OpeningHours"> | null;
  address: string | null;
}

export function settingValue<Key extends keyof SettingValues>(
  { items }: Schema<"Settings">,
  key: Key,
): SettingValues[Key] | undefined {
  return items.find((item) => item.key === key)?.value as SettingValues[Key] | undefined;
}

/** The settings that many pages need. The frame of the workspace has loaded them, so that no time is shown in a wrong zone. */
export function useSettings(): SettingValues {
  const { data } = useQuery(settingsQuery(useHospital().organization_id));
  const of = <Key extends keyof SettingValues>(key: Key) => (data ? settingValue(data, key) : undefined);
  return {
    time_zone: of("time_zone") ?? "UTC",
    language: of("language") ?? "en",
    appointment_minutes: of("appointment_minutes") ?? 30,
    opening_hours: of("opening_hours") ?? null,
    address: of("address") ?? null,
  };
}

/** Where somebody works: the time zone of their hospital, and UTC for those who run the platform. */
export function useOwnZone(): string {
  const organizationId = useMe().organization?.organization_id;
  const { data } = useQuery({ ...settingsQuery(organizationId ?? ""), enabled: organizationId !== undefined });
  return (data && settingValue(data, "time_zone")) ?? "UTC";
}

/** The time zone of the hospital, in which every one of its dates is shown. */
export function useZone(): string {
  return useSettings().time_zone;
}
