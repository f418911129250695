import { useState } from "react";

/**
 * The token of a link, which stands behind the `#`. It is taken out of the address at once, so that it is in no history and
 * on no screen that somebody shares; until the page is left it is kept in memory.
 */
export function useLinkToken(): string {
  const [token] = useState(() => new URLSearchParams(window.location.hash.slice(1)).get("token") ?? taken());
  if (token && window.location.hash) {
    remembered = { path: window.location.pathname, token };
    window.history.replaceState(window.history.state, "", window.location.pathname + window.location.search);
  }
  return token;
}

let remembered = { path: "", token: "" };

/** The same page may be mounted twice, the second time with the token gone from the address. */
function taken(): string {
  return remembered.path === window.location.pathname ? remembered.token : "";
}
