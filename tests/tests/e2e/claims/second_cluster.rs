//! Two clusters with one MongoDB, where the same manifests were applied on both: the second loses, and harms nothing.

use chakravue_crds::naming::secret_name;
use chakravue_testbed::{OperatorProcess, Testbed};
use futures::future::join_all;
use kube::ResourceExt as _;
use serde_json::Value;

use super::{adopting, id, name_of, refused, with};
use crate::support::{World, condition, eventually, is, patient};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_manifests_on_a_second_cluster_are_refused_there_and_deleting_them_harms_nothing() {
    let Some(another) = tokio::task::spawn_blocking(Testbed::apart).await.unwrap() else {
        eprintln!("not tried: there is no second control plane beside a cluster that is not ours");
        return;
    };
    let first = World::new("first cluster").await;
    let second = World::in_sandbox(first.sandbox.on_another(another).await).await;
    let start = |world: &World| world.sandbox.operator().resync_interval("1s").start();
    let (ours, theirs) = tokio::join!(start(&first), start(&second));

    let manifests = [("kept", "Retain"), ("dropped", "Delete"), ("unpaid", "Delete")]
        .map(|(name, policy)| with(first.hospital(name), "deletionPolicy", policy));
    let [kept, dropped, unpaid] = manifests;
    let manifests = [kept, dropped, with(unpaid, "subscription", "PendingPayment")];
    join_all(manifests.iter().map(|manifest| first.apply(manifest))).await;
    join_all(manifests[..2].iter().map(async |manifest| {
        first.wait_ready(name_of(manifest)).await;
        first.patients(&database_of(manifest)).insert_one(patient("1")).await.unwrap();
    }))
    .await;
    first.wait(name_of(&manifests[2]), "waiting for payment", |o| is(o, "ClaimHeld", "True")).await;
    let belongings =
        async || join_all(manifests.iter().map(async |it| first.belongings(name_of(it), &database_of(it)).await)).await;
    let before = belongings().await;

    // Who comes second is told who was first, and does not learn the id that it would take.
    for manifest in &manifests {
        second.apply(manifest).await;
        is_told_of_the_first(&second, name_of(manifest)).await;
    }
    // Nor does it get anything who knows the id: the first may live, which nobody here can see.
    let known = id(&first.hospitals().get(name_of(&manifests[0])).await.unwrap());
    second.apply(&with(adopting(&manifests[0], &known), "plan", "Professional")).await;
    is_told_of_the_first(&second, name_of(&manifests[0])).await;
    // Both go on looking at what they have, and neither takes anything from the other.
    for (operator, times) in [(&ours, 6), (&theirs, 2)] {
        let so_far = reconciles(operator).await;
        eventually("both look again", async || (reconciles(operator).await > so_far + times).then_some(())).await;
    }
    assert_eq!(belongings().await, before);

    join_all(manifests.iter().map(|manifest| second.delete_and_wait(name_of(manifest)))).await;
    assert_eq!(belongings().await, before, "deleted on the second cluster");
    let so_far = reconciles(&ours).await;
    eventually("the first is looked at again", async || (reconciles(&ours).await > so_far + 6).then_some(())).await;
    assert_eq!(belongings().await, before, "after the first has looked again");

    tokio::join!(ours.terminate(), theirs.terminate());
    second.close().await;
    first.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_clusters_that_are_given_the_same_manifests_at_once_one_gets_each_database() {
    let Some(another) = tokio::task::spawn_blocking(Testbed::apart).await.unwrap() else {
        eprintln!("not tried: there is no second control plane beside a cluster that is not ours");
        return;
    };
    let one = World::new("two clusters at once").await;
    let other = World::in_sandbox(one.sandbox.on_another(another).await).await;
    let operators = tokio::join!(one.sandbox.operator().start(), other.sandbox.operator().start());
    tokio::join!(operators.0.wait_ready(), operators.1.wait_ready());
    let manifests: Vec<_> =
        (0..8).map(|n| with(one.hospital(&format!("raced-{n}")), "deletionPolicy", "Delete")).collect();
    join_all(manifests.iter().flat_map(|manifest| [one.apply(manifest), other.apply(manifest)])).await;
    for manifest in &manifests {
        let name = name_of(manifest);
        let settled = async |world: &World| {
            world.wait(name, "ready or refused", |o| is(o, "Ready", "True") || is(o, "Stalled", "True")).await
        };
        let (here, there) = tokio::join!(settled(&one), settled(&other));
        assert_ne!(is(&here, "Ready", "True"), is(&there, "Ready", "True"), "{name} on both clusters, or on none");
        let (winner, loser) = if is(&here, "Ready", "True") { (&one, &other) } else { (&other, &one) };
        is_told_of_the_first(loser, name).await;
        let before = winner.belongings(name, &database_of(manifest)).await;
        loser.delete_and_wait(name).await;
        assert_eq!(winner.belongings(name, &database_of(manifest)).await, before, "{name}");
        // What was given up is free, for the other cluster too.
        winner.delete_and_wait(name).await;
        loser.apply(manifest).await;
        loser.wait_ready(name).await;
    }
    tokio::join!(operators.0.terminate(), operators.1.terminate());
    other.close().await;
    one.close().await;
}

#[tokio::test]
async fn a_claim_of_another_cluster_is_left_alone() {
    let world = World::new("other cluster").await;
    let operator = world.sandbox.operator().start().await;
    let hospital = world.ready_hospital("far").await;
    let (name, database) = (hospital.name_any(), world.sandbox.database_name("far"));
    world.patients(&database).insert_one(patient("1")).await.unwrap();
    let before = world.belongings(&name, &database).await;
    operator.terminate().await;

    // The same objects, even with the same UIDs, as after a restored backup: the cluster is what differs.
    let other = world.sandbox.operator().arg("--cluster-id").arg("other").start().await;
    let told = refused(&world, &name, "DatabaseNameTaken").await;
    let message = &condition(&told, "ClaimHeld").unwrap().message;
    assert!(message.contains("another cluster"), "{message}");
    world.apply(&adopting(&world.hospital("far"), &id(&hospital))).await;
    let second = adopting(&with(world.hospital("second"), "databaseName", &database), &id(&hospital));
    let second = world.apply(&with(second, "deletionPolicy", "Delete")).await.name_any();
    refused(&world, &second, "DatabaseNameTaken").await;
    world.delete_and_wait(&second).await;
    other.terminate().await;
    assert_eq!(world.belongings(&name, &database).await, before);

    let operator = world.sandbox.operator().start().await;
    world.wait_ready(&name).await;
    operator.terminate().await;
    assert_eq!(world.belongings(&name, &database).await, before);
    world.close().await;
}

/// The refusal names who has the database; there is no Secret, and no word of the organization's id.
async fn is_told_of_the_first(world: &World, name: &str) {
    let told = refused(world, name, "DatabaseNameTaken").await;
    let message = &condition(&told, "ClaimHeld").unwrap().message;
    let first = format!("{}/{name} of another cluster", world.sandbox.namespace());
    assert!(message.contains(&first), "{message:?} does not name {first}");
    assert_eq!(told.status.unwrap().organization_id, None, "{name}");
    assert_eq!(world.secrets().get_opt(&secret_name(name)).await.unwrap(), None, "{name}");
}

/// How many passes there have been, whatever came of them.
async fn reconciles(operator: &OperatorProcess) -> u64 {
    let metrics = operator.metrics().await;
    let passes = metrics.lines().filter(|line| line.starts_with("chakravue_operator_reconciles_total{"));
    passes.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// The name of a hospital's database, derived from its own.
fn database_of(manifest: &Value) -> String {
    name_of(manifest).replace('-', "_")
}
