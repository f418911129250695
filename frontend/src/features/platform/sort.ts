import type { paths } from "@/api/schema.generated";

/** What the API sorts organizations by; `-` in front turns the order round. */
export type OrganizationSort = NonNullable<
  NonNullable<paths["/master/all-organizations"]["get"]["parameters"]["query"]>["sort"]
>;

const sortedBy = ["name", "status", "price", "users", "created"] as const;

export function isSort(text: unknown): text is OrganizationSort {
  return typeof text === "string" && sortedBy.some((one) => text === one || text === `-${one}`);
}
