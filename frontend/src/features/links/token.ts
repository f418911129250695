import { useLocation } from "@tanstack/react-router";
import { useEffect } from "react";

/**
 * The token of a link, which stands behind the `#`. It is taken out of the address at once, so that it is in no history and
 * on no screen that somebody shares; until the page is left it is kept in memory. Another link may be opened in the same tab.
 */
export function useLinkToken(): string {
  const { pathname, hash } = useLocation();
  const inAddress = new URLSearchParams(hash).get("token") ?? "";
  const token = inAddress || taken(pathname);
  useEffect(() => {
    if (!inAddress) return;
    remembered = { path: pathname, token: inAddress };
    window.history.replaceState(window.history.state, "", pathname + window.location.search);
  }, [inAddress, pathname]);
  return token;
}

let remembered = { path: "", token: "" };

/** Once it is gone from the address. */
function taken(path: string): string {
  return remembered.path === path ? remembered.token : "";
}
