//! A healthy hospital costs reads and nothing else: no write to either server, no field of anybody else.

use std::{collections::BTreeSet, path::PathBuf};

use chakravue_testbed::OperatorProcess;
use kube::ResourceExt as _;
use serde_json::{Value, json};

use crate::{
    proxied::Proxied,
    support::{World, eventually, is},
};

/// How often each hospital is looked at while writes are counted.
const LOOKS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn passes_over_hospitals_that_are_as_declared_write_nothing_to_either_server() {
    let proxied = Proxied::new("quiet").await;
    let world = &proxied.world;
    let start = || proxied.operator().resync_interval("1s").start();
    let operator = start().await;
    let mut names = Vec::new();
    for number in 1..=5 {
        names.push(world.apply(&world.hospital(&format!("active{number}"))).await.name_any());
    }
    let mut unpaid = world.hospital("unpaid");
    unpaid["spec"]["subscription"] = json!("PendingPayment");
    let mut suspended = world.hospital("suspended");
    let unpaid_name = world.apply(&unpaid).await.name_any();
    let suspended_name = world.ready_hospital("suspended").await.name_any();
    suspended["spec"]["subscription"] = json!("Suspended");
    world.apply(&suspended).await;
    let rests =
        |o: &_| is(o, "SubscriptionActive", "False") && is(o, "Ready", "False") && !is(o, "Reconciling", "True");
    for name in &names {
        world.wait_ready(name).await;
    }
    for name in [&unpaid_name, &suspended_name] {
        world.wait(name, "at rest", rests).await;
    }
    names.extend([unpaid_name, suspended_name]);
    // One look at each lets the last Event of what was done be out.
    let databases: Vec<String> = names.iter().map(|name| name.replace('-', "_")).collect();
    look_at_each(&proxied, &operator, &databases, 1).await;
    let written = proxied.log.count();
    assert!(written > 40, "the writes of provisioning would be seen: {}", proxied.written());
    assert!(proxied.log.events().len() > 10, "and so would its Events: {:?}", proxied.log.events());
    if let Some(lines) = audit(world) {
        assert!(lines.len() > 30, "the API server says who wrote: {lines:?}");
    }

    let versions = versions(world).await;
    let quiet = Silence::begin(&proxied);
    look_at_each(&proxied, &operator, &databases, LOOKS).await;
    quiet.assert("passes of the same process");

    // A process that knows nothing yet finds nothing to do either.
    assert!(operator.terminate().await.success());
    let quiet = Silence::begin(&proxied);
    let operator = start().await;
    look_at_each(&proxied, &operator, &databases, 2).await;
    assert!(operator.terminate().await.success());
    quiet.assert("a new start");
    assert_eq!(self::versions(world).await, versions, "resource versions");

    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_hospital_is_made_with_eight_writes() {
    let proxied = Proxied::new("eight writes").await;
    let world = &proxied.world;
    let operator = proxied.operator().start().await;
    operator.wait_ready().await;
    proxied.log.settled().await;
    proxied.log.clear();

    let name = world.ready_hospital("counted").await.name_any();
    proxied.log.settled().await;
    let (namespace, master) = (world.sandbox.namespace(), world.sandbox.master_database());
    let object = format!("/apis/chakravue.io/v1alpha1/namespaces/{namespace}/hospitalorganizations/{name}");
    let user = world.users_and_roles(&name.replace('-', "_")).await;
    let mut wanted = vec![
        // The finalizer; that it is done.
        format!("PATCH {object}"),
        format!("PATCH {object}/status"),
        format!("POST /api/v1/namespaces/{namespace}/secrets"),
        // The claim; what the platform shows of it.
        format!("insert {master}.organizations"),
        format!("update {master}.organizations"),
        format!("createRole {}", user.1[0]),
        format!("createUser {}", user.0[0]),
        // Six collections and their indexes.
        "commitTransaction (12 commands)".to_owned(),
    ];
    wanted.sort();
    let mut written: Vec<_> = proxied.log.writes().into_iter().map(|write| write.what).collect();
    written.sort();
    // Work that takes seconds, as on a machine with much else to do, is announced by one more status.
    let status = format!("PATCH {object}/status");
    if written.iter().filter(|write| **write == status).count() == 2 {
        written.remove(written.iter().position(|write| *write == status).unwrap());
    }
    assert_eq!(written, wanted, "in order: {}", proxied.written());
    assert_eq!(proxied.log.refused(), [], "nothing was tried in vain");

    assert!(operator.terminate().await.success());
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_owns_its_finalizer_and_the_status_and_nothing_else() {
    let world = World::new("ownership").await;
    let operator = world.sandbox.operator().start().await;
    let mut object = world.hospital("owned");
    object["metadata"]["labels"] = json!({ "team": "cardiology" });
    object["metadata"]["annotations"] = json!({ "contact": "ward 7" });
    let name = world.apply(&object).await.name_any();
    world.wait_ready(&name).await;
    assert_owns_little(&world, &object).await;

    object["spec"]["plan"] = json!("Professional");
    world.apply(&object).await;
    let upgraded = world.wait_ready(&name).await.status.unwrap();
    assert_eq!(upgraded.monthly_price_usd, Some(299));
    assert_eq!(upgraded.users.unwrap().seats, "0/20");
    let claim = world.claim_on(&world.sandbox.database_name("owned")).await.unwrap();
    assert_eq!((claim.get_str("plan").unwrap(), claim.get_i64("monthly_price_usd").unwrap()), ("Professional", 299));
    assert_owns_little(&world, &object).await;

    object["spec"]["subscription"] = json!("Suspended");
    world.apply(&object).await;
    world.wait(&name, "suspended", |o| is(o, "SubscriptionActive", "False") && !is(o, "Reconciling", "True")).await;
    assert_owns_little(&world, &object).await;

    assert!(operator.terminate().await.success());
    world.close().await;
}

/// The object is as it was applied, and the field manager of the operator has only what is its own.
async fn assert_owns_little(world: &World, applied: &Value) {
    let found = world.hospitals().get(applied["metadata"]["name"].as_str().unwrap()).await.unwrap();
    for part in ["labels", "annotations"] {
        assert_eq!(json!(found.metadata)[part], applied["metadata"][part], "{part}");
    }
    let mut roots = BTreeSet::new();
    for entry in found.managed_fields() {
        if entry.manager.as_deref() != Some("chakravue-operator") {
            continue;
        }
        let fields = json!(entry.fields_v1);
        for (root, below) in fields.as_object().unwrap() {
            roots.insert(root.clone());
            if root == "f:metadata" {
                let below: Vec<_> = below.as_object().unwrap().keys().collect();
                assert_eq!(below, ["f:finalizers"], "of metadata: {fields}");
            }
        }
    }
    assert_eq!(roots, BTreeSet::from(["f:metadata".to_owned(), "f:status".to_owned()]), "{:?}", found.managed_fields());
}

/// Returns when every database was looked at `times` more often, in passes that succeeded.
async fn look_at_each(proxied: &Proxied, operator: &OperatorProcess, databases: &[String], times: usize) {
    let before = proxied.mongo.commands().len();
    eventually("the operator looks at every hospital again and again", || async {
        let commands = proxied.mongo.commands();
        let looks = |database: &String| {
            let look = format!("listCollections {database}");
            commands[before..].iter().filter(|command| **command == look).count()
        };
        // One more, because the last one's pass may be under way.
        databases.iter().all(|database| looks(database) > times).then_some(())
    })
    .await;
    let metrics = operator.metrics().await;
    let failures: Vec<_> = metrics.lines().filter(|line| line.contains("result=\"failure\"")).collect();
    assert_eq!(failures, Vec::<&str>::new(), "passes failed");
}

/// Nothing may be written from its beginning to its end.
struct Silence<'a> {
    proxied: &'a Proxied,
    audited: Option<usize>,
}

impl<'a> Silence<'a> {
    fn begin(proxied: &'a Proxied) -> Self {
        proxied.log.clear();
        Self { proxied, audited: audit(&proxied.world).map(|lines| lines.len()) }
    }

    fn assert(self, during: &str) {
        let log = &self.proxied.log;
        assert_eq!(log.writes(), [], "written during {during}");
        assert_eq!(log.events(), [], "Events during {during}");
        assert_eq!(log.refused(), [], "tried in vain during {during}");
        if let Some(audited) = self.audited {
            let lines = audit(&self.proxied.world).unwrap();
            assert_eq!(lines[audited..], [] as [String; 0], "audited during {during}");
        }
    }
}

/// What the API server's own audit says that the operator wrote; `None` on a cluster whose audit is not ours.
fn audit(world: &World) -> Option<Vec<String>> {
    let path: PathBuf = world.sandbox.testbed().audit_log()?;
    let user = format!("system:serviceaccount:{}:chakravue-operator", world.sandbox.namespace());
    let text = std::fs::read_to_string(path).unwrap();
    let entries = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let own = entries.filter(|entry| entry["user"]["username"] == user.as_str());
    Some(own.map(|entry| format!("{} {}", entry["verb"], entry["requestURI"])).collect())
}

async fn versions(world: &World) -> Vec<(String, Option<String>)> {
    let hospitals = world.hospitals().list(&kube::api::ListParams::default()).await.unwrap();
    hospitals.iter().map(|hospital| (hospital.name_any(), hospital.resource_version())).collect()
}
