/**
 * A path to go to after the sign-in, if it is one of this site's own workspaces; everything else, such as another site's
 * address in a link that somebody sent, is ignored.
 */
export function safeRedirect(wanted: unknown): string | undefined {
  if (typeof wanted !== "string" || wanted.length > 2000) return undefined;
  let url: URL;
  try {
    url = new URL(wanted, window.location.origin);
  } catch {
    return undefined;
  }
  const isOurs = url.origin === window.location.origin && wanted.startsWith("/") && !wanted.startsWith("//");
  const isWorkspace = /^\/(app|platform)(\/|$)/.test(url.pathname);
  return isOurs && isWorkspace ? url.pathname + url.search : undefined;
}

/** Whether somebody with this home may be sent there: staff to the workspace, platform administrators to theirs. */
export function redirectFor(home: string, wanted: unknown): string {
  const path = safeRedirect(wanted);
  return path?.startsWith(home) ? path : home;
}
