//! Time is only told, and decides nothing: whatever time stands anywhere, as if the clock had jumped when it was written, the
//! operator goes on by its own.

use chakravue_crds::{HospitalOrganization, annotations, naming::secret_name};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams},
};
use mongodb::bson::{Document, doc};
use serde_json::json;

use crate::support::{USER, World};

#[tokio::test(flavor = "multi_thread")]
async fn whatever_time_stands_anywhere_the_operator_goes_on() {
    let world = World::new("clock").await;
    let operator = world.sandbox.operator().leader_elect("8s").start().await;
    let name = world.ready_hospital("clock").await.name_any();
    let database = world.sandbox.database_name("clock");
    let master = world.mongo.database(world.sandbox.master_database()).collection::<Document>("organizations");
    let leases: Api<Lease> = Api::namespaced(world.kube.clone(), world.sandbox.namespace());
    // As if the clock had been far ahead, or behind, when it was written.
    for (year, millis) in [("2126", 4_922_000_000_000_i64), ("1971", 40_000_000_000)] {
        let time = format!("{year}-01-01T00:00:00Z");
        let mut status = json!(world.hospitals().get(&name).await.unwrap().status.unwrap());
        for condition in status["conditions"].as_array_mut().unwrap() {
            condition["lastTransitionTime"] = json!(time);
        }
        status["credentials"]["rotatedAt"] = json!(time);
        let patch = Patch::Merge(json!({ "status": status }));
        world.hospitals().patch_status(&name, &PatchParams::default(), &patch).await.unwrap();
        let secret = json!({ "metadata": { "annotations": { "chakravue.io/rotated-at": time } } });
        let by = PatchParams { field_manager: Some(USER.to_owned()), ..PatchParams::default() };
        world.secrets().patch(&secret_name(&name), &by, &Patch::Merge(&secret)).await.unwrap();
        let date = mongodb::bson::DateTime::from_millis(millis);
        let dates = doc! { "$set": { "claimed_at": date, "provisioned_at": date } };
        master.update_one(doc! { "database_name": &database }, dates).await.unwrap();
        let lease = json!({ "spec": { "renewTime": format!("{year}-01-01T00:00:00.000000Z") } });
        leases.patch("chakravue-operator", &PatchParams::default(), &Patch::Merge(&lease)).await.unwrap();

        // It still works, still leads, still rotates, still tells a loss by its own time.
        let value = json!({ "metadata": { "annotations": { annotations::ROTATE_CREDENTIALS: year } } });
        world.hospitals().patch(&name, &by, &Patch::Merge(&value)).await.unwrap();
        let rotated = |o: &HospitalOrganization| {
            let credentials = o.status.as_ref().unwrap().credentials.as_ref();
            credentials.is_some_and(|c| c.rotation.as_deref() == Some(year))
        };
        let told = world.wait(&name, "rotated", rotated).await;
        let when = told.status.unwrap().credentials.unwrap().rotated_at.unwrap().0.to_string();
        assert!(!when.starts_with(year), "{when}");
        world.ready_hospital(&format!("after-{year}")).await;
    }
    // A lease from the future keeps nobody waiting for a hundred years.
    operator.kill();
    let lease = json!({ "spec": { "renewTime": "2126-01-01T00:00:00.000000Z" } });
    leases.patch("chakravue-operator", &PatchParams::default(), &Patch::Merge(&lease)).await.unwrap();
    let operator = world.sandbox.operator().leader_elect("8s").start().await;
    world.ready_hospital("after-all").await;
    let log = operator.log();
    assert!(!log.contains("panicked"), "{log}");
    operator.terminate().await;
    world.close().await;
}
