//! Whatever happens, and however much is logged, nobody can read a secret or a patient from what the operator says.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chakravue_crds::naming::secret_name;
use chakravue_testbed::OperatorProcess;
use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::Event;
use kube::{
    Api,
    api::{DeleteParams, ListParams},
    runtime::{WatchStreamExt as _, watcher},
};
use mongodb::bson::doc;
use serde_json::{Value, json};

use crate::{
    proxied::Proxied,
    support::{World, code, condition, eventually, is, patient},
};

/// Stands in a patient's document, and in what MongoDB says about it.
const MARKER: &str = "Zebulon-Quill-4711";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_the_operator_says_holds_a_secret_or_a_patient() {
    let proxied = Proxied::new("secrecy").await;
    let world = &proxied.world;
    // Its own way to Kubernetes, so that it has a token to lose.
    let operator = world.sandbox.operator();
    let operator = operator.mongodb_uri(proxied.mongodb_uri()).tenant_mongodb_uri(&proxied.tenant_mongodb_uri());
    let operator = operator.rust_log("trace").resync_interval("1s").start().await;
    operator.wait_ready().await;
    let mut heard = Heard::listen(world);
    let name = world.sandbox.object_name("discreet");
    let database = world.sandbox.database_name("discreet");

    // A hospital with a patient, and two passwords one after the other.
    world.ready_hospital("discreet").await;
    heard.look(&operator).await;
    let first = world.secret(&name).await;
    let inserted =
        world.tenant(&name).await.database(&database).collection("patients").insert_one(patient(MARKER)).await;
    inserted.unwrap();
    world.secrets().delete(&secret_name(&name), &DeleteParams::default()).await.unwrap();
    let second = eventually("new credentials that log in", || async {
        world.secrets().get_opt(&secret_name(&name)).await.unwrap()?;
        let secret = world.secret(&name).await;
        let client = crate::support::client(&secret["uri"]).await;
        let read = client.database(&database).collection::<mongodb::bson::Document>("patients").find_one(doc! {}).await;
        (code(&read) == 0).then_some(secret)
    })
    .await;
    assert_ne!(first["password"], second["password"]);

    // Documents that stand in the way of an index: MongoDB quotes them in its answer.
    let patients = world.patients(&database);
    patients.drop_index("record_number_unique").await.unwrap();
    let mut twin = patient(MARKER);
    twin.insert("name", MARKER);
    patients.insert_one(twin).await.unwrap();
    let violated = world.wait(&name, "in violation", |o| is(o, "SchemaReady", "False")).await;
    heard.look(&operator).await;
    let said = &condition(&violated, "SchemaReady").unwrap().message;
    assert!(said.contains("patients"), "the condition is about what the marker is in: {said}");
    patients.delete_one(doc! { "name": MARKER }).await.unwrap();
    world.wait(&name, "mended", |o| is(o, "SchemaReady", "True")).await;

    // Servers that answer with more than they should.
    let quoting = format!("E11000 dup key: {{ record_number: \"{MARKER}\", pwd: \"{}\" }}", second["password"]);
    for (command, number) in [("aggregate", 8000), ("listCollections", 11000), ("find", 59)] {
        proxied.mongo.fail(command, number, "Strange", &quoting);
        eventually("a failed pass", || async {
            proxied.log.refused().iter().any(|refusal| refusal.code == number).then_some(())
        })
        .await;
        heard.look(&operator).await;
        if number != 11000 {
            world.wait(&name, "not ready", |o| is(o, "Ready", "False")).await;
        }
        proxied.mongo.clear();
        world.wait_ready(&name).await;
    }
    proxied.mongo.set_down(true);
    world.wait(&name, "not ready without MongoDB", |o| is(o, "Ready", "False")).await;
    eventually("/readyz says that MongoDB is away", || async {
        (operator.status_of("/readyz").await == Some(503)).then_some(())
    })
    .await;
    heard.look(&operator).await;
    proxied.mongo.set_down(false);
    world.wait_ready(&name).await;

    let mut object = world.hospital("discreet");
    object["spec"]["subscription"] = json!("Suspended");
    object["spec"]["deletionPolicy"] = json!("Delete");
    world.apply(&object).await;
    world.wait(&name, "suspended", |o| is(o, "SubscriptionActive", "False") && !is(o, "Reconciling", "True")).await;
    heard.look(&operator).await;
    world.delete_and_wait(&name).await;
    heard.look(&operator).await;
    let all = heard.everything(world, &operator).await;

    let mut needles = vec![("the patient", MARKER.to_owned()), ("the operator's token", token(world))];
    needles.push(("the operator's password", password(world.sandbox.operator_mongodb_uri())));
    for secret in [&first, &second] {
        needles.push(("a password", secret["password"].clone()));
        needles.push(("a URI", secret["uri"].clone()));
    }
    let encoded: Vec<_> = needles.iter().map(|(what, text)| (*what, BASE64_STANDARD.encode(text))).collect();
    needles.extend(encoded);

    for (source, text) in &all {
        let leaks = leaks(text, &needles);
        assert!(leaks.is_empty(), "{source}: {leaks:#?}");
        assert!(text.contains(&name) || matches!(*source, "metrics" | "/readyz"), "{source} says nothing:\n{text}");
    }
    // The search finds what it looks for.
    for (what, needle) in &needles {
        assert!(!leaks(&format!("before {needle} after"), &[(what, needle.clone())]).is_empty(), "{what}");
    }
    let log = &all[0].1;
    assert!(log.contains("TRACE") && log.contains("DEBUG"), "the log is not at its most talkative");
    assert!(all[1].1.contains("CredentialsIssued") && all[1].1.contains("MongoDb"), "Events: {}", all[1].1);
    assert!(all[2].1.contains("MongoDbUnavailable"), "statuses: {}", all[2].1);
    assert!(all[3].1.contains("chakravue_operator_reconciles"), "metrics: {}", all[3].1);
    assert!(all[4].1.contains("MongoDB does not answer"), "/readyz: {}", all[4].1);

    assert!(operator.terminate().await.success());
    proxied.world.close().await;
}

