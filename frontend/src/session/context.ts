import { createContext, use } from "react";
import type { BrowserSession } from "./session";

export const SessionContext = createContext<BrowserSession | null>(null);

export function useSession(): BrowserSession {
  const session = use(SessionContext);
  if (!session) throw new Error("there is no session around this component");
  return session;
}
