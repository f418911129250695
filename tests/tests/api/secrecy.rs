//! Whatever happens, and however much is logged: no password, card, token, cookie or patient stands in a log, a trace, a
//! metric, a problem, a document of the master database, or the details of an audit entry.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chakravue_testbed::{ApiOptions, Reply};
use futures::TryStreamExt as _;
use mongodb::bson::{Document, doc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::json;

use crate::{
    collector::Collector,
    proxied::Proxied,
    support::{CARD, Staff, eventually, text, token_in},
};

const PATIENT: &str = "Zebulon Quill-Marker";
const PHONE: &str = "+1-555-0147-471";
const ADDRESS: &str = "47 Marker Lane, Quillton";
const ALLERGY: &str = "markerin and quillamine";
const NOTE: &str = "complains of marker fatigue";
/// Words that stand alone where a sentence is taken apart, such as for a search.
const WORDS: [&str; 2] = ["Quill-Marker", "quillamine"];
const REASON: &str = "follow-up of the marker";
const MEDICINE: &str = "Quillacetamol";
const CARD_HOLDER: &str = "Q. Marker-Holder";
const DOCTOR: &str = "doctor.quill@marker.example";

const PASSWORDS: [&str; 4] = [
    "quill tractors sing at noon",
    "quill lanterns hum at dusk",
    "quill was never the password",
    "quill pedals float at dawn",
];
/// One that is right, and one that is none but long enough to be told from chance.
const CARD_CODE: &str = "4711";
const MISTYPED_CARD_CODE: &str = "47114711471";
const DECLINED_CARD: &str = "4000000000009995";
const MISTYPED_CARD: &str = "4111111111111112";
const KEYS: [&str; 2] = ["marker-key-of-the-signup-0001", "marker-key-of-the-payment-0002"];

/// What was told to the API or by it and must be nowhere else.
#[derive(Default)]
struct Needles(BTreeMap<String, &'static str>);

impl Needles {
    fn add(&mut self, what: &'static str, needle: impl Into<String>) {
        let needle = needle.into();
        assert!(needle.len() > 8, "{what} is too short to be told from chance");
        self.0.insert(needle, what);
    }

    /// In letters of whatever size, and as requests and Secrets write it.
    fn found_in(&self, text: &str) -> BTreeSet<&'static str> {
        let small = text.to_lowercase();
        let is_there = |needle: &str| {
            let needle_small = needle.to_lowercase();
            text.contains(&BASE64_STANDARD.encode(needle))
                || in_queries(&needle_small).iter().any(|written| small.contains(written))
                || small.contains(&needle_small)
        };
        self.0.iter().filter(|(needle, _)| is_there(needle)).map(|(_, what)| *what).collect()
    }
}

/// How a query writes it, in small letters, where that is different: spaces in both ways.
fn in_queries(needle: &str) -> BTreeSet<String> {
    const SIGNS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    let encoded = utf8_percent_encode(needle, SIGNS).to_string().to_lowercase();
    let with_plus = encoded.replace("%20", "+");
    [encoded, with_plus].into_iter().filter(|written| written != needle).collect()
}

/// Whether a card's code stands in a line as a number of its own; it is too short to be looked for where there are many.
fn holds_card_code(line: &str) -> bool {
    line.split(|sign: char| !sign.is_ascii_alphanumeric()).any(|word| word == CARD_CODE)
}

/// Every problem that was answered.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    /// An answer that is a problem.
    #[track_caller]
    fn hear(&mut self, reply: &Reply) {
        assert!(reply.status >= 400, "this was to go wrong: {}", reply.body);
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{}", reply.body);
        self.0.push(format!("{:?}\n{}", reply.headers, reply.body));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_confided_to_the_api_stays_where_it_belongs() {
    let mut collector = Collector::start().await;
    let talkative = |api: ApiOptions| api.rust_log("trace").env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.address);
    let proxied = Proxied::with("secrecy", talkative).await;
    let (mut needles, mut problems) = (Needles::default(), Problems::default());
    needles.add("the API's password", password(proxied.sandbox.api_mongodb_uri()));
    for password in PASSWORDS {
        needles.add("a password", password);
    }
    for card in [CARD, DECLINED_CARD, MISTYPED_CARD] {
        needles.add("a card number", card);
    }
    needles.add("a card's holder", CARD_HOLDER);
    needles.add("a card's code", MISTYPED_CARD_CODE);
    for key in KEYS {
        needles.add("an idempotency key", key);
    }
    for patient in [PATIENT, PHONE, ADDRESS, ALLERGY, NOTE, REASON, MEDICINE].into_iter().chain(WORDS) {
        needles.add("a patient", patient);
    }
    needles.add("a user's address", DOCTOR);

    // Sign up, with a mistake first.
    let anonymous = proxied.client();
    let mut request = proxied.signup_request("Discreet", "starter");
    request["password"] = json!(PASSWORDS[0]);
    problems.hear(&anonymous.post("/signup", &request).await);
    // And every other field filled with what belongs elsewhere.
    for field in [PASSWORDS[0], CARD] {
        let mixed_up = json!({ "organization_id": field, "email": "nobody@marker.example", "password": PASSWORDS[0] });
        problems.hear(&anonymous.post("/organization-login", &mixed_up).await);
        problems.hear(&anonymous.post("/password-reset", &json!({ "organization_id": field, "email": field })).await);
        problems.hear(&anonymous.post("/login", &json!({ field: field, "email": "nobody@marker.example" })).await);
        problems.hear(&anonymous.get(&format!("/signup/database-name?{}=1", field.replace(' ', "+"))).await);
    }
    let reply = anonymous.post_once("/signup", KEYS[0], &proxied.signup_request("Discreet", "starter")).await;
    let signup = crate::support::Signup::of(&reply.expect(201));
    needles.add("a setup token", &signup.setup_token);
    let payer = anonymous.bearer(&signup.setup_token);

    // Pay, after everything that can go wrong.
    for card in [DECLINED_CARD, MISTYPED_CARD] {
        let mut payment = signup.payment(card);
        payment["card_cvc"] = json!(CARD_CODE);
        problems.hear(&payer.post("/process-payment", &payment).await);
    }
    let mut payment = signup.payment(CARD);
    payment["card_name"] = json!(CARD_HOLDER);
    payment["card_cvc"] = json!(MISTYPED_CARD_CODE);
    problems.hear(&payer.post("/process-payment", &payment).await);
    payment["card_cvc"] = json!(CARD_CODE);
    payment["card_number"] = json!(4_111_111_111_111_111.5);
    problems.hear(&payer.post("/process-payment", &payment).await);
    payment["card_number"] = json!(CARD);
    let unended = payment.to_string().replace('}', "");
    let request = payer.request(Method::POST, "/process-payment").header("Content-Type", "application/json");
    problems.hear(&Reply::to(request.body(unended)).await);
    payer.post_once("/process-payment", KEYS[1], &payment).await.expect(200);
    payment["card_name"] = json!(PATIENT);
    problems.hear(&payer.post_once("/process-payment", KEYS[1], &payment).await);

    // The administrator and a doctor, with passwords that are refused, wrong and right.
    let weak = json!({ "password": "quillquill" });
    problems.hear(&payer.post("/setup/administrator", &weak).await);
    let reply = payer.post("/setup/administrator", &json!({ "password": PASSWORDS[0] })).await;
    let administrator = Staff::signed_in(&anonymous, &reply.expect(200));
    needles.add("a session's token", administrator.token());
    let invited = administrator
        .post("/add-user", &json!({ "organization_id": signup.organization_id, "email": DOCTOR, "role": "doctor" }))
        .await
        .expect(201);
    let invitation = token_in(&text(&invited, "invitation_url"));
    needles.add("an invitation", &invitation);
    let accepting = json!({ "token": &invitation, "password": PASSWORDS[1], "name": "A Doctor" });
    anonymous.post("/invitations/preview", &json!({ "token": &invitation })).await.expect(200);
    let doctor = Staff::signed_in(&anonymous, &anonymous.post("/invitations/accept", &accepting).await.expect(200));
    needles.add("a session's token", doctor.token());
    problems.hear(&anonymous.post("/invitations/accept", &accepting).await);
    let sign_in =
        |password: &str| json!({ "organization_id": signup.organization_id, "email": DOCTOR, "password": password });
    problems.hear(&anonymous.post("/organization-login", &sign_in(PASSWORDS[2])).await);
    // After a wrong password the right one counts a moment later.
    let cookie = eventually("the doctor is signed in", async || {
        anonymous.post("/organization-login", &sign_in(PASSWORDS[1])).await.cookie("__Host-chakravue-session")
    })
    .await;
    needles.add("a cookie", cookie.split_once('=').unwrap().1);
    let browser = anonymous.cookie(&cookie);
    browser.get("/me").await.expect(200);
    problems.hear(&anonymous.post("/login", &json!({ "email": DOCTOR, "password": PASSWORDS[2] })).await);
    problems.hear(&anonymous.get(&format!("/me?token={}", doctor.token())).await);
    let reset = signup.path(&format!("/users/{}/password-reset", doctor.user_id));
    let link = administrator.post_empty(&reset).await.expect(200);
    let reset = token_in(
        &link.as_object().unwrap().values().filter_map(|v| v.as_str()).find(|v| v.contains("#token=")).unwrap(),
    );
    needles.add("a reset", &reset);

    // A patient, read, searched, written about, and asked for by somebody who must not.
    let patients = signup.path("/patients");
    let patient = json!({
        "name": PATIENT, "birth_date": "1947-04-11", "phone": PHONE, "address": ADDRESS, "allergies": [ALLERGY],
    });
    let created = administrator.post(&patients, &patient).await.expect(201);
    let one = format!("{patients}/{}", text(&created, "patient_id"));
    let found = doctor.get(&format!("{patients}?q=Zebulon%20Quill-Marker")).await.expect(200);
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
    doctor.post(&format!("{one}/notes"), &json!({ "text": NOTE })).await.expect(201);
    problems.hear(&administrator.post(&format!("{one}/notes"), &json!({ "text": NOTE })).await);
    problems.hear(&doctor.post(&format!("{one}/notes"), &json!({ "text": NOTE, PATIENT: NOTE })).await);
    let prescription = json!({ "medicine": MEDICINE, "dose": "1", "frequency": "daily", "instructions": REASON });
    doctor.post(&format!("{one}/prescriptions"), &prescription).await.expect(201);
    let mut wrong = patient.clone();
    wrong["birth_date"] = json!(PATIENT);
    problems.hear(&administrator.post(&patients, &wrong).await);
    problems.hear(&administrator.post(&format!("{patients}/{PHONE}"), &patient).await);
    problems.hear(&anonymous.get(&format!("{patients}?q=Zebulon%20Quill-Marker")).await);
    let booking = json!({
        "patient_id": text(&created, "patient_id"), "doctor_id": doctor.user_id,
        "starts_at": "2031-04-01T09:00:00Z", "reason": REASON,
    });
    administrator.post(&signup.path("/appointments"), &booking).await.expect(201);

    // Servers that answer with more than they should.
    let secret = proxied.object(&signup.organization_id).await.status.unwrap().binding.unwrap().name;
    let secret = proxied.secrets().get(&secret).await.unwrap().data.unwrap();
    let hospitals_password = String::from_utf8(secret["password"].0.clone()).unwrap();
    needles.add("a hospital's password", &hospitals_password);
    let quoting =
        format!("E11000 dup key: {{ name: \"{PATIENT}\", pwd: \"{hospitals_password}\", token: \"{invitation}\" }}");
    for (command, code) in [
        ("find", 8000),
        ("aggregate", 8000),
        ("insert", 121),
        ("insert", 11_000),
        ("update", 8000),
        ("commitTransaction", 8000),
    ] {
        proxied.mongo_proxy.fail(command, code, "Strange", &quoting);
        let replies = [
            administrator.post(&patients, &patient).await,
            doctor.get(&format!("{patients}?q=Zebulon")).await,
            doctor.get(&one).await,
            anonymous.post("/organization-login", &sign_in(PASSWORDS[1])).await,
            anonymous
                .post_once("/signup", "marker-key-of-the-signup-0003", &proxied.signup_request("Unlucky", "starter"))
                .await,
        ];
        let gone_wrong: Vec<_> = replies.iter().filter(|reply| reply.status >= 400).collect();
        assert!(!gone_wrong.is_empty(), "{command} does not matter to anybody");
        gone_wrong.into_iter().for_each(|reply| problems.hear(reply));
        proxied.mongo_proxy.clear();
    }
    proxied.kube_proxy.fail("PATCH", "hospitalorganizations", 500, &quoting);
    let request = proxied.signup_request("Unluckier", "starter");
    problems.hear(&anonymous.post("/signup", &request).await);
    proxied.kube_proxy.clear();
    proxied.mongo_proxy.set_down(true);
    problems.hear(&doctor.get(&one).await);
    problems.hear(&anonymous.post("/organization-login", &sign_in(PASSWORDS[1])).await);
    proxied.mongo_proxy.set_down(false);
    eventually("the hospital can be reached again", async || (doctor.get(&one).await.status == 200).then_some(()))
        .await;

    let change = json!({ "current_password": PASSWORDS[1], "new_password": PASSWORDS[3] });
    problems.hear(
        &browser.post("/me/password", &json!({ "current_password": PASSWORDS[2], "new_password": PASSWORDS[3] })).await,
    );
    let changed = eventually("the password is changed", async || {
        let reply = browser.post("/me/password", &change).await;
        // Too soon after the wrong one.
        (reply.status != 429).then_some(reply)
    })
    .await;
    needles.add("a session's token", text(&changed.expect(200), "token"));
    needles.add("a cookie", changed.cookie("__Host-chakravue-session").unwrap().split_once('=').unwrap().1);
    anonymous.cookie(&changed.cookie("__Host-chakravue-session").unwrap()).get("/me").await.expect(200);
    let found = administrator.get(&format!("{patients}?q=Quill-Marker")).await.expect(200);
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");

    let audit = proxied.database(&signup).collection::<Document>("audit_logs");
    let metrics = proxied.api.metrics().await;
    // The last spans are sent at the end.
    assert!(proxied.api.terminate().await.success());
    let mut sources = vec![
        ("the log", proxied.api.log()),
        ("the traces", String::from_utf8_lossy(&collector.all()).into_owned()),
        ("the metrics", metrics),
        ("the problems", problems.0.join("\n")),
        ("the audit log", everything(&audit).await),
        ("the objects", serde_json::to_string(&proxied.object(&signup.organization_id).await).unwrap()),
    ];
    let master = proxied.master();
    let mut collections = master.list_collection_names().await.unwrap();
    collections.sort();
    let mut documents = String::new();
    for collection in &collections {
        documents += &everything(&master.collection(collection)).await;
    }
    sources.push(("the master database", documents));

    for (source, text) in &sources {
        let leaks = needles.found_in(text);
        assert!(leaks.is_empty(), "{source} holds {leaks:?}\n{}", lines_with(text, &needles));
    }
    for (source, text) in &sources {
        // The log and the traces have numbers of every kind; there a line would have to be about a card.
        let has_numbers = ["the log", "the traces"].contains(source);
        let about_cards = |line: &&str| !has_numbers || line.contains("cvc") || line.contains("card");
        let told: Vec<_> = text.lines().filter(about_cards).filter(|line| holds_card_code(line)).collect();
        assert!(told.is_empty(), "{source} holds a card's code: {told:?}");
    }
    // The search finds what it looks for, and looks where there is something.
    for (needle, what) in &needles.0 {
        let ways = [needle.clone(), needle.to_uppercase(), BASE64_STANDARD.encode(needle)];
        for written in ways.into_iter().chain(in_queries(needle)) {
            assert!(needles.found_in(&format!("before {written} after")).contains(what), "{written}");
        }
    }
    assert!(holds_card_code("{ \"card_cvc\": \"4711\" }") && !holds_card_code("47110, 4711a"));
    let source = |name: &str| &sources.iter().find(|(source, _)| *source == name).unwrap().1;
    assert!(source("the log").contains("DEBUG"), "the log is not at its most talkative");
    assert!(source("the traces").contains("POST /process-payment"), "nothing was traced");
    assert!(source("the metrics").contains("chakravue_api_payments_total{outcome=\"succeeded\"} 1"));
    assert!(source("the audit log").contains("patient.") && source("the audit log").contains("user."));
    for collection in ["payments", "sessions", "signups", "idempotency", "organization_users"] {
        assert!(collections.iter().any(|name| name == collection), "{collections:?}");
    }
    // Where it belongs, it is.
    let patients = everything(&proxied.database(&signup).collection("patients")).await;
    assert!(patients.contains(PATIENT) && patients.contains(NOTE));
    proxied.close().await;
}

async fn everything(collection: &mongodb::Collection<Document>) -> String {
    let documents: Vec<Document> = collection.find(doc! {}).await.unwrap().try_collect().await.unwrap();
    documents.iter().map(|document| format!("{document}\n")).collect()
}

/// The lines in which something was found, for the message.
fn lines_with(text: &str, needles: &Needles) -> String {
    let found = text.lines().filter(|line| !needles.found_in(line).is_empty()).take(5);
    found.map(|line| line.chars().take(600).collect::<String>() + "\n").collect()
}

fn password(uri: &str) -> String {
    uri.split_once("//").and_then(|(_, rest)| rest.split_once('@')).unwrap().0.split_once(':').unwrap().1.to_owned()
}
