import { control } from "./environment";

/** What a browser cannot do: the Rust test does it. See tests/tests/browser.rs. */
async function tell(what: string): Promise<void> {
  const response = await fetch(`${control}/${what}`, { method: "POST" });
  if (!response.ok) throw new Error(`${what}: ${response.status} ${await response.text()}`);
}

/** Suspends a hospital as a platform engineer does, with kubectl. */
export const suspend = (organizationId: string) => tell(`suspend/${organizationId}`);
export const resume = (organizationId: string) => tell(`resume/${organizationId}`);

/** Puts something of somebody else's in the way of a hospital that is called so, and takes it away. */
export const obstruct = (object: string) => tell(`obstruct/${object}`);
export const clear = (object: string) => tell(`clear/${object}`);

/** Lets the operator leave a hospital as it is, and go on with it. */
export const pause = (object: string) => tell(`pause/${object}`);
export const proceed = (object: string) => tell(`proceed/${object}`);

/** Takes MongoDB away from the API, and gives it back. */
export const mongodbDown = () => tell("mongodb/down");
export const mongodbUp = () => tell("mongodb/up");

/** Lets an invitation expire now instead of in a week. */
export const expireInvitation = (database: string, userId: string) => tell(`expire/${database}/${userId}`);
