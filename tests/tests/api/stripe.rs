//! Paying with Stripe. Every request goes to the mock that Stripe publishes, which checks it against Stripe's own OpenAPI
//! document; since that mock keeps nothing, a desk in front of it remembers what became of each charge.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use chakravue_testbed::{ApiClient, ApiOptions, Reply, StripeMock};
use hmac::{Hmac, KeyInit as _, Mac as _};
use mongodb::bson::{DateTime, Document, doc};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{net::TcpListener, task::AbortHandle};

use crate::support::{Signup, Stack, eventually};

const PAY: &str = "/process-payment";
const WEBHOOK: &str = "/stripe/webhook";
const SECRET_KEY: &str = "sk_test_51marker";
const WEBHOOK_SECRET: &str = "whsec_marker";

/// What a payment method does, by its name.
const GOOD: &str = "pm_card_visa";
const POOR: &str = "pm_card_visa_chargeDeclinedInsufficientFunds";
const SLOW: &str = "pm_card_bypassPending";
const ASKS_THE_OWNER: &str = "pm_card_authenticationRequired";
/// Is charged, but the connection breaks before the answer.
const ANSWER_LOST: &str = "pm_card_answerLost";

/// The desk in front of stripe-mock.
struct Desk {
    url: String,
    charges: Arc<Charges>,
    server: AbortHandle,
    _mock: StripeMock,
}

struct Charges {
    mock: String,
    http: reqwest::Client,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    /// The status of each PaymentIntent.
    intents: BTreeMap<String, &'static str>,
    /// The PaymentIntent of each Idempotency-Key.
    opened: BTreeMap<String, String>,
    /// Which were charged, in order: whoever is charged twice is here twice.
    taken: Vec<String>,
    looked_up: usize,
    /// The keys of the service are not accepted.
    closed: bool,
    /// Whoever asks what became of a charge gets no answer.
    asleep: bool,
}

