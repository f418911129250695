import { cleanup, screen, waitFor } from "@testing-library/react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Schema } from "@/api/client";
import { hospital, plans } from "@/testing/people";
import { renderAt } from "@/testing/render";
import { http, problem, server } from "@/testing/server";
import { caretIn, digitsOf, expiryTyped, grouped } from "./card";
import { changeSignup, forgetSignup, signupDraft } from "./draft";
import { isOpen, stepFor } from "./steps";

/** A stream of events on which nothing comes. */
function stubEvents(): void {
  vi.stubGlobal(
    "EventSource",
    class {
      addEventListener() {}
      close() {}
    },
  );
}

async function typeCard(user: ReturnType<typeof renderAt>["user"]): Promise<void> {
  await user.type(await screen.findByLabelText("Name on the card"), "Alex Admin");
  await user.type(screen.getByLabelText("Card number"), "4111111111111111");
  await user.type(screen.getByLabelText("Expiry date"), "1230");
}

describe("a card as it is typed or pasted", () => {
  it("stands in groups of four", () => {
    expect(grouped("4111-1111 1111\t1111")).toBe("4111 1111 1111 1111");
    expect(grouped("41x1")).toBe("411");
    expect(digitsOf(grouped("4111111111111111"))).toBe("4111111111111111");
  });

  it("keeps the caret where somebody mends a digit", () => {
    // The second 1 was taken away, and a 2 typed behind the fifth digit.
    expect(caretIn("1 234", "1234", 1)).toBe(1);
    expect(caretIn("4111 1211 1", "4111 12111", 7)).toBe(7);
    expect(caretIn("4111 2", "41112", 5)).toBe(6);
    expect(caretIn("12/3", "123", 3)).toBe(4);
    expect(caretIn("12/30", "1230", 1)).toBe(1);
  });

  it("has its expiry in order", () => {
    expect(["1/", "1/30", " 1 / 30", "1/2030", "01/30"].map(expiryTyped)).toEqual([
      "01/",
      "01/30",
      "01/30",
      "01/2030",
      "01/30",
    ]);
    expect(["1", "12", "12/", "123", "1230", "12/2030"].map(expiryTyped)).toEqual([
      "1",
      "12",
      "12/",
      "12/3",
      "12/30",
      "12/2030",
    ]);
  });
});

describe("the steps", () => {
  const details = { organization_name: "Mercy", organization_email: "a@b.example", organization_phone: "+1-555-0100" };

  it("open one after another", () => {
    expect(stepFor("complete", {})).toBe("plan");
    expect(stepFor("complete", { planId: "starter" })).toBe("details");
    expect(stepFor("complete", { planId: "starter", details })).toBe("payment");
    expect(stepFor("complete", { planId: "starter", details, isReady: true })).toBe("complete");
  });

  it("do not lead back before what was paid for", () => {
    expect(isOpen("plan", { planId: "starter", details, isReady: true })).toBe(false);
    expect(stepFor("team", { planId: "starter", details, isReady: true, isComplete: true })).toBe("complete");
  });
});

describe("a sign-up that is done", () => {
  beforeEach(() => {
    server.use(
      http.get("/plans", ({ response }) => response(200).json({ plans })),
      http.get("/me", () => problem("unauthenticated", 401)),
    );
    forgetSignup();
    changeSignup({ planId: "starter", isReady: true, isComplete: true });
  });

  it("is shown again to whoever loads its page anew", async () => {
    const { router } = renderAt("/signup/complete");
    await waitFor(() => expect(router.state.location.pathname).toBe("/signup/complete"));
    expect(signupDraft().isComplete).toBe(true);
  });

  it("is over for whoever begins another one, not for whoever passes the link", async () => {
    const { user, router } = renderAt("/");
    const door = await screen.findByRole("link", { name: /New Hospital Signup/ });
    await user.hover(door);
    await new Promise((later) => setTimeout(later, 200));
    expect(signupDraft().isComplete).toBe(true);
    await user.click(door);
    expect(await screen.findByRole("radio", { name: /Professional/ })).toBeTruthy();
    expect(router.state.location.pathname).toBe("/signup/plan");
    expect(signupDraft()).toEqual({});
  });

  it("is forgotten with the sign-out", async () => {
    server.use(http.post("/logout", ({ response }) => response(204).empty()));
    const { session } = renderAt("/");
    await session.signOut();
    expect(signupDraft()).toEqual({});
    expect(sessionStorage.getItem("chakravue.signup")).toBeNull();
  });
});

