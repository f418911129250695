//! `POST /process-payment`: takes the money, makes the hospital active, and waits until it is ready.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chakravue_crds::{
    organization::{Phase, Subscription},
    organization_id::OrganizationId,
    plans::Plan,
};
use garde::Validate;
use jiff::Timestamp;
use kube::ResourceExt as _;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access::{first_administrators, identity::MemberOrSetup, permissions::may},
    data::audit::Actor,
    endpoints::plans::PlanView,
    hospitals::{Hospital, is_ready, phase_of},
    http::{
        flaw::Flaw,
        idempotency::{self, Answers, Repeatable, RequestKey, Sender},
        problem::{A_MOMENT, Answer, Kind, Problem},
    },
    state::App,
    subscription::payments::{
        Attempt,
        cards::{CardCode, CardExpiry, CardNumber, CardSummary},
        failure::Failure,
        ledger::{NewPayment, Payment, PaymentStatus},
        provider::Instrument,
        test_cards,
    },
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(process_payment))
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct ProcessPayment {
    #[garde(length(bytes, max = 64))]
    #[schema(example = "org_01jd0000000000000000000000")]
    organization_id: String,
    /// With the provider for test cards: one of its numbers. Never stored.
    #[schema(value_type = Option<String>, example = "4111111111111111")]
    card_number: Option<CardNumber>,
    /// `MM/YY`.
    #[schema(value_type = Option<String>, example = "12/30")]
    card_expiry: Option<CardExpiry>,
    /// Three or four digits. Never stored.
    #[schema(value_type = Option<String>, example = "123")]
    card_cvc: Option<CardCode>,
    /// The name on the card.
    #[garde(length(chars, max = 200))]
    #[schema(max_length = 200)]
    card_name: Option<String>,
    /// With Stripe, in place of the card: what its form in the browser made of it.
    #[garde(length(bytes, min = 1, max = 255))]
    payment_method: Option<String>,
    /// The price of the plan, in US dollars.
    #[schema(value_type = f64, example = 299)]
    amount: serde_json::Number,
}

impl ProcessPayment {
    fn into_instrument(self, now: Timestamp) -> Answer<Instrument> {
        match (self.card_number, self.payment_method) {
            (Some(number), None) => {
                if self.card_expiry.is_some_and(|expiry| expiry.is_past(now)) {
                    return Err(Problem::invalid("/card_expiry", Flaw::CardExpired));
                }
                Ok(Instrument::Card { number, expiry: self.card_expiry, code: self.card_cvc })
            }
            (None, Some(payment_method)) => Ok(Instrument::PaymentMethod(payment_method)),
            (Some(_), Some(_)) => {
                Err(Problem::invalid("/payment_method", Flaw::NotBeside { field: "card_number".to_owned() }))
            }
            (None, None) => Err(Problem::invalid("/card_number", Flaw::Required)),
        }
    }
}

/// How far the payment has come.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Progress {
    /// Paid, and the hospital can be used.
    Active,
    /// Paid; the hospital is being made.
    Provisioning,
    /// The bank decides later.
    PaymentPending,
    /// The card's owner has to confirm the payment in the browser, with `client_secret`.
    ActionRequired,
}

#[derive(Serialize, ToSchema)]
struct PaymentAnswer {
    status: Progress,
    #[schema(value_type = String)]
    organization_id: OrganizationId,
    database_name: Option<String>,
    /// The collections of the database that are in place.
    collections: Vec<String>,
    payment_id: String,
    amount: i64,
    currency: String,
    plan: PlanView,
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<CardSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

/// Pays the first month and makes the hospital active.
///
/// Waits until the hospital can be used; where that takes longer, the answer is 202 and `Location` says where to look. A
/// hospital is charged once, however often this is sent.
#[utoipa::path(
    post, path = "/process-payment", tag = "signup",
    description = format!("Waits until the hospital can be used; where that takes longer, the answer is 202 and `Location` \
        says where to look. A hospital is charged once, however often this is sent.\n\n{}", test_cards::DESCRIPTION),
    security(("bearer" = []), ("cookie" = []), ("setup" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = idempotency::DESCRIPTION, pattern = "^[!-~]{1,255}$")),
    request_body = ProcessPayment,
    responses(
        (status = 200, description = "Paid, and the hospital can be used", body = PaymentAnswer),
        (status = 202, description = "Paid and being made, or not decided yet", body = PaymentAnswer,
            headers(("Location" = String, description = "Where to see how far the hospital is"))),
        (status = 402, description = "The card was declined; `code` says why"),
        (status = 409, description = "The hospital is paid for, or another payment of it is under way"),
        (status = 422, description = "A field is not right, such as the amount"),
        (status = 429, description = "Too many attempts to pay for this hospital"),
    ),
    extensions(("x-permission" = json!("subscription.manage"))),
)]
async fn process_payment(
    State(app): State<App>,
    payer: MemberOrSetup<may::ManageSubscription>,
    Repeatable { body, repetition }: Repeatable<ProcessPayment>,
) -> Answer<Response> {
    if body.organization_id != payer.organization_id.as_str() {
        return Err(Problem::not_found());
    }
    let sender = payer.sender();
    let service = app.clone();
    let work =
        move |attempt: idempotency::Attempt| pay(service, payer.organization_id, payer.actor, body, attempt.request);
    app.idempotency.run(repetition, Sender::Known(&sender), "process-payment", Answers::Kept, work).await
}

