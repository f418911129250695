//! A second version of the catalogue: every hospital comes to it by itself, in order and few at a time; documents that do
//! not fit are counted, not lost; and an operator that knows only the first version leaves the second alone.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use chakravue_crds::HospitalOrganization;
use chakravue_testbed::OperatorProcess;
use futures::future::join_all;
use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams},
};
use mongodb::bson::{Document, doc};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    proxied::Proxied,
    support::{World, code, condition, eventually, is, loses_access, metric, patient},
};

const HOSPITALS: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn every_hospital_comes_to_the_second_version_few_at_a_time_and_the_oldest_first() {
    let proxied = Proxied::new("migration").await;
    let world = &proxied.world;
    let second = second_version(world).await;
    let operator = proxied.operator().start().await;
    operator.wait_ready().await;
    let names = hospitals(world).await;
    world.patients(&database(&names[0])).insert_one(patient("1")).await.unwrap();
    let before = versions(world, &names).await;
    assert_eq!(before, vec![Some(1); HOSPITALS]);
    operator.terminate().await;

    // Slow enough that several would be seen at the same time, if there were several.
    proxied.mongo.delay("createIndexes", Duration::from_millis(150));
    let began = Instant::now();
    let operator = proxied.operator().arg("--tenant-schema").arg(&second).arg("--migrations").arg("1").start().await;
    // A hospital that is new goes first, and is made with the second version at once.
    let fresh = world.apply(&world.hospital("fresh")).await.name_any();
    world.wait_ready(&fresh).await;
    let left = versions(world, &names).await.iter().filter(|version| **version == Some(1)).count();
    assert!(left > 0, "the new one waited for all the others");
    let said = most_said_while_migrating(world, &operator, &names).await;
    assert_eq!((at_once(&proxied, began, &names), said), (1, 1));
    proxied.mongo.clear();

    for name in names.iter().chain([&fresh]) {
        let hospital = world.wait_ready(name).await;
        assert!(is_migrated(&hospital) && is(&hospital, "SchemaReady", "True"));
        let collections = world.collection_names(&database(name)).await;
        assert!(
            ["wards", "beds"].iter().all(|new| collections.contains(&(*new).to_owned())),
            "{name}: {collections:?}"
        );
        let indexes = world.indexes(&database(name), "patients").await;
        assert!(indexes.iter().any(|index| index.get_str("name").unwrap() == "phone"), "{name}: {indexes:?}");
        let wards = world.tenant(name).await.database(&database(name)).collection::<Document>("wards");
        wards.insert_one(doc! { "name": "A1" }).await.unwrap();
        assert_eq!(code(&wards.insert_one(doc! {}).await), 121, "{name}: the new validator");
        let claim = world.claim_on(&database(name)).await.unwrap();
        assert_eq!(claim.get_i64("schema_version").unwrap(), 2, "{name}");
    }
    assert_eq!(world.documents(&database(&names[0])).await["patients"].len(), 1);

    // In the order of their ages, which Kubernetes knows to the second.
    let mut order = Vec::new();
    for command in proxied.mongo.commands() {
        if let Some(of) = command.strip_prefix("createIndexes ").and_then(|place| place.strip_suffix(".patients")) {
            order.push(of.to_owned());
        }
    }
    let age = async |database: &String| {
        let name = names.iter().find(|name| self::database(name) == *database)?;
        world.hospitals().get(name).await.unwrap().metadata.creation_timestamp
    };
    let mut ages = Vec::new();
    for database in &order[order.len() - HOSPITALS..] {
        ages.extend(age(database).await.map(|time| time.0));
    }
    assert!(ages.is_sorted(), "{order:?}");
    operator.terminate().await;

    // The first version's operator leaves all of it alone, and says why.
    let belongings = async || {
        let mut all = world.belongings(&names[0], &database(&names[0])).await;
        let status = all.get_mut("claim").unwrap()["status"].take();
        (all, status)
    };
    let (whole, _) = belongings().await;
    proxied.log.settled().await;
    proxied.log.clear();
    let old = proxied.operator().resync_interval("1s").start().await;
    for name in &names[..3] {
        let told = world.wait(name, "refused", |o| is(o, "Stalled", "True")).await;
        let ready = condition(&told, "Ready").unwrap();
        assert_eq!(ready.reason, "SchemaTooNew");
        assert!(ready.message.contains("schema version 2") && ready.message.contains("only 1"), "{}", ready.message);
    }
    // Not even what somebody breaks is mended by it.
    world.mongo.database(&database(&names[1])).run_command(doc! { "dropUser": database(&names[1]) }).await.unwrap();
    world.ready_hospital("first-version").await;
    let touched: Vec<_> = proxied.log.writes().into_iter().map(|write| write.what).collect();
    let theirs = |what: &&String| names.iter().any(|name| what.contains(&database(name)));
    assert_eq!(touched.iter().filter(theirs).collect::<Vec<_>>(), Vec::<&String>::new());
    // The platform sees what the object says of itself.
    assert_eq!(belongings().await, (whole, json!("Failed")));
    // But a suspension is carried out: it takes nothing that has to be known.
    let suspended = &names[2];
    let tenant = world.tenant(suspended).await.database(&database(suspended)).collection::<Document>("patients");
    tenant.find_one(doc! {}).await.unwrap();
    subscribe(world, suspended, "Suspended").await;
    loses_access(&tenant).await;
    old.terminate().await;
    subscribe(world, suspended, "Active").await;

    // Back with the newer one, everything goes on.
    let operator = proxied.operator().arg("--tenant-schema").arg(&second).start().await;
    for name in &names {
        world.wait_ready(name).await;
    }
    operator.terminate().await;
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_are_migrated_side_by_side_as_is_allowed_and_never_more() {
    let proxied = Proxied::new("migrations at once").await;
    let world = &proxied.world;
    let second = second_version(world).await;
    let operator = proxied.operator().start().await;
    let names = hospitals(world).await;
    operator.terminate().await;
    proxied.mongo.delay("createIndexes", Duration::from_millis(150));
    let began = Instant::now();
    let operator = proxied.operator().arg("--tenant-schema").arg(&second).arg("--migrations").arg("2").start().await;
    operator.wait_ready().await;
    let said = most_said_while_migrating(world, &operator, &names).await;
    assert_eq!((at_once(&proxied, began, &names), said), (2, 2));
    operator.terminate().await;
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_do_not_fit_the_second_version_are_counted_and_stay() {
    let world = World::new("misfits").await;
    let second = second_version(&world).await;
    let operator = world.sandbox.operator().start().await;
    let name = world.ready_hospital("misfits").await.name_any();
    let database = database(&name);
    for (number, phone) in [("1", "+1"), ("2", "+1"), ("3", "+2")] {
        let mut patient = patient(number);
        patient.insert("phone", phone);
        world.patients(&database).insert_one(patient).await.unwrap();
    }
    // The second version wants every setting to say who set it.
    let settings = world.mongo.database(&database).collection::<Document>("settings");
    settings.insert_one(doc! { "key": "a", "value": 1 }).await.unwrap();
    let documents = world.documents(&database).await;
    operator.terminate().await;

    let strict = strict_second_version(&world, &second);
    let operator = world.sandbox.operator().arg("--tenant-schema").arg(&strict).resync_interval("1s").start().await;
    let told = world
        .wait(&name, "told of its documents", |o| {
            condition(o, "SchemaReady").is_some_and(|c| c.reason == "DocumentsViolateSchema")
        })
        .await;
    let message = &condition(&told, "SchemaReady").unwrap().message;
    for words in ["1 document of settings does not fit", "1 value stands more than once in patients where index phone"]
    {
        assert!(message.contains(words), "{message}");
    }
    assert!(is(&told, "Ready", "True"), "nobody is locked out");
    assert_eq!(told.status.unwrap().schema_version, Some(2));
    assert_eq!(world.documents(&database).await, documents);

    settings.update_one(doc! { "key": "a" }, doc! { "$set": { "set_by": "admin" } }).await.unwrap();
    world.patients(&database).delete_one(doc! { "record_number": "2" }).await.unwrap();
    world.wait(&name, "clean", |o| is(o, "SchemaReady", "True")).await;
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_half_migrated_is_left_alone_by_the_older_operator() {
    let proxied = Proxied::new("half migrated").await;
    let world = &proxied.world;
    let second = second_version(world).await;
    let operator = proxied.operator().start().await;
    let name = world.ready_hospital("half").await.name_any();
    let database = database(&name);
    operator.terminate().await;

    // Somebody's view stands where a new collection belongs; the new index can be made.
    let view = doc! { "create": "wards", "viewOn": "patients", "pipeline": [] };
    world.mongo.database(&database).run_command(view).await.unwrap();
    let newer = || proxied.operator().arg("--tenant-schema").arg(&second).resync_interval("1s");
    let operator = newer().start().await;
    let told = world.wait(&name, "refused", |o| is(o, "SchemaReady", "False")).await;
    assert_eq!(condition(&told, "SchemaReady").unwrap().reason, "SchemaConflict");
    let phone = async || {
        let indexes = world.indexes(&database, "patients").await;
        indexes.iter().any(|index| index.get_str("name").unwrap() == "phone")
    };
    assert!(phone().await);
    assert_eq!(told.status.unwrap().schema_version, Some(1));
    // None of it is drift.
    for kind in ["index", "collection", "validator", "role"] {
        assert_eq!(metric(&operator, &format!("drift_found_total{{kind=\"{kind}\"}}")).await, 0, "{kind}");
    }
    operator.terminate().await;

    let whole = async || {
        let listed = world.mongo.database(&database).run_command(doc! { "listCollections": 1 }).await.unwrap();
        let mut indexes = Vec::new();
        for collection in ["patients", "users", "settings"] {
            indexes.push(world.indexes(&database, collection).await);
        }
        let collections = listed.get_document("cursor").unwrap().get_array("firstBatch").unwrap().clone();
        (collections, indexes, world.users_and_roles(&database).await)
    };
    let before = whole().await;
    let old = proxied.operator().resync_interval("1s").start().await;
    world.wait(&name, "left alone", |o| condition(o, "Ready").is_some_and(|c| c.reason == "SchemaTooNew")).await;
    assert_eq!(whole().await, before);
    // Its plan is what the platform sees all the same.
    let larger = Patch::Merge(json!({ "spec": { "plan": "Professional" } }));
    world.hospitals().patch(&name, &PatchParams::default(), &larger).await.unwrap();
    eventually("the platform sees the new plan", async || {
        let claim = world.claim_on(&database).await?;
        let status = world.hospitals().get(&name).await.unwrap().status?;
        let same = json!(claim.get_str("status").ok()) == json!(status.phase);
        (same && claim.get_i64("monthly_price_usd").ok() == Some(299)).then_some(())
    })
    .await;
    old.terminate().await;

    let operator = newer().start().await;
    world.mongo.database(&database).collection::<Document>("wards").drop().await.unwrap();
    world.wait(&name, "migrated", |o| o.status.as_ref().is_some_and(|s| s.schema_version == Some(2))).await;
    let claim = world.claim_on(&database).await.unwrap();
    assert!(phone().await && !claim.contains_key("schema_target"), "{claim}");
    operator.terminate().await;
    proxied.world.close().await;
}

/// Several that are ready, with the schema of the operator that runs.
async fn hospitals(world: &World) -> Vec<String> {
    let mut names = Vec::new();
    for n in 0..HOSPITALS {
        names.push(world.apply(&world.hospital(&format!("m{n}"))).await.name_any());
    }
    join_all(names.iter().map(|name| world.wait_ready(name))).await;
    names
}

fn is_migrated(object: &HospitalOrganization) -> bool {
    object.status.as_ref().is_some_and(|status| status.schema_version == Some(2))
}

/// Waits until all of them are migrated: how many the operator has said to migrate at the same time, at the most.
async fn most_said_while_migrating(world: &World, operator: &OperatorProcess, names: &[String]) -> u64 {
    let mut most = 0;
    let watching = async {
        loop {
            most = most.max(metric(operator, "migrations_running").await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        _ = join_all(names.iter().map(|name| world.wait(name, "migrated", is_migrated))) => {}
        () = watching => unreachable!("it never ends"),
    }
    most
}

/// In how many of their databases something of the schema was changed at the same time, at the most, as MongoDB was asked.
fn at_once(proxied: &Proxied, since: Instant, names: &[String]) -> usize {
    let databases: Vec<String> = names.iter().map(|name| database(name)).collect();
    proxied.mongo.most_databases_at_once(since, &["create", "createIndexes", "collMod"], &databases)
}

/// The first version, a seventh collection and one more index.
pub async fn second_version(world: &World) -> PathBuf {
    let (_, printed, _) = world.sandbox.operator().print(&["tenant-schema"]).await;
    let mut schema: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(schema["version"], 1);
    schema["version"] = json!(2);
    let index = json!({ "name": "phone", "keys": { "phone": 1 }, "unique": false, "case_insensitive": false });
    collection(&mut schema, "patients")["indexes"].as_array_mut().unwrap().push(index);
    schema["collections"].as_array_mut().unwrap().push(json!({
        "name": "wards", "append_only": false,
        "validator": { "$jsonSchema": { "bsonType": "object", "required": ["name"],
            "properties": { "name": { "bsonType": "string" } } } },
        "indexes": [{ "name": "name_unique", "keys": { "name": 1 }, "unique": true, "case_insensitive": false }],
    }));
    // Found by its documents' own ids.
    schema["collections"].as_array_mut().unwrap().push(json!({
        "name": "beds", "append_only": false, "validator": { "$jsonSchema": { "bsonType": "object" } }, "indexes": [],
    }));
    written(world, "second.json", &schema)
}

/// The first version, but for one validator that allows a field more.
pub async fn wider_version(world: &World) -> PathBuf {
    let (_, printed, _) = world.sandbox.operator().print(&["tenant-schema"]).await;
    // A document keeps the order of its fields, which is what tells one index from another.
    let mut schema: Document = serde_json::from_str(&printed).unwrap();
    schema.insert("version", 2);
    for collection in schema.get_array_mut("collections").unwrap() {
        let collection = collection.as_document_mut().unwrap();
        if collection.get_str("name").unwrap() == "settings" {
            let validator = collection.get_document_mut("validator").unwrap().get_document_mut("$jsonSchema").unwrap();
            validator.get_document_mut("properties").unwrap().insert("set_by", doc! { "bsonType": "string" });
        }
    }
    written(world, "wider.json", &schema)
}

/// The same, but what is only an index there must be unique here, and a setting must have one field more.
fn strict_second_version(world: &World, second: &PathBuf) -> PathBuf {
    let mut schema: Value = serde_json::from_str(&std::fs::read_to_string(second).unwrap()).unwrap();
    let patients = collection(&mut schema, "patients")["indexes"].as_array_mut().unwrap();
    patients.last_mut().unwrap()["unique"] = json!(true);
    let settings = &mut collection(&mut schema, "settings")["validator"]["$jsonSchema"];
    settings["required"].as_array_mut().unwrap().push(json!("set_by"));
    settings["properties"]["set_by"] = json!({ "bsonType": "string" });
    written(world, "strict.json", &schema)
}

fn collection<'a>(schema: &'a mut Value, name: &str) -> &'a mut Value {
    let collections = schema["collections"].as_array_mut().unwrap();
    collections.iter_mut().find(|collection| collection["name"] == name).unwrap()
}

async fn subscribe(world: &World, name: &str, subscription: &str) {
    let patch = Patch::Merge(json!({ "spec": { "subscription": subscription } }));
    world.hospitals().patch(name, &PatchParams::default(), &patch).await.unwrap();
}

fn written(world: &World, name: &str, schema: &impl Serialize) -> PathBuf {
    let path = world.sandbox.folder().join(name);
    std::fs::write(&path, serde_json::to_string(schema).unwrap()).unwrap();
    path
}

fn database(name: &str) -> String {
    name.replace('-', "_")
}

async fn versions(world: &World, names: &[String]) -> Vec<Option<i64>> {
    let status = |name: &String| {
        let name = name.clone();
        async move { world.hospitals().get(&name).await.unwrap().status.unwrap().schema_version }
    };
    join_all(names.iter().map(status)).await
}