impl Desk {
    async fn open(stack: &chakravue_testbed::Sandbox) -> Self {
        let mock = StripeMock::start(stack).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let charges = Arc::new(Charges { mock: mock.url(), http, books: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(charges.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Self { url, charges, server, _mock: mock }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.charges.books()
    }

    fn set(&self, status: &'static str) {
        self.books().intents.values_mut().for_each(|intent| *intent = status);
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Charges {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }
}

async fn answer(
    State(charges): State<Arc<Charges>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert_eq!(headers["authorization"], format!("Bearer {SECRET_KEY}"));
    if charges.books().closed {
        return refusal(StatusCode::UNAUTHORIZED, json!({ "type": "invalid_request_error" }));
    }
    // Whatever Stripe's OpenAPI document does not allow ends here.
    let form = String::from_utf8(body.to_vec()).unwrap();
    let url = format!("{}{}", charges.mock, uri);
    let mut checked = charges.http.request(method.clone(), url).header("authorization", &headers["authorization"]);
    if method == Method::POST {
        assert!(headers.contains_key("idempotency-key"), "Stripe could do {uri} twice");
        checked = checked.header("content-type", "application/x-www-form-urlencoded").body(form.clone());
    }
    let checked = checked.send().await.unwrap();
    let (status, example) = (checked.status(), checked.text().await.unwrap());
    assert!(status.is_success(), "{method} {uri} {form}\n{status}: {example}");
    let example: Value = serde_json::from_str(&example).unwrap();

    let parts: Vec<&str> = uri.path().trim_start_matches("/v1/payment_intents").split('/').skip(1).collect();
    match (&method, parts.as_slice()) {
        (&Method::POST, []) => charges.begin(&headers, &form, example),
        (&Method::POST, [id, "confirm"]) => charges.confirm(id, &form, example),
        (&Method::POST, [id, "cancel"]) => charges.cancel(id, example),
        (&Method::GET, [id]) => {
            charges.books().looked_up += 1;
            if charges.books().asleep {
                std::future::pending::<()>().await;
            }
            charges.show(id, example)
        }
        _ => panic!("{method} {uri} is not used"),
    }
}

fn refusal(status: StatusCode, error: Value) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}

impl Charges {
    fn begin(&self, headers: &HeaderMap, form: &str, example: Value) -> Response {
        assert!(form.contains("amount=9900&currency=usd"), "{form}");
        let key = headers["idempotency-key"].to_str().unwrap().to_owned();
        let id = {
            let mut books = self.books();
            let id = books.opened.entry(key).or_insert_with(|| example["id"].as_str().unwrap().to_owned()).clone();
            books.intents.entry(id.clone()).or_insert("requires_payment_method");
            id
        };
        self.show(&id, example)
    }

    fn confirm(&self, id: &str, form: &str, example: Value) -> Response {
        let method = form.split('&').find_map(|pair| pair.strip_prefix("payment_method=")).unwrap();
        let before = self.books().intents[id];
        if before != "requires_payment_method" {
            return refusal(
                StatusCode::BAD_REQUEST,
                json!({ "type": "invalid_request_error", "code": "payment_intent_unexpected_state" }),
            );
        }
        let after = match method {
            GOOD | ANSWER_LOST => {
                self.books().taken.push(id.to_owned());
                "succeeded"
            }
            SLOW => "processing",
            ASKS_THE_OWNER => "requires_action",
            POOR => {
                let error = json!({
                    "type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds",
                    "payment_method": { "card": { "brand": "visa", "last4": "9995" } },
                });
                return refusal(StatusCode::PAYMENT_REQUIRED, error);
            }
            other => panic!("no such payment method: {other}"),
        };
        self.books().intents.insert(id.to_owned(), after);
        if method == ANSWER_LOST {
            return StatusCode::BAD_GATEWAY.into_response();
        }
        self.show(id, example)
    }

    fn cancel(&self, id: &str, example: Value) -> Response {
        let before = self.books().intents[id];
        if !before.starts_with("requires_") {
            return refusal(
                StatusCode::BAD_REQUEST,
                json!({ "type": "invalid_request_error", "code": "payment_intent_unexpected_state" }),
            );
        }
        self.books().intents.insert(id.to_owned(), "canceled");
        self.show(id, example)
    }

    fn show(&self, id: &str, mut example: Value) -> Response {
        let status = self.books().intents[id];
        example["id"] = json!(id);
        example["status"] = json!(status);
        example["last_payment_error"] = Value::Null;
        example["client_secret"] = json!(format!("{id}_secret_marker"));
        if status == "succeeded" {
            example["latest_charge"]["payment_method_details"]["card"] = json!({ "brand": "visa", "last4": "4242" });
        }
        Json(example).into_response()
    }
}

/// A stack that pays with Stripe.
struct Shop {
    stack: Stack,
    desk: Desk,
}

impl Shop {
    async fn open(label: &str) -> Self {
        Self::with(label, |api| api.setting("payments.settle_every", "10m")).await
    }

    async fn with(label: &str, options: impl FnOnce(ApiOptions) -> ApiOptions) -> Self {
        let sandbox = chakravue_testbed::Sandbox::new(label).await;
        let desk = Desk::open(&sandbox).await;
        let stack = Stack::in_sandbox(sandbox, |api| {
            options(api)
                .setting("payments.provider", "stripe")
                .setting("payments.stripe.secret_key", SECRET_KEY)
                .setting("payments.stripe.webhook_secret", WEBHOOK_SECRET)
                .setting("payments.stripe.api_base", &desk.url)
        })
        .await;
        Self { stack, desk }
    }

    async fn signup(&self, name: &str) -> (Signup, ApiClient) {
        let signup = self.stack.signup(name, "starter").await;
        let payer = self.stack.client().bearer(&signup.setup_token);
        (signup, payer)
    }

    async fn payments(&self, signup: &Signup) -> Vec<Document> {
        let payments = self.stack.master().collection::<Document>("payments");
        let filter = doc! { "organization_id": &signup.organization_id };
        futures::TryStreamExt::try_collect(payments.find(filter).await.unwrap()).await.unwrap()
    }

    async fn events(&self) -> u64 {
        self.stack.master().collection::<Document>("payment_events").count_documents(doc! {}).await.unwrap()
    }

    /// Sends an event as Stripe would.
    async fn event(&self, body: &str) -> Reply {
        let signature = format!("t={},v1={}", now(), signature(WEBHOOK_SECRET, now(), body));
        self.send(&signature, body).await
    }

    async fn send(&self, signature: &str, body: &str) -> Reply {
        let request = self.stack.client().request(reqwest::Method::POST, WEBHOOK);
        let request = request.header("Content-Type", "application/json; charset=utf-8").body(body.to_owned());
        Reply::to(if signature.is_empty() { request } else { request.header("Stripe-Signature", signature) }).await
    }

    async fn close(self) {
        self.stack.close().await;
    }
}

fn payment(signup: &Signup, payment_method: &str) -> Value {
    json!({ "organization_id": signup.organization_id, "payment_method": payment_method, "amount": signup.amount })
}

fn event(id: &str, kind: &str, charge: &str) -> String {
    json!({ "id": id, "object": "event", "type": kind, "data": { "object": { "id": charge, "object": "payment_intent" } } })
        .to_string()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn signature(secret: &str, time: u64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.{body}").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

fn settled_soon(api: ApiOptions) -> ApiOptions {
    api.setting("payments.settle_every", "200ms").setting("payments.look_up_after", "500ms")
}

#[tokio::test]
async fn what_stripe_makes_of_a_card_is_charged_or_declined() {
    let shop = Shop::open("stripe, charged").await;
    let (signup, payer) = shop.signup("Charged").await;
    let problem = payer.post(PAY, &signup.payment("4242424242424242")).await.problem(422, "invalid");
    assert_eq!(problem["errors"][0]["pointer"], "/card_number");
    assert!(shop.payments(&signup).await.is_empty(), "a card number that must not come here was begun with");

    let problem = payer.post(PAY, &payment(&signup, POOR)).await.problem(402, "payment-declined");
    assert_eq!(problem["code"], "insufficient_funds");
    assert_eq!(problem["errors"][0]["pointer"], "/payment_method");
    assert_eq!(shop.desk.books().intents.values().collect::<Vec<_>>(), [&"canceled"], "nobody can confirm it any more");

    let paid = payer.post(PAY, &payment(&signup, GOOD)).await.expect(200);
    assert_eq!(paid["status"], "active");
    assert_eq!(paid["card"], json!({ "brand": "visa", "last4": "4242" }));
    assert_eq!(shop.desk.books().taken.len(), 1);
    let payments = payer.get(&signup.path("/payments")).await.expect(200);
    assert_eq!(payments["items"][0]["provider"], "stripe");
    assert_eq!(payments["items"][1]["card"]["last4"], "9995");
    payer.post(PAY, &payment(&signup, GOOD)).await.problem(409, "already-paid");
    assert_eq!(shop.desk.books().taken.len(), 1);
    shop.close().await;
}

#[tokio::test]
async fn a_charge_whose_answer_was_lost_is_found_again() {
    let shop = Shop::open("stripe, lost answer").await;
    let (signup, payer) = shop.signup("Lost").await;
    let body = payment(&signup, ANSWER_LOST);
    let reply = payer.post_once(PAY, "lost", &body).await;
    reply.problem(503, "payment-provider-unavailable");
    assert!(reply.retry_after().is_some());
    assert_eq!(payer.post_once(PAY, "lost", &body).await.expect(200)["status"], "active");
    assert_eq!(shop.desk.books().taken.len(), 1);

    let (refused, payer) = shop.signup("Refused").await;
    shop.desk.books().closed = true;
    payer.post_once(PAY, "refused", &payment(&refused, GOOD)).await.problem(503, "payment-provider-unavailable");
    shop.desk.books().closed = false;
    payer.post_once(PAY, "refused", &payment(&refused, GOOD)).await.expect(200);
    assert_eq!(shop.desk.books().taken.len(), 2);
    let log = shop.stack.api.log();
    assert!(log.contains("secret key is not accepted") && !log.contains(SECRET_KEY), "{log}");
    shop.close().await;
}

#[tokio::test]
async fn an_event_of_stripe_decides_a_payment_once() {
    let shop = Shop::open("stripe, events").await;
    let (signup, payer) = shop.signup("Owner").await;
    let reply = payer.post_once(PAY, "owner", &payment(&signup, ASKS_THE_OWNER)).await;
    let answer = reply.expect(202);
    assert_eq!(answer["status"], "action_required");
    assert!(answer["client_secret"].as_str().unwrap().ends_with("_secret_marker"));
    let again = payer.post_once(PAY, "owner", &payment(&signup, ASKS_THE_OWNER)).await.expect(202);
    assert_eq!(again, answer);
    let written = format!("{:?}", shop.payments(&signup).await);
    assert!(!written.contains("_secret_"), "the client's part of the charge is in the ledger: {written}");

    let charge = shop.desk.books().intents.keys().next().unwrap().clone();
    // What the event says is not believed: the charge is asked.
    let early = event("evt_early", "payment_intent.succeeded", &charge);
    shop.event(&early).await.expect(200);
    assert_eq!(shop.payments(&signup).await[0].get_str("status").unwrap(), "action_required");

    shop.desk.set("succeeded");
    let succeeded = event("evt_1", "payment_intent.succeeded", &charge);
    shop.event(&succeeded).await.expect(200);
    shop.stack.wait_active(&payer, &signup.organization_id).await;
    let looked_up = shop.desk.books().looked_up;
    shop.event(&succeeded).await.expect(200);
    shop.event(&early).await.expect(200);
    assert_eq!(shop.desk.books().looked_up, looked_up, "an event counted twice");
    assert_eq!(shop.events().await, 2);

    // Kinds that do not matter, and charges of others, are taken so that Stripe does not send them for ever.
    shop.event(&event("evt_2", "payment_intent.succeeded", "pi_of_somebody_else")).await.expect(200);
    shop.event(r#"{"id":"evt_3","type":"balance.available","data":{"object":{"object":"balance"}}}"#).await.expect(200);
    shop.event(r#"{"id":"evt_4","type":"v2.core.event_destination.ping"}"#).await.expect(200);
    assert_eq!(shop.events().await, 5);
    shop.close().await;
}

#[tokio::test]
async fn a_cards_owner_has_time_to_confirm_and_what_was_given_up_is_paid_anew() {
    let shop = Shop::with("stripe, confirming", settled_soon).await;
    let (signup, payer) = shop.signup("Slow").await;
    let body = payment(&signup, ASKS_THE_OWNER);
    let first = payer.post_once(PAY, "slow", &body).await.expect(202);
    let looked_up = shop.desk.books().looked_up;
    eventually("the settlement has looked", async || (shop.desk.books().looked_up > looked_up + 2).then_some(())).await;
    assert_eq!(shop.desk.books().intents.values().collect::<Vec<_>>(), [&"requires_action"]);
    assert_eq!(payer.post_once(PAY, "slow", &body).await.expect(202), first);

    // Half an hour later nobody types any more; whoever comes back with the same request pays with another charge.
    let long_ago = DateTime::from_millis(DateTime::now().timestamp_millis() - 31 * 60 * 1000);
    let payments = shop.stack.master().collection::<Document>("payments");
    payments.update_many(doc! {}, doc! { "$set": { "created_at": long_ago } }).await.unwrap();
    eventually("it is given up", async || {
        shop.payments(&signup).await[0].get_str("failure").is_ok_and(|failure| failure == "canceled").then_some(())
    })
    .await;
    assert_eq!(shop.desk.books().intents.values().collect::<Vec<_>>(), [&"canceled"]);
    let again = payer.post_once(PAY, "slow", &body).await.expect(202);
    assert_eq!(again["status"], "action_required");
    assert_ne!(again["payment_id"], first["payment_id"]);
    assert_ne!(again["client_secret"], first["client_secret"]);
    shop.desk.set("succeeded");
    assert_eq!(payer.post_once(PAY, "slow", &body).await.expect(200)["payment_id"], again["payment_id"]);

    // Who pays otherwise in the meantime need not wait so long.
    let (signup, payer) = shop.signup("Impatient").await;
    payer.post(PAY, &payment(&signup, ASKS_THE_OWNER)).await.expect(202);
    payer.post(PAY, &payment(&signup, GOOD)).await.expect(200);
    assert_eq!(shop.desk.books().taken.len(), 1);
    shop.close().await;
}

#[tokio::test]
async fn a_payment_that_stripe_decides_later_is_decided_by_its_event() {
    let shop = Shop::open("stripe, later").await;
    let (signup, payer) = shop.signup("Later").await;
    assert_eq!(payer.post(PAY, &payment(&signup, SLOW)).await.expect(202)["status"], "payment_pending");
    let charge = shop.desk.books().intents.keys().next().unwrap().clone();
    shop.desk.set("succeeded");
    // While Stripe cannot be asked, the event has to come again.
    shop.desk.books().closed = true;
    let succeeded = event("evt_1", "payment_intent.succeeded", &charge);
    shop.event(&succeeded).await.problem(503, "payment-provider-unavailable");
    shop.desk.books().closed = false;
    shop.event(&succeeded).await.expect(200);
    shop.stack.wait_active(&payer, &signup.organization_id).await;
    eventually("the payment is noted", async || {
        shop.payments(&signup).await[0].get_datetime("activated_at").is_ok().then_some(())
    })
    .await;
    shop.close().await;
}

#[tokio::test]
async fn while_stripe_does_not_answer_what_is_paid_is_settled() {
    let shop = Shop::with("stripe, asleep", settled_soon).await;
    let (paid, payer) = shop.signup("Paid").await;
    payer.post(PAY, &payment(&paid, GOOD)).await.expect(200);
    shop.desk.books().asleep = true;
    // One after another they would keep it longer than anybody waits here.
    for number in 0..7 {
        let (signup, payer) = shop.signup(&format!("Later {number}")).await;
        payer.post(PAY, &payment(&signup, SLOW)).await.expect(202);
    }
    eventually("Stripe is asked", async || (shop.desk.books().looked_up > 0).then_some(())).await;
    // As whoever was killed before they noted it would leave it.
    let payments = shop.stack.master().collection::<Document>("payments");
    let its = doc! { "organization_id": &paid.organization_id };
    payments.update_one(its, doc! { "$unset": { "activated_at": "" } }).await.unwrap();
    eventually("it is noted", async || {
        shop.payments(&paid).await[0].get_datetime("activated_at").is_ok().then_some(())
    })
    .await;
    shop.close().await;
}

#[tokio::test]
async fn only_what_stripe_signed_just_now_is_believed() {
    let shop = Shop::open("stripe, signatures").await;
    let (signup, payer) = shop.signup("Signed").await;
    payer.post(PAY, &payment(&signup, SLOW)).await.expect(202);
    let charge = shop.desk.books().intents.keys().next().unwrap().clone();
    shop.desk.set("succeeded");
    let body = event("evt_1", "payment_intent.succeeded", &charge);
    let right = |time: u64| format!("t={time},v1={}", signature(WEBHOOK_SECRET, time, &body));
    let other_secret = signature("whsec_other", now(), &body);
    for refused in [
        String::new(),
        "nonsense".to_owned(),
        format!("t={},v1={other_secret}", now()),
        right(now()).replace("v1=", "v0="),
        right(now() - 310),
        right(now() + 310),
    ] {
        shop.send(&refused, &body).await.problem(400, "malformed");
    }
    let altered = body.replace("evt_1", "evt_2");
    shop.send(&right(now()), &altered).await.problem(400, "malformed");
    assert_eq!(shop.events().await, 0);
    assert_eq!(shop.payments(&signup).await[0].get_str("status").unwrap(), "pending");

    // While the endpoint's secret is being changed there are two signatures.
    let both = right(now()).replace(",v1=", &format!(",v1={other_secret},v1="));
    shop.send(&both, &body).await.expect(200);
    assert_eq!(shop.payments(&signup).await[0].get_str("status").unwrap(), "succeeded");
    shop.close().await;
}

#[tokio::test]
async fn without_stripe_there_is_no_webhook() {
    let stack = Stack::new("stripe, absent").await;
    let body = event("evt_1", "payment_intent.succeeded", "pi_1");
    let signature = format!("t={},v1={}", now(), signature(WEBHOOK_SECRET, now(), &body));
    let request = stack.client().request(reqwest::Method::POST, WEBHOOK).header("Stripe-Signature", signature);
    Reply::to(request.body(body)).await.problem(404, "not-found");
    stack.close().await;
}
