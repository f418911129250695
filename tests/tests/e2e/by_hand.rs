//! What a person's own hand does at a bad moment: lets an object go by force that somebody else keeps, writes into the master
//! database, clears away what stood in a hospital's way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::http::{Method, Uri};
use chakravue_crds::{
    HospitalOrganization,
    annotations::{ADOPT_DATABASE, FORCE_RELEASE, PAUSED},
};
use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams},
};
use mongodb::bson::{Document, doc};
use serde_json::json;

use crate::{
    proxied::Proxied,
    support::{World, condition, eventually, is, metric, passes, passes_in_the_end, patient},
};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_let_go_by_force_is_dropped_by_no_late_pass_where_somebody_else_keeps_the_object() {
    let proxied = Proxied::new("forced kept").await;
    let world = &proxied.world;
    let operator = proxied.operator().resync_interval("10h").start().await;
    let mut object = world.hospital("kept");
    object["metadata"]["finalizers"] = json!(["example.com/keeps"]);
    object["spec"]["deletionPolicy"] = json!("Delete");
    let name = world.apply(&object).await.name_any();
    world.wait_ready(&name).await;
    let database = world.sandbox.database_name("kept");
    world.patients(&database).insert_one(patient("1")).await.unwrap();
    let data = world.documents(&database).await;

    proxied.mongo.set_down(true);
    world.delete(&name).await;
    world.wait(&name, "held", |o| condition(o, "Ready").is_some_and(|c| c.reason == "MongoDbUnavailable")).await;
    // It asks the API server for the object as soon as it knows that it may let it go.
    let knows = Arc::new(AtomicBool::new(false));
    let (asked, path) = (Arc::clone(&knows), format!("/hospitalorganizations/{name}"));
    let is_asked = move |method: &Method, uri: &Uri| {
        asked.fetch_or(method == Method::GET && uri.path().ends_with(&path), Ordering::Relaxed);
        false
    };
    proxied.kube.fail_when(is_asked, 500, "never");
    world.change(&name, json!({ "metadata": { "annotations": { FORCE_RELEASE: database } } })).await;
    eventually("the operator knows of it", async || knows.load(Ordering::Relaxed).then_some(())).await;
    // From here on it sees the object as it is now, with its own finalizer.
    proxied.kube.fail("GET", "/hospitalorganizations?", 503, "restarting");
    proxied.kube.set_down(true);
    proxied.kube.set_down(false);
    let is_let_go = async || {
        let object = world.hospitals().get(&name).await.unwrap();
        (object.finalizers() == ["example.com/keeps"]).then_some(())
    };
    eventually("it is let go", is_let_go).await;
    let before = passes_in_the_end(&operator).await;
    proxied.mongo.set_down(false);
    let label = Patch::Merge(json!({ "metadata": { "labels": { "team": "wards" } } }));
    let secret = chakravue_crds::naming::secret_name(&name);
    world.secrets().patch(&secret, &PatchParams::default(), &label).await.unwrap();
    eventually("a late pass has looked at it", async || (passes(&operator).await > before).then_some(())).await;
    assert_eq!(world.documents(&database).await, data);

    proxied.kube.clear();
    world.change(&name, json!({ "metadata": { "finalizers": null } })).await;
    world.wait_gone(&name).await;
    eventually("what is left behind is written down", async || {
        world.claim_on(&database).await?.contains_key("left_behind").then_some(())
    })
    .await;
    assert_eq!(world.documents(&database).await, data);
    operator.terminate().await;
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_somebody_made_unreadable_is_told_as_that_and_stops_nobody_else() {
    let world = World::new("unreadable").await;
    let operator = world.sandbox.operator().start().await;
    let name = world.ready_hospital("unreadable").await.name_any();
    let database = world.sandbox.database_name("unreadable");
    let claims = world.mongo.database(world.sandbox.master_database()).collection::<Document>("organizations");
    let plan = async |plan: &str| {
        claims.update_one(doc! { "database_name": &database }, doc! { "$set": { "plan": plan } }).await.unwrap();
    };
    plan("Platinum").await;
    world.change(&name, json!({ "spec": { "displayName": "Another name" } })).await;
    let says = |o: &HospitalOrganization| {
        let ready = condition(o, "Ready").filter(|ready| ready.reason == "MongoDbError");
        ready.is_some_and(|ready| ready.message.contains("holds a document that this operator cannot read"))
    };
    world.wait(&name, "told", says).await;
    world.delete(&name).await;
    world.wait(&name, "kept", |o| says(o) && o.metadata.deletion_timestamp.is_some()).await;
    world.ready_hospital("other").await;
    plan("Starter").await;
    world.wait_gone(&name).await;
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stood_in_the_way_of_a_hospital_is_no_loss_when_it_goes() {
    let world = World::new("in the way").await;
    let operator = world.sandbox.operator().allow_database_adoption().start().await;
    let database = world.mongo.database(&world.sandbox.database_name("adopted"));
    database.run_command(doc! { "create": "audit_logs", "capped": true, "size": 4096 }).await.unwrap();
    let mut object = world.hospital("adopted");
    object["metadata"]["annotations"] = json!({ ADOPT_DATABASE: "true" });
    let name = world.apply(&object).await.name_any();
    world.wait(&name, "told", |o| condition(o, "SchemaReady").is_some_and(|c| c.reason == "SchemaConflict")).await;
    let rename = doc! {
        "renameCollection": format!("{}.audit_logs", database.name()),
        "to": format!("{}.old_logs", database.name()),
    };
    world.mongo.database("admin").run_command(rename).await.unwrap();
    let ready = world.wait_ready(&name).await;
    assert!(!is(&ready, "DataLossSuspected", "True"), "{:?}", ready.status);
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_while_mongodb_is_away_nobody_sees_two_prices_for_a_hospital() {
    let proxied = Proxied::new("two prices").await;
    let world = &proxied.world;
    let operator = proxied.operator().start().await;
    let (paused, forced) = tokio::join!(world.ready_hospital("paused"), world.ready_hospital("forced"));
    let (paused, forced) = (paused.name_any(), forced.name_any());
    let database = world.sandbox.database_name("forced");
    proxied.mongo.set_down(true);
    let held = |o: &HospitalOrganization| condition(o, "Ready").is_some_and(|c| c.reason == "MongoDbUnavailable");

    // A larger plan, and a pause before anybody could write that down.
    world.change(&paused, json!({ "spec": { "plan": "Enterprise" } })).await;
    world
        .wait(&paused, "told", |o| held(o) && o.status.as_ref().unwrap().observed_generation == o.metadata.generation)
        .await;
    world.change(&paused, json!({ "metadata": { "annotations": { PAUSED: "true" } } })).await;
    let object = world.wait(&paused, "paused", |o| is(o, "Paused", "True")).await.status.unwrap();
    assert_eq!((object.monthly_price_usd, object.users.unwrap().limit), (Some(99), Some(5)));

    // One that is let go by force comes back, and nobody looks at it.
    world.delete(&forced).await;
    world.wait(&forced, "held", held).await;
    world.change(&forced, json!({ "metadata": { "annotations": { FORCE_RELEASE: database } } })).await;
    world.wait_gone(&forced).await;
    let mut again = world.hospital("forced");
    again["metadata"]["annotations"] = json!({ PAUSED: "true" });
    world.apply(&again).await;
    proxied.mongo.set_down(false);
    eventually("what is left behind is written down", async || {
        let claim = world.claim_on(&database).await?;
        (claim.get_str("status").unwrap() == "Terminating" && claim.contains_key("left_behind")).then_some(())
    })
    .await;
    let claim = world.claim_on(&world.sandbox.database_name("paused")).await.unwrap();
    assert_eq!(claim.get_i64("monthly_price_usd").unwrap(), 99);

    // Both go on where they are looked at again.
    for name in [&paused, &forced] {
        world.change(name, json!({ "metadata": { "annotations": { PAUSED: null } } })).await;
        world.wait_ready(name).await;
    }
    let claim = world.claim_on(&world.sandbox.database_name("paused")).await.unwrap();
    assert_eq!(claim.get_i64("monthly_price_usd").unwrap(), 999);
    let claim = world.claim_on(&database).await.unwrap();
    assert!(claim.get_str("status").unwrap() == "Active" && !claim.contains_key("left_behind"), "{claim}");
    operator.terminate().await;
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_because_mongodb_was_away_for_a_moment_waits_no_longer_than_that() {
    let proxied = Proxied::new("a moment").await;
    let world = &proxied.world;
    let operator = proxied.operator().resync_interval("10h").start().await;
    let taken = world.ready_hospital("taken").await.name_any();
    // Refused for long: it is looked at more and more seldom, now and then for the next time after minutes.
    let mut second = world.hospital("second");
    second["spec"]["databaseName"] = json!(world.sandbox.database_name("taken"));
    let second = world.apply(&second).await.name_any();
    let is_refused = |o: &HospitalOrganization| condition(o, "Ready").is_some_and(|c| c.reason == "DatabaseNameTaken");
    world.wait(&second, "refused", is_refused).await;
    let refusals =
        async || metric(&operator, "reconciles_total{result=\"failure\",reason=\"DatabaseNameTaken\"}").await;
    for look in 0..8 {
        let before = refusals().await;
        world.change(&second, json!({ "metadata": { "annotations": { "example.com/look": look.to_string() } } })).await;
        eventually("it is looked at", async || (refusals().await > before).then_some(())).await;
    }
    proxied.mongo.set_down(true);
    world.change(&second, json!({ "metadata": { "annotations": { "example.com/look": "away" } } })).await;
    world.wait(&second, "told", |o| condition(o, "Ready").is_some_and(|c| c.reason == "MongoDbUnavailable")).await;
    proxied.mongo.set_down(false);
    let back = Instant::now();
    world.wait(&second, "told the truth", is_refused).await;
    assert!(back.elapsed() < Duration::from_secs(20), "{:?}", back.elapsed());
    assert!(is(&world.hospitals().get(&taken).await.unwrap(), "Ready", "True"));
    operator.terminate().await;
    proxied.world.close().await;
}
