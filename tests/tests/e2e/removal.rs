//! How a hospital goes: what is taken away, what is kept, and that nothing hinders it for ever.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use chakravue_crds::{HospitalOrganization, annotations};
use futures::future::join_all;
use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams},
    runtime::wait::await_condition,
};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use crate::{
    proxied::Proxied,
    support::{PATIENCE, USER, World, client, condition, eventually, is, patient},
};

mod away;
mod departure;

#[tokio::test(flavor = "multi_thread")]
async fn one_that_somebody_else_keeps_does_not_look_like_a_hospital() {
    let world = World::new("kept").await;
    let operator = world.sandbox.operator().start().await;
    let mut object = world.hospital("kept");
    object["metadata"]["finalizers"] = json!(["example.com/keeps"]);
    object["spec"]["deletionPolicy"] = json!("Delete");
    let name = world.apply(&object).await.name_any();
    world.wait_ready(&name).await;
    world.delete(&name).await;
    let kept = world.wait(&name, "removed", |o| !o.finalizers().iter().any(|f| f == "chakravue.io/tenant")).await;
    assert!(is(&kept, "Ready", "False"), "{:?}", kept.status);
    let status = kept.status.unwrap();
    assert_eq!((status.phase.unwrap().as_str(), status.binding), ("Terminating", None));
    assert_eq!(world.collection_names(&world.sandbox.database_name("kept")).await, Vec::<String>::new());
    let let_go = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    world.hospitals().patch(&name, &PatchParams::default(), &let_go).await.unwrap();
    world.wait_gone(&name).await;
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delete_leaves_nothing_even_while_a_client_keeps_writing() {
    let world = World::new("delete").await;
    let operator = world.sandbox.operator().start().await;
    let name = world.apply(&with_policy(&world, "busy", "Delete")).await.name_any();
    world.wait_ready(&name).await;
    let database = world.sandbox.database_name("busy");

    // Four clients with the hospital's own credentials, each on connections of its own, write whatever happens.
    let uri = &world.secret(&name).await["uri"];
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writers = join_all((0..4).map(|_| client(uri))).await.into_iter().map(|client| {
        let patients = client.database(&database).collection::<Document>("patients");
        let (stop, written) = (Arc::clone(&stop), Arc::clone(&written));
        tokio::spawn(async move {
            let mut refused = 0;
            while !stop.load(Ordering::Relaxed) {
                let record = written.load(Ordering::Relaxed);
                match patients.insert_one(patient(&format!("{record}-{refused}-{:p}", &raw const refused))).await {
                    Ok(_) => drop(written.fetch_add(1, Ordering::Relaxed)),
                    Err(_) => refused += 1,
                }
            }
            refused
        })
    });
    let writers: Vec<_> = writers.collect();
    eventually("documents are written", async || (written.load(Ordering::Relaxed) > 20).then_some(())).await;

    world.delete_and_wait(&name).await;
    let written_until_then = written.load(Ordering::Relaxed);
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        assert!(writer.await.unwrap() > 0, "a client was never refused");
    }
    assert_eq!(written.load(Ordering::Relaxed), written_until_then, "somebody wrote after the hospital was gone");
    assert_eq!(world.remains(&database).await, Vec::<String>::new());
    assert_eq!(world.secrets().get_opt(&format!("{name}-mongodb")).await.unwrap(), None);

    operator.terminate().await;
    world.close().await;
}

