//! Objects that an older, looser resource definition let in: they are told so, and nobody else notices. On a control
//! plane of its own, because what loosens the definition would let in the mistakes of other tests too.

use std::{collections::BTreeMap, panic::AssertUnwindSafe};

use chakravue_crds::{HospitalOrganization, HospitalOrganizationStatus};
use chakravue_testbed::{Sandbox, Testbed};
use futures::FutureExt as _;
use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::{
        CustomResourceDefinition, CustomResourceValidation, JSONSchemaProps,
    },
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::Timestamp,
};
use kube::{
    ResourceExt as _,
    api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    core::ApiResource,
};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::support::{World, eventually, is, patient};

const CRD: &str = "hospitalorganizations.chakravue.io";

/// Held by whoever changes the definition: there is one for everybody on that control plane.
static DEFINITION: Mutex<()> = Mutex::const_new(());

/// Hospitals as they are, whether they can be read or not.
pub fn untyped(world: &World) -> Api<DynamicObject> {
    let kind = ApiResource::erase::<HospitalOrganization>(&());
    Api::namespaced_with(world.kube.clone(), world.sandbox.namespace(), &kind)
}

/// Puts the definition in place and returns when the API server goes by it.
async fn define(world: &World, mut definition: CustomResourceDefinition, lets_anything_in: bool) {
    let definitions = Api::<CustomResourceDefinition>::all(world.kube.clone());
    definition.metadata.resource_version = definitions.get(CRD).await.unwrap().metadata.resource_version;
    definitions.replace(CRD, &PostParams::default(), &definition).await.unwrap();
    let mut probe = world.hospital("probe");
    probe["spec"] = json!({ "plan": "Gold" });
    let (probe, dry_run) =
        (serde_json::from_value(probe).unwrap(), PostParams { dry_run: true, ..PostParams::default() });
    eventually("the API server goes by the new definition", || async {
        match untyped(world).create(&dry_run, &probe).await {
            Ok(_) => lets_anything_in.then_some(()),
            Err(kube::Error::Api(status)) => (status.is_invalid() && !lets_anything_in).then_some(()),
            Err(error) => panic!("no answer of the API server: {error}"),
        }
    })
    .await;
}

/// The definition without everything that could refuse an object.
fn loosened(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        version.selectable_fields = None;
        version.schema = Some(CustomResourceValidation {
            open_api_v3_schema: Some(JSONSchemaProps {
                type_: Some("object".to_owned()),
                x_kubernetes_preserve_unknown_fields: Some(true),
                ..JSONSchemaProps::default()
            }),
        });
    }
    definition
}

/// Does something in a world whose definition lets anything in, and puts the definition back, whatever comes of it. `None`
/// on a cluster that is not ours, whose definition stays as it is.
pub async fn in_a_loosened_world<T>(label: &str, work: impl AsyncFnOnce(&World) -> T) -> Option<T> {
    let testbed = tokio::task::spawn_blocking(Testbed::apart).await.unwrap()?;
    let alone = DEFINITION.lock().await;
    let world = World::in_sandbox(Sandbox::on(testbed, label).await).await;
    let strict = Api::<CustomResourceDefinition>::all(world.kube.clone()).get(CRD).await.unwrap();
    define(&world, loosened(strict.clone()), true).await;
    let outcome = AssertUnwindSafe(work(&world)).catch_unwind().await;
    define(&world, strict, false).await;
    drop(alone);
    let outcome = outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    world.close().await;
    Some(outcome)
}

