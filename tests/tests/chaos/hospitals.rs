//! What people do to hospitals, and what must therefore be true of them in the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chakravue_crds::{HospitalOrganization, naming::secret_name, plans::Plan};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams},
};
use mongodb::bson::{Document, doc};
use rand::{RngExt as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::{Value, json};

use crate::support::{USER, World, client, is, patient};

/// Few names, so that much happens to each.
const NAMES: u32 = 6;
/// A server may be away for as long as it takes to start again.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Clone, Debug)]
pub enum Deed {
    /// Applied for the first time or again, with another plan.
    Apply(u32, Plan),
    Suspend(u32),
    Resume(u32),
    Delete(u32, &'static str),
    DropIndex(u32),
    DropUser(u32),
    DeleteSecret(u32),
    /// Somebody at the hospital admits a patient.
    Admit(u32, u64),
}

impl Deed {
    pub fn any(random: &mut StdRng) -> Self {
        let hospital = random.random_range(0..NAMES);
        match random.random_range(0..20) {
            0..=5 => Self::Apply(hospital, *Plan::ALL.choose(random).unwrap()),
            6 => Self::Suspend(hospital),
            7 => Self::Resume(hospital),
            8..=9 => Self::Delete(hospital, if random.random_bool(0.5) { "Retain" } else { "Delete" }),
            10..=11 => Self::DropIndex(hospital),
            12..=13 => Self::DropUser(hospital),
            14..=15 => Self::DeleteSecret(hospital),
            _ => Self::Admit(hospital, random.random()),
        }
    }
}

/// What is known of the hospitals of one run.
#[derive(Default)]
pub struct Hospitals {
    /// As they were last applied; those that are to be there at the end.
    pub declared: BTreeMap<String, Value>,
    /// Patients whose admission was acknowledged, by hospital, also of those that are retained.
    pub patients: BTreeMap<String, BTreeSet<String>>,
    /// Hospitals that are gone with their data.
    pub dropped: BTreeSet<String>,
}

impl Hospitals {
    /// Answers what was done, or `None` if there was nothing to do it to.
    pub async fn happen(&mut self, world: &World, deed: Deed) -> Option<String> {
        let said = format!("{deed:?}");
        match deed {
            Deed::Apply(n, plan) => {
                let name = name(world, n);
                // One that is being deleted is given up by whoever applies it: it would be edited, not made anew.
                if !self.declared.contains_key(&name) && self.live(world, &name).await.is_some() {
                    return None;
                }
                let mut object = self.declared.get(&name).cloned().unwrap_or_else(|| world.hospital(&format!("c{n}")));
                object["spec"]["plan"] = json!(plan.name());
                self.apply(world, &name, object).await;
            }
            Deed::Suspend(n) | Deed::Resume(n) => {
                let name = name(world, n);
                let mut object = self.declared.get(&name)?.clone();
                let subscription = if matches!(deed, Deed::Suspend(_)) { "Suspended" } else { "Active" };
                object["spec"]["subscription"] = json!(subscription);
                self.apply(world, &name, object).await;
            }
            Deed::Delete(n, policy) => {
                let name = name(world, n);
                let mut object = self.declared.get(&name)?.clone();
                object["spec"]["deletionPolicy"] = json!(policy);
                self.apply(world, &name, object).await;
                // From here on it may be gone, whatever the answer says.
                self.declared.remove(&name);
                if policy == "Delete" {
                    self.patients.remove(&name);
                    self.dropped.insert(name.clone());
                }
                let delete = || async {
                    match world.hospitals().delete(&name, &DeleteParams::default()).await {
                        Err(kube::Error::Api(status)) if status.is_not_found() => Some(()),
                        other => other.ok().map(drop),
                    }
                };
                patiently("delete a hospital", delete).await;
            }
            Deed::DropIndex(n) => {
                self.break_database(world, n, |_| doc! { "dropIndexes": "patients", "index": "*" }).await?;
            }
            Deed::DropUser(n) => {
                self.break_database(world, n, |database| doc! { "dropUser": database }).await?;
            }
            Deed::DeleteSecret(n) => {
                let name = name(world, n);
                self.declared.get(&name)?;
                world.secrets().delete(&secret_name(&name), &DeleteParams::default()).await.ok()?;
            }
            Deed::Admit(n, number) => {
                let name = name(world, n);
                self.declared.get(&name)?;
                self.admit(world, &name, &number.to_string()).await?;
            }
        }
        Some(said)
    }

    async fn apply(&mut self, world: &World, name: &str, object: Value) {
        let by = PatchParams::apply(USER).force();
        let apply = || async { world.hospitals().patch(name, &by, &Patch::Apply(&object)).await.ok().map(drop) };
        patiently("apply a hospital", apply).await;
        self.dropped.remove(name);
        self.declared.insert(name.to_owned(), object);
    }

    async fn live(&self, world: &World, name: &str) -> Option<HospitalOrganization> {
        patiently("look at a hospital", || async { world.hospitals().get_opt(name).await.ok() }).await
    }

    /// By an administrator of MongoDB, as far as there is something to break and a server to do it.
    async fn break_database(&self, world: &World, n: u32, command: impl Fn(&str) -> Document) -> Option<()> {
        let name = name(world, n);
        self.declared.get(&name)?;
        let database = world.mongo.database(&name.replace('-', "_"));
        let command = database.run_command(command(database.name()));
        tokio::time::timeout(Duration::from_secs(5), command).await.ok()?.ok().map(drop)
    }

    /// With the hospital's own login. What is not acknowledged by a majority is not counted on.
    async fn admit(&mut self, world: &World, name: &str, number: &str) -> Option<()> {
        let object = world.hospitals().get_opt(name).await.ok()??;
        // One that is ready and stays: what is written to one that is on its way may go with it.
        let ready = is(&object, "Ready", "True") && object.metadata.deletion_timestamp.is_none();
        let secret = world.secrets().get_opt(&secret_name(name)).await.ok()?.filter(|_| ready)?;
        let uri = String::from_utf8(secret.data?.get("uri")?.0.clone()).ok()?;
        let patients = client(&uri).await.database(&object.name_any().replace('-', "_")).collection("patients");
        let insert = async { patients.insert_one(patient(number)).await };
        tokio::time::timeout(Duration::from_secs(5), insert).await.ok()?.ok()?;
        self.patients.entry(name.to_owned()).or_default().insert(number.to_owned());
        Some(())
    }
}

fn name(world: &World, n: u32) -> String {
    world.sandbox.object_name(&format!("c{n}"))
}

/// Tries until it succeeds: a person would.
pub async fn patiently<T, F: Future<Output = Option<T>>>(what: &str, mut attempt: impl FnMut() -> F) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Ok(Some(done)) = tokio::time::timeout(Duration::from_secs(10), attempt()).await {
            return done;
        }
        assert!(tokio::time::Instant::now() < deadline, "no server lets anybody {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