async fn pay(
    app: App,
    organization_id: OrganizationId,
    actor: Actor,
    body: ProcessPayment,
    request_key: RequestKey,
) -> Answer<Response> {
    app.limits.payment(&organization_id)?;
    let hospital = app.hospitals.find(&organization_id)?;
    let plan = hospital.spec.plan;
    let sent = Sent::new(&body);
    check_amount(&body.amount, plan)?;
    let instrument = body.into_instrument(app.clock.now())?;
    app.payments.accept(&instrument)?;
    let new = NewPayment { organization_id, plan, request_key };
    check_subscription(&app, &hospital, &new).await?;

    let Attempt { payment, client_secret } = app.payments.pay(&new, &instrument, &actor).await?;
    match payment.status {
        PaymentStatus::Succeeded => {}
        PaymentStatus::Failed => return Err(declined(&payment, &sent)),
        PaymentStatus::Pending => return Ok(undecided(&hospital, payment, Progress::PaymentPending, None)),
        PaymentStatus::ActionRequired => {
            let client_secret = client_secret.map(|secret| secret.expose_secret().to_owned());
            return Ok(undecided(&hospital, payment, Progress::ActionRequired, client_secret));
        }
    }
    let hospital = app.payments.activate(&app.hospitals, &payment, &actor).await?;
    let decided = |hospital: &Hospital| is_usable(hospital) || phase_of(hospital) == Phase::Failed;
    let hospital = match app.hospitals.wait_until(&hospital.name_any(), app.settings.payment_wait, decided).await {
        Ok(hospital) => hospital,
        Err(not_yet) => not_yet.last_seen.unwrap_or(hospital),
    };
    if is_usable(&hospital) {
        // So that the person who goes on with the setup token finds the account. It is made all the same if this fails.
        if let Err(problem) = first_administrators::ensure(&app, &hospital).await {
            tracing::warn!(problem = problem.kind().slug(), "a paid hospital has no administrator yet");
        }
        return Ok(Json(answer(&hospital, payment, Progress::Active, None)).into_response());
    }
    Ok(undecided(&hospital, payment, Progress::Provisioning, None))
}

fn is_usable(hospital: &Hospital) -> bool {
    is_ready(hospital) && phase_of(hospital) == Phase::Active
}

/// Prices come from the catalogue; what the client sends must be what it was shown.
fn check_amount(sent: &serde_json::Number, plan: Plan) -> Answer<()> {
    let price = plan.monthly_price_usd();
    let half_a_cent = 0.005;
    let right = i32::try_from(price)
        .is_ok_and(|price| sent.as_f64().is_some_and(|sent| (sent - f64::from(price)).abs() < half_a_cent));
    if right {
        return Ok(());
    }
    Err(Problem::invalid("/amount", Flaw::WrongPrice { price, plan: plan.name().to_owned() }))
}

/// Before anything is charged: the hospital waits for a payment, and the API will be able to make it active.
async fn check_subscription(app: &App, hospital: &Hospital, new: &NewPayment) -> Answer<()> {
    let paid = || Problem::new(Kind::AlreadyPaid, "This hospital is active. Nothing more was charged.");
    match hospital.spec.subscription {
        Subscription::PendingPayment => {
            app.hospitals.check_subscription(&new.organization_id, Subscription::Active).await
        }
        Subscription::Suspended => Err(Problem::new(
            Kind::SubscriptionSuspended,
            "The hospital's subscription is suspended. Settle that with the platform; nothing was charged.",
        )),
        Subscription::Active => {
            if app.payments.ledger().of_request(&new.request_key).await?.is_some() {
                return Ok(());
            }
            // Paid a moment ago, by a request that is still waiting or whose answer was lost: this one waits with it.
            let payment = app.payments.ledger().open_or_paid_of(&new.organization_id).await?;
            if payment.is_some() && !is_usable(hospital) { Ok(()) } else { Err(paid()) }
        }
    }
}

/// What of a card the client sent.
struct Sent {
    number: bool,
    expiry: bool,
    code: bool,
}

impl Sent {
    fn new(body: &ProcessPayment) -> Self {
        Self { number: body.card_number.is_some(), expiry: body.card_expiry.is_some(), code: body.card_cvc.is_some() }
    }

    /// The field that has to be mended after this failure.
    fn pointer(&self, failure: Failure) -> &'static str {
        match failure {
            _ if !self.number => "/payment_method",
            Failure::ExpiredCard if self.expiry => "/card_expiry",
            Failure::IncorrectCvc if self.code => "/card_cvc",
            _ => "/card_number",
        }
    }
}

