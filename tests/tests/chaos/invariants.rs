//! What must be true when everything was left alone: every object's status is true, every hospital that is ready is
//! complete and reaches its own database and no other, nothing is left over, and no patient is lost.

mod contents;
mod leftovers;
mod reach;
mod status;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{Debug, Display},
    time::Duration,
};

use chakravue_crds::{
    HospitalOrganization,
    master::{ORGANIZATIONS, OrganizationRecord},
    naming::secret_name,
};
use chakravue_testbed::OperatorProcess;
use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::{ResourceExt, api::ListParams};
use mongodb::bson::doc;
use serde_json::{Value, json};

use crate::{
    hospitals::{Hospitals, database},
    support::World,
};

/// MongoDB may first have to elect a primary, and every pass to be repeated.
const PATIENCE: Duration = Duration::from_mins(3);

/// `Err`: what is not true, in words.
type Truth<T = ()> = Result<T, String>;

/// The first of them that is not true, in words, after everything had its time. Answers what came right last.
pub async fn hold(world: &World, hospitals: &Hospitals, operator: &OperatorProcess) -> Truth<Option<String>> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut last = None;
    loop {
        let looked = tokio::time::timeout(Duration::from_secs(30), look(world, hospitals)).await;
        let broken = match looked {
            Ok(Ok(())) => return Ok(last),
            Ok(Err(broken)) => broken,
            Err(_) => "a server does not answer".to_owned(),
        };
        if operator.has_ended() {
            return Err(format!("the operator has ended by itself; {broken}"));
        }
        if tokio::time::Instant::now() > deadline {
            return Err(broken);
        }
        last = Some(broken);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// What the two servers hold of all hospitals together.
struct Seen {
    objects: BTreeMap<String, HospitalOrganization>,
    secrets: BTreeMap<String, Secret>,
    /// By database.
    records: BTreeMap<String, OrganizationRecord>,
}

impl Seen {
    async fn of(world: &World) -> Truth<Self> {
        let (all, hospitals, secrets) = (ListParams::default(), world.hospitals(), world.secrets());
        let (objects, secrets) = tokio::try_join!(hospitals.list(&all), secrets.list(&all)).map_err(said)?;
        let master = world.mongo.database(world.sandbox.master_database());
        let records = master.collection::<OrganizationRecord>(ORGANIZATIONS).find(doc! {}).await.map_err(said)?;
        let records: Vec<OrganizationRecord> = records.try_collect().await.map_err(said)?;
        let count = records.len();
        let records: BTreeMap<_, _> =
            records.into_iter().map(|record| (record.database_name.to_string(), record)).collect();
        equal("databases with a claim", &records.len(), &count)?;
        Ok(Self { objects: by_name(objects), secrets: by_name(secrets), records })
    }
}

/// The first of them that is not true now.
pub async fn look(world: &World, hospitals: &Hospitals) -> Truth {
    let seen = Seen::of(world).await?;
    let there: Vec<&String> = seen.objects.keys().collect();
    equal("the objects that there are", &there, &hospitals.declared.keys().collect())?;
    for (name, object) in &seen.objects {
        let of_it = |broken: String| format!("{name}: {broken}");
        let declared = &hospitals.declared[name];
        let record = seen.records.get(&database(name)).ok_or_else(|| of_it("it has no claim".to_owned()))?;
        let secret = seen.secrets.get(&secret_name(name)).ok_or_else(|| of_it("it has no Secret".to_owned()))?;
        status::is_true(object, declared, record, secret, hospitals.staff).map_err(of_it)?;
        status::is_recorded(object, declared, record, hospitals).map_err(of_it)?;
        contents::are_complete(world, object, record).await.map_err(of_it)?;
        reach::is_right(world, name, secret, hospitals).await.map_err(of_it)?;
    }
    for (name, numbers) in &hospitals.patients {
        let found = world.patients(&database(name)).distinct("record_number", doc! {}).await.map_err(said)?;
        let found: BTreeSet<String> = found.iter().filter_map(|n| n.as_str().map(str::to_owned)).collect();
        let lost: Vec<_> = numbers.difference(&found).collect();
        if !lost.is_empty() {
            return Err(format!("{name}: {} of {} patients are lost: {lost:?}", lost.len(), numbers.len()));
        }
    }
    leftovers::are_none(world, hospitals, &seen).await?;
    let (_, report, errors) = world.sandbox.operator().print(&["orphans", "-o", "json"]).await;
    let report: Value = serde_json::from_str(&report).map_err(|_| errors)?;
    equal("orphans", &report["orphans"], &json!([]))
}

fn by_name<K: ResourceExt>(objects: impl IntoIterator<Item = K>) -> BTreeMap<String, K> {
    objects.into_iter().map(|object| (object.name_any(), object)).collect()
}

/// Whether access was taken away.
fn is_suspended(declared: &Value) -> bool {
    declared["spec"]["subscription"] == "Suspended"
}

fn said(error: impl Display) -> String {
    error.to_string()
}

fn equal<T: PartialEq + Debug>(what: &str, found: &T, wanted: &T) -> Truth {
    if found == wanted { Ok(()) } else { Err(format!("{what}: {found:?}, not {wanted:?}")) }
}
