//! Signing up: names in every alphabet, many at once, and that each request makes one hospital, whoever is killed or away.

use std::{collections::BTreeSet, time::Duration};

use chakravue_testbed::{ApiClient, ApiOptions, Reply};
use futures::{StreamExt as _, stream};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, ListParams},
};
use mongodb::bson::{DateTime, Document, doc};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    proxied::Proxied,
    support::{PASSWORD, Signup, Stack, eventually, text},
};

const SIGNUP: &str = "/signup";
const SETUP_COOKIE: &str = "__Host-chakravue-setup";

/// A key that nobody guesses.
fn key(name: &str) -> String {
    format!("signup-key-for-{name}")
}

/// The databases of all hospitals that there are.
async fn databases(stack: &Stack) -> BTreeSet<String> {
    let objects = stack.hospitals().list(&ListParams::default()).await.unwrap();
    objects.iter().filter_map(|object| object.status.as_ref()?.database_name.clone()).collect()
}

async fn objects_named(stack: &Stack, display_name: &str) -> usize {
    let objects = stack.hospitals().list(&ListParams::default()).await.unwrap();
    objects.iter().filter(|object| object.spec.display_name == display_name).count()
}

#[tokio::test]
async fn a_hospital_signs_up_and_its_object_says_what_was_sent() {
    let stack = Stack::new("signup").await;
    let request = json!({
        "organization_name": stack.name("St. Mary's Hospital"),
        "organization_email": "admin@stmarys.com",
        "organization_phone": "+1-555-0000",
        "plan": { "plan_id": "professional", "name": "Professional", "price": 299, "max_users": 20 },
    });
    let reply = stack.client().post(SIGNUP, &request).await;
    let answer = reply.expect(201);
    assert_eq!(answer["database_name"], stack.sandbox.database_name("st_marys_hospital"));
    assert_eq!(answer["organization_name"], request["organization_name"]);
    assert_eq!(answer["status"], "pending_payment");
    for (field, value) in [("plan_id", json!("professional")), ("price", json!(299)), ("max_users", json!(20))] {
        assert_eq!(answer["plan"][field], value);
    }
    let signup = Signup::of(&answer);
    assert!(signup.organization_id.starts_with("org_") && signup.setup_token.starts_with("cset_"), "{answer}");

    // Who pays may come back for a week, and the record that knows the token is there for as long.
    let record = stack.master().collection::<Document>("signups").find_one(doc! {}).await.unwrap().unwrap();
    let when = |field: &str| DateTime::parse_rfc3339_str(text(&answer, field)).unwrap();
    let lasts = when("setup_expires_at").saturating_duration_since(when("created_at"));
    assert!(lasts >= Duration::from_hours(7 * 24), "{answer}");
    assert_eq!(record.get_datetime("expires_at").unwrap(), &when("setup_expires_at"));

    let object = stack.object(&signup.organization_id).await;
    assert_eq!(object.name_any(), stack.sandbox.object_name("st-marys-hospital"));
    assert_eq!(
        serde_json::to_value(&object.spec).unwrap(),
        json!({
            "displayName": request["organization_name"], "plan": "Professional", "subscription": "PendingPayment",
            "contact": { "email": "admin@stmarys.com", "phone": "+1-555-0000" }, "deletionPolicy": "Retain",
            "administrator": { "email": "admin@stmarys.com" },
        })
    );
    let managers: Vec<_> = object.managed_fields().iter().filter_map(|entry| entry.manager.as_deref()).collect();
    assert!(managers.contains(&"chakravue-api"), "{managers:?}");

    // A browser has the token as a cookie that no script can read.
    let set = reply.header("set-cookie").unwrap();
    for word in [SETUP_COOKIE, "HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
        assert!(set.contains(word), "{set}");
    }
    let browser = stack.client().cookie(&reply.cookie(SETUP_COOKIE).unwrap());
    let seen = browser.get(&signup.path("")).await.expect(200);
    assert_eq!(seen["organization_email"], "admin@stmarys.com");
    assert_eq!(seen["seats"], json!({ "used": 0, "limit": 20 }));
    assert!(seen["conditions"].is_null(), "{seen}");
    // The token opens this signup and no other.
    let other = stack.signup("Other", "starter").await;
    browser.get(&other.path("")).await.problem(404, "not-found");
    stack.client().get(&signup.path("")).await.problem(401, "unauthenticated");

    // The database of the platform has the token's hash alone.
    assert!(
        !record.to_string().contains(&signup.setup_token) && !record.to_string().contains("stmarys.com"),
        "{record}"
    );
    stack.close().await;
}

