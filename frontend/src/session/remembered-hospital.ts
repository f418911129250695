/** The hospital that this browser last signed in to: its id and its name, which are no secrets. Never a token. */
export interface RememberedHospital {
  organizationId: string;
  organizationName: string;
}

const KEPT = "organizationContext";

export function rememberedHospital(): RememberedHospital | null {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEPT) ?? "null");
    if (typeof kept !== "object" || kept === null) return null;
    const { organizationId, organizationName } = kept as Record<string, unknown>;
    if (typeof organizationId !== "string" || typeof organizationName !== "string") return null;
    return { organizationId, organizationName };
  } catch {
    return null;
  }
}

export function rememberHospital({ organizationId, organizationName }: RememberedHospital): void {
  localStorage.setItem(KEPT, JSON.stringify({ organizationId, organizationName }));
}

export function forgetHospital(): void {
  localStorage.removeItem(KEPT);
}