describe("the payment", () => {
  beforeEach(() => {
    forgetSignup();
    changeSignup({
      planId: "starter",
      details: { organization_name: "Mercy", organization_email: "a@b.example", organization_phone: "+1-555-0100" },
    });
  });

  it("signs up and pays with keys that stay the same until there is an answer", async () => {
    const signups: (string | null)[] = [];
    const payments: (string | null)[] = [];
    stubEvents();
    server.use(
      http.get("/plans", ({ response }) => response(200).json({ plans })),
      http.get("/organization/{org_id}/provisioning", ({ response }) =>
        response(200).json({
          organization_id: hospital.organization_id,
          status: "pending_payment",
          ready: false,
          message: "",
          steps: [],
        }),
      ),
      http.post("/signup", ({ request, response }) => {
        signups.push(request.headers.get("Idempotency-Key"));
        if (signups.length === 1) return problem("operator-unavailable", 503, {}, { "Retry-After": "0" });
        return response(201).json({
          ...hospital,
          plan: plans[0] as Schema<"Plan">,
          setup_token: "cset_secret",
          setup_expires_at: "2030-01-01T00:00:00Z",
          created_at: "2026-11-01T00:00:00Z",
          status: "pending_payment",
        });
      }),
      http.post("/process-payment", ({ request }) => {
        payments.push(request.headers.get("Idempotency-Key"));
        if (payments.length === 1) return problem("overloaded", 503, {}, { "Retry-After": "0" });
        const declined = { code: "payment_failed", detail: "It was declined." };
        return problem("payment-declined", 402, {
          errors: [
            payments.length === 2
              ? { ...declined, pointer: "/card_number", failure: "card_declined" }
              : { ...declined, pointer: "/card_cvc", failure: "incorrect_cvc" },
          ],
        });
      }),
    );
    const { user } = renderAt("/signup/payment");
    await typeCard(user);
    const pay = async () => {
      await user.clear(screen.getByLabelText("Security code"));
      await user.type(screen.getByLabelText("Security code"), "123");
      await user.click(await screen.findByRole("button", { name: "Pay $99" }));
    };
    await pay();
    await screen.findByRole("alert");
    await pay();
    await waitFor(() => expect(payments).toHaveLength(1));
    await pay();
    expect(await screen.findByText(/^The card was declined/)).toBeTruthy();
    await pay();
    await waitFor(() => expect(payments).toHaveLength(3));
    // At the code, which is asked for anew, and nowhere else.
    expect(await screen.findByText(/^The card's security code is not right/)).toBeTruthy();
    expect(screen.getByLabelText("Security code").getAttribute("aria-invalid")).toBe("true");
    expect(screen.queryByRole("alert")).toBeNull();
    expect(signups[0]).toBe(signups[1]);
    expect(signups).toHaveLength(2);
    expect(payments[0]).toBe(payments[1]);
    // What was declined is decided: the next attempt is another payment.
    expect(payments[2]).not.toBe(payments[1]);
    expect(sessionStorage.getItem("chakravue.signup")).not.toMatch(/cset_|4111/);
  });
});

describe("a hospital that is signed up and not paid", () => {
  const details = { organization_name: "Mercy", organization_email: "a@b.example", organization_phone: "+1-555-0100" };
  const [starter, professional] = plans as [Schema<"Plan">, Schema<"Plan">];
  const { organization_id } = hospital;
  const signup = { organization_id, organization_name: "Mercy", database_name: "mercy", plan: starter, details };

  it("gets another plan when another is chosen, and is not signed up a second time", async () => {
    forgetSignup();
    changeSignup({ planId: professional.plan_id, details, typed: details, signup });
    stubEvents();
    const sent: unknown[] = [];
    server.use(
      http.get("/plans", ({ response }) => response(200).json({ plans })),
      http.get("/organization/{org_id}/provisioning", ({ response }) =>
        response(200).json({ organization_id, status: "pending_payment", ready: false, message: "", steps: [] }),
      ),
      http.post("/organization/{org_id}/plan", async ({ request, response }) => {
        sent.push(await request.json());
        return response(200).json({ ...hospital, plan: professional });
      }),
      http.post("/process-payment", async ({ request }) => {
        sent.push(((await request.json()) as { amount: number }).amount);
        return problem("payment-declined", 402, {
          errors: [
            { pointer: "/card_number", code: "payment_failed", failure: "card_declined", detail: "It was declined." },
          ],
        });
      }),
    );
    const { user } = renderAt("/signup/payment");
    await typeCard(user);
    await user.type(screen.getByLabelText("Security code"), "123");
    expect(screen.queryByText(/signed Mercy up before/)).toBeNull();
    await user.click(await screen.findByRole("button", { name: "Pay $299" }));
    expect(await screen.findByText(/^The card was declined/)).toBeTruthy();
    expect(sent).toEqual([{ plan_id: "professional" }, 299]);
    expect(signupDraft().signup?.plan.plan_id).toBe("professional");
  });

  it("keeps its name: that another is signed up is said before", async () => {
    forgetSignup();
    changeSignup({ planId: "starter", details: { ...details, organization_name: "Grace" }, typed: details, signup });
    stubEvents();
    server.use(http.get("/plans", ({ response }) => response(200).json({ plans })));
    renderAt("/signup/plan");
    expect(await screen.findByText(/You have signed Mercy up before/)).toBeTruthy();
  });
});

it("shows what the server refuses of the details where they are typed", async () => {
  forgetSignup();
  changeSignup({
    planId: "starter",
    typed: { organization_name: "Mercy", organization_email: "a@b.example", organization_phone: "+1-555-0100" },
    details: { organization_name: "Mercy", organization_email: "a@b.example", organization_phone: "+1-555-0100" },
  });
  server.use(
    http.get("/plans", ({ response }) => response(200).json({ plans })),
    http.get("/signup/database-name", ({ response }) => response(200).json({ database_name: "mercy" })),
    http.post("/signup", () =>
      problem("invalid", 422, {
        errors: [{ pointer: "/organization_email", code: "invalid_email", detail: "must be an address" }],
      }),
    ),
  );
  const { user } = renderAt("/signup/payment");
  await typeCard(user);
  await user.type(screen.getByLabelText("Security code"), "123");
  await user.click(await screen.findByRole("button", { name: "Pay $99" }));
  expect(await screen.findByText(/^Enter an e-mail address such as .* 254/)).toBeTruthy();
  expect(document.activeElement).toBe(screen.getByLabelText("E-mail address"));
});

describe("what a reload must not lose or show wrongly", () => {
  const details = { organization_name: "Mercy", organization_email: "a@b.example", organization_phone: "+1-555-0100" };
  const signup = {
    organization_id: hospital.organization_id,
    organization_name: "Mercy",
    database_name: "mercy",
    plan: hospital.plan,
    details,
  };

  beforeEach(() => {
    forgetSignup();
    stubEvents();
    server.use(
      http.get("/plans", ({ response }) => response(200).json({ plans })),
      http.get("/roles", ({ response }) => response(200).json({ roles: [] })),
    );
  });

  it("is the name of the database that the hospital has, as long as it is called so", async () => {
    changeSignup({ planId: "starter", typed: details, details, signup });
    server.use(
      http.get("/signup/database-name", ({ query, response }) =>
        response(200).json({ database_name: query.get("organization_name") === "Mercy" ? "mercy_2" : "mercy_east" }),
      ),
    );
    const { user } = renderAt("/signup/details");
    expect(await screen.findByText("mercy")).toBeTruthy();
    await user.type(screen.getByLabelText("Hospital name"), " East");
    expect(await screen.findByText("mercy_east")).toBeTruthy();
  });

  it("is how far the hospital is: without an answer nobody is asked for a card", async () => {
    changeSignup({ planId: "starter", typed: details, details, signup });
    let isAway = true;
    server.use(
      http.get("/organization/{org_id}/provisioning", ({ response }) => {
        if (isAway) return problem("internal", 500);
        return response(200).json({
          organization_id: hospital.organization_id,
          status: "active",
          ready: true,
          message: "",
          steps: [],
        });
      }),
    );
    const { user } = renderAt("/signup/payment");
    expect((await screen.findByRole("alert")).textContent).toContain("This cannot be shown right now");
    expect(screen.queryByLabelText("Card number")).toBeNull();
    isAway = false;
    await user.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByText("Your hospital is ready.")).toBeTruthy();
    expect(screen.getByText("Your payment was received.")).toBeTruthy();
    expect(screen.queryByText(/is being set up/)).toBeNull();
  });

  it("is who is about to be invited, and that the seats could not be read", async () => {
    changeSignup({ planId: "starter", details, signup, isReady: true });
    server.use(http.get("/organization/{org_id}", () => problem("internal", 500)));
    const { user } = renderAt("/signup/team");
    await user.type(await screen.findByLabelText("E-mail address"), "opd@mercy.example");
    await user.selectOptions(screen.getByLabelText("Role"), "OPD");
    await user.type(screen.getByLabelText(/^Name/), "Olive");
    expect(signupDraft().invitee).toEqual({ email: "opd@mercy.example", role: "OPD", name: "Olive" });
    expect(await screen.findByRole("button", { name: "Try again" })).toBeTruthy();
    cleanup();
    renderAt("/signup/team");
    expect(await screen.findByLabelText("E-mail address")).toHaveProperty("value", "opd@mercy.example");
    // What is said of the role, as happy-dom shows the first one of a list that React has filled.
    expect(screen.getByText(/^Runs the outpatient department/)).toBeTruthy();
  });

  it("is what the administrator is called, and never their password", async () => {
    changeSignup({ planId: "starter", details, signup, isReady: true });
    const { user } = renderAt("/signup/complete");
    await user.type(await screen.findByLabelText(/^Your name/), "Alex Admin");
    await user.type(screen.getByLabelText("New password"), "violet tractors sing at noon");
    const kept = sessionStorage.getItem("chakravue.signup");
    expect(kept).toContain("Alex Admin");
    expect(kept).not.toContain("violet");
  });
});