#[tokio::test]
async fn wrong_fields_are_named_and_nothing_is_made() {
    let stack = Stack::new("signup, wrong").await;
    let right = stack.signup_request("Wrong", "starter");
    for (pointer, value, code) in [
        ("/organization_name", json!("x".repeat(301)), "too_long"),
        ("/organization_name", json!("  "), "required"),
        ("/organization_name", json!("St. Mary\u{202e}s"), "control_characters"),
        ("/organization_name", json!("St. Mary\u{fffe}s"), "control_characters"),
        ("/organization_name", json!({ "$ne": "" }), "wrong_type"),
        ("/organization_email", json!("admin@stmarys"), "invalid_email"),
        ("/organization_phone", json!("call us"), "invalid_phone"),
        ("/plan/plan_id", json!("gold"), "not_one_of"),
        ("/plan/price", json!(1), "not_as_in_catalogue"),
        ("/plan/max_users", json!(500), "not_as_in_catalogue"),
        ("/plan/max_users", Value::Null, "not_as_in_catalogue"),
        ("/plan/name", json!("Enterprise"), "not_as_in_catalogue"),
        ("/status", json!("active"), "unknown_field"),
        // Nothing to read, and a letter that is two when it is composed.
        ("/organization_name", json!("\u{3164}"), "required"),
        ("/organization_name", json!("\u{958}".repeat(151)), "too_long"),
    ] {
        let mut body = right.clone();
        match pointer.rsplit_once('/').unwrap() {
            ("", field) => body[field] = value,
            (_, field) => body["plan"][field] = value,
        }
        let problem = stack.client().post(SIGNUP, &body).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        assert_eq!(problem["errors"][0]["code"], code, "{problem}");
    }
    assert_eq!(databases(&stack).await, BTreeSet::new());
    assert_eq!(stack.master().collection::<Document>("signups").count_documents(doc! {}).await.unwrap(), 0);
    stack.close().await;
}

#[tokio::test]
async fn every_name_becomes_the_name_of_a_database_of_its_own() {
    let stack = Stack::new("signup, names").await;
    let prefix = stack.sandbox.prefix().to_owned();
    let long = "Hospital of the Sisters of Mercy ".repeat(9);
    for (name, database) in [
        ("Universitätsklinikum Köln", "universitatsklinikum_koln"),
        ("Городская больница №1", "gorodskaya_bolnitsa_no1"),
        ("北京协和医院", "beijingxieheyiyuan"),
        ("Γενικό Νοσοκομείο", "geniko_nosokomeio"),
        ("🏥", "hospital"),
        ("か\u{3099}ん病院", "ganbingyuan"),
        ("…", ""),
    ] {
        let typed = [("organization_name", stack.name(name))];
        let preview = reqwest::Url::parse_with_params("http://api/signup/database-name", typed).unwrap();
        let preview = stack.client().get(&preview.as_str()["http://api".len()..]).await.expect(200);
        let signup = stack.signup(name, "starter").await;
        assert_eq!(preview["database_name"], signup.database_name, "{name}");
        let wanted = if database.is_empty() { prefix.clone() } else { format!("{prefix}_{database}") };
        assert_eq!(signup.database_name, wanted, "{name}");
    }
    // Of 300 characters, as many words as fit.
    let name: String = stack.name(&long).chars().take(300).collect();
    let mut request = stack.signup_request("", "starter");
    request["organization_name"] = json!(name);
    let answer = stack.client().post(SIGNUP, &request).await.expect(201);
    assert_eq!(answer["organization_name"], name.trim());
    assert!(text(&answer, "database_name").len() <= 63, "{answer}");
    // Reserved words, and names that begin with a digit, cannot carry the prefix: tried as unit tests of the names.

    // The second of a name is numbered.
    for number in 2..=3 {
        let again = stack.signup("🏥", "starter").await;
        assert_eq!(again.database_name, format!("{prefix}_hospital_{number}"));
    }
    stack.close().await;
}

