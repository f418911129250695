//! Paying: what is charged, what is refused, and that nothing is ever charged twice or paid for nothing, whoever is killed
//! in between.

use std::collections::BTreeSet;

use chakravue_testbed::{ApiClient, ApiOptions, Reply};
use futures::{TryStreamExt as _, future::join_all};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::{
    proxied::Proxied,
    support::{CARD, Signup, Stack, eventually},
};

const PAY: &str = "/process-payment";

/// Declined, each with its code.
const DECLINED: [(&str, &str); 5] = [
    ("4000000000000002", "card_declined"),
    ("4000000000009995", "insufficient_funds"),
    ("4000000000000069", "expired_card"),
    ("4000000000000127", "incorrect_cvc"),
    ("4000000000000119", "processing_error"),
];
#[tokio::test]
async fn who_signs_up_for_free_does_not_try_out_cards() {
    let few = |api: ApiOptions| api.setting("limits.payments_per_organization_and_hour", "2");
    let stack = Stack::with("payments, limit", few).await;
    let (signup, other) = (stack.signup("Cards", "starter").await, stack.signup("Other", "starter").await);
    let client = payer(&stack, &signup);
    let declined = signup.payment(DECLINED[0].0);
    let key = "payments-limit-0123456789";
    let first = client.post_once(PAY, key, &declined).await.problem(402, "payment-declined");
    client.post(PAY, &declined).await.problem(402, "payment-declined");
    let reply = client.post(PAY, &signup.payment(CARD)).await;
    reply.problem(429, "too-many-requests");
    assert!(reply.retry_after().is_some_and(|wait| wait > 60));
    // What was answered is answered again, and nobody else is concerned.
    let again = client.post_once(PAY, key, &declined).await.problem(402, "payment-declined");
    assert_eq!(again["code"], first["code"]);
    payer(&stack, &other).post(PAY, &other.payment(CARD)).await.expect(200);
    stack.close().await;
}

/// Decided later.
const PENDING: &str = "4000000000000077";

/// An API that does not leave unfinished payments lying for long.
fn quick(api: ApiOptions) -> ApiOptions {
    api.setting("payments.settle_every", "200ms").setting("payments.look_up_after", "2s")
}

/// Longer than whoever died is waited for.
fn settled_soon(api: ApiOptions) -> ApiOptions {
    quick(api).setting("payments.look_up_after", "1s")
}

fn payer(stack: &Stack, signup: &Signup) -> ApiClient {
    stack.client().bearer(&signup.setup_token)
}

async fn payments_of(stack: &Stack, signup: &Signup) -> Vec<Document> {
    let filter = doc! { "organization_id": &signup.organization_id };
    let found = stack.master().collection("payments").find(filter).sort(doc! { "_id": 1 }).await.unwrap();
    found.try_collect().await.unwrap()
}

fn has_status(payment: &Document, status: &str) -> bool {
    payment.get_str("status").is_ok_and(|known| known == status)
}

/// The provider's own books about a hospital's payments: the amounts that were really taken.
async fn taken(stack: &Stack, signup: &Signup) -> Vec<i64> {
    let mut amounts = Vec::new();
    for payment in payments_of(stack, signup).await {
        let id = format!("test_{}", payment.get_str("_id").unwrap());
        let charges = stack.master().collection::<Document>("test_charges");
        if let Some(charge) = charges.find_one(doc! { "_id": id, "state": "succeeded" }).await.unwrap() {
            amounts.push(charge.get_i64("amount").unwrap());
        }
    }
    amounts
}

/// Charged once at the provider and once in the ledger, and the hospital is active with it.
async fn assert_paid_once(stack: &Stack, signup: &Signup) {
    assert_eq!(taken(stack, signup).await, [signup.amount], "{}", signup.organization_id);
    let payments = payments_of(stack, signup).await;
    let succeeded: Vec<_> = payments.iter().filter(|payment| has_status(payment, "succeeded")).collect();
    assert_eq!(succeeded.len(), 1, "{payments:#?}");
    assert!(succeeded[0].get_datetime("activated_at").is_ok(), "{payments:#?}");
    let open = payments.iter().filter(|payment| has_status(payment, "pending")).count();
    assert_eq!(open, 0, "{payments:#?}");
    let recorded = doc! { "action": "organization.activate", "target.id": &signup.organization_id };
    let log = stack.master().collection::<Document>("audit_logs");
    let entries: Vec<Document> = log.find(recorded).await.unwrap().try_collect().await.unwrap();
    let by = entries.iter().map(|entry| entry.get_document("details").unwrap().get_str("payment_id").unwrap());
    assert_eq!(by.collect::<Vec<_>>(), [succeeded[0].get_str("_id").unwrap()], "{entries:#?}");
}

