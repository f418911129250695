import { setupServer } from "msw/node";
import { createOpenApiHttp } from "openapi-msw";
import type { paths } from "@/api/schema.generated";

/** Stands in for the API in tests of components; its answers have the types of the API's own document. */
export const server = setupServer();

export const http = createOpenApiHttp<paths>({ baseUrl: window.location.origin });

/** An error as the API answers it. */
export function problem(kind: string, status: number, more: Record<string, unknown> = {}, headers: HeadersInit = {}) {
  const body = { type: `https://chakravue.io/problems/${kind}`, title: kind, status, detail: `${kind}.`, ...more };
  return new Response(JSON.stringify(body), {
    status,
    headers: { "Content-Type": "application/problem+json", ...headers },
  });
}
