//! Two real operators: with a Lease one works and the other stands by, whatever happens to the one that works; without
//! one both work, and nothing is the worse for it.

use std::time::{Duration, Instant};

use chakravue_crds::{HospitalOrganization, tenant_schema::TENANT_SCHEMA};
use chakravue_testbed::{OperatorOptions, OperatorProcess};
use futures::future::join_all;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::{Api, ResourceExt as _, api::ListParams};
use mongodb::bson::{DateTime, doc};
use serde_json::json;

use crate::{
    drift::{drop_index, wait_index},
    proxied::Proxied,
    support::{World, eventually, is, metric},
};

/// Short, so that a test does not wait for long; long enough for a machine that is busy with other tests.
const LEASE: &str = "6s";

/// Where it counts how soon it is taken: who stands by looks at this one every other second.
const LONG_LEASE: &str = "20s";
const LASTS: Duration = Duration::from_secs(20);
/// How late the next one may be: for what a busy machine takes, and less than a look once in a while would be.
const LATE: Duration = Duration::from_millis(1500);

/// Where the leader writes how far it has come in the change stream.
const PLACE: &str = "chakravue.io/change-stream-place";

#[tokio::test(flavor = "multi_thread")]
async fn one_leads_the_other_stands_by_and_takes_over_when_the_first_is_killed_or_told_to_stop() {
    let world = World::new("leader").await;
    let start = |duration| world.sandbox.operator().leader_elect(duration).start();
    let first = start(LONG_LEASE).await;
    leads(&first).await;
    let second = start(LONG_LEASE).await;
    stands_by(&second).await;
    world.ready_hospital("one").await;
    assert_eq!(passes(&second).await, 0, "who stands by runs no pass");
    let holder = holder(&world).await;
    // One that was renewed before the other one came, it counts from when it saw it.
    let before = lease(&world).await.renew_time;
    eventually("the lease is renewed", async || (lease(&world).await.renew_time != before).then_some(())).await;

    // Nobody tells the other one; the lease runs out, and is taken then: no sooner, and hardly later.
    first.kill();
    let last = lease(&world).await.renew_time.unwrap().0;
    leads(&second).await;
    assert_ne!(self::holder(&world).await, holder);
    let next = lease(&world).await.acquire_time.unwrap().0;
    let vacant = Duration::try_from(next.duration_since(last)).unwrap();
    assert!((LASTS..LASTS + LATE).contains(&vacant), "taken {vacant:?} after it was renewed last");
    world.ready_hospital("two").await;

    // This lease would keep the next one waiting for ten minutes, were it not given up.
    assert!(second.terminate().await.success());
    assert_eq!(self::holder(&world).await, None, "given up");
    let third = start("10m").await;
    leads(&third).await;
    let fourth = start(LONG_LEASE).await;
    stands_by(&fourth).await;
    world.ready_hospital("three").await;
    assert!(third.terminate().await.success());
    let given_up = Instant::now();
    leads(&fourth).await;
    assert!(given_up.elapsed() < LATE, "one that stands by is told, and led after {:?}", given_up.elapsed());
    world.ready_hospital("four").await;
    assert!(fourth.terminate().await.success());
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_frozen_in_the_middle_of_a_pass_wakes_up_and_writes_nothing() {
    let proxied = Proxied::new("frozen").await;
    let world = &proxied.world;
    let first = proxied.operator().leader_elect(LEASE).start().await;
    leads(&first).await;
    let second = world.sandbox.operator().leader_elect(LEASE).start().await;
    stands_by(&second).await;

    // It has asked everything and waits for one answer; everything that it is to write comes after that.
    proxied.mongo.delay("aggregate", Duration::from_secs(2));
    let hospital = world.apply(&world.hospital("frozen")).await;
    let name = hospital.name_any();
    let look = format!("listCollections {}", world.sandbox.database_name("frozen"));
    let finalizer = format!("hospitalorganizations/{name}");
    eventually("the pass waits for an answer", async || {
        let asked = proxied.mongo.commands().contains(&look);
        let begun = proxied.log.writes().iter().any(|write| write.what.ends_with(&finalizer));
        (asked && begun).then_some(())
    })
    .await;
    first.freeze();
    proxied.mongo.clear();
    leads(&second).await;
    world.wait_ready(&name).await;
    let status = world.hospitals().get(&name).await.unwrap().status;

    proxied.log.settled().await;
    proxied.log.clear();
    first.wake();
    let ended = first.wait_exit().await;
    assert!(!ended.success(), "it ended with {ended}");
    proxied.log.settled().await;
    assert_eq!(proxied.log.writes(), [], "what it had in hand when it woke");
    assert_eq!(proxied.log.events(), [], "not even the lease");
    let log = first.log();
    assert!(log.contains("leads no more") && !log.contains("panicked"), "{log}");
    assert_eq!(world.hospitals().get(&name).await.unwrap().status, status);
    world.ready_hospital("next").await;

    assert!(second.terminate().await.success());
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_frozen_with_more_writes_than_connections_sends_none_of_the_rest() {
    let proxied = Proxied::new("frozen queue").await;
    let world = &proxied.world;
    let first = proxied.operator().arg("--workers").arg("16").leader_elect(LEASE).start().await;
    leads(&first).await;
    let second = world.sandbox.operator().leader_elect(LEASE).start().await;
    stands_by(&second).await;

    // The driver has ten connections; these claims take them, and six wait for one.
    proxied.mongo.delay("insert", Duration::from_secs(3));
    let names: Vec<String> = (0..16).map(|n| format!("queued{n:02}")).collect();
    join_all(names.iter().map(async |name| world.apply(&world.hospital(name)).await)).await;
    eventually("all have looked at what there is", async || {
        let commands = proxied.mongo.commands();
        let looked = |name: &String| {
            let look = format!("listCollections {}", world.sandbox.database_name(name));
            commands.contains(&look)
        };
        let finalizer = |name: &String| {
            let object = format!("hospitalorganizations/{}", world.sandbox.object_name(name));
            proxied.log.writes().iter().any(|write| write.what.ends_with(&object))
        };
        names.iter().all(|name| looked(name) && finalizer(name)).then_some(())
    })
    .await;
    // Nobody sees a command that waits in the driver.
    tokio::time::sleep(Duration::from_millis(500)).await;
    first.freeze();
    proxied.mongo.clear();
    leads(&second).await;
    join_all(names.iter().map(async |name| world.wait_ready(&world.sandbox.object_name(name)).await)).await;

    proxied.log.settled().await;
    proxied.log.clear();
    first.wake();
    assert!(!first.wait_exit().await.success());
    proxied.log.settled().await;
    assert_eq!(proxied.log.writes(), [], "what waited when it woke");
    assert_eq!(proxied.log.refused(), [], "what waited when it woke");

    assert!(second.terminate().await.success());
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_reach_the_api_server_stops_before_the_other_begins() {
    let proxied = Proxied::new("cut off").await;
    let world = &proxied.world;
    let first = proxied.operator().leader_elect(LEASE).start().await;
    leads(&first).await;
    let name = world.ready_hospital("cut-off").await.name_any();
    let second = world.sandbox.operator().leader_elect(LEASE).start().await;
    stands_by(&second).await;
    let leader = holder(world).await;

    proxied.log.settled().await;
    proxied.log.clear();
    proxied.kube.set_down(true);
    // Something to do for who still thinks that it leads: it reaches MongoDB.
    world
        .mongo
        .database(&name.replace('-', "_"))
        .run_command(doc! { "dropUser": name.replace('-', "_") })
        .await
        .unwrap();
    assert!(!first.wait_exit().await.success());
    assert_eq!(metric(&second, "leader").await, 0, "the first has stopped, and nobody else has begun");
    assert_eq!(holder(world).await, leader, "the lease runs out, it was not given up");
    let written_until_then = proxied.log.count();
    leads(&second).await;
    eventually("the user is back", async || {
        let users = world.users_and_roles(&name.replace('-', "_")).await.0;
        (users.len() == 1).then_some(())
    })
    .await;
    assert_eq!(proxied.log.count(), written_until_then);

    assert!(second.terminate().await.success());
    proxied.kube.set_down(false);
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_somebody_touches_deletes_or_takes_costs_at_most_its_holder() {
    let world = World::new("touched lease").await;
    let leases: Api<Lease> = Api::namespaced(world.kube.clone(), world.sandbox.namespace());
    let edit = async |change: serde_json::Value| {
        let patch = kube::api::Patch::Merge(&change);
        leases.patch("chakravue-operator", &kube::api::PatchParams::default(), &patch).await.unwrap();
    };
    let renewed = async || leases.get("chakravue-operator").await.unwrap().spec.unwrap().renew_time;
    let operator = world.sandbox.operator().leader_elect(LEASE).start().await;
    leads(&operator).await;

    // A label is no reason to stop.
    edit(json!({ "metadata": { "labels": { "team": "platform" } } })).await;
    let before = renewed().await;
    eventually("the lease is renewed again", async || (renewed().await != before).then_some(())).await;
    leads(&operator).await;

    edit(json!({ "spec": { "holderIdentity": "somebody-else" } })).await;
    assert!(!operator.wait_exit().await.success());
    assert!(operator.log().contains("was taken by somebody-else"), "{}", operator.log());

    let operator = world.sandbox.operator().leader_elect(LEASE).start().await;
    leads(&operator).await;
    leases.delete("chakravue-operator", &kube::api::DeleteParams::default()).await.unwrap();
    assert!(!operator.wait_exit().await.success());
    assert!(operator.log().contains("the lease was deleted"), "{}", operator.log());
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_is_gone_is_not_held_up_and_one_that_works_is_not_overrun_by_what_somebody_writes() {
    let world = World::new("edited lease").await;
    let leases: Api<Lease> = Api::namespaced(world.kube.clone(), world.sandbox.namespace());
    let edit = async |change: serde_json::Value| {
        let patch = kube::api::Patch::Merge(&change);
        leases.patch("chakravue-operator", &kube::api::PatchParams::default(), &patch).await.unwrap();
    };
    let first = world.sandbox.operator().leader_elect(LEASE).start().await;
    leads(&first).await;
    let second = world.sandbox.operator().leader_elect(LEASE).start().await;
    stands_by(&second).await;

    // Its name is taken out, which it notices with its next renewal: nobody begins before.
    edit(json!({ "spec": { "holderIdentity": "" } })).await;
    assert!(!first.wait_exit().await.success());
    assert!(!second.log().contains("this operator leads"), "{}", second.log());
    leads(&second).await;
    let third = world.sandbox.operator().leader_elect(LEASE).start().await;
    stands_by(&third).await;

    // Somebody labels it all the time, which is no sign of life.
    second.kill();
    let labelled = async {
        for n in 0.. {
            edit(json!({ "metadata": { "labels": { "label": n.to_string() } } })).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        () = leads(&third) => {}
        () = labelled => {}
    }
    assert!(third.terminate().await.success());
    world.close().await;
}

/// A hospital's own login may write users, and the key of a user stands in the place that the leader leaves on its Lease.
#[tokio::test(flavor = "multi_thread")]
async fn no_key_of_a_user_and_no_annotation_costs_the_leader_its_lease() {
    let world = World::new("long keys").await;
    let uri = world.sandbox.watch_mongodb_uri().await;
    let operator = world.sandbox.operator().watch_mongodb_uri(&uri).leader_elect(LEASE).start().await;
    leads(&operator).await;
    world.ready_hospital("one").await;
    let database = world.mongo.database(&world.sandbox.database_name("one"));
    let leases: Api<Lease> = Api::namespaced(world.kube.clone(), world.sandbox.namespace());
    let place = async || leases.get("chakravue-operator").await.unwrap().annotations().get(PLACE).cloned();
    let insert = |key: String, bypass: bool| {
        let user = doc! {
            "_id": key, "email": "a@b.example", "role": "DOCTOR", "status": "active", "created_at": DateTime::now(),
        };
        doc! { "insert": "users", "documents": [user], "bypassDocumentValidation": bypass }
    };
    let refused = database.run_command(insert("k".repeat(129), false)).await.unwrap();
    assert!(refused.contains_key("writeErrors"), "{refused}");
    // As from before there was the rule, or by an administrator.
    database.run_command(insert("k".repeat(400_000), true)).await.unwrap();
    let before = eventually("the lease says how far it is", place).await;
    let status = |status: &str| {
        doc! { "update": "users", "updates": [
            { "q": {}, "u": { "$set": { "status": status } }, "multi": true },
        ], "bypassDocumentValidation": true }
    };
    let told = async {
        for n in 0.. {
            database.run_command(status(["disabled", "active"][n % 2])).await.unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    let renewals = async {
        for _ in 0..4 {
            let renewed = lease(&world).await.renew_time;
            eventually("the lease is renewed", async || (lease(&world).await.renew_time != renewed).then_some(()))
                .await;
        }
    };
    tokio::select! {
        () = renewals => {}
        () = told => {}
    }
    assert!(place().await.unwrap().len() <= 4096);
    eventually("the stream goes on", async || (place().await.as_ref() != Some(&before)).then_some(())).await;

    // What others write there leaves no room for it.
    let much = json!({ "metadata": { "annotations": { PLACE: null, "much": "x".repeat(262_100) } } });
    let patch = kube::api::Patch::Merge(&much);
    leases.patch("chakravue-operator", &kube::api::PatchParams::default(), &patch).await.unwrap();
    for _ in 0..4 {
        let renewed = lease(&world).await.renew_time;
        eventually("the lease is renewed", async || (lease(&world).await.renew_time != renewed).then_some(())).await;
    }
    leads(&operator).await;
    assert!(operator.terminate().await.success());
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_leader_goes_on_in_the_change_stream_where_the_last_one_was() {
    let world = World::new("handed over").await;
    let uri = world.sandbox.watch_mongodb_uri().await;
    let start = async || {
        let operator = world.sandbox.operator().resync_interval("10h").watch_mongodb_uri(&uri);
        let operator = operator.rust_log("info,chakravue_operator::drift=debug").leader_elect("2s").start().await;
        leads(&operator).await;
        eventually("the stream is open", async || (metric(&operator, "change_stream_open").await == 1).then_some(()))
            .await;
        operator
    };
    let leases: Api<Lease> = Api::namespaced(world.kube.clone(), world.sandbox.namespace());
    let place = async || leases.get("chakravue-operator").await.unwrap().annotations().get(PLACE).cloned();
    let name = world.sandbox.object_name("one");
    let told = format!("changed what=\"dropIndexes\" database=\"{}\"", world.sandbox.database_name("one"));

    let first = start().await;
    assert!(!first.log().contains("where the last leader's was"), "there was none: {}", first.log());
    world.ready_hospital("one").await;
    let before = place().await;
    eventually("the lease says how far it is", async || place().await.filter(|place| Some(place) != before.as_ref()))
        .await;
    first.kill();
    drop_index(&world, &name).await;
    let second = start().await;
    assert!(second.log().contains("where the last leader's was"), "{}", second.log());
    wait_index(&world, &name).await;
    eventually("what happened meanwhile is told", async || second.log().contains(&told).then_some(())).await;
    assert_eq!(metric(&second, "full_comparisons_total").await, 0, "nothing was lost");

    // One that stops leaves its place too. A place that the server does not know, or that is none, is told and does no harm.
    assert!(second.terminate().await.success());
    let mut unknown: serde_json::Value = serde_json::from_str(&place().await.unwrap()).unwrap();
    unknown["_data"] = json!(unknown["_data"].as_str().unwrap()[..12]);
    for (written, said) in [
        (unknown.to_string(), "the last leader's place in the change stream is lost"),
        ("garbage".to_owned(), "says no place in a change stream"),
    ] {
        drop_index(&world, &name).await;
        let patch = json!({ "metadata": { "annotations": { PLACE: written } } });
        let patch = kube::api::Patch::Merge(&patch);
        leases.patch("chakravue-operator", &kube::api::PatchParams::default(), &patch).await.unwrap();
        let next = start().await;
        assert!(next.log().contains(said), "{said}: {}", next.log());
        wait_index(&world, &name).await;
        assert_eq!(metric(&next, "full_comparisons_total").await, 0, "none but that of the start");
        assert!(next.terminate().await.success());
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_both_work_end_where_one_would_and_then_rest() {
    let (one, other) = (Proxied::new("both work").await, Proxied::new("both work, the other").await);
    let world = &one.world;
    // Both watch the first's namespace and share its master database; each has proxies of its own.
    let resync = |options: OperatorOptions| options.resync_interval("1s");
    let operators = [resync(one.operator()).start().await, resync(other.operator_of(world)).start().await];
    for operator in &operators {
        operator.wait_ready().await;
    }
    let names: Vec<String> = (0..12).map(|n| world.sandbox.object_name(&format!("both-{n}"))).collect();
    let objects: Vec<_> = (0..12).map(|n| world.hospital(&format!("both-{n}"))).collect();
    join_all(objects.iter().map(|object| world.apply(object))).await;
    join_all(names.iter().map(|name| world.wait_ready(name))).await;
    for (n, mut object) in objects.into_iter().enumerate() {
        match n % 4 {
            0 => object["spec"]["subscription"] = json!("Suspended"),
            1 => object["spec"]["plan"] = json!("Enterprise"),
            2 => object["spec"]["deletionPolicy"] = json!("Delete"),
            _ => continue,
        }
        world.apply(&object).await;
        if n % 4 == 2 {
            world.delete(&names[n]).await;
        }
    }
    let rests = |object: &HospitalOrganization| !is(object, "Reconciling", "True") && !is(object, "Stalled", "True");
    for (n, name) in names.iter().enumerate() {
        match n % 4 {
            2 => world.wait_gone(name).await,
            0 => drop(world.wait(name, "suspended", |o| rests(o) && is(o, "SubscriptionActive", "False")).await),
            _ => drop(world.wait_ready(name).await),
        }
    }
    for (n, name) in names.iter().enumerate() {
        let database = name.replace('-', "_");
        let (users, roles) = world.users_and_roles(&database).await;
        if n % 4 == 2 {
            assert_eq!((users.len(), roles.len()), (0, 0), "{name}");
            assert_eq!(world.collection_names(&database).await, Vec::<String>::new(), "{name}");
            assert_eq!(world.claim_on(&database).await, None, "{name}");
            continue;
        }
        assert_eq!((users.len(), roles.len()), (1, 1), "{name}");
        assert_eq!(world.collection_names(&database).await.len(), TENANT_SCHEMA.collections.len(), "{name}");
        let ping = world.tenant(name).await.database(&database).run_command(doc! { "ping": 1 }).await;
        assert!(ping.is_ok(), "{name}: the Secret is not the user's: {ping:?}");
    }
    assert_eq!(world.secrets().list(&ListParams::default()).await.unwrap().items.len(), 9);

    // And they do not undo each other's work for ever.
    for operator in &operators {
        let before = passes(operator).await;
        eventually("passes of both", async || (passes(operator).await > before + 40).then_some(())).await;
    }
    for proxied in [&one, &other] {
        proxied.log.settled().await;
        proxied.log.clear();
    }
    for operator in &operators {
        let before = passes(operator).await;
        eventually("passes of both", async || (passes(operator).await > before + 40).then_some(())).await;
    }
    assert_eq!((one.log.writes(), other.log.writes()), (vec![], vec![]));

    for operator in operators {
        assert!(operator.terminate().await.success());
    }
    one.world.close().await;
    other.world.close().await;
}

async fn leads(operator: &OperatorProcess) {
    let metric = "chakravue_operator_leader 1\n";
    eventually("it leads", async || {
        let (status, _) = operator.answer_of("/readyz").await?;
        (status == 200 && operator.metrics().await.contains(metric)).then_some(())
    })
    .await;
}

/// Who stands by answers its probes all the same.
async fn stands_by(operator: &OperatorProcess) {
    eventually("it stands by", async || {
        let (status, body) = operator.answer_of("/readyz").await?;
        (status == 200 && body.contains("standing by")).then_some(())
    })
    .await;
    assert_eq!(operator.status_of("/livez").await, Some(200));
    assert!(operator.metrics().await.contains("chakravue_operator_leader 0\n"));
}

async fn holder(world: &World) -> Option<String> {
    lease(world).await.holder_identity
}

async fn lease(world: &World) -> LeaseSpec {
    let leases: Api<Lease> = Api::namespaced(world.kube.clone(), world.sandbox.namespace());
    leases.get("chakravue-operator").await.unwrap().spec.unwrap()
}

async fn passes(operator: &OperatorProcess) -> u64 {
    let metrics = operator.metrics().await;
    let passes = metrics.lines().filter(|line| line.starts_with("chakravue_operator_reconciles_total{"));
    passes.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}
