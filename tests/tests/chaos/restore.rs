//! Kubernetes is restored from an older backup, MongoDB is not: what the operator finds then is taken up where it can be,
//! and nothing that anybody kept is lost.

use chakravue_crds::annotations::ACKNOWLEDGE_DATA_LOSS;
use chakravue_testbed::{Fragile, Sandbox};
use futures::future::join_all;
use kube::{
    ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::support::{World, condition, eventually, is, patient};

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_of_etcd_from_an_older_backup_every_hospital_is_found_again() {
    let mut servers = Fragile::start().await;
    let world = World::in_sandbox(Sandbox::on(servers.testbed(), "restore").await).await;
    let watch = world.sandbox.watch_mongodb_uri().await;
    let start = || world.sandbox.operator().watch_mongodb_uri(&watch).start();
    let operator = start().await;
    let names = ["retained", "dropped", "edited", "same"];
    for name in names {
        let mut object = world.hospital(name);
        if name == "dropped" {
            object["spec"]["deletionPolicy"] = json!("Delete");
        }
        world.apply(&object).await;
    }
    let before = join_all(names.map(async |name| world.wait_ready(&world.sandbox.object_name(name)).await)).await;
    let ids: Vec<_> = before.iter().map(|object| object.status.as_ref().unwrap().organization_id.clone()).collect();
    for name in names {
        world.patients(&world.sandbox.database_name(name)).insert_one(patient("1")).await.unwrap();
    }
    let passwords = join_all(names.map(async |name| password(&world, name).await)).await;
    operator.terminate().await;
    let backup = servers.backup_etcd().await;

    // What Kubernetes will not remember.
    let operator = start().await;
    join_all(["retained", "dropped"].map(async |name| world.delete_and_wait(&world.sandbox.object_name(name)).await))
        .await;
    let mut edited = world.hospital("edited");
    edited["spec"]["subscription"] = json!("Suspended");
    edited["metadata"]["annotations"] = json!({ "chakravue.io/rotate-credentials": "later" });
    world.apply(&edited).await;
    let suspended = |o: &_| is(o, "SubscriptionActive", "False") && !is(o, "Reconciling", "True");
    world.wait(&world.sandbox.object_name("edited"), "suspended", suspended).await;
    world.ready_hospital("later").await;
    world.patients(&world.sandbox.database_name("later")).insert_one(patient("1")).await.unwrap();
    operator.terminate().await;
    servers.restore_etcd(backup).await;

    let operator = start().await;
    // What was dropped by declaration does not come back empty without a word: somebody says that it may.
    let dropped = world.sandbox.object_name("dropped");
    let lost = |o: &_| condition(o, "ClaimHeld").is_some_and(|claim| claim.reason == "ClaimLost");
    world.wait(&dropped, "refused", lost).await;
    assert_eq!(world.collection_names(&world.sandbox.database_name("dropped")).await, [""; 0]);
    let begin_anew = json!({ "metadata": { "annotations": { ACKNOWLEDGE_DATA_LOSS: ids[1] } } });
    world.hospitals().patch(&dropped, &PatchParams::default(), &Patch::Merge(&begin_anew)).await.unwrap();

    // The status of the backup says that all are ready; it is true when it says what the claim says.
    let found_again = async |name: &str| {
        eventually(&format!("{name} is found again"), async || {
            let object = world.hospitals().get(&world.sandbox.object_name(name)).await.unwrap();
            let claim = world.claim_on(&world.sandbox.database_name(name)).await?;
            let own = claim.get_str("_id").ok() == object.status.as_ref()?.organization_id.as_deref();
            let held = claim.get_str("claim").unwrap() == "Held" && claim.get_str("status").unwrap() == "Active";
            (own && held && is(&object, "Ready", "True")).then_some(object)
        })
        .await
    };
    let after = join_all(names.map(found_again)).await;
    for (n, object) in after.iter().enumerate() {
        let name = names[n];
        let same = object.status.as_ref().unwrap().organization_id == ids[n];
        assert_eq!(same, name != "dropped", "{name}: its organization");
        let patients = world.documents(&world.sandbox.database_name(name)).await.get("patients").map_or(0, Vec::len);
        assert_eq!(patients, usize::from(name != "dropped"), "{name}: its patients");
        assert!(!is(object, "DataLossSuspected", "True"), "{name}: what was dropped by declaration is no loss");
        // The Secret is the one of the backup, and it works.
        assert_eq!(password(&world, name).await, passwords[n], "{name}");
        let tenant = world.tenant(&object.name_any()).await.database(&world.sandbox.database_name(name));
        let read = tenant.collection::<mongodb::bson::Document>("patients").find_one(mongodb::bson::doc! {}).await;
        assert!(read.is_ok(), "{name}: {read:?}");
    }

    // The one that was made after the backup has no object; it is reported, kept, and found again.
    let later = world.sandbox.database_name("later");
    assert_eq!(world.hospitals().list(&ListParams::default()).await.unwrap().items.len(), names.len());
    let (_, report, _) = world.sandbox.operator().print(&["orphans", "-o", "json"]).await;
    let report: Value = serde_json::from_str(&report).unwrap();
    let orphans: Vec<_> =
        report["orphans"].as_array().unwrap().iter().map(|o| (o["kind"].clone(), o["name"].clone())).collect();
    let all_of_it = ["claim", "database", "user", "role"].map(|kind| (json!(kind), json!(later)));
    assert_eq!(orphans, all_of_it);
    world.ready_hospital("later").await;
    assert_eq!(world.documents(&later).await["patients"].len(), 1);
    eventually("nothing is an orphan", async || {
        let (_, report, _) = world.sandbox.operator().print(&["orphans", "-o", "json"]).await;
        (serde_json::from_str::<Value>(&report).unwrap()["orphans"] == json!([])).then_some(())
    })
    .await;
    operator.terminate().await;
}

async fn password(world: &World, name: &str) -> String {
    world.secret(&world.sandbox.object_name(name)).await["password"].clone()
}
