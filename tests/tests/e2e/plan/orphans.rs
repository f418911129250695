//! `chakravue-operator orphans`, and what the running operator makes of the same.

use std::collections::BTreeMap;

use chakravue_crds::naming::secret_name;
use chakravue_testbed::{OperatorProcess, Sandbox};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use super::{everything, unchanged};
use crate::{
    proxied::Proxied,
    support::{World, client, condition, eventually, metric},
};

/// Everything that can be without its counterpart, in alphabetical order.
const KINDS: [&str; 9] = [
    "claim",
    "database",
    "hospital_without_claim",
    "hospital_without_database",
    "hospital_without_secret",
    "hospital_without_user",
    "role",
    "secret",
    "user",
];

/// A Secret as the operator labels its own, of nobody.
const LABELLED: &str = "left-mongodb";

#[tokio::test(flavor = "multi_thread")]
async fn whatever_has_lost_its_counterpart_is_reported_and_left_alone() {
    let proxied = Proxied::new("orphans").await;
    let world = &proxied.world;
    let operator = proxied.operator().resync_interval("1s").start().await;
    for name in ["whole", "torn", "bare", "retained"] {
        world.ready_hospital(name).await;
    }
    let name = |name: &str| world.sandbox.object_name(name);
    let database = |name: &str| world.sandbox.database_name(name);
    world.delete_and_wait(&name("retained")).await;
    assert_eq!(report(&proxied).await, Vec::<String>::new());
    // Tests beside this one may have something that is an orphan from here.
    let (_, text, _) = proxied.operator().print(&["orphans"]).await;
    assert!(!text.is_empty() && !text.contains(world.sandbox.prefix()), "{text}");
    operator.terminate().await;

    tear(world).await;
    let before = everything(&proxied).await;
    let found = report(&proxied).await;
    assert_eq!(found, torn(world));
    unchanged(&proxied, &before, "orphans").await;

    // The running operator writes down what was left behind, once.
    let operator = proxied.operator().resync_interval("1s").start().await;
    operator.wait_ready().await;
    let left = eventually("what was left behind is written down", async || {
        let claim = world.claim_on(&database("torn")).await?;
        claim.get_document("left_behind").ok().cloned()
    })
    .await;
    let what: Vec<_> = left.get_array("what").unwrap().iter().map(|what| what.as_str().unwrap()).collect();
    assert_eq!(what, ["database", "user", "role"]);
    // Applied again, it is whole and nothing is left behind any more.
    world.ready_hospital("torn").await;
    let claim = world.claim_on(&database("torn")).await.unwrap();
    assert!(!claim.contains_key("left_behind"), "{claim}");
    operator.terminate().await;
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metric_counts_of_each_kind_what_the_report_lists_for_a_machine_and_for_a_person() {
    // On a MongoDB of its own: others' users and databases are orphans from here, and come and go.
    let sandbox = Sandbox::new("orphans counted").await;
    let (mongod, uri) = sandbox.standalone_mongodb().await;
    let (kube, mongo) = (sandbox.admin().await, client(mongod.uri()).await);
    let world = World { sandbox, kube, mongo };
    let options = || world.sandbox.operator().mongodb_uri(&uri).resync_interval("1s");
    let operator = options().start().await;
    for name in ["whole", "torn", "bare", "retained"] {
        world.ready_hospital(name).await;
    }
    world.delete_and_wait(&world.sandbox.object_name("retained")).await;
    let counted = async |operator: &OperatorProcess, wanted: &BTreeMap<String, u64>| {
        for kind in KINDS {
            let name = format!("orphans{{kind=\"{kind}\"}}");
            if metric(operator, &name).await != wanted.get(kind).copied().unwrap_or(0) {
                return None;
            }
        }
        Some(())
    };
    let (_, text, _) = options().print(&["orphans"]).await;
    assert_eq!(text, "Everything has its counterpart.\n");
    operator.terminate().await;

    tear(&world).await;
    let operator = options().start().await;
    operator.wait_ready().await;
    let (well, json, errors) = options().print(&["orphans", "-o", "json"]).await;
    assert!(well, "{errors}");
    let report: Value = serde_json::from_str(&json).unwrap();
    let orphans = report["orphans"].as_array().unwrap();
    let mut counts = BTreeMap::<String, u64>::new();
    let mut lines = Vec::new();
    for orphan in orphans {
        let [kind, name, about] = ["kind", "name", "about"].map(|part| orphan[part].as_str().unwrap());
        *counts.entry(kind.to_owned()).or_default() += 1;
        lines.push(format!("{kind:<26} {name}: {about}"));
    }
    assert_eq!(counts.keys().collect::<Vec<_>>(), KINDS, "each kind is there");
    assert_eq!(listed(orphans), torn(&world));
    eventually("the metric counts them", async || counted(&operator, &counts).await).await;
    let (well, text, errors) = options().print(&["orphans"]).await;
    assert!(well, "{errors}");
    assert_eq!(text.lines().collect::<Vec<_>>(), lines);

    // What is no orphan any more is counted no more.
    world.secrets().delete(LABELLED, &DeleteParams::default()).await.unwrap();
    world.mongo.database(&world.sandbox.database_name("looks")).drop().await.unwrap();
    counts.remove("secret");
    counts.entry("database".to_owned()).and_modify(|count| *count -= 1);
    eventually("the metric counts the others", async || counted(&operator, &counts).await).await;
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_released_by_force_is_written_down_when_mongodb_is_back() {
    let proxied = Proxied::new("left behind").await;
    let world = &proxied.world;
    let operator = proxied.operator().start().await;
    let name = world.ready_hospital("forced").await.name_any();
    let database = world.sandbox.database_name("forced");
    proxied.mongo.set_down(true);
    world.delete(&name).await;
    world.wait(&name, "held", |o| condition(o, "Ready").is_some_and(|c| c.reason == "MongoDbUnavailable")).await;
    let annotation = json!({ "metadata": { "annotations": { "chakravue.io/force-release": database } } });
    world.hospitals().patch(&name, &PatchParams::default(), &Patch::Merge(&annotation)).await.unwrap();
    world.wait_gone(&name).await;
    proxied.mongo.set_down(false);
    // The resync is minutes away.
    let left = eventually("it is written down", async || {
        world.claim_on(&database).await?.get_document("left_behind").ok().cloned()
    })
    .await;
    assert_eq!(left.get_array("what").unwrap().len(), 3, "{left}");
    assert!(left.get_datetime("at").is_ok());
    assert_eq!(world.claim_on(&database).await.unwrap().get_str("status").unwrap(), "Terminating");
    operator.terminate().await;
    proxied.world.close().await;
}

/// Takes from hospitals called `torn`, `bare` and `retained` what they need, and makes what looks like a hospital's: of each
/// kind of orphan there is one.
async fn tear(world: &World) {
    let name = |name: &str| world.sandbox.object_name(name);
    let database = |name: &str| world.sandbox.database_name(name);
    // An object whose finalizer was taken by hand; one that lost everything else.
    let without = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    world.hospitals().patch(&name("torn"), &PatchParams::default(), &without).await.unwrap();
    world.delete(&name("torn")).await;
    let master = world.mongo.database(world.sandbox.master_database()).collection::<Document>("organizations");
    let bare = world.mongo.database(&database("bare"));
    bare.run_command(doc! { "dropAllUsersFromDatabase": 1 }).await.unwrap();
    bare.run_command(doc! { "dropAllRolesFromDatabase": 1 }).await.unwrap();
    bare.drop().await.unwrap();
    master.delete_one(doc! { "database_name": database("bare") }).await.unwrap();
    world.secrets().delete(&format!("{}-mongodb", name("bare")), &DeleteParams::default()).await.unwrap();
    // Somebody gives access to what is retained, and makes a database that only looks like a hospital's.
    let retained = world.mongo.database(&database("retained"));
    let user = doc! { "createUser": "by_hand", "pwd": "x", "roles": [], "customData": { "organization_id": "org" } };
    retained.run_command(user).await.unwrap();
    for collection in ["users", "patients", "appointments", "pharmacy", "settings", "audit_logs"] {
        world.mongo.database(&database("looks")).create_collection(collection).await.unwrap();
    }
    let labelled: Secret = serde_json::from_value(json!({
        "metadata": { "name": LABELLED, "labels": { "app.kubernetes.io/managed-by": "chakravue-operator" } },
    }))
    .unwrap();
    world.secrets().create(&PostParams::default(), &labelled).await.unwrap();
    // That of the torn one would go with its object by Kubernetes' own garbage collection, which may take half a minute.
    match world.secrets().delete(&secret_name(&name("torn")), &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => {}
        other => drop(other.unwrap()),
    }
}

/// What is reported then.
fn torn(world: &World) -> Vec<String> {
    let database = |name: &str| world.sandbox.database_name(name);
    let place = format!("{}/{}", world.sandbox.namespace(), world.sandbox.object_name("bare"));
    let mut wanted = vec![
        format!("claim {}", database("torn")),
        format!("database {}", database("torn")),
        format!("user {}", database("torn")),
        format!("role {}", database("torn")),
        format!("database {}", database("looks")),
        format!("user {}", database("retained")),
        format!("secret {}/{LABELLED}", world.sandbox.namespace()),
        format!("hospital_without_claim {place}"),
        format!("hospital_without_database {place}"),
        format!("hospital_without_secret {place}"),
        format!("hospital_without_user {place}"),
    ];
    wanted.sort();
    wanted
}

/// What of this sandbox is reported, as `claim t3f9a1_torn`; the server has others of its own.
async fn report(proxied: &Proxied) -> Vec<String> {
    let (well, json, errors) = proxied.operator().print(&["orphans", "-o", "json"]).await;
    assert!(well, "{errors}");
    let report: Value = serde_json::from_str(&json).unwrap();
    let mut told = listed(report["orphans"].as_array().unwrap());
    told.retain(|orphan| orphan.contains(proxied.world.sandbox.prefix()));
    told
}

fn listed(orphans: &[Value]) -> Vec<String> {
    let told = orphans.iter().map(|o| ["kind", "name"].map(|part| o[part].as_str().unwrap().to_owned()).join(" "));
    let mut told: Vec<String> = told.collect();
    told.sort();
    told
}
