import type { QueryClient } from "@tanstack/react-query";
import { answer, api, listenToAnswers, type Schema } from "@/api/client";
import { isProblem } from "@/api/problem";
import { forgetDrafts, holdDrafts, releaseDrafts } from "@/components/form/drafts";
import { forgetSignup } from "@/features/signup/draft";
import { type Me, meQuery } from "./me";
import { rememberHospital } from "./remembered-hospital";

/** Why the pages of somebody who is signed in are left. */
export type Ending = "signed-out" | "ended";

/** What the tabs of one browser tell each other. They share the session's cookie, so they must share its end. */
type Message =
  | { kind: "signed-in"; userId: string }
  | { kind: "signed-out" }
  /** The session was used, and so lasts in every tab. */
  | { kind: "contact"; userId: string; at: number };

/** Not of each request the other tabs have to hear. */
const TELL_EVERY = 2000;

/** How long a session lasts without a request, and when the last one was. */
interface Clock {
  idle: number;
  lastContact: number;
  expires: number;
}

/** The session of this browser: begins, is kept alive, and ends, in every tab at once. */
export class BrowserSession {
  private readonly channel = new BroadcastChannel("chakravue.session");
  private clock: Clock | null = null;
  private readonly listeners = new Set<() => void>();
  private userId: string | null = null;
  private lastTold = 0;
  /** The hospital's subscription was suspended during the work. */
  private suspended = false;
  /** Somebody wants to leave, and the server, which alone can end a session, could not be told. */
  private signOutStuck = false;
  private leave: (ending: Ending) => void = () => {};

  constructor(private readonly queries: QueryClient) {
    listenToAnswers({
      answered: (response) => this.heard(response),
      failed: ({ kind }) => {
        if (kind === "unauthenticated") this.ended();
        if (kind === "subscription-suspended") this.suspend();
      },
    });
    this.channel.onmessage = ({ data }: MessageEvent<Message>) => {
      // Another tab has ended this tab's session, or has put another one in its place.
      if (this.userId === null) return;
      if (data.kind === "contact") {
        if (data.userId === this.userId) this.hadContact(data.at);
        return;
      }
      if (data.kind === "signed-out" || data.userId !== this.userId) this.close("signed-out");
    };
    queries.getQueryCache().subscribe((event) => {
      if (event.type !== "updated" || event.action.type !== "success" || event.query.queryKey[0] !== "me") return;
      this.adopt(event.query.state.data as Me);
    });
  }

  /** Says how the pages are left. */
  onLeave(leave: (ending: Ending) => void): void {
    this.leave = leave;
  }

  /** Somebody has just signed in here. */
  begin(user: Schema<"SignedInUser">): void {
    this.become(user.user_id);
    this.queries.clear();
    this.suspended = false;
    this.channel.postMessage({ kind: "signed-in", userId: user.user_id } satisfies Message);
  }

  async signOut(): Promise<void> {
    try {
      await answer(api.POST("/logout"));
    } catch (error) {
      // The cookie is still good then, for whoever sits down here next.
      if (isProblem(error) && error.isUndecided) {
        holdDrafts();
        this.signOutStuck = true;
        this.tell();
        return;
      }
      // Any other answer, such as that the session is over, leaves nothing to end.
    }
    this.channel.postMessage({ kind: "signed-out" } satisfies Message);
    forgetDrafts();
    this.close("signed-out");
  }

  /** The server does not know the session any more. What was typed is kept for the same user. */
  ended(): void {
    if (this.clock === null) return;
    holdDrafts();
    this.close("ended");
  }

  private close(ending: Ending): void {
    this.clock = null;
    this.suspended = false;
    this.signOutStuck = false;
    // The user stays known after an end by itself, so that what they typed is given back to nobody else.
    if (ending === "signed-out") {
      this.userId = null;
      forgetSignup();
    }
    this.leave(ending);
    this.queries.clear();
    this.tell();
  }

  /** What somebody has typed is given back to them, and to nobody else. */
  private become(userId: string): void {
    if (userId !== this.userId) forgetDrafts();
    releaseDrafts();
    this.userId = userId;
  }

  private adopt({ user, lasts }: Me): void {
    this.become(user.user_id);
    if (user.organization_id && user.organization_name) {
      rememberHospital({ organizationId: user.organization_id, organizationName: user.organization_name });
    }
    const now = Date.now();
    this.clock = { idle: lasts.idle, lastContact: now, expires: now + lasts.absolute };
    this.tell();
  }

  private heard(response: Response): void {
    if (!this.clock || !response.ok) return;
    const at = Date.now();
    this.hadContact(at);
    if (this.userId === null || at - this.lastTold < TELL_EVERY) return;
    this.lastTold = at;
    this.channel.postMessage({ kind: "contact", userId: this.userId, at } satisfies Message);
  }

  private hadContact(at: number): void {
    if (!this.clock || at <= this.clock.lastContact) return;
    this.clock = { ...this.clock, lastContact: at };
    this.tell();
  }

  /** When the session ends if nothing more is asked; `null` when nobody is signed in. */
  endsAt = (): number | null => {
    if (!this.clock) return null;
    return Math.min(this.clock.lastContact + this.clock.idle, this.clock.expires);
  };

  /** Whether what ends the session is that it has lasted as long as one may: nothing prolongs it then. */
  endsForGood = (): boolean => {
    return this.clock !== null && this.clock.expires <= this.clock.lastContact + this.clock.idle;
  };

  /** Whether so much of the idle time has passed that somebody who works without requests should make one. */
  needsContact(): boolean {
    return this.clock !== null && Date.now() - this.clock.lastContact > this.clock.idle / 3;
  }

  private suspend(): void {
    if (this.userId === null) return;
    holdDrafts();
    this.suspended = true;
    this.tell();
  }

  isSignOutStuck = (): boolean => this.signOutStuck;

  /** Works on after all. */
  stay(): void {
    releaseDrafts();
    this.signOutStuck = false;
    this.tell();
  }

  isSuspended = (): boolean => this.suspended;

  async extend(): Promise<void> {
    await this.queries.fetchQuery({ ...meQuery, staleTime: 0 });
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}