#[tokio::test]
async fn retain_keeps_the_data_and_the_claim_and_takes_every_access_away() {
    let world = World::new("retain").await;
    let operator = world.sandbox.operator().start().await;
    let policies = ["Retain", "Delete", "Delete"];
    let names = ["kept", "reconsidered", "unpaid"];
    for (name, policy) in names.into_iter().zip(policies) {
        let mut object = with_policy(&world, name, policy);
        if name == "unpaid" {
            object["spec"]["subscription"] = json!("PendingPayment");
        }
        world.apply(&object).await;
    }
    let [kept, reconsidered, unpaid] = names.map(|name| world.sandbox.object_name(name));
    tokio::join!(
        world.wait_ready(&kept),
        world.wait_ready(&reconsidered),
        world.wait(&unpaid, "waiting for payment", |o| is(o, "ClaimHeld", "True")),
    );
    for name in ["kept", "reconsidered"] {
        world.patients(&world.sandbox.database_name(name)).insert_one(patient("1")).await.unwrap();
    }

    // The policy that counts is the one at the moment of the deletion.
    world.apply(&with_policy(&world, "reconsidered", "Retain")).await;
    join_all([&kept, &reconsidered, &unpaid].map(|name| world.delete_and_wait(name))).await;

    for (name, database) in [(kept, "kept"), (reconsidered, "reconsidered")] {
        let database = world.sandbox.database_name(database);
        assert_eq!(world.remains(&database).await, ["6 collections", "claim Retained"], "{name}");
        assert_eq!(world.documents(&database).await["patients"].len(), 1, "{name}");
        assert_eq!(world.secrets().get_opt(&format!("{name}-mongodb")).await.unwrap(), None, "{name}");
    }
    assert_eq!(world.remains(&world.sandbox.database_name("unpaid")).await, Vec::<String>::new());

    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hospital_had_goes_in_the_order_that_leaves_no_way_back() {
    let proxied = Proxied::new("order").await;
    let world = &proxied.world;
    let operator = proxied.operator().start().await;
    let claims = format!("{}.organizations", world.sandbox.master_database());
    for policy in ["Delete", "Retain"] {
        let label = policy.to_lowercase();
        let name = world.apply(&with_policy(world, &label, policy)).await.name_any();
        world.wait_ready(&name).await;
        let database = world.sandbox.database_name(&label);
        proxied.log.settled().await;
        proxied.log.clear();
        let so_far = proxied.mongo.commands().len();
        world.delete_and_wait(&name).await;
        proxied.log.settled().await;

        let namespace = world.sandbox.namespace();
        let last = [
            format!("DELETE /api/v1/namespaces/{namespace}/secrets/{name}-mongodb"),
            // The finalizer: that the object is gone says that nothing of it is left.
            format!("PATCH /apis/chakravue.io/v1alpha1/namespaces/{namespace}/hospitalorganizations/{name}"),
        ];
        let first = match policy {
            "Delete" => vec![
                // From here on nobody else gets the database before it is gone, and nobody who lives in it writes.
                format!("update {claims}"),
                format!("dropAllUsersFromDatabase {database}"),
                format!("drop {database}.* (6)"),
                format!("dropAllRolesFromDatabase {database}"),
                format!("delete {claims}"),
            ],
            _ => vec![format!("dropUser {database}"), "dropRole tenant".to_owned(), format!("update {claims}")],
        };
        let written: Vec<_> = proxied.log.writes().into_iter().map(|write| write.what).collect();
        // The collections go at once, in whichever order.
        let of_one = |a: &String, b: &String| a.starts_with("drop ") && b.starts_with("drop ");
        let written: Vec<_> = written
            .chunk_by(of_one)
            .map(|chunk| match chunk {
                [one] => one.clone(),
                many => format!("drop {database}.* ({})", many.len()),
            })
            .collect();
        assert_eq!(written, [first, last.to_vec()].concat(), "{policy}");

        // That all is gone is seen after the last drop, and before the role and the claim go.
        if policy == "Delete" {
            let commands = proxied.mongo.commands().split_off(so_far);
            let place = |what: String| commands.iter().rposition(|command| command.starts_with(&what)).unwrap();
            let order = [
                place(format!("drop {database}.")),
                place(format!("listCollections {database}")),
                place(format!("dropAllRolesFromDatabase {database}")),
            ];
            assert!(order.is_sorted(), "{order:?} in {commands:#?}");
        }
    }

    operator.terminate().await;
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_who_keeps_writing_is_told_of_and_hinders_the_removal_no_longer_than_that() {
    let proxied = Proxied::new("administrator").await;
    let world = &proxied.world;
    let operator = proxied.operator().start().await;
    let name = world.apply(&with_policy(world, "written", "Delete")).await.name_any();
    world.wait_ready(&name).await;
    let database = world.sandbox.database_name("written");

    // The look whether all is gone comes so late that the next write was there before it.
    proxied.mongo.delay("listCollections", Duration::from_millis(300));
    let (stop, patients) = (Arc::new(AtomicBool::new(false)), world.patients(&database));
    let writer = tokio::spawn({
        let stop = Arc::clone(&stop);
        async move {
            let mut written: u32 = 0;
            while !stop.load(Ordering::Relaxed) {
                // One that meets a drop may fail; that is no reason for the next not to be written.
                written += u32::from(patients.insert_one(patient(&format!("by hand {written}"))).await.is_ok());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            written
        }
    });
    world.delete(&name).await;
    let told = |object: &HospitalOrganization| {
        let words = ["was written to while it was dropped", annotations::FORCE_RELEASE];
        condition(object, "Ready").is_some_and(|ready| words.iter().all(|word| ready.message.contains(word)))
    };
    world.wait(&name, "told of who writes", told).await;
    // It stays so for as long as that goes on, with the claim, so that nobody else gets what is written there.
    let before = failures(&operator.metrics().await);
    eventually("two more passes", async || (failures(&operator.metrics().await) >= before + 2).then_some(())).await;
    assert!(told(&world.hospitals().get(&name).await.unwrap()));
    assert_eq!(world.users_and_roles(&database).await.0, Vec::<String>::new(), "the hospital's own access");
    assert_eq!(world.claim_on(&database).await.unwrap().get_str("claim").unwrap(), "Dropping");

    stop.store(true, Ordering::Relaxed);
    assert!(writer.await.unwrap() > 20, "it hardly wrote");
    world.wait_gone(&name).await;
    assert_eq!(world.remains(&database).await, Vec::<String>::new());
    assert!(!world.mongo.list_database_names().await.unwrap().contains(&database));

    operator.terminate().await;
    proxied.world.close().await;
}

#[tokio::test]
async fn a_paused_hospital_is_left_as_it_is_and_its_deletion_waits() {
    let world = World::new("paused").await;
    let operator = world.sandbox.operator().resync_interval("1s").start().await;
    let name = world.apply(&with_policy(&world, "paused", "Delete")).await.name_any();
    world.wait_ready(&name).await;
    let database = world.sandbox.database_name("paused");
    let pause = async |value: Value| {
        let annotation = json!({ "metadata": { "annotations": { annotations::PAUSED: value } } });
        let parameters = PatchParams { field_manager: Some(USER.to_owned()), ..PatchParams::default() };
        world.hospitals().patch(&name, &parameters, &Patch::Merge(annotation)).await.unwrap();
    };
    pause(json!("true")).await;
    let paused = |object: &HospitalOrganization| is(object, "Paused", "True");
    let told = world.wait(&name, "paused", paused).await;
    assert!(is(&told, "Ready", "True"), "what was known stays known");

    // Drift stays, and so does the object, while a pass of another hospital shows that the operator is at work.
    world.mongo.database(&database).run_command(doc! { "dropAllUsersFromDatabase": 1 }).await.unwrap();
    world.delete(&name).await;
    // The deletion is a new generation, which nobody has looked at.
    let waits = |object: Option<&HospitalOrganization>| {
        let paused = object.and_then(|object| condition(object, "Paused"));
        paused.is_some_and(|paused| paused.message.contains("deletion"))
    };
    let told = tokio::time::timeout(PATIENCE, await_condition(world.hospitals(), &name, waits)).await;
    assert!(told.is_ok(), "nobody told that the deletion waits");
    world.ready_hospital("other").await;
    assert_eq!(world.remains(&database).await, ["6 collections", "1 roles", "claim Held"]);

    pause(Value::Null).await;
    world.wait_gone(&name).await;
    assert_eq!(world.remains(&database).await, Vec::<String>::new());

    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_that_comes_late_touches_nothing_of_the_next_hospital_of_that_name() {
    let proxied = Proxied::new("late drop").await;
    let world = &proxied.world;
    let slow = proxied.operator().start().await;
    let name = world.apply(&with_policy(world, "first", "Delete")).await.name_any();
    world.wait_ready(&name).await;
    let database = world.sandbox.database_name("first");

    // The first operator stands still right before it drops; another one finishes, and the name goes to the next.
    proxied.mongo.delay("drop", Duration::from_secs(5));
    world.delete(&name).await;
    let begun = async || proxied.written().contains("dropAllUsersFromDatabase").then_some(());
    eventually("the deletion has begun", begun).await;
    let quick = world.sandbox.operator().start().await;
    world.wait_gone(&name).await;
    let mut next = world.hospital("next");
    next["spec"]["databaseName"] = json!(database);
    let next = world.apply(&next).await.name_any();
    world.wait_ready(&next).await;
    world.patients(&database).insert_one(patient("1")).await.unwrap();

    let mismatches = || proxied.log.refused().iter().filter(|refusal| refusal.code == 361).count();
    eventually("the late drops were refused", async || (mismatches() == 6).then_some(())).await;
    assert_eq!(world.documents(&database).await["patients"].len(), 1);
    assert_eq!(world.collection_names(&database).await.len(), 6);

    tokio::join!(slow.terminate(), quick.terminate());
    proxied.world.close().await;
}

#[tokio::test]
async fn what_an_administrator_left_in_a_database_goes_with_it() {
    let world = World::new("leftovers").await;
    let operator = world.sandbox.operator().start().await;
    let name = world.apply(&with_policy(&world, "left", "Delete")).await.name_any();
    world.wait_ready(&name).await;
    let database = world.sandbox.database_name("left");
    let handle = world.mongo.database(&database);
    let run = async |command: Document| handle.run_command(command).await.unwrap();
    run(doc! { "create": "extra", "capped": true, "size": 4096 }).await;
    run(doc! { "create": "a_view", "viewOn": "patients", "pipeline": [] }).await;
    run(doc! { "create": "series", "timeseries": { "timeField": "at" } }).await;
    run(doc! { "insert": "system.js", "documents": [{ "_id": "double", "value": "a function" }] }).await;
    run(doc! { "profile": 2 }).await;
    run(doc! { "find": "patients" }).await;

    world.delete(&name).await;
    let told = |object: &HospitalOrganization| {
        condition(object, "Ready").is_some_and(|ready| ready.message.contains("setProfilingLevel(0)"))
    };
    world.wait(&name, "told about the profiler", told).await;
    run(doc! { "profile": 0 }).await;
    // Stored functions, and only they, need an administrator: the server drops them with their database alone.
    let told = |object: &HospitalOrganization| {
        let way_out = format!("db.getSiblingDB(\"{database}\").dropDatabase()");
        condition(object, "Ready").is_some_and(|ready| ready.message.contains(&way_out))
    };
    world.wait(&name, "told about the stored functions", told).await;
    assert_eq!(world.collection_names(&database).await, ["system.js"]);
    handle.drop().await.unwrap();
    world.wait_gone(&name).await;
    assert_eq!(world.remains(&database).await, Vec::<String>::new());
    assert!(!world.mongo.list_database_names().await.unwrap().contains(&database));

    operator.terminate().await;
    world.close().await;
}

#[tokio::test]
async fn the_buckets_of_a_time_series_that_is_lost_go_with_the_rest() {
    let world = World::new("buckets").await;
    let operator = world.sandbox.operator().start().await;
    let name = world.apply(&with_policy(&world, "buckets", "Delete")).await.name_any();
    world.wait_ready(&name).await;
    let database = world.sandbox.database_name("buckets");
    // As a restore makes them that ends half way; one has a collection of the series' name beside it.
    for series in ["lost", "patients"] {
        let options = doc! { "timeField": "at", "granularity": "seconds", "bucketMaxSpanSeconds": 3600 };
        let buckets = format!("system.buckets.{series}");
        let create = doc! { "create": buckets, "timeseries": options, "clusteredIndex": true };
        world.mongo.database(&database).run_command(create).await.unwrap();
    }
    world.delete_and_wait(&name).await;
    assert_eq!(world.remains(&database).await, Vec::<String>::new());
    assert!(!world.mongo.list_database_names().await.unwrap().contains(&database));

    operator.terminate().await;
    world.close().await;
}

#[tokio::test]
async fn an_object_that_the_operator_never_held_is_let_go_without_a_trace() {
    let world = World::new("never held").await;
    // One is gone before the operator comes; the other is being deleted and only somebody else holds it.
    let gone = world.apply(&with_policy(&world, "gone", "Delete")).await.name_any();
    world.delete_and_wait(&gone).await;
    let mut held = with_policy(&world, "held", "Delete");
    held["metadata"]["finalizers"] = json!(["example.com/somebody"]);
    let held = world.apply(&held).await.name_any();
    world.delete(&held).await;
    let by_hand = world.sandbox.database_name("held");
    world.patients(&by_hand).insert_one(patient("1")).await.unwrap();

    let operator = world.sandbox.operator().start().await;
    // What is applied last is ready when everything before it was looked at.
    world.ready_hospital("other").await;
    operator.terminate().await;
    assert_eq!(world.remains(&world.sandbox.database_name("gone")).await, Vec::<String>::new());
    assert_eq!(world.remains(&by_hand).await, ["1 collections"]);
    assert_eq!(world.hospitals().get(&held).await.unwrap().finalizers(), ["example.com/somebody"]);

    world
        .hospitals()
        .patch(&held, &PatchParams::default(), &Patch::Merge(json!({ "metadata": { "finalizers": null } })))
        .await
        .unwrap();
    world.wait_gone(&held).await;
    world.close().await;
}

impl World {
    /// What there is of a database, in words; empty if nothing is left.
    async fn remains(&self, database: &str) -> Vec<String> {
        let (users, roles) = self.users_and_roles(database).await;
        let counts = [
            (self.collection_names(database).await.len(), "collections"),
            (users.len(), "users"),
            (roles.len(), "roles"),
        ];
        let claim = self.claim_on(database).await.map(|claim| format!("claim {}", claim.get_str("claim").unwrap()));
        counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).chain(claim).collect()
    }
}

fn with_policy(world: &World, name: &str, policy: &str) -> Value {
    let mut object = world.hospital(name);
    object["spec"]["deletionPolicy"] = json!(policy);
    object
}

/// How many passes have failed so far.
fn failures(metrics: &str) -> usize {
    let lines = metrics.lines().filter(|l| l.starts_with("chakravue_operator_reconciles_total{result=\"failure\""));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_was_given_another_cluster_id_lets_nobody_go_who_has_a_database() {
    let world = World::new("another cluster id").await;
    let operator = world.sandbox.operator().start().await;
    let name = world.ready_hospital("one").await.name_any();
    let database = world.sandbox.database_name("one");
    assert!(operator.terminate().await.success());

    let operator = world.sandbox.operator().arg("--cluster-id=another").start().await;
    world.delete(&name).await;
    let told = |object: &HospitalOrganization| {
        condition(object, "Ready").is_some_and(|ready| ready.message.contains("start the operator with --cluster-id"))
    };
    world.wait(&name, "it says why it stays", told).await;
    assert_eq!(world.users_and_roles(&database).await.0, std::slice::from_ref(&database));
    assert!(operator.terminate().await.success());

    let operator = world.sandbox.operator().start().await;
    world.wait_gone(&name).await;
    assert!(world.users_and_roles(&database).await.0.is_empty());
    assert!(operator.terminate().await.success());
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_claim_was_lost_goes_and_what_it_leaves_is_told() {
    let world = World::new("lost claim").await;
    let operator = world.sandbox.operator().start().await;
    let mut object = world.hospital("lost");
    object["spec"]["deletionPolicy"] = json!("Delete");
    let name = world.apply(&object).await.name_any();
    world.wait_ready(&name).await;
    let database = world.sandbox.database_name("lost");
    let claims = world.mongo.database(world.sandbox.master_database()).collection::<Document>("organizations");
    claims.delete_one(doc! { "database_name": &database }).await.unwrap();
    world.delete_and_wait(&name).await;
    eventually("it is told", async || {
        world.warnings(&name).await.iter().any(|told| told.contains("who can still log in")).then_some(())
    })
    .await;
    assert_eq!(
        world.users_and_roles(&database).await.0,
        std::slice::from_ref(&database),
        "without a claim nothing is touched"
    );
    assert!(operator.terminate().await.success());
    world.close().await;
}
