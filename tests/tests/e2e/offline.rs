//! What somebody changes in MongoDB while no operator runs, or in Kubernetes while it does not watch: nobody announced it, so
//! the operator has to find it by itself, long before any resync.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use chakravue_crds::{HospitalOrganization, annotations::PAUSED, naming::secret_name};
use futures::{StreamExt as _, stream};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use mongodb::bson::doc;
use serde_json::json;

use crate::{
    drift::whole,
    proxied::Proxied,
    support::{World, condition, eventually, is, loses_access, patient},
};

/// Nobody may wait for it: it comes after half an hour at the earliest.
const RESYNC: &str = "1h";
/// A start and a pass, even on a machine that is busy with other tests.
const AT_ONCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_while_no_operator_ran_is_healed_at_its_start_and_the_loss_is_told() {
    let world = World::new("offline").await;
    let watch = world.sandbox.watch_mongodb_uri().await;
    let mut operator = world.sandbox.operator().resync_interval(RESYNC).start().await;
    // Neither needs the change stream, which knows nothing of the time before it was opened, nor is disturbed by it.
    for (label, watches) in [("without", false), ("with", true)] {
        let name = world.ready_hospital(label).await.name_any();
        let database = world.mongo.database(&world.sandbox.database_name(label));
        for record in ["1", "2"] {
            world.patients(database.name()).insert_one(patient(record)).await.unwrap();
        }
        let before = whole(&world, database.name()).await;
        let secret = world.secret(&name).await;
        operator.terminate().await;

        database.run_command(doc! { "dropIndexes": "appointments", "index": "doctor_time" }).await.unwrap();
        database.run_command(doc! { "collMod": "users", "validator": { "name": "x" } }).await.unwrap();
        database.run_command(doc! { "drop": "settings" }).await.unwrap();
        database.create_collection("settings").await.unwrap();
        assert_ne!(whole(&world, database.name()).await, before);

        let options = world.sandbox.operator().resync_interval(RESYNC);
        let began = Instant::now();
        operator = if watches { options.watch_mongodb_uri(&watch) } else { options }.start().await;
        eventually(&format!("all is healed {label} a change stream"), async || {
            (whole(&world, database.name()).await == before).then_some(())
        })
        .await;
        let told = world.wait(&name, "told of the loss", |o| is(o, "DataLossSuspected", "True")).await;
        let took = began.elapsed();
        println!("{label} a change stream: healed and told {} ms after the start", took.as_millis());
        assert!(took < AT_ONCE, "{label} a change stream: {took:?}");

        let message = &condition(&told, "DataLossSuspected").unwrap().message;
        assert!(message.contains("settings"), "{message}");
        let status = told.status.as_ref().unwrap();
        assert_eq!(status.data_loss.as_ref().unwrap().collections, ["settings"], "nothing else was lost");
        assert!(is(&told, "Ready", "True"), "it can be used: {:?}", status.conditions);
        assert_eq!(world.documents(database.name()).await["patients"].len(), 2);
        assert_eq!(world.secret(&name).await, secret, "nothing of it concerned the Secret");
        eventually("an Event tells it", async || {
            let events = world.events(&name).await;
            events.iter().any(|note| note.starts_with("Collection settings was dropped or replaced")).then_some(())
        })
        .await;
    }
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_goes_while_its_watch_has_to_begin_anew_is_made_again() {
    let proxied = Proxied::new("unseen secret").await;
    let world = &proxied.world;
    let operator = proxied.operator().resync_interval(RESYNC).start().await;
    let name = world.ready_hospital("unseen").await.name_any();
    let before = world.secret(&name).await;
    let made_again = async || {
        let secret = world.secrets().get_opt(&secret_name(&name)).await.unwrap()?;
        (secret.data?["password"].0 != before["password"].as_bytes()).then_some(())
    };

    // The API server restarts, and knows no more where the watch was: its new list has no word of what is not there.
    proxied.kube.expire("/secrets?");
    proxied.kube.set_down(true);
    world.secrets().delete(&secret_name(&name), &DeleteParams::default()).await.unwrap();
    proxied.kube.set_down(false);
    eventually("the watch is refused", async || operator.log().contains("too old").then_some(())).await;
    proxied.kube.clear();
    eventually("the Secret is made again", made_again).await;
    operator.terminate().await;
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_behind_which_the_operator_wrote_unaware_is_carried_out() {
    let proxied = Proxied::new("unseen change").await;
    let world = &proxied.world;
    let watch = world.sandbox.watch_mongodb_uri().await;
    let operator = proxied.operator().watch_mongodb_uri(&watch).resync_interval(RESYNC).start().await;
    let name = world.ready_hospital("unseen").await.name_any();
    let database = world.mongo.database(&world.sandbox.database_name("unseen"));
    let tenant = world.tenant(&name).await.database(database.name()).collection("patients");

    // A pass is under way that will have a loss to tell. The API server restarts meanwhile, and the watch is not back yet.
    proxied.mongo.delay("create", Duration::from_secs(4));
    database.run_command(doc! { "drop": "settings" }).await.unwrap();
    let is_under_way = || proxied.mongo.commands().iter().any(|command| command.starts_with("create "));
    eventually("a pass makes it again", async || is_under_way().then_some(())).await;
    proxied.kube.fail("GET", "/hospitalorganizations?", 503, "restarting");
    proxied.kube.set_down(true);
    proxied.kube.set_down(false);
    let suspended = Patch::Merge(json!({ "spec": { "subscription": "Suspended" } }));
    world.hospitals().patch(&name, &PatchParams::default(), &suspended).await.unwrap();
    let told = eventually("the loss is told", async || {
        let object = world.hospitals().get(&name).await.unwrap();
        is(&object, "DataLossSuspected", "True").then_some(object)
    })
    .await;
    assert!(told.status.unwrap().observed_generation < told.metadata.generation, "that pass knew nothing of it");

    // What the watch was at is not known any more: the list that it begins with has only the operator's own last write.
    proxied.kube.clear();
    proxied.kube.expire("/hospitalorganizations?");
    eventually("the watch is refused", async || operator.log().contains("too old").then_some(())).await;
    proxied.kube.clear();
    loses_access(&tenant).await;
    world.wait(&name, "suspended", |o| is(o, "SubscriptionActive", "False")).await;
    operator.terminate().await;
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_goes_without_its_finalizer_brings_nothing_from_then_on() {
    let world = World::new("no finalizer").await;
    let operator = world.sandbox.operator().resync_interval(RESYNC).start().await;
    let name = world.ready_hospital("taken").await.name_any();
    let database = world.sandbox.database_name("taken");
    // Paused, so that the operator does not put it back.
    let taken = Patch::Merge(json!({ "metadata": { "annotations": { PAUSED: "true" }, "finalizers": null } }));
    world.hospitals().patch(&name, &PatchParams::default(), &taken).await.unwrap();
    world.hospitals().delete(&name, &DeleteParams::default()).await.unwrap();
    eventually("the platform is told", async || {
        let claim = world.claim_on(&database).await.unwrap();
        (claim.get_str("status").ok() == Some("Terminating") && claim.contains_key("left_behind")).then_some(())
    })
    .await;
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_and_changed_while_the_watch_was_away_is_seen_in_a_list_of_many() {
    const MANY: usize = 200;
    let proxied = Proxied::new("unseen many").await;
    let world = &proxied.world;
    let operator = proxied.operator().resync_interval(RESYNC).start().await;
    // Unpaid, which costs a claim and no database: what counts is that a list of them comes in many pieces.
    let make = async |n: usize| {
        let mut hospital = world.hospital(&format!("many-{n:03}"));
        hospital["spec"]["subscription"] = json!("PendingPayment");
        world.apply(&hospital).await.name_any()
    };
    let observed = async |names: &[String], what: &str| {
        eventually(what, async || {
            let all = world.hospitals().list(&ListParams::default()).await.unwrap().items;
            let seen = |object: &&HospitalOrganization| {
                object.status.as_ref().and_then(|status| status.observed_generation) == object.metadata.generation
            };
            let seen: HashSet<String> = all.iter().filter(seen).map(kube::ResourceExt::name_any).collect();
            names.iter().all(|name| seen.contains(name)).then_some(())
        })
        .await;
    };
    let mut names: Vec<String> = stream::iter(0..MANY).map(make).buffer_unordered(16).collect().await;
    observed(&names, "all are told what they wait for").await;

    proxied.kube.expire("/hospitalorganizations?");
    proxied.kube.set_down(true);
    let plan = Patch::Merge(json!({ "spec": { "plan": "Professional" } }));
    let change =
        async |name: &String| drop(world.hospitals().patch(name, &PatchParams::default(), &plan).await.unwrap());
    stream::iter(&names).map(change).buffer_unordered(16).collect::<Vec<()>>().await;
    let new: Vec<String> = stream::iter(MANY..MANY + 20).map(make).buffer_unordered(16).collect().await;
    names.extend(new);
    proxied.kube.set_down(false);
    eventually("the watch is refused", async || operator.log().contains("too old").then_some(())).await;
    proxied.kube.clear();
    observed(&names, "all have been looked at").await;
    operator.terminate().await;
    proxied.world.close().await;
}
