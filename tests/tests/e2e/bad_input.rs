//! Nonsense from every side: what people and programs leave in objects, Secrets and databases ends in a clear condition
//! or is mended, and stops nobody else. More of it is in `admission`, `invalid`, `repair`, `claims` and `drift`.

use std::time::Instant;

use chakravue_crds::{HospitalOrganization, annotations, tenant_schema::TENANT_SCHEMA};
use futures::future::join_all;
use kube::{
    ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use crate::support::{USER, World, condition, eventually, is, metric, passes, patient};

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_somebody_edited_by_hand_is_the_truth_again() {
    let world = World::new("edited status").await;
    let operator = world.sandbox.operator().start().await;
    let (name, other) =
        (world.ready_hospital("edited").await.name_any(), world.ready_hospital("other").await.name_any());
    let before = world.hospitals().get(&name).await.unwrap().status.unwrap();
    let database = world.sandbox.database_name("edited");
    let lies = [
        json!({ "phase": "Failed", "users": { "current": 900, "limit": 1, "seats": "900/1" } }),
        // Somebody else's database and organization.
        json!({ "databaseName": world.sandbox.database_name("other"), "organizationId": "org_00000000000000000000000000" }),
        json!({ "schemaVersion": 99, "collections": [], "binding": { "name": "another-secret" } }),
        json!({ "schemaVersion": 0, "monthlyPriceUsd": -5, "observedGeneration": 900 }),
        json!({ "dataLoss": { "detectedAt": "2026-01-01T00:00:00Z", "collections": ["patients"] } }),
        json!({ "conditions": [] }),
        Value::Null,
    ];
    for lie in lies {
        let patch = Patch::Merge(json!({ "status": lie }));
        world.hospitals().patch_status(&name, &PatchParams::default(), &patch).await.unwrap();
        eventually(&format!("the status is true again after {lie}"), async || {
            let mut now = world.hospitals().get(&name).await.unwrap().status?;
            // When something became true is the one thing that a lie can change for good.
            for (now, before) in now.conditions.iter_mut().zip(&before.conditions) {
                now.last_transition_time.clone_from(&before.last_transition_time);
            }
            (now == before).then_some(())
        })
        .await;
    }
    // None of it was acted on.
    assert_eq!(world.users_and_roles(&database).await, (vec![database.clone()], vec!["tenant".to_owned()]));
    world.wait_ready(&other).await;
    assert_eq!(world.claim_on(&database).await.unwrap().get_str("_id").ok(), before.organization_id.as_deref());
    assert!(!operator.log().contains("panicked"), "{}", operator.log());
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_wrote_into_the_status_of_a_hospital_without_a_database_is_gone_again() {
    let world = World::new("edited empty").await;
    let operator = world.sandbox.operator().start().await;
    let ready = world.ready_hospital("has").await;
    let mut unpaid = world.hospital("unpaid");
    unpaid["spec"]["subscription"] = json!("PendingPayment");
    let unpaid = world.apply(&unpaid).await.name_any();
    let mut taken = world.hospital("taken");
    taken["spec"]["databaseName"] = json!(world.sandbox.database_name("has"));
    let taken = world.apply(&taken).await.name_any();
    let because = |name: &'static str| {
        move |o: &HospitalOrganization| condition(o, "Ready").is_some_and(|ready| ready.reason == name)
    };

    // All that the status of one in use says.
    let mut lie = json!(ready.status.unwrap());
    let told = lie.as_object_mut().unwrap();
    told.remove("observedGeneration");
    let unmanaged = json!({ "collections": ["a\u{7f}"], "count": 1 });
    let data_loss = json!({ "detectedAt": "2026-01-01T00:00:00Z", "collections": ["patients"] });
    told.extend([("unmanaged".to_owned(), unmanaged), ("dataLoss".to_owned(), data_loss)]);
    let told_before = json!({ "collections": null, "unmanaged": null, "dataLoss": null, "schemaVersion": null, "binding": null,
        "credentials": null, "organizationId": null, "databaseName": null });
    for (name, reason) in [(&unpaid, "PendingPayment"), (&taken, "DatabaseNameTaken")] {
        let before = world.wait(name, reason, because(reason)).await.status.unwrap();
        for lie in [&lie, &told_before] {
            let patch = Patch::Merge(json!({ "status": lie }));
            world.hospitals().patch_status(name, &PatchParams::default(), &patch).await.unwrap();
            eventually(&format!("the status is true again after {lie}"), async || {
                let mut now = world.hospitals().get(name).await.unwrap().status?;
                for (now, before) in now.conditions.iter_mut().zip(&before.conditions) {
                    now.last_transition_time.clone_from(&before.last_transition_time);
                }
                (now == before).then_some(())
            })
            .await;
        }
    }
    operator.terminate().await;

    // An operator that was told of another cluster finds every claim to be somebody else's: what is known stays known.
    let name = world.sandbox.object_name("has");
    let before = world.wait_ready(&name).await.status.unwrap();
    let elsewhere = world.sandbox.operator().arg("--cluster-id").arg("another").start().await;
    let refused = world.wait(&name, "refused", because("DatabaseNameTaken")).await.status.unwrap();
    assert_eq!((&refused.binding, &refused.credentials), (&before.binding, &before.credentials));
    assert_eq!((&refused.organization_id, &refused.database_name), (&before.organization_id, &before.database_name));
    assert_eq!((refused.schema_version, &refused.collections), (before.schema_version, &before.collections));
    elsewhere.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_conditions_of_others_stay_and_do_no_harm() {
    let world = World::new("many conditions").await;
    let operator = world.sandbox.operator().start().await;
    let hospital = world.ready_hospital("many").await;
    let name = hospital.name_any();
    let mut conditions = json!(hospital.status.unwrap().conditions);
    let others: Vec<Value> = (0..200)
        .map(|n| {
            json!({ "type": format!("Other{n:03}"), "status": "True", "reason": "ByHand", "message": "x".repeat(500),
                "lastTransitionTime": "2026-01-01T00:00:00Z" })
        })
        .collect();
    conditions.as_array_mut().unwrap().extend(others);
    let patch = Patch::Merge(json!({ "status": { "conditions": conditions } }));
    world.hospitals().patch_status(&name, &PatchParams::default(), &patch).await.unwrap();
    let mut object = world.hospital("many");
    for (subscription, truth) in [("Suspended", "False"), ("Active", "True")] {
        object["spec"]["subscription"] = json!(subscription);
        world.apply(&object).await;
        let told =
            world.wait(&name, subscription, |o| is(o, "SubscriptionActive", truth) && is(o, "Ready", truth)).await;
        let of_others = told.status.unwrap().conditions.iter().filter(|c| c.type_.starts_with("Other")).count();
        assert_eq!(of_others, 200);
    }
    world.delete_and_wait(&name).await;
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn annotations_with_nonsense_change_nothing() {
    let world = World::new("annotations").await;
    let operator = world.sandbox.operator().start().await;
    let name = world.ready_hospital("nonsense").await.name_any();
    let database = world.sandbox.database_name("nonsense");
    let before = world.belongings(&name, &database).await;
    let plan = async |plan: &str, annotations: Value| {
        let patch = Patch::Merge(json!({ "metadata": { "annotations": annotations }, "spec": { "plan": plan } }));
        let by = PatchParams { field_manager: Some(USER.to_owned()), ..PatchParams::default() };
        world.hospitals().patch(&name, &by, &patch).await.unwrap();
        world.wait_ready(&name).await
    };
    let values =
        ["", "TRUE", "yes", "0", "{\"$ne\": null}", "../../etc", &"x".repeat(20_000), "\u{202e}true", "true\n"];
    for value in values {
        // Not that of the rotation, which takes any value.
        let names = [annotations::ADOPT_ORGANIZATION, annotations::ADOPT_DATABASE, annotations::PAUSED];
        let more = [annotations::FORCE_RELEASE, annotations::ACKNOWLEDGE_DATA_LOSS, "chakravue.io/unheard-of"];
        let all: serde_json::Map<String, Value> =
            names.iter().chain(&more).copied().map(|name| (name.to_owned(), json!(value))).collect();
        let ready = plan("Professional", json!(all)).await;
        assert!(condition(&ready, "Paused").is_none(), "{value:?}");
        let told = condition(&ready, "AnnotationIgnored").unwrap_or_else(|| panic!("nothing is said of {value:?}"));
        for name in names.iter().chain(&more) {
            assert!(told.message.contains(name), "{}", told.message);
        }
        // The plan is back for the comparison.
        plan("Starter", json!({})).await;
        assert_eq!(world.belongings(&name, &database).await, before, "{value:?}");
    }
    let mended = json!({
        annotations::PAUSED: "false",
        annotations::ADOPT_DATABASE: null,
        "chakravue.io/unheard-of": null,
        annotations::ADOPT_ORGANIZATION: "org_01m8cvvxb0m61r9t3t3n0g0kk0",
        annotations::FORCE_RELEASE: database,
        annotations::ACKNOWLEDGE_DATA_LOSS: "2026-01-01T00:00:00.000Z",
    });
    let mended = plan("Professional", mended).await;
    assert!(condition(&mended, "AnnotationIgnored").is_none(), "{:?}", mended.status);
    // A deletion waits for MongoDB alone, whatever stands in the annotation.
    world.delete_and_wait(&name).await;
    assert!(!operator.log().contains("panicked"), "{}", operator.log());
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_series_where_a_collection_belongs_is_told_and_left_alone() {
    let world = World::new("time series").await;
    let operator = world.sandbox.operator().start().await;
    let name = world.ready_hospital("series").await.name_any();
    operator.terminate().await;
    let database = world.mongo.database(&world.sandbox.database_name("series"));
    database.run_command(doc! { "drop": "audit_logs" }).await.unwrap();
    database.run_command(doc! { "create": "audit_logs", "timeseries": { "timeField": "at" } }).await.unwrap();
    let at = mongodb::bson::DateTime::now();
    database.collection::<Document>("audit_logs").insert_one(doc! { "at": at, "value": 1 }).await.unwrap();
    let operator = world.sandbox.operator().start().await;
    let told =
        world.wait(&name, "told", |o| condition(o, "SchemaReady").is_some_and(|c| c.reason == "SchemaConflict")).await;
    let message = &condition(&told, "SchemaReady").unwrap().message;
    assert!(message.contains("audit_logs is a timeseries"), "{message}");
    assert!(is(&told, "Stalled", "True") && is(&told, "CredentialsReady", "True"));
    let kept = database.collection::<Document>("audit_logs").find_one(doc! {}).await.unwrap();
    assert!(kept.is_some());
    database.run_command(doc! { "drop": "audit_logs" }).await.unwrap();
    world.wait_ready(&name).await;
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_cannot_stand_beside_the_catalogues_is_replaced_or_named() {
    let world = World::new("index conflict").await;
    let operator = world.sandbox.operator().start().await;
    let name = world.ready_hospital("conflict").await.name_any();
    let database = world.mongo.database(&world.sandbox.database_name("conflict"));
    database.collection::<Document>("patients").insert_one(patient("1")).await.unwrap();
    operator.terminate().await;
    // 86: of the same name with another key, and unique where it must not be.
    for (collection, name, key, unique) in [
        ("pharmacy", "medicine", doc! { "batch": -1 }, true),
        ("audit_logs", "time", doc! { "at": 1, "_id": 1 }, false),
    ] {
        database.run_command(doc! { "dropIndexes": collection, "index": name }).await.unwrap();
        let index = doc! { "name": name, "key": key, "unique": unique };
        database.run_command(doc! { "createIndexes": collection, "indexes": [index] }).await.unwrap();
    }
    // 85: of the same key under another name, with an option that makes it another index.
    database.run_command(doc! { "dropIndexes": "pharmacy", "index": "expiry" }).await.unwrap();
    let index = doc! { "name": "of_the_dba", "key": { "expires_on": 1 }, "expireAfterSeconds": 3600 };
    database.run_command(doc! { "createIndexes": "pharmacy", "indexes": [index] }).await.unwrap();

    let operator = world.sandbox.operator().start().await;
    let told =
        world.wait(&name, "told", |o| condition(o, "SchemaReady").is_some_and(|c| c.reason == "SchemaConflict")).await;
    let message = &condition(&told, "SchemaReady").unwrap().message;
    assert!(message.contains("Index expiry of pharmacy cannot be made"), "{message}");
    database.run_command(doc! { "dropIndexes": "pharmacy", "index": "of_the_dba" }).await.unwrap();
    world.wait_ready(&name).await;
    for collection in &TENANT_SCHEMA.collections {
        let found = world.indexes(database.name(), collection.name).await;
        for index in &collection.indexes {
            let found = found.iter().find(|found| found.get_str("name").unwrap() == index.name).unwrap();
            assert_eq!(
                found.get_document("key").unwrap().len(),
                index.keys.len(),
                "{}.{}",
                collection.name,
                index.name
            );
            assert_eq!(found.get_bool("unique").unwrap_or(false), index.unique, "{}.{}", collection.name, index.name);
        }
    }
    assert_eq!(world.documents(database.name()).await["patients"].len(), 1);
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_objects_at_once_all_get_their_answer() {
    const UNPAID: usize = 900;
    const PAID: usize = 100;
    let world = World::new("a thousand").await;
    let operator = world.sandbox.operator().start().await;
    operator.wait_ready().await;
    let began = Instant::now();
    let objects = (0..UNPAID + PAID).map(|n| {
        let mut object = world.hospital(&format!("k{n:04}"));
        if n % ((UNPAID + PAID) / PAID) != 0 {
            object["spec"]["subscription"] = json!("PendingPayment");
        }
        object
    });
    // Not one of them waits for another one's answer.
    join_all(objects.map(async |object| world.apply(&object).await)).await;
    println!("1,000 objects were applied in {:?}", began.elapsed());
    // Longer than anything here usually waits for: a busy machine makes a few of them in a second.
    let deadline = Instant::now() + 5 * crate::support::PATIENCE;
    let settled = loop {
        let all = world.hospitals().list(&ListParams::default()).await.unwrap().items;
        let answered = all.iter().filter(|object| {
            let ready = json!(object.spec.subscription) != json!("Active") || is(object, "Ready", "True");
            is(object, "ClaimHeld", "True") && !is(object, "Reconciling", "True") && ready
        });
        let answered = answered.count();
        if answered == UNPAID + PAID {
            break all;
        }
        assert!(Instant::now() < deadline, "only {answered} have their answer");
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    };
    println!("all of them had their answer after {:?}", began.elapsed());
    let claims = world.mongo.database(world.sandbox.master_database()).collection::<Document>("organizations");
    assert_eq!(usize::try_from(claims.count_documents(doc! {}).await.unwrap()).unwrap(), settled.len());
    let ids: std::collections::HashSet<_> =
        settled.iter().map(|object| object.status.as_ref().unwrap().organization_id.clone().unwrap()).collect();
    assert_eq!(ids.len(), settled.len(), "no two have one organization");
    let log = operator.log();
    assert!(!log.contains("panicked"), "{log}");
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_of_a_collection_with_a_collation_of_its_own_are_the_catalogues_and_stay() {
    let world = World::new("collation").await;
    let operator = world.sandbox.operator().start().await;
    let name = world.ready_hospital("collation").await.name_any();
    operator.terminate().await;
    let database = world.mongo.database(&world.sandbox.database_name("collation"));
    database.run_command(doc! { "drop": "patients" }).await.unwrap();
    let german = doc! { "create": "patients", "collation": { "locale": "de", "strength": 2 } };
    database.run_command(german).await.unwrap();
    let operator = world.sandbox.operator().resync_interval("1s").start().await;
    let complete = |o: &HospitalOrganization| {
        let patients = |status: &chakravue_crds::HospitalOrganizationStatus| {
            status.collections.iter().any(|c| c.name == "patients" && c.documents_validated && c.indexes.len() > 1)
        };
        is(o, "Ready", "True") && is(o, "DataLossSuspected", "True") && o.status.as_ref().is_some_and(patients)
    };
    world.wait(&name, "complete again", complete).await;
    let version = world.hospitals().get(&name).await.unwrap().metadata.resource_version;
    let healed = "drift_healed_total{kind=\"index\"}";
    let (before, done) = (metric(&operator, healed).await, passes(&operator).await);
    eventually("three resyncs", async || (passes(&operator).await >= done + 3).then_some(())).await;
    assert_eq!(metric(&operator, healed).await, before, "nothing is mended again and again");
    assert_eq!(world.hospitals().get(&name).await.unwrap().metadata.resource_version, version);
    operator.terminate().await;
    world.close().await;
}
