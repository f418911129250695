//! A MongoDB that is away, does not finish or refuses: whoever is to be removed waits and says so, and somebody can let it go.

use std::time::Duration;

use chakravue_crds::{HospitalOrganization, annotations};
use futures::future::join_all;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams},
    runtime::wait::await_condition,
};
use serde_json::json;

use super::{failures, with_policy};
use crate::{
    proxied::Proxied,
    support::{PATIENCE, USER, World, condition, eventually, patient},
};

#[tokio::test]
async fn a_hospital_waits_for_a_mongodb_that_is_away_unless_somebody_lets_it_go_by_name() {
    let proxied = Proxied::new("away").await;
    let world = &proxied.world;
    let operator = proxied.operator().start().await;
    let forced = world.apply(&with_policy(world, "forced", "Delete")).await.name_any();
    let hospital = world.wait_ready(&forced).await;
    let database = world.sandbox.database_name("forced");
    world.patients(&database).insert_one(patient("1")).await.unwrap();
    delete_while_away(&proxied, &forced, &database).await;

    // Another value, such as a careless "true" or another hospital's, lets nothing go.
    for wrong in ["true", &world.sandbox.database_name("other")] {
        annotate(world, &forced, wrong).await;
        // The pass that is running may be from before; the one after it is not.
        let before = failures(&operator.metrics().await);
        eventually("two more passes", async || (failures(&operator.metrics().await) >= before + 2).then_some(())).await;
        assert!(world.hospitals().get_opt(&forced).await.unwrap().is_some(), "let go by {wrong:?}");
    }
    annotate(world, &forced, &database).await;
    // What has it looked at once more, when it was let go, by a pass that may still take it for there.
    let touch = Patch::Merge(json!({ "metadata": { "labels": { "team": "platform" } } }));
    world.hospitals().patch(&forced, &PatchParams::default(), &touch).await.unwrap();
    world.wait_gone(&forced).await;
    let left = ["6 collections", "1 users", "1 roles", "claim Held"];
    assert_eq!(world.remains(&database).await, left, "whoever forces leaves everything behind");

    // MongoDB is back: what was left behind is taken up again, and who waits for it goes without any help.
    proxied.mongo.set_down(false);
    let again = world.apply(&with_policy(world, "forced", "Delete")).await.name_any();
    let again = world.wait_ready(&again).await;
    assert_eq!(again.status.unwrap().organization_id, hospital.status.unwrap().organization_id);
    assert_eq!(world.documents(&database).await["patients"].len(), 1);
    delete_while_away(&proxied, &forced, &database).await;
    proxied.mongo.set_down(false);
    world.wait_gone(&forced).await;
    assert_eq!(world.remains(&database).await, Vec::<String>::new());

    operator.terminate().await;
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_removal_mongodb_does_not_finish_or_refuses_says_how_it_can_be_let_go() {
    let proxied = Proxied::new("unfinished").await;
    let world = &proxied.world;
    let operator = proxied.operator().start().await;
    for name in ["unfinished", "refused"] {
        world.apply(&with_policy(world, name, "Delete")).await;
    }
    let [unfinished, refused] = ["unfinished", "refused"].map(|name| world.sandbox.object_name(name));
    tokio::join!(world.wait_ready(&unfinished), world.wait_ready(&refused));

    let let_go = async |name: &str, reason: &str| {
        let database = name.replace('-', "_");
        let way_out = format!("{}={database}", annotations::FORCE_RELEASE);
        world.delete(name).await;
        let says = |object: &HospitalOrganization| {
            condition(object, "Ready").is_some_and(|ready| ready.reason == reason && ready.message.contains(&way_out))
        };
        world.wait(name, "told how it can be let go", says).await;
        annotate(world, name, &database).await;
        world.wait_gone(name).await;
        assert_eq!(world.remains(&database).await, ["6 collections", "1 users", "1 roles", "claim Held"], "{name}");
    };
    // As where the majority is away, or behind db.fsyncLock(): what is asked is taken, and not answered.
    proxied.mongo.delay("update", Duration::from_mins(10));
    let_go(&unfinished, "MongoDbNotWritable").await;
    proxied.mongo.clear();
    proxied.mongo.fail("update", 13, "Unauthorized", "not allowed");
    let_go(&refused, "MongoDbPrivilegesMissing").await;

    operator.terminate().await;
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_given_beforehand_leaves_nothing_behind_for_a_moments_trouble() {
    let proxied = Proxied::new("moment").await;
    let world = &proxied.world;
    let operator = proxied.operator().start().await;
    let name = world.apply(&with_policy(world, "moment", "Delete")).await.name_any();
    world.wait_ready(&name).await;
    let database = world.sandbox.database_name("moment");
    annotate(world, &name, &database).await;

    // Another member becomes the primary; then somebody is faster; and at last Kubernetes is in trouble, for long.
    proxied.mongo.fail_once("update", 10_107, "NotWritablePrimary", "not primary");
    proxied.mongo.fail_once("dropAllUsersFromDatabase", 112, "WriteConflict", "again");
    proxied.mongo.fail_once("dropAllRolesFromDatabase", 189, "PrimarySteppedDown", "stepping down");
    proxied.kube.fail("DELETE", "/secrets/", 500, "the storage is away");
    world.delete(&name).await;
    let told = |object: &HospitalOrganization| {
        condition(object, "Ready").is_some_and(|ready| ready.reason == "KubernetesError")
    };
    world.wait(&name, "held by Kubernetes", told).await;
    assert_eq!(world.remains(&database).await, Vec::<String>::new());
    let before = failures(&operator.metrics().await);
    eventually("two more passes", async || (failures(&operator.metrics().await) >= before + 2).then_some(())).await;
    assert!(world.hospitals().get_opt(&name).await.unwrap().is_some(), "let go with its Secret");
    proxied.kube.clear();
    world.wait_gone(&name).await;
    assert_eq!(world.secrets().get_opt(&format!("{name}-mongodb")).await.unwrap(), None);
    assert!(!operator.log().contains("Let go by force"), "{}", operator.log());

    operator.terminate().await;
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_with_fifty_hospitals_waits_for_a_mongodb_that_is_away_and_then_goes_by_itself() {
    // The operator lives in another namespace than its hospitals, as it should.
    let (home, world) = tokio::join!(Proxied::new("namespace: operator"), World::new("namespace: hospitals"));
    let operator = home.operator_of(&world).start().await;
    let policies = ["Delete", "Retain"].into_iter().cycle();
    let hospitals: Vec<_> = (0..50).map(|n| format!("n{n:02}")).zip(policies).collect();
    join_all(hospitals.iter().map(async |(label, policy)| world.apply(&with_policy(&world, label, policy)).await))
        .await;
    join_all(hospitals.iter().map(async |(label, _)| {
        world.wait_ready(&world.sandbox.object_name(label)).await;
        world.patients(&world.sandbox.database_name(label)).insert_one(patient("1")).await.unwrap();
    }))
    .await;

    home.mongo.set_down(true);
    let namespaces = Api::<Namespace>::all(world.kube.clone());
    let namespace = world.sandbox.namespace();
    namespaces.delete(namespace, &DeleteParams::default()).await.unwrap();
    join_all(hospitals.iter().map(async |(label, _)| {
        let way_out = format!("{}={}", annotations::FORCE_RELEASE, world.sandbox.database_name(label));
        let told = |object: &HospitalOrganization| {
            let ready = condition(object, "Ready");
            object.metadata.deletion_timestamp.is_some()
                && ready.is_some_and(|it| it.reason == "MongoDbUnavailable" && it.message.contains(&way_out))
        };
        world.wait(&world.sandbox.object_name(label), "told how it can be let go", told).await;
    }))
    .await;
    // The namespace says itself what it waits for.
    let waits = eventually("the namespace tells of the finalizers", async || {
        let status = namespaces.get(namespace).await.unwrap().status.unwrap();
        let told = status.conditions.iter().flatten().find(|it| it.type_ == "NamespaceFinalizersRemaining");
        let told = told.filter(|it| it.status == "True").and_then(|it| it.message.clone());
        told.filter(|_| status.phase.as_deref() == Some("Terminating"))
    })
    .await;
    assert!(waits.contains("chakravue.io/tenant in 50 resource instances"), "{waits}");
    for (label, _) in &hospitals {
        let remains = world.remains(&world.sandbox.database_name(label)).await;
        assert_eq!(remains, ["6 collections", "1 users", "1 roles", "claim Held"], "{label}");
    }

    home.mongo.set_down(false);
    let gone = await_condition(namespaces.clone(), namespace, |found: Option<&Namespace>| found.is_none());
    if tokio::time::timeout(PATIENCE, gone).await.is_err() {
        let left = namespaces.get(namespace).await.unwrap().status;
        panic!("the namespace is stuck: {}", serde_json::to_string_pretty(&left).unwrap());
    }
    for (label, policy) in &hospitals {
        let database = world.sandbox.database_name(label);
        let (remains, documents) = (world.remains(&database).await, world.documents(&database).await);
        if *policy == "Delete" {
            assert_eq!((remains, documents.len()), (vec![], 0), "{label}");
        } else {
            assert_eq!(remains, ["6 collections", "claim Retained"], "{label}");
            assert_eq!(documents["patients"].len(), 1, "{label}");
        }
    }

    operator.terminate().await;
    world.close().await;
    home.world.close().await;
}

/// Takes MongoDB away, deletes the hospital, and waits until it says what it waits for and what else can be done.
async fn delete_while_away(proxied: &Proxied, name: &str, database: &str) {
    proxied.mongo.set_down(true);
    proxied.world.delete(name).await;
    let unavailable = |o: &HospitalOrganization| {
        condition(o, "Ready").is_some_and(|c| c.status == "False" && c.reason == "MongoDbUnavailable")
    };
    let told = proxied.world.wait(name, "held by a MongoDB that is away", unavailable).await;
    let message = &condition(&told, "Ready").unwrap().message;
    let way_out = format!("{}={database}", annotations::FORCE_RELEASE);
    assert!(message.contains(&way_out), "{message:?} does not say {way_out}");
    assert_eq!(told.status.unwrap().phase.unwrap().as_str(), "Terminating");
}

async fn annotate(world: &World, name: &str, value: &str) {
    let annotation = json!({ "metadata": { "annotations": { annotations::FORCE_RELEASE: value } } });
    let parameters = PatchParams { field_manager: Some(USER.to_owned()), ..PatchParams::default() };
    world.hospitals().patch(name, &parameters, &Patch::Merge(annotation)).await.unwrap();
}
