//! A new password on request: in place, once for each request, without a failed request of a client that reads the
//! Secret again when it is refused.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use chakravue_crds::{
    HospitalOrganization,
    annotations::{LONGEST_ROTATION, ROTATE_CREDENTIALS},
    organization::CredentialsStatus,
};
use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams},
};
use mongodb::bson::{Document, doc};
use serde_json::json;

use crate::support::{USER, World, client, code, patient};

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_is_in_place_and_no_request_fails() {
    let world = World::new("rotation").await;
    let operator = world.sandbox.operator().start().await;
    let hospital = world.ready_hospital("rotation").await;
    let (name, database) = (hospital.name_any(), world.sandbox.database_name("rotation"));
    let issued = credentials(&hospital);
    assert!(issued.rotated_at.is_some() && issued.rotation.is_none(), "{issued:?}");
    world.patients(&database).insert_one(patient("1")).await.unwrap();
    let first = world.secret(&name).await;
    let open = client(&first["uri"]).await;
    let user_id = user_id(&world, &database).await;

    let (stop, again, done) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    // A connection that is open goes on; a new one that is refused reads the Secret again.
    let old_pool = async {
        while !stop.load(Ordering::Relaxed) {
            open.database(&database).collection::<Document>("patients").find_one(doc! {}).await.unwrap();
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    let new_connections = async {
        let mut uri = first["uri"].clone();
        while !stop.load(Ordering::Relaxed) {
            let mut tries = 0;
            while !gets_in(&uri, &database).await {
                tries += 1;
                again.fetch_add(1, Ordering::Relaxed);
                assert!(tries < 50, "refused again and again");
                tokio::time::sleep(Duration::from_millis(20)).await;
                uri = world.secret(&name).await["uri"].clone();
            }
        }
    };
    let rotations = async {
        for value in ["1", "2", "2026-11-23"] {
            annotate(&world, &name, value).await;
            let rotation = Some(value.to_owned());
            world.wait(&name, value, |o| credentials(o).rotation == rotation).await;
        }
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(old_pool, new_connections, rotations);
    println!(
        "{} requests over open connections, {} refusals of new ones, each served after reading the Secret again",
        done.load(Ordering::Relaxed),
        again.load(Ordering::Relaxed)
    );
    let last = world.secret(&name).await;
    assert_ne!(last["password"], first["password"]);
    assert!(gets_in(&last["uri"], &database).await);
    assert!(!gets_in(&first["uri"], &database).await, "the old password still works");
    assert_eq!(self::user_id(&world, &database).await, user_id, "the user is the same, so open connections go on");
    assert!(world.events(&name).await.iter().any(|note| note.contains(ROTATE_CREDENTIALS)));
    assert_eq!(world.documents(&database).await["patients"].len(), 1);
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_carried_out_once_whatever_it_says() {
    let world = World::new("requests").await;
    let operator = world.sandbox.operator().start().await;
    let mut object = world.hospital("requests");
    object["metadata"]["annotations"] = json!({ ROTATE_CREDENTIALS: "from the start" });
    let name = world.apply(&object).await.name_any();
    let database = world.sandbox.database_name("requests");
    assert_eq!(credentials(&world.wait_ready(&name).await).rotation.as_deref(), Some("from the start"));
    let mut password = world.secret(&name).await["password"].clone();

    // What is not a new value changes nothing: a Secret that was rotated for it would show within this pass.
    let long = "x".repeat(LONGEST_ROTATION);
    for (value, counts_as) in [
        ("from the start", None),
        ("", None),
        (" \n ", None),
        ("ärztin 🏥", Some("ärztin 🏥")),
        ("ärztin 🏥", None),
        (&"x".repeat(100_000), Some(long.as_str())),
        (&"x".repeat(70), None),
        ("\"}{$ne: null}\u{7f}", Some("\"}{$ne: null}")),
    ] {
        annotate(&world, &name, value).await;
        one_more_pass(&world, &name).await;
        let shown: String = value.chars().take(20).collect();
        let now = world.secret(&name).await;
        assert_eq!(now["password"] != password, counts_as.is_some(), "{shown:?}");
        password.clone_from(&now["password"]);
        if let Some(rotation) = counts_as {
            let rotated = world.wait(&name, &shown, |o| credentials(o).rotation.as_deref() == Some(rotation)).await;
            assert!(credentials(&rotated).rotated_at.is_some());
        }
        assert!(gets_in(&now["uri"], &database).await, "{shown:?}");
    }

    // Neither a restart nor a lost status repeats one, and a deleted Secret answers what was asked for last.
    operator.terminate().await;
    let nothing = json!({ "status": { "credentials": null } });
    world.hospitals().patch_status(&name, &PatchParams::default(), &Patch::Merge(&nothing)).await.unwrap();
    let operator = world.sandbox.operator().start().await;
    let told = |o: &HospitalOrganization| o.status.as_ref().unwrap().credentials.is_some();
    world.wait(&name, "told of its credentials again", told).await;
    assert_eq!(world.secret(&name).await["password"], password);
    operator.terminate().await;
    world.close().await;
}

fn credentials(object: &HospitalOrganization) -> CredentialsStatus {
    object.status.clone().unwrap().credentials.unwrap()
}

async fn annotate(world: &World, name: &str, value: &str) {
    let parameters = PatchParams { field_manager: Some(USER.to_owned()), ..PatchParams::default() };
    let patch = json!({ "metadata": { "annotations": { ROTATE_CREDENTIALS: value } } });
    world.hospitals().patch(name, &parameters, &Patch::Merge(&patch)).await.unwrap();
}

/// Returns when a pass that began after this call is over: it carries out a change of the spec.
async fn one_more_pass(world: &World, name: &str) {
    let plan = world.hospitals().get(name).await.unwrap().spec.plan;
    let other = if plan.name() == "Starter" { "Professional" } else { "Starter" };
    let patch = json!({ "spec": { "plan": other } });
    world.hospitals().patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    world.wait_ready(name).await;
}

async fn gets_in(uri: &str, database: &str) -> bool {
    let patients = client(uri).await.database(database).collection::<Document>("patients");
    match code(&patients.find_one(doc! {}).await) {
        0 => true,
        18 => false,
        other => panic!("MongoDB answers {other}"),
    }
}

async fn user_id(world: &World, database: &str) -> String {
    let users = world.mongo.database(database).run_command(doc! { "usersInfo": database }).await.unwrap();
    users.get_array("users").unwrap()[0].as_document().unwrap().get("userId").unwrap().to_string()
}