#[test]
fn a_uri_with_a_password_is_found_and_one_without_is_not() {
    assert_eq!(leaks("at mongodb://h:27017/?replicaSet=rs0 and a@b", &[]), [] as [String; 0]);
    for uri in ["mongodb://u:p@h/", "x mongodb+srv://u:p%40@h.example/db y"] {
        assert_eq!(leaks(uri, &[]).len(), 1, "{uri}");
    }
}

/// Everything that can be heard of the operator from outside.
struct Heard {
    statuses: Arc<Mutex<BTreeSet<String>>>,
    metrics: String,
    readiness: String,
    watch: tokio::task::JoinHandle<()>,
}

impl Heard {
    /// From now on every version of every hospital is heard.
    fn listen(world: &World) -> Self {
        let statuses = Arc::new(Mutex::new(BTreeSet::new()));
        let heard = Arc::clone(&statuses);
        let hospitals = world.hospitals();
        let watch = tokio::spawn(async move {
            let versions = watcher(hospitals, watcher::Config::default()).default_backoff().applied_objects();
            let listen = versions.try_for_each(|hospital| {
                heard.lock().unwrap().insert(serde_json::to_string(&hospital).unwrap());
                std::future::ready(Ok(()))
            });
            listen.await.unwrap();
        });
        Self { statuses, metrics: String::new(), readiness: String::new(), watch }
    }

    async fn look(&mut self, operator: &OperatorProcess) {
        self.metrics += &operator.metrics().await;
        self.readiness += &operator.answer_of("/readyz").await.unwrap().1;
    }

    /// By source: the log, Events, objects, metrics and readiness.
    async fn everything(self, world: &World, operator: &OperatorProcess) -> [(&'static str, String); 5] {
        let events = Api::<Event>::namespaced(world.kube.clone(), world.sandbox.namespace());
        let events = events.list(&ListParams::default()).await.unwrap();
        let events = serde_json::to_string(&events.items).unwrap();
        self.watch.abort();
        let statuses: Vec<_> = self.statuses.lock().unwrap().iter().cloned().collect();
        [
            ("the log", operator.log()),
            ("Events", events),
            ("objects", statuses.join("\n")),
            ("metrics", self.metrics),
            ("/readyz", self.readiness),
        ]
    }
}

/// What of the secrets stands in a text, with the words before it.
fn leaks(text: &str, needles: &[(&str, String)]) -> Vec<String> {
    let before = |at: usize| &text[text.floor_char_boundary(at.saturating_sub(200))..at];
    let of_needles = needles.iter().filter_map(|(what, needle)| {
        let at = text.find(needle.as_str())?;
        Some(format!("{what} after: {}", before(at)))
    });
    let of_uris = text.match_indices("mongodb").filter_map(|(at, _)| {
        let (scheme, rest) = text[at..].split_once("://")?;
        let authority = rest.split(|c: char| c.is_whitespace() || "/\"'".contains(c)).next()?;
        let login = authority.rsplit_once('@')?.0;
        (matches!(scheme, "mongodb" | "mongodb+srv") && login.contains(':'))
            .then(|| format!("a URI with credentials after: {}", before(at)))
    });
    of_needles.chain(of_uris).collect()
}

fn token(world: &World) -> String {
    let text = std::fs::read_to_string(world.sandbox.operator_kubeconfig()).unwrap();
    let kubeconfig: Value = serde_saphyr::from_str(&text).unwrap();
    kubeconfig["users"][0]["user"]["token"].as_str().unwrap().to_owned()
}

fn password(uri: &str) -> String {
    let login = uri.strip_prefix("mongodb://").unwrap().split_once('@').unwrap().0;
    login.split_once(':').unwrap().1.to_owned()
}