#[tokio::test]
async fn nobody_gets_the_data_of_a_hospital_that_was_there_before() {
    let stack = Stack::new("signup, retained").await;
    let before = stack.signup("Mercy", "starter").await;
    stack.pay(&before).await;
    let platform = stack.platform_administrator().await;
    let seen = async || {
        let page = platform.get("/master/all-organizations").await.expect(200);
        let ids = page["items"].as_array().unwrap().iter().map(|one| text(one, "organization_id"));
        let ids: Vec<String> = ids.collect();
        let metrics = platform.get("/master/metrics").await.expect(200);
        let sizes = metrics["users"]["distribution"].as_array().unwrap().iter();
        let counted: i64 = sizes.map(|size| size["organizations"].as_i64().unwrap()).sum();
        let today = metrics["signups"]["per_day"].as_array().unwrap().last().unwrap()["organizations"].clone();
        (ids, json!([metrics["organizations"]["total"], counted, today]))
    };
    assert_eq!(seen().await, (vec![before.organization_id.clone()], json!([1, 1, 1])));
    let name = stack.object(&before.organization_id).await.name_any();
    stack.hospitals().delete(&name, &DeleteParams::default()).await.unwrap();
    eventually("the hospital is gone", async || {
        stack.hospitals().get_opt(&name).await.unwrap().is_none().then_some(())
    })
    .await;
    // Its claim is kept, and nobody is shown a hospital that cannot be opened.
    eventually("the platform sees it no more", async || (seen().await == (vec![], json!([0, 0, 0]))).then_some(()))
        .await;
    platform.get(&format!("/master/organizations/{}", before.organization_id)).await.problem(404, "not-found");

    // Its database is kept for it; who signs up under its name gets another one.
    let after = stack.signup("Mercy", "starter").await;
    assert_ne!(after.database_name, before.database_name);
    assert_ne!(after.organization_id, before.organization_id);
    // One that belongs to nobody the platform knows is not taken either.
    let foreign = stack.sandbox.database_name("general");
    stack.mongo.database(&foreign).collection("things").insert_one(doc! { "a": 1 }).await.unwrap();
    let signup = stack.signup("General", "starter").await;
    assert_eq!(signup.database_name, format!("{foreign}_2"));
    stack.close().await;
}

/// Forty names in five writing systems.
fn forty_names() -> Vec<String> {
    let kinds = ["General", "Городская", "综合", "العام", "Κεντρικό"];
    let places = ["Hospital", "больница", "医院", "مستشفى", "Νοσοκομείο", "Clinic", "क्लिनिक", "병원"];
    kinds.iter().flat_map(|kind| places.iter().map(move |place| format!("{kind} {place}"))).collect()
}

