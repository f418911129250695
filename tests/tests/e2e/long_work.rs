//! Work that takes long in a hospital's database (an index over many documents, or the question which of them do not fit)
//! goes on beside the passes: it keeps neither the same hospital's suspension waiting nor anybody else, survives a MongoDB
//! that goes away, and ends with the hospital.

use std::time::{Duration, Instant};

use chakravue_crds::{HospitalOrganization, annotations::PAUSED};
use chakravue_testbed::{OperatorOptions, proxy::Server};
use futures::TryStreamExt as _;
use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams},
};
use mongodb::bson::{Document, doc};
use serde_json::json;

use crate::{
    migration::wider_version,
    proxied::Proxied,
    support::{condition, eventually, is, loses_access, metric, patient},
};

/// The resync never comes where it is not what a test is about.
const NEVER: &str = "10h";

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_neither_a_suspension_nor_another_hospital_waiting_and_its_end_is_told() {
    let proxied = Proxied::new("long work").await;
    let world = &proxied.world;
    let operator = told_of_changes(&proxied).await.arg("--workers").arg("1").start().await;
    let name = world.ready_hospital("busy").await.name_any();
    let database = world.sandbox.database_name("busy");
    let tenant = world.tenant(&name).await.database(&database).collection::<Document>("patients");
    tenant.insert_one(patient("1")).await.unwrap();

    proxied.mongo.delay("validate", Duration::from_secs(25));
    let began = Instant::now();
    let handle = world.mongo.database(&database);
    handle.run_command(doc! { "collMod": "patients", "validator": {} }).await.unwrap();
    let busy = world.wait(&name, "told what is under way", |o| because(o, "SchemaReady") == "Repairing").await;
    assert!(is(&busy, "Ready", "True") && is(&busy, "Reconciling", "True"), "{:?}", busy.status);
    let told = condition(&busy, "SchemaReady").unwrap();
    assert!(told.message.contains("the documents of patients are being compared"), "{}", told.message);
    assert_eq!(metric(&operator, "repairs_running").await, 1);

    let asked = Instant::now();
    let mut suspended = world.hospital("busy");
    suspended["spec"]["subscription"] = json!("Suspended");
    world.apply(&suspended).await;
    loses_access(&tenant).await;
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    world.ready_hospital("other").await;
    assert!(began.elapsed() < Duration::from_secs(25), "the one worker was free: {:?}", began.elapsed());

    let healed = world.wait(&name, "told that it has ended", |o| is(o, "SchemaReady", "True")).await;
    assert!(condition(&healed, "Reconciling").is_none() && began.elapsed() > Duration::from_secs(25));
    assert_eq!(metric(&operator, "repairs_running").await, 0);
    operator.terminate().await;
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_under_way_does_not_bring_a_removed_database_back() {
    let proxied = Proxied::new("long removal").await;
    let world = &proxied.world;
    let operator = told_of_changes(&proxied).await.start().await;
    let mut object = world.hospital("leaving");
    object["spec"]["deletionPolicy"] = json!("Delete");
    let name = world.apply(&object).await.name_any();
    world.wait_ready(&name).await;
    let database = world.sandbox.database_name("leaving");

    // The server hears of the index only after the collection was dropped.
    proxied.mongo.delay("createIndexes", Duration::from_secs(8));
    drop_an_index(&proxied, &database).await;
    world.wait(&name, "told what is under way", |o| because(o, "SchemaReady") == "Repairing").await;
    proxied.mongo.clear();
    world.delete_and_wait(&name).await;
    let sent = proxied.log.writes().iter().filter(|write| write.server == Server::MongoDb).count();
    assert!(world.collection_names(&database).await.is_empty());
    assert!(world.claim_on(&database).await.is_none());
    tokio::time::sleep(Duration::from_secs(8)).await;
    let later = proxied.log.writes().iter().filter(|write| write.server == Server::MongoDb).count();
    assert_eq!(later, sent, "{}", proxied.written());
    assert!(world.collection_names(&database).await.is_empty());
    assert_eq!(metric(&operator, "repairs_running").await, 0);
    operator.terminate().await;
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_begun_anew_when_mongodb_was_away() {
    let proxied = Proxied::new("long outage").await;
    let world = &proxied.world;
    let operator = told_of_changes(&proxied).await.start().await;
    let name = world.ready_hospital("unlucky").await.name_any();
    let database = world.sandbox.database_name("unlucky");
    let before = world.indexes(&database, "patients").await;

    proxied.mongo.delay("createIndexes", Duration::from_secs(10));
    drop_an_index(&proxied, &database).await;
    world.wait(&name, "told what is under way", |o| because(o, "SchemaReady") == "Repairing").await;
    proxied.mongo.set_down(true);
    eventually("MongoDB's absence is noticed", async || (metric(&operator, "mongodb_usable").await == 0).then_some(()))
        .await;
    proxied.mongo.set_down(false);
    // The second attempt takes long, too, and what happened to the first is not held against it.
    let told = |o: &HospitalOrganization| because(o, "SchemaReady") == "Repairing" && is(o, "Ready", "True");
    world.wait(&name, "told that it goes on", told).await;
    loop {
        let hospital = world.hospitals().get(&name).await.unwrap();
        if is(&hospital, "SchemaReady", "True") {
            break;
        }
        assert!(told(&hospital), "{:?}", hospital.status);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(world.indexes(&database, "patients").await.len(), before.len());
    operator.terminate().await;
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_for_long_keeps_no_other_part_of_the_hospital_waiting() {
    let proxied = Proxied::new("long parts").await;
    let world = &proxied.world;
    let operator = proxied.operator().resync_interval("1s").start().await;
    let name = world.ready_hospital("parts").await.name_any();
    let handle = world.mongo.database(&world.sandbox.database_name("parts"));
    for collection in ["users", "patients"] {
        let unfit = doc! { "nothing": true };
        handle.collection::<Document>(collection).insert_one(unfit).bypass_document_validation(true).await.unwrap();
    }
    proxied.mongo.delay("validate", Duration::from_secs(3));
    for collection in ["users", "patients", "pharmacy", "settings"] {
        handle.run_command(doc! { "collMod": collection, "validator": {} }).await.unwrap();
    }
    let validated = |o: &HospitalOrganization, name: &str| {
        o.status.as_ref().unwrap().collections.iter().any(|c| c.name == name && c.documents_validated)
    };
    let told = |o: &HospitalOrganization| because(o, "SchemaReady") == "DocumentsViolateSchema";
    let rest = |o: &HospitalOrganization| told(o) && validated(o, "pharmacy") && validated(o, "settings");
    let hospital = world.wait(&name, "right but for two", rest).await;
    assert!(!validated(&hospital, "users") && !validated(&hospital, "patients"));
    handle.collection::<Document>("patients").delete_many(doc! {}).await.unwrap();
    world.wait(&name, "right but for one", |o| told(o) && validated(o, "patients")).await;
    operator.terminate().await;
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_fails_after_long_work_lets_the_next_hospital_have_its_turn() {
    let proxied = Proxied::new("long failing migration").await;
    let world = &proxied.world;
    let wider = wider_version(world).await;
    let operator = proxied.operator().start().await;
    let mut names = Vec::new();
    for name in ["one", "two", "three"] {
        names.push(world.ready_hospital(name).await.name_any());
    }
    operator.terminate().await;
    proxied.mongo.delay("validate", Duration::from_secs(3));
    proxied.mongo.fail("validate", 8, "UnknownError", "something is wrong");
    let operator = proxied.operator().resync_interval(NEVER).arg("--tenant-schema").arg(&wider);
    let operator = operator.arg("--migrations").arg("1").start().await;
    for name in &names {
        world.wait(name, "told of the failure", |o| because(o, "SchemaReady") == "MongoDbError").await;
    }
    proxied.mongo.clear();
    for name in &names {
        world.wait(name, "migrated", |o| o.status.as_ref().unwrap().schema_version == Some(2)).await;
    }
    eventually("no turn is kept", async || (metric(&operator, "migrations_running").await == 0).then_some(())).await;
    operator.terminate().await;
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_documents_violate_is_not_told_anew_each_time_that_it_is_looked_for() {
    let proxied = Proxied::new("long violation").await;
    let world = &proxied.world;
    let operator = proxied.operator().resync_interval("1s").start().await;
    let name = world.ready_hospital("untidy").await.name_any();
    let database = world.sandbox.database_name("untidy");
    let handle = world.mongo.database(&database);
    let unfit = doc! { "nothing": true };
    world.patients(&database).insert_one(unfit).bypass_document_validation(true).await.unwrap();
    proxied.mongo.delay("validate", Duration::from_secs(4));
    handle.run_command(doc! { "collMod": "patients", "validator": {} }).await.unwrap();
    let told =
        world.wait(&name, "told of the violation", |o| because(o, "SchemaReady") == "DocumentsViolateSchema").await;
    assert!(is(&told, "Ready", "True"));

    // It is looked for again and again, each time longer than a pass waits.
    let looks = || proxied.mongo.commands().iter().filter(|command| command.starts_with("validate")).count();
    let (before, looked) = (world.hospitals().get(&name).await.unwrap(), looks());
    eventually("looked for three times more", async || (looks() >= looked + 3).then_some(())).await;
    let after = world.hospitals().get(&name).await.unwrap();
    assert_eq!(after.resource_version(), before.resource_version(), "{:?}", after.status);

    world.patients(&database).delete_many(doc! {}).await.unwrap();
    world.wait(&name, "tidy", |o| is(o, "SchemaReady", "True")).await;
    operator.terminate().await;
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_takes_long_keeps_its_turn_and_nobodys_suspension_waiting() {
    let proxied = Proxied::new("long migration").await;
    let world = &proxied.world;
    let wider = wider_version(world).await;
    let mut names = ["one", "two", "three"];
    let operator = proxied.operator().start().await;
    let mut tenants = Vec::new();
    for name in &names {
        let name = world.ready_hospital(name).await.name_any();
        let tenant = world.tenant(&name).await.database(&name.replace('-', "_")).collection::<Document>("patients");
        tenant.find_one(doc! {}).await.unwrap();
        tenants.push((name, tenant));
    }
    operator.terminate().await;

    let held = Duration::from_secs(20);
    proxied.mongo.delay("validate", held);
    let operator =
        told_of_changes(&proxied).await.arg("--tenant-schema").arg(&wider).arg("--migrations").arg("1").start().await;
    // Whose turn comes first.
    let (n, first) = eventually("told what is under way", async || {
        for (n, (name, _)) in tenants.iter().enumerate() {
            let hospital = world.hospitals().get(name).await.unwrap();
            if because(&hospital, "SchemaReady") == "Repairing" {
                return Some((n, hospital));
            }
        }
        None
    })
    .await;
    let began = Instant::now();
    tenants.swap(0, n);
    names.swap(0, n);
    assert!(is(&first, "Ready", "True") && first.status.unwrap().schema_version == Some(1));
    // One whose work is under way, one that waits for its turn, and one that waits and is deleted.
    for n in [0, 1] {
        let asked = Instant::now();
        let mut suspended = world.hospital(names[n]);
        suspended["spec"]["subscription"] = json!("Suspended");
        world.apply(&suspended).await;
        loses_access(&tenants[n].1).await;
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    }
    world.delete_and_wait(&tenants[2].0).await;
    assert!(began.elapsed() < held, "{:?}", began.elapsed());
    assert_eq!(metric(&operator, "migrations_running").await, 1);
    let is_second = |o: &HospitalOrganization| o.status.as_ref().unwrap().schema_version == Some(2);
    world.wait(&tenants[0].0, "migrated", is_second).await;
    let second = world.hospitals().get(&tenants[1].0).await.unwrap();
    assert!(!is_second(&second), "one at a time");
    world.wait(&tenants[1].0, "migrated", is_second).await;
    assert!(began.elapsed() > held);
    eventually("no turn is kept", async || (metric(&operator, "migrations_running").await == 0).then_some(())).await;
    operator.terminate().await;
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_hospital_gets_no_further_write() {
    let proxied = Proxied::new("long pause").await;
    let world = &proxied.world;
    let operator = told_of_changes(&proxied).await.start().await;
    let name = world.ready_hospital("paused").await.name_any();
    let database = world.sandbox.database_name("paused");
    let handle = world.mongo.database(&database);
    proxied.mongo.delay("validate", Duration::from_secs(6));
    handle.run_command(doc! { "collMod": "patients", "validator": {} }).await.unwrap();
    world.wait(&name, "told what is under way", |o| because(o, "SchemaReady") == "Repairing").await;
    let pause = |value: serde_json::Value| {
        let patch = Patch::Merge(json!({ "metadata": { "annotations": { PAUSED: value } } }));
        let name = &name;
        async move { world.hospitals().patch(name, &PatchParams::default(), &patch).await.unwrap() }
    };
    pause(json!("true")).await;
    world.wait(&name, "paused", |o| condition(o, "Paused").is_some()).await;
    eventually("nothing is under way", async || (metric(&operator, "repairs_running").await == 0).then_some(())).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let action = async || {
        let found = handle.list_collections().filter(doc! { "name": "patients" }).await.unwrap();
        let found: Vec<_> = found.try_collect().await.unwrap();
        format!("{:?}", found[0].options.validation_action)
    };
    assert!(action().await.contains("Warn"), "{}", action().await);
    proxied.mongo.clear();
    pause(serde_json::Value::Null).await;
    world.wait(&name, "whole", |o| is(o, "SchemaReady", "True")).await;
    assert!(!action().await.contains("Warn"));
    operator.terminate().await;
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_after_long_work_stays_told_and_is_tried_more_and_more_seldom() {
    let proxied = Proxied::new("long failure").await;
    let world = &proxied.world;
    let operator = told_of_changes(&proxied).await.start().await;
    let name = world.ready_hospital("failing").await.name_any();
    let database = world.sandbox.database_name("failing");
    proxied.mongo.delay("createIndexes", Duration::from_secs(3));
    proxied.mongo.fail("createIndexes", 171, "CannotIndexParallelArrays", "cannot index parallel arrays");
    drop_an_index(&proxied, &database).await;
    let told = world.wait(&name, "told of the failure", |o| because(o, "SchemaReady") == "MongoDbError").await;
    assert!(is(&told, "Ready", "False"));
    let before = told.status.unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        let status = world.hospitals().get(&name).await.unwrap().status.unwrap();
        assert_eq!(status, before, "it is tried again, and nothing else is said meanwhile");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(metric(&operator, "objects_in_backoff").await == 1);
    // Found once, however often it is tried; the alert on what is not healed goes by these two.
    assert_eq!(metric(&operator, "drift_found_total{kind=\"index\"}").await, 1);
    assert_eq!(metric(&operator, "drift_healed_total{kind=\"index\"}").await, 0);
    // What ails its database does not make the platform's view wrong.
    let larger = Patch::Merge(json!({ "spec": { "plan": "Professional" } }));
    world.hospitals().patch(&name, &PatchParams::default(), &larger).await.unwrap();
    eventually("the platform sees the new price", async || {
        (world.claim_on(&database).await?.get_i64("monthly_price_usd").ok() == Some(299)).then_some(())
    })
    .await;
    proxied.mongo.clear();
    world.wait(&name, "whole", |o| is(o, "SchemaReady", "True")).await;
    eventually("it is counted", async || {
        (metric(&operator, "drift_healed_total{kind=\"index\"}").await == 1).then_some(())
    })
    .await;
    assert_eq!(metric(&operator, "drift_found_total{kind=\"index\"}").await, 1);
    operator.terminate().await;
    proxied.world.close().await;
}

/// An operator that sees at once what is changed in a database, and does not look again by itself.
async fn told_of_changes(proxied: &Proxied) -> OperatorOptions {
    let watch = proxied.world.sandbox.watch_mongodb_uri().await;
    proxied.operator().watch_mongodb_uri(&watch).resync_interval(NEVER)
}

fn because<'a>(object: &'a HospitalOrganization, type_: &str) -> &'a str {
    condition(object, type_).map_or("", |condition| &condition.reason)
}

async fn drop_an_index(proxied: &Proxied, database: &str) {
    let indexes = proxied.world.indexes(database, "patients").await;
    let name = indexes.iter().filter_map(|index| index.get_str("name").ok()).find(|name| *name != "_id_").unwrap();
    let drop = doc! { "dropIndexes": "patients", "index": name };
    proxied.world.mongo.database(database).run_command(drop).await.unwrap();
}