async fn wait_active(stack: &Stack, signup: &Signup) {
    stack.wait_active(&payer(stack, signup), &signup.organization_id).await;
}

#[tokio::test]
async fn a_card_is_charged_declined_or_refused() {
    let stack = Stack::new("payments, cards").await;
    let signup = stack.signup("General", "professional").await;
    let payer = payer(&stack, &signup);

    for (card, code) in DECLINED {
        let problem = payer.post(PAY, &signup.payment(card)).await.problem(402, "payment-declined");
        assert_eq!(problem["code"], code);
        assert_eq!(problem["errors"][0]["pointer"], "/card_number", "{problem}");
        assert_eq!(
            (&problem["errors"][0]["code"], &problem["errors"][0]["failure"]),
            (&json!("payment_failed"), &json!(code))
        );
        assert!(problem["detail"].as_str().unwrap().contains(". "), "it says what to do: {problem}");
    }
    // What was typed wrong is pointed at where it was sent.
    for (card, pointer) in
        [("4000000000000069", "/card_expiry"), ("4000000000000127", "/card_cvc"), ("4000000000000002", "/card_number")]
    {
        let mut body = signup.payment(card);
        (body["card_expiry"], body["card_cvc"]) = (json!("12/30"), json!("123"));
        let problem = payer.post(PAY, &body).await.problem(402, "payment-declined");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let refused = async |change: Value, pointer: &str, code: &str| {
        let mut body = signup.payment(CARD);
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let problem = payer.post(PAY, &body).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        assert_eq!(problem["errors"][0]["code"], code, "{problem}");
    };
    refused(json!({ "card_number": "4111111111111112" }), "/card_number", "card_number_mistyped").await;
    refused(json!({ "card_number": "4111" }), "/card_number", "invalid_card_number").await;
    // Of the right form, so it may be somebody's.
    refused(json!({ "card_number": "5555555555554444" }), "/card_number", "not_a_test_card").await;
    refused(json!({ "card_expiry": "01/20" }), "/card_expiry", "card_expired").await;
    refused(json!({ "card_cvc": "1" }), "/card_cvc", "invalid_card_code").await;
    refused(json!({ "card_number": null }), "/card_number", "required").await;
    refused(json!({ "plan": "starter" }), "/plan", "unknown_field").await;
    for amount in [json!(0), json!(1), json!(298.99), json!(99), json!(-299)] {
        refused(json!({ "amount": amount }), "/amount", "wrong_price").await;
    }
    assert_eq!(taken(&stack, &signup).await, Vec::<i64>::new());

    let mut body = signup.payment("4242 4242 4242 4242");
    body.as_object_mut().unwrap().extend([
        ("card_expiry".to_owned(), json!("12/40")),
        ("card_cvc".to_owned(), json!("123")),
        ("card_name".to_owned(), json!("A. Person")),
    ]);
    let paid = payer.post(PAY, &body).await.expect(200);
    assert_eq!(paid["status"], "active");
    assert_eq!(paid["organization_id"], signup.organization_id.as_str());
    assert_eq!(paid["database_name"], signup.database_name.as_str());
    assert_eq!(paid["amount"], 299);
    assert_eq!(paid["plan"]["plan_id"], "professional");
    assert_eq!(paid["card"], json!({ "brand": "visa", "last4": "4242" }));
    let collections: BTreeSet<_> = paid["collections"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let six = BTreeSet::from(["appointments", "audit_logs", "patients", "pharmacy", "settings", "users"]);
    assert_eq!(collections, six);
    assert_paid_once(&stack, &signup).await;

    payer.post(PAY, &signup.payment(CARD)).await.problem(409, "already-paid");
    assert_paid_once(&stack, &signup).await;
    stack.close().await;
}

#[tokio::test]
async fn only_the_hospital_itself_pays_and_sees_what_it_paid() {
    let stack = Stack::with("payments, who", quick).await;
    let (signup, other) = tokio::join!(stack.signup("One", "starter"), stack.signup("Two", "starter"));
    stack.client().post(PAY, &signup.payment(CARD)).await.problem(401, "unauthenticated");
    payer(&stack, &other).post(PAY, &signup.payment(CARD)).await.problem(404, "not-found");
    let path = signup.path("/payments");
    stack.client().get(&path).await.problem(401, "unauthenticated");
    payer(&stack, &other).get(&path).await.problem(404, "not-found");
    assert_eq!(payments_of(&stack, &signup).await.len(), 0);

    let payer = payer(&stack, &signup);
    for (card, _) in DECLINED {
        payer.post(PAY, &signup.payment(card)).await.problem(402, "payment-declined");
    }
    stack.pay(&signup).await;
    let (mut codes, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = payer.get(&format!("{path}?limit=2{cursor}")).await.expect(200);
        codes.extend(page["items"].as_array().unwrap().iter().map(|payment| {
            assert_eq!(payment["organization_id"], signup.organization_id.as_str());
            assert_eq!(payment["currency"], "USD");
            payment["failure"].as_str().unwrap_or("none").to_owned()
        }));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let newest_first: Vec<_> = ["none"].into_iter().chain(DECLINED.iter().rev().map(|(_, code)| *code)).collect();
    assert_eq!(codes, newest_first);

    let platform = stack.platform_administrator().await;
    let all = platform.get("/master/payments?status=succeeded").await.expect(200);
    assert_eq!(all["items"].as_array().unwrap().len(), 1, "{all}");
    let of_one = format!("/master/payments?organization_id={}&status=failed", signup.organization_id);
    assert_eq!(platform.get(&of_one).await.expect(200)["items"].as_array().unwrap().len(), DECLINED.len());
    payer.get("/master/payments").await.problem(401, "unauthenticated");
    stack.close().await;
}

#[tokio::test]
async fn a_payment_that_is_decided_later_makes_the_hospital_active_by_itself() {
    let stack = Stack::with("payments, later", quick).await;
    let signup = stack.signup("Patient", "starter").await;
    let reply = payer(&stack, &signup).post(PAY, &signup.payment(PENDING)).await;
    assert_eq!(reply.expect(202)["status"], "payment_pending");
    assert_eq!(reply.header("location"), Some(signup.path("/provisioning").as_str()));
    wait_active(&stack, &signup).await;
    eventually("the payment is noted", async || {
        payments_of(&stack, &signup).await[0].get_datetime("activated_at").is_ok().then_some(())
    })
    .await;
    assert_paid_once(&stack, &signup).await;
    stack.close().await;
}

#[tokio::test]
async fn what_becomes_active_is_the_plan_that_was_paid() {
    let stack = Stack::with("payments, plan", |api| quick(api).setting("payments.look_up_after", "8s")).await;
    let signup = stack.signup("Hasty", "starter").await;
    let platform = stack.platform_administrator().await;
    payer(&stack, &signup).post(PAY, &signup.payment(PENDING)).await.expect(202);
    // As if the choice of a plan had passed by the payment.
    let path = format!("/master/organizations/{}/plan", signup.organization_id);
    let chosen = platform.post(&path, &json!({ "plan_id": "enterprise" })).await.expect(200);
    assert_eq!((&chosen["plan"]["plan_id"], &chosen["status"]), (&json!("enterprise"), &json!("pending_payment")));
    wait_active(&stack, &signup).await;
    let shown = platform.get(&format!("/master/organizations/{}", signup.organization_id)).await.expect(200);
    assert_eq!(shown["plan"]["plan_id"], "starter", "{shown}");
    stack.close().await;
}

#[tokio::test]
async fn while_a_payment_is_undecided_no_other_is_begun() {
    // Nothing settles it: the first look is long after this test.
    let stack = Stack::new("payments, undecided").await;
    let signup = stack.signup("Waiting", "starter").await;
    let payer = payer(&stack, &signup);
    payer.post(PAY, &signup.payment(PENDING)).await.expect(202);
    let reply = payer.post(PAY, &signup.payment(CARD)).await;
    reply.problem(409, "payment-under-way");
    assert!(reply.retry_after().is_some());
    assert_eq!(payments_of(&stack, &signup).await.len(), 1);
    stack.close().await;
}

#[tokio::test]
async fn many_payments_at_once_charge_once() {
    let stack = Stack::new("payments, at once").await;
    let (with_key, without) = tokio::join!(stack.signup("Keyed", "starter"), stack.signup("Keyless", "starter"));

    let keyed = payer(&stack, &with_key);
    let body = with_key.payment(CARD);
    let replies = join_all((0..8).map(|_| keyed.post_once(PAY, "one and the same", &body))).await;
    // A space is no visible character.
    assert!(replies.iter().all(|reply| reply.status == 400));
    let replies = join_all((0..8).map(|_| keyed.post_once(PAY, "one-and-the-same", &body))).await;
    let first = replies[0].expect(200);
    assert!(replies.iter().all(|reply| reply.expect(200) == first));
    let replayed = |reply: &Reply| reply.header("idempotency-replayed") == Some("true");
    assert_eq!(replies.iter().filter(|reply| !replayed(reply)).count(), 1);
    assert_paid_once(&stack, &with_key).await;

    let keyless = payer(&stack, &without);
    let body = without.payment(CARD);
    let replies = join_all((0..8).map(|_| keyless.post(PAY, &body))).await;
    let ids: BTreeSet<_> = replies
        .iter()
        .filter(|reply| reply.status != 409)
        .map(|reply| reply.expect(200)["payment_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 1, "{replies:#?}");
    assert_paid_once(&stack, &without).await;
    stack.close().await;
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer() {
    let stack = Stack::new("payments, repeated").await;
    let (signup, other) = tokio::join!(stack.signup("Again", "starter"), stack.signup("Other", "starter"));
    let payer = payer(&stack, &signup);
    let declined = signup.payment("4000000000000002");
    let first = payer.post_once(PAY, "declined", &declined).await;
    let second = payer.post_once(PAY, "declined", &declined).await;
    assert_eq!(first.problem(402, "payment-declined"), second.problem(402, "payment-declined"));
    assert_eq!(payments_of(&stack, &signup).await.len(), 1);

    let first = payer.post_once(PAY, "paid", &signup.payment(CARD)).await;
    assert_eq!(first.header("idempotency-replayed"), None);
    // The same content in other words, with another session of the same person.
    let reordered = format!(
        "{{ \"amount\": {}, \"card_number\": \"{CARD}\",\n \"organization_id\": \"{}\" }}",
        signup.amount, signup.organization_id
    );
    let request = payer.request(reqwest::Method::POST, PAY).header("Idempotency-Key", "paid");
    let again = Reply::to(request.header("Content-Type", "application/json").body(reordered)).await;
    assert_eq!(again.expect(200), first.expect(200));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.header("content-type"), first.header("content-type"));

    payer.post_once(PAY, "paid", &signup.payment("4242424242424242")).await.problem(422, "idempotency-key-reused");
    for key in ["", "a b", &"x".repeat(256)] {
        payer.post_once(PAY, key, &signup.payment(CARD)).await.problem(400, "malformed");
    }
    // Somebody else who chose the same key is another request.
    let theirs = stack.client().bearer(&other.setup_token).post_once(PAY, "paid", &other.payment(CARD)).await;
    assert_eq!(theirs.expect(200)["organization_id"], other.organization_id.as_str());
    assert_paid_once(&stack, &signup).await;
    assert_paid_once(&stack, &other).await;
    stack.close().await;
}

/// Sends the request and hangs up without reading the answer.
async fn pay_and_hang_up(stack: &Stack, signup: &Signup, key: Option<&str>) {
    let body = signup.payment(CARD).to_string();
    let key = key.map(|key| format!("Idempotency-Key: {key}\r\n")).unwrap_or_default();
    let request = format!(
        "POST {PAY} HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer {}\r\n{key}Content-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        signup.setup_token,
        body.len()
    );
    let mut connection = TcpStream::connect(stack.api.address()).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    // Not before it has been taken in.
    eventually("the payment has begun", async || (!payments_of(stack, signup).await.is_empty()).then_some(())).await;
    let nothing_yet = connection.try_read(&mut [0]);
    assert!(nothing_yet.is_err(), "the answer was there already: {nothing_yet:?}");
}

#[tokio::test]
async fn an_answer_that_never_arrived_is_given_again() {
    let stack = Stack::new("payments, lost answer").await;
    let (keyed, keyless) = tokio::join!(stack.signup("Keyed", "starter"), stack.signup("Keyless", "starter"));
    pay_and_hang_up(&stack, &keyed, Some("lost")).await;
    let answer = payer(&stack, &keyed).post_once(PAY, "lost", &keyed.payment(CARD)).await.expect(200);
    assert_eq!(answer["status"], "active");
    assert_paid_once(&stack, &keyed).await;

    // Nobody asks again: it is finished all the same.
    pay_and_hang_up(&stack, &keyless, None).await;
    wait_active(&stack, &keyless).await;
    assert_paid_once(&stack, &keyless).await;
    stack.close().await;
}

/// Pays, and kills the API in the moment in which the n-th of its writes is acknowledged. `None`: it was answered before
/// there were so many.
async fn pay_and_die(proxied: &mut Proxied, n: usize, key: Option<&str>) -> Option<Signup> {
    let signup = proxied.signup(&format!("Killed {n}"), "starter").await;
    proxied.log.settled().await;
    proxied.log.clear();
    let fired = proxied.log.on_write(n, proxied.api.killer());
    let client = payer(proxied, &signup);
    let request = client.request(reqwest::Method::POST, PAY).json(&signup.payment(CARD));
    let request = if let Some(key) = key { request.header("Idempotency-Key", key) } else { request };
    if let Ok(reply) = Reply::try_to(request).await {
        reply.expect(200);
        proxied.log.clear();
        return None;
    }
    fired.await.unwrap();
    proxied.log.settled().await;
    proxied.log.resume();
    proxied.api.restart().await;
    Some(signup)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_any_write_a_repetition_ends_as_if_nothing_had_happened() {
    let mut proxied = Proxied::with("payments, killed, repeated", quick).await;
    let mut killed = 0;
    while let Some(signup) = pay_and_die(&mut proxied, killed + 1, Some("killed")).await {
        killed += 1;
        let answer = payer(&proxied, &signup).post_once(PAY, "killed", &signup.payment(CARD)).await.expect(200);
        assert_eq!(answer["status"], "active", "killed after write {killed}");
        assert_paid_once(&proxied, &signup).await;
    }
    assert!(killed >= 9, "so few writes cannot be all: {killed}");
    proxied.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_any_write_the_ledger_and_the_hospital_agree_by_themselves() {
    let mut proxied = Proxied::with("payments, killed, left alone", settled_soon).await;
    let (mut killed, mut uncharged) = (0, 0);
    while let Some(signup) = pay_and_die(&mut proxied, killed + 1, None).await {
        killed += 1;
        if taken(&proxied, &signup).await.is_empty() {
            uncharged += 1;
            // Nothing was charged: the payment is given up, and there is room for another.
            eventually("the payment is given up", async || {
                let payments = payments_of(&proxied, &signup).await;
                payments.iter().all(|payment| has_status(payment, "failed")).then_some(())
            })
            .await;
            assert_eq!(taken(&proxied, &signup).await, Vec::<i64>::new());
            payer(&proxied, &signup).post(PAY, &signup.payment(CARD)).await.expect(200);
        }
        wait_active(&proxied, &signup).await;
        eventually("the payment is noted", async || {
            let payments = payments_of(&proxied, &signup).await;
            payments.iter().any(|payment| payment.get_datetime("activated_at").is_ok()).then_some(())
        })
        .await;
        assert_paid_once(&proxied, &signup).await;
    }
    assert!(uncharged >= 3 && killed - uncharged >= 4, "killed {uncharged} of {killed} times before the charge");
    proxied.close().await;
}

#[tokio::test]
async fn nothing_is_charged_for_a_hospital_that_cannot_be_made_active() {
    let proxied = Proxied::with("payments, away", quick).await;
    let signup = proxied.signup("Unlucky", "starter").await;
    let payer = payer(&proxied, &signup);
    proxied.kube_proxy.set_down(true);
    let reply = payer.post_once(PAY, "away", &signup.payment(CARD)).await;
    reply.problem(503, "kubernetes-unavailable");
    assert!(reply.retry_after().is_some());
    assert_eq!(payments_of(&proxied, &signup).await.len(), 0);
    proxied.kube_proxy.set_down(false);

    // Declared by somebody else: the API could take the money, but not keep its word.
    let object = proxied.object(&signup.organization_id).await;
    let mut declared = json!({ "apiVersion": "chakravue.io/v1alpha1", "kind": "HospitalOrganization" });
    declared["metadata"] = json!({ "name": object.metadata.name });
    declared["spec"] = json!({ "subscription": "PendingPayment" });
    proxied.apply(&declared).await;
    let reply = payer.post_once(PAY, "away", &signup.payment(CARD)).await;
    let problem = reply.problem(409, "managed-elsewhere");
    assert!(problem.to_string().contains("a-gitops-tool"), "{problem}");
    assert_eq!(payments_of(&proxied, &signup).await.len(), 0);
    proxied.close().await;
}