async fn conditions(world: &World, name: &str) -> Vec<Value> {
    let object = untyped(world).get(name).await.unwrap();
    object.data.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// Waits until an object is told that its spec is invalid, and answers with which words.
async fn told(world: &World, name: &str) -> String {
    let told = |conditions: Vec<Value>, type_: &str, status: &str| {
        let fits = |c: &&Value| c["type"] == type_ && c["status"] == status && c["reason"] == "InvalidSpec";
        conditions.iter().find(fits).map(|c| c["message"].as_str().unwrap().to_owned())
    };
    eventually(&format!("{name} is told that it is invalid"), || async {
        let conditions = conditions(world, name).await;
        told(conditions.clone(), "Stalled", "True").and_then(|_| told(conditions, "Ready", "False"))
    })
    .await
}

/// Waits for an Event with all of these words.
async fn says(world: &World, name: &str, words: &[&str]) {
    eventually(&format!("an Event of {name} says {words:?}"), || async {
        let events = world.events(name).await;
        events.iter().any(|event| words.iter().all(|word| event.contains(word))).then_some(())
    })
    .await;
}

async fn delete(world: &World, name: &str) {
    untyped(world).delete(name, &DeleteParams::default()).await.unwrap();
    gone(world, name).await;
}

async fn gone(world: &World, name: &str) {
    eventually(&format!("{name} is gone"), || async {
        untyped(world).get_opt(name).await.unwrap().is_none().then_some(())
    })
    .await;
}

async fn resource_versions(world: &World) -> Vec<(String, Option<String>)> {
    let objects = untyped(world).list(&ListParams::default()).await.unwrap();
    objects.into_iter().map(|object| (object.name_any(), object.resource_version())).collect()
}

/// An object that the current definition would refuse, and what of it is wrong.
struct Old {
    name: String,
    object: Value,
    wrong: &'static str,
}

impl Old {
    fn new(world: &World, name: &str, changes: Value, wrong: &'static str) -> Self {
        let mut object = world.hospital(name);
        for (path, value) in serde_json::from_value::<BTreeMap<String, Value>>(changes).unwrap() {
            let (parent, key) = path.rsplit_once('/').unwrap();
            let parent = object.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            match value {
                Value::Null => drop(parent.remove(key)),
                value => drop(parent.insert(key.to_owned(), value)),
            }
        }
        Self { name: object["metadata"]["name"].as_str().unwrap().to_owned(), object, wrong }
    }
}

/// Objects whose status can be written all the same.
fn told_by_condition(world: &World, finalizers: &Value) -> Vec<Old> {
    let held = json!({ "/spec/plan": "Gold", "/spec/deletionPolicy": "Delete", "/metadata/finalizers": finalizers });
    vec![
        Old::new(world, "gold", json!({ "/spec/plan": "Gold" }), "spec.plan"),
        Old::new(world, "number", json!({ "/spec/plan": 5 }), "spec.plan"),
        Old::new(world, "flat", json!({ "/spec/contact": "admin@hospital.example" }), "spec.contact"),
        Old::new(world, "no-plan", json!({ "/spec/plan": null }), "`plan`"),
        Old::new(world, "held", held, "spec.plan"),
        // Types are right, but no database name can be made of these.
        Old::new(world, "dotted.name", json!({}), "dotted.name"),
        Old::new(world, "held.dotted", json!({ "/metadata/finalizers": finalizers }), "held.dotted"),
        Old::new(world, "reserved", json!({ "/spec/databaseName": "admin" }), "admin"),
    ]
}

/// Objects to which the API server refuses every write until they are corrected: without any `spec`, or with a value of a
/// type that a rule cannot even be asked about.
fn told_by_event(world: &World, finalizers: &Value) -> [Old; 2] {
    let mistyped = json!({ "/spec/contact/email": 5, "/metadata/finalizers": finalizers });
    [
        Old::new(world, "empty", json!({ "/spec": null }), "`spec`"),
        Old::new(world, "mistyped", mistyped, "spec.contact.email"),
    ]
}

#[tokio::test]
async fn objects_of_a_looser_definition_are_told_what_is_wrong_and_stop_nobody() {
    let Some(testbed) = tokio::task::spawn_blocking(Testbed::apart).await.unwrap() else {
        eprintln!("not tried: the definition of a cluster that is not ours stays as it is");
        return;
    };
    let _alone = DEFINITION.lock().await;
    let world = World::in_sandbox(Sandbox::on(testbed, "invalid").await).await;
    let hospitals = untyped(&world);
    let strict = Api::<CustomResourceDefinition>::all(world.kube.clone()).get(CRD).await.unwrap();

    // Two hospitals that work, until somebody spoils them under the looser definition.
    let operator = world.sandbox.operator().start().await;
    let (doomed, spoiled) = tokio::join!(world.ready_hospital("doomed"), world.ready_hospital("spoiled"));
    for label in ["doomed", "spoiled"] {
        world.patients(&world.sandbox.database_name(label)).insert_one(patient("1")).await.unwrap();
    }
    assert!(operator.terminate().await.success());
    define(&world, loosened(strict.clone()), true).await;
    let doom = json!({ "plan": "Gold", "deletionPolicy": "Delete" });
    for (hospital, spec) in [(&doomed, doom), (&spoiled, json!({ "displayName": null }))] {
        let change = Patch::Merge(json!({ "spec": spec }));
        hospitals.patch(&hospital.name_any(), &PatchParams::default(), &change).await.unwrap();
    }
    // As if the pass that made it had been killed before it could write the status.
    let untold_yet = Patch::Merge(json!({ "status": null }));
    hospitals.patch_status(&doomed.name_any(), &PatchParams::default(), &untold_yet).await.unwrap();
    let finalizers = json!(doomed.finalizers());
    let (told_so, untold) = (told_by_condition(&world, &finalizers), told_by_event(&world, &finalizers));
    let healthy = world.hospital("healthy");
    for object in told_so.iter().chain(&untold).map(|old| &old.object).chain([&healthy]) {
        let object: DynamicObject = serde_json::from_value(object.clone()).unwrap();
        hospitals.create(&PostParams::default(), &object).await.unwrap();
    }
    define(&world, strict, false).await;

    // Everybody is told, by the field that is wrong; who is healthy is served, old or new.
    let operator = world.sandbox.operator().start().await;
    world.wait_ready(&world.sandbox.object_name("healthy")).await;
    world.ready_hospital("new").await;
    for Old { name, wrong, .. } in &told_so {
        let message = told(&world, name).await;
        assert!(message.contains(wrong), "{name} is told {message:?}, which does not name {wrong:?}");
    }
    for Old { name, wrong, .. } in &untold {
        says(&world, name, &[wrong, "Correct its spec."]).await;
    }
    let message = told(&world, &doomed.name_any()).await;
    for part in ["spec.plan", "`Gold`", "`Starter`", "`Professional`", "`Enterprise`"] {
        assert!(message.contains(part), "{message}");
    }
    has_what_its_claim_says(&world, &doomed).await;
    stays_known(&world, &spoiled).await;

    // Said once: another operator finds nothing to write.
    let before = resource_versions(&world).await;
    assert!(operator.terminate().await.success());
    let operator = world.sandbox.operator().start().await;
    let newer = world.ready_hospital("newer").await.name_any();
    let after: Vec<_> = resource_versions(&world).await.into_iter().filter(|(name, _)| *name != newer).collect();
    assert_eq!(after, before);

    comes_back_corrected(&world, &spoiled).await;
    for Old { name, .. } in told_so.iter().chain(&untold[..1]) {
        delete(&world, name).await;
    }
    goes_when_corrected(&world, &untold[1]).await;
    goes_with_its_database(&world, &doomed).await;

    assert!(operator.terminate().await.success());
    world.close().await;
}

/// Whose database it is does not depend on a status that somebody could write.
async fn has_what_its_claim_says(world: &World, hospital: &HospitalOrganization) {
    let status = untyped(world).get(&hospital.name_any()).await.unwrap().data["status"].clone();
    let status: HospitalOrganizationStatus = serde_json::from_value(status).unwrap();
    let before = hospital.status.as_ref().unwrap();
    assert_eq!(status.organization_id, before.organization_id);
    assert_eq!(status.database_name, before.database_name);
    assert_eq!(status.schema_version, before.schema_version);
    assert_eq!((status.users, status.monthly_price_usd), (before.users.clone(), before.monthly_price_usd));
    assert!(status.conditions.iter().any(|c| c.type_ == "ClaimHeld" && c.status == "True"), "{:?}", status.conditions);
}

/// What was known of a hospital is still there for whoever uses its Secret.
async fn stays_known(world: &World, hospital: &HospitalOrganization) {
    let name = hospital.name_any();
    let message = told(world, &name).await;
    assert!(message.contains("spec") && message.contains("displayName"), "{message}");
    let before = hospital.status.as_ref().unwrap();
    let status = untyped(world).get(&name).await.unwrap().data["status"].clone();
    assert_eq!(status["phase"], "Failed");
    assert_eq!(status["organizationId"].as_str(), before.organization_id.as_deref());
    assert_eq!(status["binding"], json!(before.binding));
    assert!(status["conditions"].as_array().unwrap().iter().any(|c| c["type"] == "ClaimHeld" && c["status"] == "True"));
    let tenant = world.tenant(&name).await;
    let patients = tenant.database(&world.sandbox.database_name("spoiled")).collection::<Document>("patients");
    assert_eq!(patients.count_documents(doc! {}).await.unwrap(), 1);
    // The platform sees it too, and counts on no revenue from it; what else it shows is as it was.
    platform_says(world, "spoiled", "Failed").await;
    let claim = world.claim_on(&world.sandbox.database_name("spoiled")).await.unwrap();
    assert_eq!(claim.get_str("claim").unwrap(), "Held");
    assert_eq!(claim.get_str("display_name").ok(), Some(hospital.spec.display_name.as_str()));
    assert_eq!(claim.get_i64("monthly_price_usd").ok(), before.monthly_price_usd);
}

/// Waits until the platform's view of a hospital has this status.
async fn platform_says(world: &World, label: &str, status: &str) {
    eventually(&format!("the platform sees {label} as {status}"), async || {
        let claim = world.claim_on(&world.sandbox.database_name(label)).await.unwrap();
        (claim.get_str("status").unwrap() == status).then_some(())
    })
    .await;
}

async fn comes_back_corrected(world: &World, hospital: &HospitalOrganization) {
    let correction = Patch::Merge(json!({ "spec": { "displayName": "Back again" } }));
    untyped(world).patch(&hospital.name_any(), &PatchParams::default(), &correction).await.unwrap();
    let corrected = world.wait_ready(&hospital.name_any()).await;
    assert!(!is(&corrected, "Stalled", "True"), "ready and stalled at once: {:?}", corrected.status);
    let id = |status: Option<HospitalOrganizationStatus>| status.unwrap().organization_id;
    assert_eq!(id(corrected.status), id(hospital.status.clone()));
    let database = world.sandbox.database_name("spoiled");
    assert_eq!(world.patients(&database).count_documents(doc! {}).await.unwrap(), 1);
    platform_says(world, "spoiled", "Active").await;
}

async fn goes_when_corrected(world: &World, old: &Old) {
    let hospitals = untyped(world);
    hospitals.delete(&old.name, &DeleteParams::default()).await.unwrap();
    says(world, &old.name, &[old.wrong, "it goes then"]).await;
    let correction = Patch::Merge(json!({ "spec": { "contact": { "email": "admin@hospital.example" } } }));
    hospitals.patch(&old.name, &PatchParams::default(), &correction).await.unwrap();
    gone(world, &old.name).await;
}

/// Its deletion policy can be read although the rest cannot.
async fn goes_with_its_database(world: &World, hospital: &HospitalOrganization) {
    let name = hospital.name_any();
    delete(world, &name).await;
    let database = world.sandbox.database_name("doomed");
    assert_eq!(world.collection_names(&database).await, Vec::<String>::new());
    assert_eq!(world.users_and_roles(&database).await, (vec![], vec![]));
    assert_eq!(world.claim_on(&database).await, None);
    assert_eq!(world.secrets().get_opt(&format!("{name}-mongodb")).await.unwrap(), None);
}

#[tokio::test]
async fn a_status_that_somebody_made_unreadable_is_begun_anew() {
    let world = World::new("invalid status").await;
    let operator = world.sandbox.operator().start().await;
    let before = world.ready_hospital("hospital").await;
    let name = before.name_any();

    // The API server takes this for a time; nobody else does.
    let status = json!({ "status": { "conditions": [{
        "type": "Approved", "status": "True", "reason": "ByHand", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00+99:99",
    }] } });
    let hospitals = untyped(&world);
    let spoiled = hospitals.patch_status(&name, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    spoiled.try_parse::<HospitalOrganization>().expect_err("it cannot be read");
    world.ready_hospital("another").await;

    let after = eventually("the status is readable and the hospital ready again", || async {
        let object = hospitals.get(&name).await.unwrap().try_parse::<HospitalOrganization>().ok()?;
        is(&object, "Ready", "True").then_some(object)
    })
    .await;
    let (mut before, mut after) = (before.status.unwrap(), after.status.unwrap());
    for condition in before.conditions.iter_mut().chain(&mut after.conditions) {
        condition.last_transition_time = Time(Timestamp::UNIX_EPOCH);
    }
    assert_eq!(after, before);

    assert!(operator.terminate().await.success());
    world.close().await;
}

#[tokio::test]
async fn a_condition_that_somebody_else_added_stays_and_costs_no_write() {
    let world = World::new("foreign condition").await;
    let operator = world.sandbox.operator().start().await;
    let hospital = world.ready_hospital("hospital").await;
    let name = hospital.name_any();
    let mut conditions = json!(hospital.status.unwrap().conditions);
    let approved = json!({
        "type": "Approved", "status": "True", "reason": "ByHand", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    conditions.as_array_mut().unwrap().insert(0, approved.clone());
    let patch = Patch::Merge(json!({ "status": { "conditions": conditions } }));
    let hospitals = untyped(&world);
    hospitals.patch_status(&name, &PatchParams::default(), &patch).await.unwrap();
    // Something to write about, so that the operator's own write is put to the test as well.
    let mut object = world.hospital("hospital");
    object["spec"]["plan"] = json!("Professional");
    world.apply(&object).await;
    world.wait(&name, "Professional", |o| o.status.as_ref().unwrap().monthly_price_usd == Some(299)).await;
    assert_eq!(self::conditions(&world, &name).await.iter().filter(|c| **c == approved).count(), 1);

    assert!(operator.terminate().await.success());
    let writes = || {
        let log = world.sandbox.testbed().audit_log().map(|path| std::fs::read_to_string(path).unwrap());
        log.map(|log| log.lines().filter(|line| line.contains(&name)).count())
    };
    let before = writes();
    let operator = world.sandbox.operator().start().await;
    world.ready_hospital("another").await;
    assert!(operator.terminate().await.success());
    assert_eq!(writes(), before, "writes to the hospital before and after");
    world.close().await;
}
