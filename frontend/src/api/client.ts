import createClient from "openapi-fetch";
import { Problem } from "./problem";
import type { components, paths } from "./schema.generated";

/** A schema of the API's document, by its name there. */
export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];

/**
 * The API, with the types of its own document. The session is in a cookie that scripts cannot read; the browser sends it by
 * itself.
 */
export const api = createClient<paths>({
  baseUrl: window.location.origin,
  // Looked up at each request, so that tests can put themselves in between.
  fetch: (request) => fetch(request),
  headers: { Accept: "application/json, application/problem+json" },
});

/** Hears of every answer, wherever it was asked for. */
export interface Listener {
  answered(response: Response): void;
  failed(problem: Problem): void;
}

let listener: Listener = { answered: () => {}, failed: () => {} };

export function listenToAnswers(next: Listener): void {
  listener = next;
}

interface Reply<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The data of an answer; every other outcome is thrown as a {@link Problem}. */
export async function answer<T>(request: Promise<Reply<T>>): Promise<T> {
  let reply: Reply<T>;
  try {
    reply = await request;
  } catch (error) {
    // A request that was given up on purpose is no problem of the network.
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw Problem.unreachable();
  }
  listener.answered(reply.response);
  if (!reply.response.ok) {
    const body = typeof reply.error === "object" && reply.error !== null ? reply.error : {};
    const problem = new Problem({ title: reply.response.statusText, ...body }, reply.response);
    listener.failed(problem);
    throw problem;
  }
  // Answers without a body have no data, and their type says so.
  return reply.data as T;
}

/** `If-Match` for the version of a record that was read. */
export function ifMatch(version: number): { "If-Match": string } {
  return { "If-Match": `"${version}"` };
}
