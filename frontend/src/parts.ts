import { isProblem, Problem } from "@/api/problem";
import { hasDrafts } from "@/components/form/drafts";

/** What browsers, and Vite for a stylesheet, say when a part cannot be loaded; anything else is an error inside the part. */
const MISSING = /dynamically imported module|Importing a module script failed|Unable to preload CSS/;

/**
 * A part of the program that is loaded when somebody goes there, or is about to. Where it cannot be loaded, that is told as
 * everything is that the network refuses. The page is not loaded anew for it, as the router would by itself: a link that
 * somebody only passes on their way, without a connection, would take along what they were typing.
 */
export async function part<Module>(load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (error) {
    if (error instanceof Error && MISSING.test(error.message)) throw new Problem({ type: "unreachable", part: true });
    throw error;
  }
}

/** Whether it is a part of the program that could not be loaded, and not an answer of the API. */
export function isPartMissing(error: unknown): boolean {
  return isProblem(error, "unreachable") && error.extra.part === true;
}

const RELOADED = "chakravue.reloaded";

/**
 * A tab that was open while a newer version was put in place finds the old one's parts gone; the page has the new ones. It is
 * loaded anew at once where that costs nobody anything; whether it remains to be done is the answer.
 */
export async function reloadIfReplaced(): Promise<boolean> {
  if (!(await isReplaced())) return false;
  const last = Number(sessionStorage.getItem(RELOADED));
  if (hasDrafts() || Date.now() - last < 60_000) return true;
  sessionStorage.setItem(RELOADED, String(Date.now()));
  window.location.reload();
  return false;
}

/** Whether the server's page begins with another file than this one did. */
async function isReplaced(): Promise<boolean> {
  try {
    const answer = await fetch("/", { headers: { Accept: "text/html" }, cache: "no-store" });
    if (!answer.ok) return false;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const [here, there] = [entryOf(document), entryOf(page)];
    return here !== undefined && there !== undefined && here !== there;
  } catch {
    return false;
  }
}

function entryOf(page: Document): string | undefined {
  return page.querySelector('script[type="module"][src]')?.getAttribute("src") ?? undefined;
}