/// Sends a signup and hangs up without reading the answer.
async fn sign_up_and_hang_up(stack: &Stack, key: &str, body: &Value) {
    let body = body.to_string();
    let request = format!(
        "POST {SIGNUP} HTTP/1.1\r\nHost: api\r\nIdempotency-Key: {key}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut connection = TcpStream::connect(stack.api.address()).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let _ = tokio::time::timeout(Duration::from_millis(20), connection.read(&mut [0])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_at_once_become_two_hundred_hospitals() {
    // However slow the machine is: an answer that says to come again would be another signup without a key.
    let patient = |api: ApiOptions| api.setting("signup_wait", "280s").setting("request_timeout", "300s");
    let stack = Stack::with("signup, 200 at once", patient).await;
    let names = forty_names();
    let requests: Vec<(usize, Value)> =
        (0..200).map(|number| (number, stack.signup_request(&names[number % names.len()], "starter"))).collect();
    let signups: Vec<Signup> = stream::iter(requests)
        .map(async |(number, request)| {
            let key = key(&number.to_string());
            if number % 3 == 0 {
                // This one's answer never arrives.
                sign_up_and_hang_up(&stack, &key, &request).await;
            }
            let reply = if number % 3 == 1 {
                stack.client().post(SIGNUP, &request).await
            } else {
                stack.client().post_once(SIGNUP, &key, &request).await
            };
            Signup::of(&reply.expect(201))
        })
        .buffer_unordered(200)
        .collect()
        .await;
    let distinct = |of: fn(&Signup) -> &String| signups.iter().map(of).collect::<BTreeSet<_>>().len();
    assert_eq!(distinct(|signup| &signup.organization_id), 200);
    assert_eq!(distinct(|signup| &signup.database_name), 200);
    assert_eq!(distinct(|signup| &signup.setup_token), 200);
    // No request made a hospital that nobody was told of.
    let told: BTreeSet<_> = signups.iter().map(|signup| signup.database_name.clone()).collect();
    assert_eq!(databases(&stack).await, told);

    // And every one of them becomes a hospital at work.
    let paid = stream::iter(&signups).map(|signup| stack.pay(signup)).buffer_unordered(16).count().await;
    assert_eq!(paid, 200);
    stack.close().await;
}

#[tokio::test]
async fn the_same_request_again_is_the_same_hospital() {
    let stack = Stack::new("signup, repeated").await;
    let request = stack.signup_request("Repeated", "starter");
    let client = stack.client();
    let first = client.post_once(SIGNUP, &key("a"), &request).await;
    let again = client.post_once(SIGNUP, &key("a"), &request).await;
    assert_eq!(first.expect(201), again.expect(201));
    assert_eq!(first.cookie(SETUP_COOKIE), again.cookie(SETUP_COOKIE));
    let mut other = request.clone();
    other["plan"]["plan_id"] = json!("professional");
    client.post_once(SIGNUP, &key("a"), &other).await.problem(422, "idempotency-key-reused");
    // Another key, or none, is another hospital.
    let second = client.post_once(SIGNUP, &key("b"), &request).await.expect(201);
    let third = client.post(SIGNUP, &request).await.expect(201);
    let ids: BTreeSet<_> = [first.json(), second, third].iter().map(|answer| text(answer, "organization_id")).collect();
    assert_eq!(ids.len(), 3);
    // Two at once are one.
    let key = key("c");
    let (one, two) = tokio::join!(client.post_once(SIGNUP, &key, &request), client.post_once(SIGNUP, &key, &request));
    assert_eq!(one.expect(201), two.expect(201));
    stack.close().await;
}

#[tokio::test]
async fn while_the_operator_is_away_a_signup_waits_for_it() {
    let short = |api: ApiOptions| api.setting("signup_wait", "1s");
    let mut stack = Stack::with("signup, operator away", short).await;
    stack.operator.killer()();
    let client = stack.client();
    let keyed = stack.signup_request("Keyed", "starter");
    let keyless = stack.signup_request("Keyless", "starter");
    for _ in 0..2 {
        let reply = client.post_once(SIGNUP, &key("away"), &keyed).await;
        reply.problem(503, "operator-unavailable");
        assert!(reply.retry_after().is_some());
        client.post(SIGNUP, &keyless).await.problem(503, "operator-unavailable");
    }
    stack.operator = stack.sandbox.operator().start().await;
    stack.operator.wait_ready().await;
    client.post_once(SIGNUP, &key("away"), &keyed).await.expect(201);
    client.post(SIGNUP, &keyless).await.expect(201);
    for request in [&keyed, &keyless] {
        assert_eq!(objects_named(&stack, request["organization_name"].as_str().unwrap()).await, 1);
    }
    stack.close().await;
}

#[tokio::test]
async fn while_kubernetes_or_mongodb_is_away_a_signup_says_so() {
    let proxied = Proxied::new("signup, servers away").await;
    let request = proxied.signup_request("Away", "starter");
    let client = proxied.client();
    proxied.kube_proxy.set_down(true);
    let reply = client.post_once(SIGNUP, &key("away"), &request).await;
    reply.problem(503, "kubernetes-unavailable");
    assert!(reply.retry_after().is_some());
    proxied.kube_proxy.set_down(false);
    proxied.mongo_proxy.set_down(true);
    let reply = client.post_once(SIGNUP, &key("away"), &request).await;
    reply.problem(503, "database-unavailable");
    assert!(reply.retry_after().is_some());
    proxied.mongo_proxy.set_down(false);
    eventually("the signup succeeds", async || {
        let reply = client.post_once(SIGNUP, &key("away"), &request).await;
        (reply.status == 201).then_some(())
    })
    .await;
    assert_eq!(objects_named(&proxied, request["organization_name"].as_str().unwrap()).await, 1);
    proxied.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_any_write_a_repetition_makes_one_hospital() {
    let mut proxied = Proxied::new("signup, killed").await;
    let mut killed = 0;
    loop {
        let n = killed + 1;
        let request = proxied.signup_request(&format!("Killed {n}"), "starter");
        let key = key(&n.to_string());
        proxied.log.settled().await;
        proxied.log.clear();
        let fired = proxied.log.on_write(n, proxied.api.killer());
        let client = proxied.client();
        let sent = client.request(reqwest::Method::POST, SIGNUP).header("Idempotency-Key", &key).json(&request);
        if let Ok(reply) = Reply::try_to(sent).await {
            // It has fewer writes than that.
            reply.expect(201);
            break;
        }
        killed = n;
        fired.await.unwrap();
        proxied.log.settled().await;
        proxied.log.resume();
        proxied.api.restart().await;

        let signup = Signup::of(&proxied.client().post_once(SIGNUP, &key, &request).await.expect(201));
        assert_eq!(
            objects_named(&proxied, request["organization_name"].as_str().unwrap()).await,
            1,
            "killed after {n}"
        );
        // The token that was answered is the one that works.
        proxied.client().bearer(&signup.setup_token).get(&signup.path("")).await.expect(200);
    }
    assert!(killed >= 5, "so few writes cannot be all:\n  {}", proxied.written());
    proxied.close().await;
}

#[tokio::test]
async fn a_replica_that_stood_still_takes_no_token_from_the_one_that_took_over() {
    let stack = Stack::new("signup, frozen").await;
    let other = stack.sandbox.api().start().await;
    other.wait_ready().await;
    let (request, key) = (stack.signup_request("Frozen", "starter"), key("frozen"));
    let name = request["organization_name"].as_str().unwrap();
    // It stands still while it waits for the operator.
    stack.operator.freeze();
    let frozen = async {
        eventually("the object is made", async || (objects_named(&stack, name).await == 1).then_some(())).await;
        stack.api.freeze();
        stack.operator.wake();
        let signup = Signup::of(&other.client().post_once(SIGNUP, &key, &request).await.expect(201));
        stack.api.wake();
        signup
    };
    let client = stack.client();
    let (late, signup) = tokio::join!(client.post_once(SIGNUP, &key, &request), frozen);
    late.problem(409, "idempotency-conflict");
    assert!(late.retry_after().is_some());
    let again = Signup::of(&client.post_once(SIGNUP, &key, &request).await.expect(201));
    assert_eq!(again.setup_token, signup.setup_token);
    client.bearer(&signup.setup_token).get(&signup.path("")).await.expect(200);
    stack.close().await;
}

#[tokio::test]
async fn too_many_from_one_address_are_told_to_wait() {
    let few = |api: ApiOptions| api.setting("limits.signups_per_address_and_hour", "2");
    let stack = Stack::with("signup, limit", few).await;
    let client = stack.client();
    let request = |number: usize| stack.signup_request(&format!("Hospital {number}"), "starter");
    let first = client.post_once(SIGNUP, &key("limited-1"), &request(1)).await.expect(201);
    client.post(SIGNUP, &request(2)).await.expect(201);
    for reply in [
        client.post(SIGNUP, &request(3)).await,
        client.post_once(SIGNUP, &key("limited-3"), &request(3)).await,
        // A known key does not open the door for something else.
        client.post_once(SIGNUP, &key("limited-1"), &request(3)).await,
    ] {
        reply.problem(429, "too-many-requests");
        assert!(reply.retry_after().is_some_and(|wait| wait > 60));
    }
    // What was taken is answered again, although nothing new is.
    assert_eq!(client.post_once(SIGNUP, &key("limited-1"), &request(1)).await.expect(201), first);
    stack.close().await;
}

#[tokio::test]
async fn a_browser_that_goes_on_as_somebody_else_leaves_no_session_behind() {
    const SESSION: &str = "__Host-chakravue-session";
    let stack = Stack::new("signup, sessions").await;
    let hospital = stack.hospital("First").await;
    let (id, email) = (&hospital.organization_id, &hospital.administrator.email);
    let login = json!({ "organization_id": id, "email": email, "password": PASSWORD });
    let signed_in = async |client: &ApiClient| {
        let reply = client.post("/organization-login", &login).await;
        reply.expect(200);
        stack.client().cookie(&reply.cookie(SESSION).unwrap())
    };
    let first = signed_in(&stack.client()).await;
    first.get("/me").await.expect(200);
    let second = signed_in(&first).await;
    first.get("/me").await.problem(401, "unauthenticated");
    second.get("/me").await.expect(200);
    second.post("/signup", &stack.signup_request("Second", "starter")).await.expect(201);
    second.get("/me").await.problem(401, "unauthenticated");
    // Both ends are in the hospital's log; other sessions go on.
    let log = hospital.administrator.get(&hospital.path("/audit?action=session.end")).await.expect(200);
    assert_eq!(log["items"].as_array().unwrap().len(), 2, "{log}");
    stack.close().await;
}