fn declined(payment: &Payment, sent: &Sent) -> Problem {
    let failure = payment.failure.unwrap_or(Failure::CardDeclined);
    let problem = Problem::new(Kind::PaymentDeclined, failure.advice())
        .field(sent.pointer(failure), Flaw::PaymentFailed { failure })
        .with("code", failure.code())
        .with("payment_id", payment.id.as_str());
    match failure {
        // It was given up, and a repetition begins another.
        Failure::Canceled | Failure::Interrupted => problem.retry_after(A_MOMENT),
        _ => problem,
    }
}

fn undecided(hospital: &Hospital, payment: Payment, status: Progress, client_secret: Option<String>) -> Response {
    let location = format!("/organization/{}/provisioning", payment.organization_id);
    let mut response = (StatusCode::ACCEPTED, Json(answer(hospital, payment, status, client_secret))).into_response();
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn answer(hospital: &Hospital, payment: Payment, status: Progress, client_secret: Option<String>) -> PaymentAnswer {
    let seen = hospital.status.as_ref();
    let claimed = seen.and_then(|status| status.database_name.clone());
    let wanted = || hospital.wanted_database().ok().map(|name| name.to_string());
    PaymentAnswer {
        status,
        organization_id: payment.organization_id,
        database_name: claimed.or_else(wanted),
        collections: seen.map(|s| s.collections.iter().map(|c| c.name.clone()).collect()).unwrap_or_default(),
        payment_id: payment.id.to_string(),
        amount: payment.amount,
        currency: payment.currency,
        plan: payment.plan.into(),
        card: payment.card,
        client_secret,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::extract;

    fn request(more: serde_json::Value) -> Answer<ProcessPayment> {
        let mut body = json!({ "organization_id": "org_x", "amount": 299 });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        extract::parse(body.to_string().as_bytes())
    }

    fn pointer(problem: &Problem) -> &str {
        problem.errors()[0].pointer.as_deref().unwrap()
    }

    #[test]
    fn the_amount_is_the_price_of_the_plan() {
        for (sent, plan) in [("299", Plan::Professional), ("299.0", Plan::Professional), ("99.00", Plan::Starter)] {
            assert!(check_amount(&serde_json::from_str(sent).unwrap(), plan).is_ok(), "{sent}");
        }
        for sent in ["0", "-299", "298.99", "300", "29900", "1e300"] {
            let problem = check_amount(&serde_json::from_str(sent).unwrap(), Plan::Professional).unwrap_err();
            assert_eq!(pointer(&problem), "/amount");
            assert!(problem.errors()[0].detail.contains("must be 299"), "{sent}");
        }
    }

    #[test]
    fn one_card_or_one_payment_method_is_needed() {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let instrument = |more| request(more).and_then(|request| request.into_instrument(now));
        let refused = |more| instrument(more).err().unwrap();
        assert!(matches!(instrument(json!({ "card_number": "4111111111111111" })), Ok(Instrument::Card { .. })));
        assert!(matches!(instrument(json!({ "payment_method": "pm_x" })), Ok(Instrument::PaymentMethod(_))));
        assert_eq!(pointer(&refused(json!({}))), "/card_number");
        let both = json!({ "card_number": "4111111111111111", "payment_method": "pm_x" });
        assert_eq!(pointer(&refused(both)), "/payment_method");
        let expired = json!({ "card_number": "4111111111111111", "card_expiry": "12/25" });
        assert_eq!(pointer(&refused(expired)), "/card_expiry");
    }

    #[test]
    fn a_failure_points_at_the_field_that_has_to_be_mended() {
        let card = json!({ "card_number": "4111111111111111", "card_expiry": "12/30", "card_cvc": "123" });
        let number = json!({ "card_number": "4111111111111111" });
        let method = json!({ "payment_method": "pm_x" });
        for (sent, failure, pointer) in [
            (&card, Failure::IncorrectCvc, "/card_cvc"),
            (&card, Failure::ExpiredCard, "/card_expiry"),
            (&card, Failure::CardDeclined, "/card_number"),
            (&number, Failure::IncorrectCvc, "/card_number"),
            (&number, Failure::ExpiredCard, "/card_number"),
            (&method, Failure::ExpiredCard, "/payment_method"),
        ] {
            assert_eq!(Sent::new(&request(sent.clone()).unwrap()).pointer(failure), pointer, "{failure:?}");
        }
    }

    #[test]
    fn the_name_on_the_card_is_counted_in_characters() {
        let named = |count| request(json!({ "card_number": "4111111111111111", "card_name": "é".repeat(count) }));
        assert!(named(200).is_ok());
        assert_eq!(pointer(&named(201).err().unwrap()), "/card_name");
    }

    #[test]
    fn unknown_fields_are_refused_and_no_card_is_repeated() {
        for (more, at) in [
            (json!({ "card_number": "4111111111111112" }), "/card_number"),
            (json!({ "card_number": "4111111111111111", "card_cvc": "98765" }), "/card_cvc"),
            (json!({ "card_number": "4111111111111111", "plan": "starter" }), "/plan"),
            (json!({ "card_number": "4111111111111111", "amount": "299" }), "/amount"),
        ] {
            let problem = request(more).err().unwrap();
            assert_eq!(pointer(&problem), at);
            assert!(!format!("{problem:?}").contains("4111") && !format!("{problem:?}").contains("98765"));
        }
    }
}
