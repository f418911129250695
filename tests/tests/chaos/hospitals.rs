//! What people do to hospitals, and what must therefore be true of them in the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chakravue_crds::{HospitalOrganization, annotations::ROTATE_CREDENTIALS, naming::secret_name, plans::Plan};
use kube::api::{DeleteParams, Patch, PatchParams};
use mongodb::bson::{DateTime, Document, doc};
use rand::{RngExt as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::{Value, json};

use crate::{
    kinds::Kind,
    support::{USER, World, client, is, patient},
};

/// Few names, so that much happens to each.
const NAMES: u32 = 6;
/// As many of them are in use when it begins; the rest is there to be applied for the first time.
const AT_FIRST: u32 = 5;
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
    /// Asks for a new password.
    Rotate(u32, u64),
    /// Somebody at the hospital admits a patient.
    Admit(u32, u64),
}

impl Deed {
    pub fn any(random: &mut StdRng) -> Self {
        let hospital = random.random_range(0..NAMES);
        match random.random_range(0..20) {
            0..=4 => Self::Apply(hospital, *Plan::ALL.choose(random).unwrap()),
            5 => Self::Rotate(hospital, random.random()),
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
    /// Those that were deleted, and their data kept.
    pub retained: BTreeSet<String>,
    /// Those that were deleted with their data.
    pub dropped: BTreeSet<String>,
    /// Patients whose admission was acknowledged, by hospital, also of those that are retained.
    pub patients: BTreeMap<String, BTreeSet<String>>,
    /// Under which organization those were admitted.
    pub organizations: BTreeMap<String, String>,
    /// How many work at each.
    pub staff: i64,
}

impl Hospitals {
    /// Some that are in use, with a patient each.
    pub async fn found(world: &World) -> Self {
        let mut hospitals = Self::default();
        for n in 0..AT_FIRST {
            hospitals.apply(world, &name(world, n), world.hospital(&format!("c{n}"))).await;
        }
        for n in 0..AT_FIRST {
            let name = name(world, n);
            world.wait_ready(&name).await;
            hospitals.admit(world, &name, "1").await.unwrap();
        }
        hospitals
    }

    /// A deed of this kind, if it is one of people and there is a hospital to do it to.
    pub fn deed(&self, world: &World, kind: Kind, random: &mut StdRng) -> Option<Deed> {
        let subscription = |n: u32| self.declared.get(&name(world, n))?["spec"]["subscription"].as_str();
        let is_gone = |n: u32| [&self.retained, &self.dropped].iter().any(|gone| gone.contains(&name(world, n)));
        let fits = |n: &u32| match kind {
            Kind::Apply => subscription(*n).is_none() && !is_gone(*n),
            Kind::Recreate => is_gone(*n),
            Kind::Suspend | Kind::Admit => subscription(*n) == Some("Active"),
            Kind::Resume => subscription(*n) == Some("Suspended"),
            Kind::DeleteAndRetain => subscription(*n).is_some() && self.patients.contains_key(&name(world, *n)),
            _ => subscription(*n).is_some(),
        };
        let n = *(0..NAMES).filter(fits).collect::<Vec<_>>().choose(random)?;
        Some(match kind {
            Kind::Apply | Kind::Recreate => Deed::Apply(n, *Plan::ALL.choose(random)?),
            Kind::Edit => {
                let others = Plan::ALL.into_iter().filter(|plan| Some(*plan) != self.plan(world, n));
                Deed::Apply(n, *others.collect::<Vec<_>>().choose(random)?)
            }
            Kind::Suspend => Deed::Suspend(n),
            Kind::Resume => Deed::Resume(n),
            Kind::DeleteAndRetain => Deed::Delete(n, "Retain"),
            Kind::DeleteAndDrop => Deed::Delete(n, "Delete"),
            Kind::DropIndex => Deed::DropIndex(n),
            Kind::DropUser => Deed::DropUser(n),
            Kind::DeleteSecret => Deed::DeleteSecret(n),
            Kind::Rotate => Deed::Rotate(n, random.random()),
            Kind::Admit => Deed::Admit(n, random.random()),
            _ => return None,
        })
    }

    fn plan(&self, world: &World, n: u32) -> Option<Plan> {
        serde_json::from_value(self.declared.get(&name(world, n))?["spec"]["plan"].clone()).ok()
    }

    /// Answers what took effect, or `None` if there was nothing to do it to, or no server to do it.
    pub async fn happen(&mut self, world: &World, deed: &Deed) -> Option<Kind> {
        match *deed {
            Deed::Apply(n, plan) => {
                let name = name(world, n);
                let is_gone = self.retained.contains(&name) || self.dropped.contains(&name);
                let kind = match self.plan(world, n) {
                    Some(before) => (before != plan).then_some(Kind::Edit),
                    // One that is being deleted is given up by whoever applies it: it would be edited, not made anew.
                    None if self.live(world, &name).await.is_some() => return None,
                    None => Some(if is_gone { Kind::Recreate } else { Kind::Apply }),
                };
                let mut object = self.declared.get(&name).cloned().unwrap_or_else(|| world.hospital(&format!("c{n}")));
                object["spec"]["plan"] = json!(plan.name());
                self.apply(world, &name, object).await;
                kind
            }
            Deed::Suspend(n) | Deed::Resume(n) => {
                let name = name(world, n);
                let mut object = self.declared.get(&name)?.clone();
                let (subscription, kind) = match deed {
                    Deed::Suspend(_) => ("Suspended", Kind::Suspend),
                    _ => ("Active", Kind::Resume),
                };
                let differs = object["spec"]["subscription"] != subscription;
                object["spec"]["subscription"] = json!(subscription);
                self.apply(world, &name, object).await;
                differs.then_some(kind)
            }
            Deed::Delete(n, policy) => {
                let name = name(world, n);
                let mut object = self.declared.get(&name)?.clone();
                object["spec"]["deletionPolicy"] = json!(policy);
                self.apply(world, &name, object).await;
                // From here on it may be gone, whatever the answer says.
                self.declared.remove(&name);
                let kind = if policy == "Delete" {
                    self.patients.remove(&name);
                    self.organizations.remove(&name);
                    self.dropped.insert(name.clone());
                    Kind::DeleteAndDrop
                } else {
                    self.retained.insert(name.clone());
                    Kind::DeleteAndRetain
                };
                let delete = || async {
                    match world.hospitals().delete(&name, &DeleteParams::default()).await {
                        Err(kube::Error::Api(status)) if status.is_not_found() => Some(()),
                        other => other.ok().map(drop),
                    }
                };
                patiently("delete a hospital", delete).await;
                Some(kind)
            }
            Deed::DropIndex(n) => {
                let drop_indexes = |_: &str| doc! { "dropIndexes": "patients", "index": "*" };
                let answer = self.break_database(world, n, drop_indexes).await?;
                // One of them is that of the ids, which stays.
                (answer.get_i32("nIndexesWas").ok()? > 1).then_some(Kind::DropIndex)
            }
            Deed::DropUser(n) => {
                self.break_database(world, n, |database| doc! { "dropUser": database }).await?;
                Some(Kind::DropUser)
            }
            Deed::DeleteSecret(n) => {
                let name = name(world, n);
                self.declared.get(&name)?;
                world.secrets().delete(&secret_name(&name), &DeleteParams::default()).await.ok()?;
                Some(Kind::DeleteSecret)
            }
            Deed::Rotate(n, number) => {
                let name = name(world, n);
                let mut object = self.declared.get(&name)?.clone();
                object["metadata"]["annotations"] = json!({ ROTATE_CREDENTIALS: number.to_string() });
                self.apply(world, &name, object).await;
                Some(Kind::Rotate)
            }
            Deed::Admit(n, number) => {
                let name = name(world, n);
                self.declared.get(&name)?;
                self.admit(world, &name, &number.to_string()).await?;
                Some(Kind::Admit)
            }
        }
    }

    /// Whether patients are kept of a hospital that is gone.
    pub fn keep_something(&self) -> bool {
        self.retained.iter().any(|name| self.patients.contains_key(name))
    }

    /// When all has come right: somebody begins to work at every hospital, and the operator is made to look at each.
    pub async fn hire(&mut self, world: &World) {
        self.staff += 1;
        for name in self.declared.keys() {
            let user = doc! {
                "email": format!("{}@hospital.example", self.staff),
                "role": "DOCTOR",
                "status": "active",
                "created_at": DateTime::now(),
            };
            world.mongo.database(&database(name)).collection("users").insert_one(user).await.unwrap();
            let look = json!({ "metadata": { "annotations": { "example.com/staff": self.staff.to_string() } } });
            world.hospitals().patch(name, &PatchParams::default(), &Patch::Merge(&look)).await.unwrap();
        }
    }

    async fn apply(&mut self, world: &World, name: &str, object: Value) {
        let by = PatchParams::apply(USER).force();
        let apply = || async { world.hospitals().patch(name, &by, &Patch::Apply(&object)).await.ok().map(drop) };
        patiently("apply a hospital", apply).await;
        self.dropped.remove(name);
        self.retained.remove(name);
        self.declared.insert(name.to_owned(), object);
    }

    async fn live(&self, world: &World, name: &str) -> Option<HospitalOrganization> {
        patiently("look at a hospital", || async { world.hospitals().get_opt(name).await.ok() }).await
    }

    /// By an administrator of MongoDB, as far as there is something to break and a server to do it.
    async fn break_database(&self, world: &World, n: u32, command: impl Fn(&str) -> Document) -> Option<Document> {
        let name = name(world, n);
        self.declared.get(&name)?;
        let database = world.mongo.database(&database(&name));
        let command = database.run_command(command(database.name()));
        tokio::time::timeout(Duration::from_secs(5), command).await.ok()?.ok()
    }

    /// With the hospital's own login. What is not acknowledged by a majority is not counted on.
    async fn admit(&mut self, world: &World, name: &str, number: &str) -> Option<()> {
        let object = world.hospitals().get_opt(name).await.ok()??;
        // One that is ready and stays: what is written to one that is on its way may go with it.
        let ready = is(&object, "Ready", "True") && object.metadata.deletion_timestamp.is_none();
        let secret = world.secrets().get_opt(&secret_name(name)).await.ok()?.filter(|_| ready)?;
        let uri = String::from_utf8(secret.data?.get("uri")?.0.clone()).ok()?;
        let patients = client(&uri).await.database(&database(name)).collection("patients");
        let insert = async { patients.insert_one(patient(number)).await };
        tokio::time::timeout(Duration::from_secs(5), insert).await.ok()?.ok()?;
        self.patients.entry(name.to_owned()).or_default().insert(number.to_owned());
        self.organizations.insert(name.to_owned(), object.status?.organization_id?);
        Some(())
    }
}

/// The database of a hospital.
pub fn database(name: &str) -> String {
    name.replace('-', "_")
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
