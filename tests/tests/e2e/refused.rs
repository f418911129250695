//! An object that cannot have the database it wants: how often it is looked at, and that what cannot be seen of who has
//! that database is no reason to hand it over.

use std::time::{Duration, Instant};

use chakravue_crds::{HospitalOrganization, annotations::ADOPT_ORGANIZATION};
use chakravue_testbed::OperatorProcess;
use k8s_openapi::api::{
    authorization::v1::SubjectAccessReview,
    rbac::v1::{ClusterRoleBinding, RoleBinding},
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use mongodb::bson::{Document, doc};
use serde_json::json;

use crate::support::{World, condition, eventually, is, patient};

/// The first waits last half as long at least, and never longer.
const FIRST_WAIT: Duration = Duration::from_secs(10);
/// So many refusals, and the next look is more than half a minute away.
const REFUSALS: usize = 10;
/// What is looked at because it changed does not take this long, even on a machine that is busy with other tests.
const AT_ONCE: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_object_is_looked_at_more_and_more_seldom_and_at_once_when_it_changes() {
    let world = World::new("seldom").await;
    let operator = world.sandbox.operator().start().await;
    world.ready_hospital("first").await;
    let mut second = world.hospital("second");
    second["spec"]["databaseName"] = json!(world.sandbox.database_name("first"));
    let name = world.apply(&second).await.name_any();
    taken(&world, &name).await;
    // A pass is counted a moment after it has told its end.
    next_refusal(&operator, 0).await;

    // By itself it is looked at again after a while.
    looked_at_again_by_itself(&operator).await;

    // An annotation has it looked at, but is no other declaration: the waits grow.
    for n in 0..REFUSALS {
        let (count, began) = (refusals(&operator).await, Instant::now());
        world.annotate(&name, "example.com/look", &n.to_string()).await;
        next_refusal(&operator, count).await;
        assert!(began.elapsed() < AT_ONCE, "annotated, and looked at only {:?} later", began.elapsed());
    }
    let count = refusals(&operator).await;
    // Nothing is to happen, so there is nothing to watch for; at first it would have been looked at by then.
    tokio::time::sleep(FIRST_WAIT + Duration::from_secs(2)).await;
    assert_eq!(
        refusals(&operator).await,
        count,
        "after {REFUSALS} refusals it is still looked at as often as at first"
    );
    assert!(operator.metrics().await.contains("chakravue_operator_objects_in_backoff 1"));

    // Another declaration is looked at as if it were the first.
    let began = Instant::now();
    second["spec"]["plan"] = json!("Enterprise");
    world.apply(&second).await;
    taken(&world, &name).await;
    next_refusal(&operator, count).await;
    assert!(began.elapsed() < AT_ONCE, "a change was looked at only {:?} later", began.elapsed());
    looked_at_again_by_itself(&operator).await;
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_in_a_namespace_that_the_operator_may_not_look_into_counts_as_alive() {
    // The chart with `watchNamespace` gives rights in one namespace; another operator of the cluster has the other.
    let (world, elsewhere) = tokio::join!(World::new("narrow"), World::new("elsewhere"));
    let operator = world.sandbox.operator().arg("--cluster-id").arg("one").start().await;
    let hospital = world.ready_hospital("moved").await;
    let (name, database) = (hospital.name_any(), world.sandbox.database_name("moved"));
    world.patients(&database).insert_one(patient("1")).await.unwrap();
    operator.terminate().await;

    // What the other operator would have written: the hospital is its own, and lives.
    let holder = elsewhere.apply(&elsewhere.hospital("holder")).await;
    world.delete(&name).await;
    let without = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    world.hospitals().patch(&name, &PatchParams::default(), &without).await.unwrap();
    world.wait_gone(&name).await;
    // Kubernetes collects what it owned.
    let secret = chakravue_crds::naming::secret_name(&name);
    eventually("its Secret is gone", async || world.secrets().get_opt(&secret).await.unwrap().is_none().then_some(()))
        .await;
    let claims = world.mongo.database(world.sandbox.master_database()).collection::<Document>("organizations");
    let moved = doc! {
        "owner.namespace": elsewhere.sandbox.namespace(), "owner.name": holder.name_any(), "owner.uid": holder.uid(),
    };
    claims.update_one(doc! { "database_name": &database }, doc! { "$set": moved }).await.unwrap();
    let before = world.belongings(&name, &database).await;

    let wide = narrow(&world).await;
    wait_allowed(&world, elsewhere.sandbox.namespace(), false).await;
    let operator = world.sandbox.operator().arg("--cluster-id").arg("one").start().await;
    // It even knows the id, with which it would get the database of one that is gone.
    let mut second = world.hospital("second");
    second["spec"]["databaseName"] = json!(database);
    second["metadata"]["annotations"] = json!({ ADOPT_ORGANIZATION: hospital.status.unwrap().organization_id });
    let second = world.apply(&second).await.name_any();
    let told = taken(&world, &second).await;
    let message = &condition(&told, "ClaimHeld").unwrap().message;
    let place = format!("{}/{}", elsewhere.sandbox.namespace(), holder.name_any());
    assert!(message.contains(&place), "{message}");

    // Nor does it make a difference that the holder is gone: that cannot be seen.
    elsewhere.delete_and_wait(&holder.name_any()).await;
    for look in ["one", "two"] {
        let count = refusals(&operator).await;
        world.annotate(&second, "example.com/look", look).await;
        next_refusal(&operator, count).await;
    }
    taken(&world, &second).await;
    assert_eq!(world.belongings(&name, &database).await, before);

    // As soon as it can be seen, it does.
    Api::all(world.kube.clone()).create(&PostParams::default(), &wide).await.unwrap();
    wait_allowed(&world, elsewhere.sandbox.namespace(), true).await;
    world.annotate(&second, "example.com/look", "three").await;
    world.wait_ready(&second).await;
    assert_eq!(world.patients(&database).count_documents(doc! {}).await.unwrap(), 1);
    operator.terminate().await;
    tokio::join!(world.close(), elsewhere.close());
}

/// Leaves the operator the rights that it has everywhere in its own namespace only, as the chart does where it is to watch
/// one namespace. Answers the binding that gave them everywhere.
async fn narrow(world: &World) -> ClusterRoleBinding {
    let everywhere = Api::<ClusterRoleBinding>::all(world.kube.clone());
    let mut wide = everywhere.get(&world.sandbox.object_name("operator")).await.unwrap();
    let here: RoleBinding = serde_json::from_value(json!({
        "metadata": { "name": "narrow" }, "roleRef": wide.role_ref, "subjects": wide.subjects,
    }))
    .unwrap();
    let namespaced = Api::namespaced(world.kube.clone(), world.sandbox.namespace());
    namespaced.create(&PostParams::default(), &here).await.unwrap();
    everywhere.delete(&wide.name_any(), &DeleteParams::default()).await.unwrap();
    wide.metadata.resource_version = None;
    wide.metadata.uid = None;
    wide
}

/// Returns when the API server knows that the operator may, or may not, look at the hospitals of a namespace.
async fn wait_allowed(world: &World, namespace: &str, allowed: bool) {
    let user = format!("system:serviceaccount:{}:chakravue-operator", world.sandbox.namespace());
    let review = json!({ "metadata": {}, "spec": { "user": user, "resourceAttributes": {
        "namespace": namespace, "verb": "get", "group": "chakravue.io", "resource": "hospitalorganizations",
    } } });
    let review: SubjectAccessReview = serde_json::from_value(review).unwrap();
    let reviews = Api::<SubjectAccessReview>::all(world.kube.clone());
    eventually(&format!("the operator may look: {allowed}"), async || {
        let answer = reviews.create(&PostParams::default(), &review).await.unwrap();
        (answer.status.unwrap().allowed == allowed).then_some(())
    })
    .await;
}

/// Waits until the object is told that somebody else has the database.
async fn taken(world: &World, name: &str) -> HospitalOrganization {
    let is_taken = |o: &HospitalOrganization| {
        is(o, "Stalled", "True") && condition(o, "ClaimHeld").is_some_and(|c| c.reason == "DatabaseNameTaken")
    };
    world.wait(name, "refused", is_taken).await
}

async fn next_refusal(operator: &OperatorProcess, count: usize) {
    eventually("the next refusal", async || (refusals(operator).await > count).then_some(())).await;
}

/// Waits until time alone has the object looked at again, as soon as it does at first.
async fn looked_at_again_by_itself(operator: &OperatorProcess) {
    let began = Instant::now();
    for quick in 0.. {
        let before = Instant::now();
        next_refusal(operator, refusals(operator).await).await;
        if before.elapsed() > FIRST_WAIT / 4 {
            break;
        }
        // The watch can bring the operator's own write before its answer is there; the pass that follows writes nothing.
        assert!(quick == 0, "looked at again at once, and again");
    }
    println!("looked at again by itself after {:?}", began.elapsed());
    assert!(began.elapsed() < FIRST_WAIT + AT_ONCE, "looked at again only after {:?}", began.elapsed());
}

/// How many passes have ended with a refusal, because the database is taken.
async fn refusals(operator: &OperatorProcess) -> usize {
    let metrics = operator.metrics().await;
    let line = metrics.lines().find(|line| line.contains("reconciles_total") && line.contains("DatabaseNameTaken"));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
}
