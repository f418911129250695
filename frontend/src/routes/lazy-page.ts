import { lazyRouteComponent } from "@tanstack/react-router";
import { part } from "@/parts";

/** A page that is loaded when somebody goes there. */
export const lazyPage = ((load: () => Promise<Record<string, unknown>>, name: string) =>
  lazyRouteComponent(() => part(load), name)) as typeof lazyRouteComponent;
