import type { components } from "./schema.generated";

export type FieldError = components["schemas"]["FieldError"];

/** What every error of the API begins with; the rest names the kind. */
const TYPES = "https://chakravue.io/problems/";

/**
 * Why a request has no answer: an error of the API (RFC 9457), or that the API was not reached.
 *
 * Decide by `kind`; show `message`, which is for a person also when the kind is one that this version does not know.
 */
export class Problem extends Error {
  readonly kind: string;
  readonly status: number;
  readonly errors: readonly FieldError[];
  readonly requestId: string | undefined;
  /** When it makes sense to try again, if the API says so. */
  readonly retryAt: Date | undefined;
  /** Members that only some kinds have, such as `seats`. */
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(body: Record<string, unknown>, response?: Response) {
    super(text(body.detail) ?? text(body.title) ?? "");
    this.name = "Problem";
    this.kind = (text(body.type) ?? "unknown").replace(TYPES, "");
    this.status = response?.status ?? 0;
    this.errors = Array.isArray(body.errors) ? body.errors : [];
    this.requestId = text(body.request_id);
    this.retryAt = retryAt(response);
    this.extra = body;
  }

  /** The API was not reached at all: the network is down, or the server is. */
  static unreachable(): Problem {
    return new Problem({ type: "unreachable" });
  }

  /** Nobody can tell whether the request had its effect, so it has to be repeated as it was, not anew. */
  get isUndecided(): boolean {
    return this.status === 0 || this.status >= 500 || this.kind === "idempotency-conflict";
  }

  /** Refused before anybody looked at what was asked: whose session ended, who may not, who asks too often. */
  get isTurnedAway(): boolean {
    return [401, 403, 429].includes(this.status);
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function retryAt(response: Response | undefined): Date | undefined {
  const seconds = Number.parseInt(response?.headers.get("Retry-After") ?? "", 10);
  return Number.isFinite(seconds) ? new Date(Date.now() + seconds * 1000) : undefined;
}

export function isProblem(error: unknown, ...kinds: string[]): error is Problem {
  return error instanceof Problem && (kinds.length === 0 || kinds.includes(error.kind));
}
