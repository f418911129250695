//! What must be true when everything was left alone: every object's status is true, every hospital that is ready is
//! complete and reaches its own database and no other, nothing is left over, and no patient is lost.

use std::{collections::BTreeSet, time::Duration};

use chakravue_crds::{HospitalOrganization, naming::secret_name, tenant_schema::TENANT_SCHEMA};
use chakravue_testbed::OperatorProcess;
use futures::TryStreamExt as _;
use kube::{ResourceExt, api::ListParams};
use mongodb::{
    bson::{Document, doc},
    error::ErrorKind,
};
use serde_json::{Value, json};

use crate::{
    hospitals::Hospitals,
    support::{World, client, is},
};

/// MongoDB may first have to elect a primary, and every pass to be repeated.
const PATIENCE: Duration = Duration::from_mins(3);

/// The first of them that is not true, in words, after everything had its time.
pub async fn hold(world: &World, hospitals: &Hospitals, operator: &OperatorProcess) -> Result<(), String> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let looked = tokio::time::timeout(Duration::from_secs(30), look(world, hospitals)).await;
        let broken = match looked {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(broken)) => broken,
            Err(_) => "a server does not answer".to_owned(),
        };
        if operator.has_ended() {
            return Err(format!("the operator has ended by itself; {broken}"));
        }
        if tokio::time::Instant::now() > deadline {
            return Err(broken);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

async fn look(world: &World, hospitals: &Hospitals) -> Result<(), String> {
    let objects = world.hospitals().list(&ListParams::default()).await.map_err(|error| error.to_string())?.items;
    let there: BTreeSet<String> = objects.iter().map(ResourceExt::name_any).collect();
    let declared: BTreeSet<String> = hospitals.declared.keys().cloned().collect();
    equal("the objects that there are", &there, &declared)?;
    for object in &objects {
        status_is_true(object, &hospitals.declared[&object.name_any()])?;
    }
    for object in &objects {
        is_complete(world, object, &objects).await.map_err(|broken| format!("{}: {broken}", object.name_any()))?;
    }
    for (name, numbers) in &hospitals.patients {
        let found = world.patients(&database(name)).distinct("record_number", doc! {}).await;
        let found = found.map_err(|error| error.to_string())?;
        let found: BTreeSet<String> = found.iter().filter_map(|n| n.as_str().map(str::to_owned)).collect();
        let lost: Vec<_> = numbers.difference(&found).collect();
        if !lost.is_empty() {
            return Err(format!("{name}: {} of {} patients are lost: {lost:?}", lost.len(), numbers.len()));
        }
    }
    for name in &hospitals.dropped {
        let left = world.mongo.database(&database(name)).list_collection_names().await;
        equal(
            &format!("collections of {name}, which was dropped"),
            &left.map_err(|error| error.to_string())?,
            &vec![],
        )?;
    }
    let (_, report, errors) = world.sandbox.operator().print(&["orphans", "-o", "json"]).await;
    let report: Value = serde_json::from_str(&report).map_err(|_| errors)?;
    equal("orphans", &report["orphans"], &json!([]))
}

/// As declared, and nothing that would alarm anybody.
fn status_is_true(object: &HospitalOrganization, declared: &Value) -> Result<(), String> {
    let name = object.name_any();
    let status = object.status.as_ref().ok_or_else(|| format!("{name} has no status"))?;
    equal(&format!("{name}: observed generation"), &status.observed_generation, &object.metadata.generation)?;
    let (ready, phase) = match declared["spec"]["subscription"].as_str() {
        Some("Suspended") => ("False", "Suspended"),
        _ => ("True", "Active"),
    };
    if !is(object, "Ready", ready) {
        return Err(format!("{name} is not Ready={ready}: {}", json!(status.conditions)));
    }
    equal(&format!("{name}: phase"), &json!(status.phase), &json!(phase))?;
    equal(&format!("{name}: plan"), &json!(object.spec.plan), &declared["spec"]["plan"])?;
    equal(&format!("{name}: price"), &status.monthly_price_usd, &Some(object.spec.plan.monthly_price_usd()))?;
    for never in ["Stalled", "Reconciling", "DataLossSuspected"] {
        if is(object, never, "True") {
            return Err(format!("{name} is {never}: {}", json!(status.conditions)));
        }
    }
    Ok(())
}

async fn is_complete(world: &World, object: &HospitalOrganization, all: &[HospitalOrganization]) -> Result<(), String> {
    let (name, said) = (object.name_any(), |error: mongodb::error::Error| error.to_string());
    let own = database(&name);
    let handle = world.mongo.database(&own);
    let mut collections = handle.list_collection_names().await.map_err(said)?;
    collections.sort();
    let mut wanted: Vec<String> = TENANT_SCHEMA.collections.iter().map(|c| c.name.to_owned()).collect();
    wanted.sort();
    equal("collections", &collections, &wanted)?;
    for collection in &TENANT_SCHEMA.collections {
        let cursor = handle.run_cursor_command(doc! { "listIndexes": collection.name }).await.map_err(said)?;
        let indexes: Vec<Document> = cursor.try_collect().await.map_err(said)?;
        let names: BTreeSet<&str> = indexes.iter().filter_map(|index| index.get_str("name").ok()).collect();
        let wanted = collection.indexes.iter().map(|index| index.name).chain(["_id_"]).collect();
        equal(&format!("indexes of {}", collection.name), &names, &wanted)?;
    }
    let claim = world.mongo.database(world.sandbox.master_database()).collection::<Document>("organizations");
    let claim = claim.find_one(doc! { "database_name": &own }).await.map_err(said)?.ok_or("it has no claim")?;
    let owner = claim.get_document("owner").ok().and_then(|owner| owner.get_str("uid").ok());
    equal("the claim's owner", &owner, &object.uid().as_deref())?;
    let status = object.status.as_ref().map(|status| json!(status.phase)).unwrap_or_default();
    equal("the platform's view", &json!(claim.get_str("status").ok()), &status)?;

    let secret = world.secrets().get(&secret_name(&name)).await.map_err(|error| error.to_string())?;
    let uri = secret.data.and_then(|data| String::from_utf8(data.get("uri")?.0.clone()).ok()).ok_or("no URI")?;
    let tenant = client(&uri).await;
    let read = async |database: &str| {
        match tenant.database(database).collection::<Document>("patients").find_one(doc! {}).await {
            Ok(_) => 0,
            Err(error) => match &*error.kind {
                ErrorKind::Command(refusal) => refusal.code,
                ErrorKind::Authentication { .. } => 18,
                // No answer at all: looked at again.
                _ => -1,
            },
        }
    };
    let suspended = is(object, "SubscriptionActive", "False");
    equal("what its own user gets", &read(&own).await, &if suspended { 13 } else { 0 })?;
    for other in all.iter().map(ResourceExt::name_any).filter(|other| *other != name) {
        equal(&format!("what its user gets of {other}"), &read(&database(&other)).await, &13)?;
    }
    for foreign in [world.sandbox.master_database(), "admin", "config", "local", "a_database_that_is_not_there"] {
        equal(&format!("what its user gets of {foreign}"), &read(foreign).await, &13)?;
    }
    Ok(())
}

fn database(name: &str) -> String {
    name.replace('-', "_")
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, wanted: &T) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("{what}: {found:?}, not {wanted:?}")) }
}
