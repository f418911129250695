//! As [`crash`](crate::crash), for what happens to hospitals later: a new password, an adoption, a newer schema, a loss of
//! data. The operator dies behind each write of it, and its successor brings it to the same end.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use chakravue_crds::{
    HospitalOrganization,
    annotations::{ADOPT_DATABASE, ADOPT_ORGANIZATION, ROTATE_CREDENTIALS},
    naming::secret_name,
    tenant_schema::TENANT_SCHEMA,
};
use chakravue_testbed::OperatorProcess;
use futures::FutureExt as _;
use kube::ResourceExt as _;
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use crate::{
    drift::whole,
    migration::second_version,
    proxied::Proxied,
    support::{client, code, is, patient},
};

/// A successor waits for nothing, such as for a transaction or a claim of the one that is dead.
const SOON: Duration = Duration::from_secs(30);

/// What the operator is in the middle of when it dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Rotate,
    /// A retained hospital is taken over by an object of another name.
    Adopt,
    /// A database that nobody claims is taken over.
    AdoptDatabase,
    Migrate,
    /// Collections were dropped while no operator ran.
    Lose,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_is_cut_off_behind_any_write_ends_as_if_it_were_not() {
    die_behind_every_write(Work::Rotate, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_that_is_cut_off_behind_any_write_ends_as_if_it_were_not() {
    tokio::join!(die_behind_every_write(Work::Adopt, 6), die_behind_every_write(Work::AdoptDatabase, 8));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_is_cut_off_behind_any_write_ends_as_if_it_were_not() {
    die_behind_every_write(Work::Migrate, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_of_data_is_told_whole_and_once_whichever_write_the_operator_dies_behind() {
    die_behind_every_write(Work::Lose, 4).await;
}

/// Plays it undisturbed, then once for every write that it took. `least` is how few writes cannot be all.
async fn die_behind_every_write(work: Work, least: usize) {
    let mut stage = Stage::open(work).await;
    let writes = stage.play(None).await.writes;
    assert!(writes >= least, "{work:?} cannot take as few as {writes} writes");
    let mut slowest = (Duration::ZERO, String::new());
    for n in 1..=writes {
        // Writes are made side by side and one more or less can be needed; then it is tried on another hospital.
        let mut counts = Vec::new();
        let (write, took) = loop {
            let outcome = stage.play(Some(n)).boxed().await;
            if let Some(killed) = outcome.killed {
                break killed;
            }
            counts.push(outcome.writes);
            assert!(counts.len() < 3, "{work:?}: write {n} never came; there were only {counts:?} each time");
        };
        println!("{work:?}: killed behind write {n}, {write}; done again after {took:?}");
        slowest = slowest.max((took, write));
    }
    assert!(slowest.0 < SOON, "the successor took {slowest:?}");
    if let Some(operator) = stage.operator {
        assert!(operator.terminate().await.success());
    }
    stage.proxied.world.close().await;
}

/// A world with one operator after the other, and one hospital at a time.
struct Stage {
    work: Work,
    proxied: Proxied,
    /// The second version of the catalogue.
    second: PathBuf,
    operator: Option<OperatorProcess>,
    serial: usize,
}

struct Outcome {
    /// How many writes it took without a crash.
    writes: usize,
    /// Behind which write it was killed, and how long the successor needed; `None` if that write never came.
    killed: Option<(String, Duration)>,
}

/// A hospital, and what was known of it before the work began.
struct Hospital {
    object: Value,
    name: String,
    database: String,
    organization_id: Option<String>,
    whole: Value,
    /// The connection string from before.
    uri: Option<String>,
}

/// What an operator that died left behind and nobody may do a second time.
#[derive(Default)]
struct Left {
    uri: Option<String>,
    loss: Option<Document>,
}

type Killer = Box<dyn FnOnce() + Send>;

impl Stage {
    async fn open(work: Work) -> Self {
        let proxied = Proxied::new(&format!("crash {work:?}")).await;
        let second = second_version(&proxied.world).await;
        Self { work, proxied, second, operator: None, serial: 0 }
    }

    /// Starts an operator if none runs.
    async fn start(&mut self, migrates: bool) {
        if self.operator.is_none() {
            let mut options = self.proxied.operator().allow_database_adoption();
            if migrates {
                options = options.arg("--tenant-schema").arg(&self.second);
            }
            self.operator = Some(options.start().await);
        }
    }

    async fn stop(&mut self) {
        if let Some(operator) = self.operator.take() {
            assert!(operator.terminate().await.success());
        }
    }

    /// Does the work once, kills the operator behind its `kill`-th write, starts the next and looks at what it did.
    async fn play(&mut self, kill: Option<usize>) -> Outcome {
        self.serial += 1;
        if self.work == Work::Migrate {
            self.stop().await;
        }
        self.start(false).await;
        self.operator.as_ref().unwrap().wait_ready().await;
        let hospital = self.prepare().await;
        self.proxied.log.settled().await;
        self.proxied.log.clear();

        // The operator that is to die may not run yet.
        let killer: Arc<Mutex<Option<Killer>>> = Arc::default();
        let fired = kill.map(|n| {
            let killer = killer.clone();
            self.proxied.log.on_write(n, move || killer.lock().unwrap().take().unwrap()())
        });
        self.start(self.work == Work::Migrate).await;
        *killer.lock().unwrap() = Some(Box::new(self.operator.as_ref().unwrap().killer()));
        self.begin(&hospital).await;

        let mut outcome = Outcome { writes: 0, killed: None };
        let mut left = Left::default();
        match fired {
            None => self.wait_done(&hospital).await,
            Some(fired) => {
                tokio::pin!(fired);
                let write = tokio::select! {
                    write = &mut fired => write,
                    () = self.wait_done(&hospital) => {
                        // Seen from here it can be done before the last write is acknowledged.
                        self.proxied.log.settled().await;
                        outcome.writes = self.proxied.log.count();
                        self.proxied.log.clear();
                        fired.await
                    }
                };
                if let Some(write) = write {
                    self.proxied.log.settled().await;
                    left = self.left(&hospital).await;
                    self.proxied.log.clear();
                    self.proxied.log.resume();
                    self.operator = None;
                    let began = Instant::now();
                    self.start(self.work == Work::Migrate).await;
                    self.wait_done(&hospital).await;
                    outcome.killed = Some((write.what, began.elapsed()));
                }
            }
        }
        self.proxied.log.settled().await;
        if kill.is_none() {
            outcome.writes = self.proxied.log.count();
        }
        self.check(&hospital, &left).await;
        self.clean_up(&hospital).await;
        outcome
    }

    /// A hospital that is as far as it must be before the work begins; where the operator finds the work when it starts,
    /// none runs any more.
    async fn prepare(&mut self) -> Hospital {
        let world = &self.proxied.world;
        let label = format!("{}{}", format!("{:?}", self.work).to_lowercase(), self.serial);
        let mut object = world.hospital(&label);
        object["spec"]["deletionPolicy"] = json!("Delete");
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let database = world.sandbox.database_name(&label);
        let handle = world.mongo.database(&database);
        let settings = handle.collection::<Document>("settings");
        let kept = doc! { "key": "kept", "value": &name };
        let mut hospital = Hospital { object, name, database, organization_id: None, whole: Value::Null, uri: None };

        if self.work == Work::AdoptDatabase {
            settings.insert_one(kept).await.unwrap();
            hospital.object["metadata"]["annotations"] = json!({ ADOPT_DATABASE: "true" });
            return hospital;
        }
        let mut made = hospital.object.clone();
        if self.work == Work::Adopt {
            made["metadata"]["name"] = json!(world.sandbox.object_name(&format!("old-{label}")));
            made["spec"]["databaseName"] = json!(hospital.database);
            made["spec"]["deletionPolicy"] = json!("Retain");
        }
        let made_name = world.apply(&made).await.name_any();
        hospital.organization_id = world.wait_ready(&made_name).await.status.unwrap().organization_id;
        settings.insert_one(kept).await.unwrap();
        hospital.whole = whole(world, &hospital.database).await;
        hospital.uri = Some(world.secret(&made_name).await["uri"].clone());
        match self.work {
            Work::Adopt => {
                world.delete_and_wait(&made_name).await;
                hospital.object["spec"]["databaseName"] = json!(hospital.database);
                hospital.object["metadata"]["annotations"] = json!({ ADOPT_ORGANIZATION: hospital.organization_id });
            }
            Work::Rotate => {
                hospital.object["metadata"]["annotations"] = json!({ ROTATE_CREDENTIALS: "again" });
            }
            Work::Migrate => self.stop().await,
            Work::Lose => {
                self.stop().await;
                let world = &self.proxied.world;
                world.patients(&hospital.database).insert_one(patient("1")).await.unwrap();
                for lost in ["patients", "users"] {
                    handle.collection::<Document>(lost).drop().await.unwrap();
                }
                handle.create_collection("users").await.unwrap();
            }
            Work::AdoptDatabase => {}
        }
        hospital
    }

    async fn begin(&self, hospital: &Hospital) {
        match self.work {
            Work::Rotate | Work::Adopt | Work::AdoptDatabase => {
                self.proxied.world.apply(&hospital.object).await;
            }
            // The start of the operator was it.
            Work::Migrate | Work::Lose => {}
        }
    }

    async fn wait_done(&self, hospital: &Hospital) {
        let done = |object: &HospitalOrganization| {
            let status = object.status.as_ref().unwrap();
            let work = match self.work {
                Work::Rotate => status.credentials.as_ref().and_then(|c| c.rotation.as_deref()) == Some("again"),
                Work::Adopt | Work::AdoptDatabase => true,
                Work::Migrate => status.schema_version == Some(2),
                Work::Lose => is(object, "DataLossSuspected", "True"),
            };
            work && is(object, "Ready", "True") && !is(object, "Reconciling", "True")
        };
        self.proxied.world.wait(&hospital.name, &format!("done with {:?}", self.work), done).await;
    }

    async fn left(&self, hospital: &Hospital) -> Left {
        let world = &self.proxied.world;
        let is_there = world.secrets().get_opt(&secret_name(&hospital.name)).await.unwrap().is_some();
        let uri = if is_there { world.secret(&hospital.name).await.remove("uri") } else { None };
        let claim = world.claim_on(&hospital.database).await;
        let loss = claim.and_then(|claim| claim.get_document("data_loss").ok().cloned());
        Left { uri: uri.filter(|uri| Some(uri) != hospital.uri.as_ref()), loss }
    }

    async fn check(&self, hospital: &Hospital, left: &Left) {
        let (world, what) = (&self.proxied.world, format!("{:?} of {}", self.work, hospital.name));
        let (name, database) = (&hospital.name, hospital.database.as_str());
        let object = world.hospitals().get(name).await.unwrap();
        let status = object.status.clone().unwrap();
        let (users, roles) = world.users_and_roles(database).await;
        assert_eq!((users.len(), roles.len()), (1, 1), "{what}: {users:?} {roles:?}");
        let claim = world.claim_on(database).await.unwrap();
        let owner = claim.get_document("owner").unwrap();
        assert_eq!((claim.get_str("claim").unwrap(), owner.get_str("uid").ok()), ("Held", object.uid().as_deref()));
        assert_eq!(claim.get_str("_id").ok(), status.organization_id.as_deref(), "{what}: organization");
        if hospital.organization_id.is_some() {
            assert_eq!(status.organization_id, hospital.organization_id, "{what}: the same organization as before");
        }
        let kept = doc! { "key": "kept", "value": name };

        // Its user gets in with the Secret; from before nobody does where there are new credentials.
        let uri = world.secret(name).await.remove("uri").unwrap();
        let settings = |client: mongodb::Client| client.database(database).collection::<Document>("settings");
        let found = settings(client(&uri).await).find_one(kept).await;
        assert!(found.as_ref().is_ok_and(Option::is_some), "{what}: {found:?}");
        if let Some(before) = &hospital.uri {
            let renewed = matches!(self.work, Work::Rotate | Work::Adopt);
            assert_eq!(*before != uri, renewed, "{what}: whether the password is another");
            let answer = code(&settings(client(before).await).find_one(doc! {}).await);
            assert_eq!(answer, if renewed { 18 } else { 0 }, "{what}: who comes with what was in the Secret before");
        }
        if let Some(left) = &left.uri {
            assert_eq!(*left, uri, "{what}: a second new password for one request");
        }

        let now = whole(world, database).await;
        match self.work {
            Work::Rotate | Work::Adopt => assert_eq!(now, hospital.whole, "{what}"),
            Work::AdoptDatabase => {
                assert_eq!(claim.get_str("database_origin").unwrap(), "Adopted", "{what}");
                let mut collections: Vec<_> = TENANT_SCHEMA.collections.iter().map(|c| c.name.to_owned()).collect();
                collections.sort();
                assert_eq!(world.collection_names(database).await, collections, "{what}");
                for collection in &TENANT_SCHEMA.collections {
                    let indexes = world.indexes(database, collection.name).await;
                    assert_eq!(indexes.len(), collection.indexes.len() + 1, "{what}: {} {indexes:?}", collection.name);
                }
            }
            Work::Migrate => {
                assert_eq!(claim.get_i64("schema_version").unwrap(), 2, "{what}");
                let tenant = client(&uri).await.database(database);
                let wards = tenant.collection::<Document>("wards");
                wards.insert_one(doc! { "name": "A1" }).await.unwrap();
                assert_eq!(code(&wards.insert_one(doc! {}).await), 121, "{what}: the new validator");
                let indexes = world.indexes(database, "patients").await;
                assert!(indexes.iter().any(|index| index.get_str("name").unwrap() == "phone"), "{what}: {indexes:?}");
            }
            Work::Lose => {
                assert_eq!(now, hospital.whole, "{what}");
                let told = status.data_loss.unwrap();
                assert_eq!(told.collections, ["patients", "users"], "{what}");
                let loss = claim.get_document("data_loss").unwrap();
                assert!(
                    left.loss.as_ref().is_none_or(|left| left == loss),
                    "{what}: told twice, {:?} and {loss}",
                    left.loss
                );
            }
        }
    }

    /// The hospital goes with everything, so that the next one has the operator for itself.
    async fn clean_up(&self, hospital: &Hospital) {
        let (world, database) = (&self.proxied.world, hospital.database.as_str());
        world.delete_and_wait(&hospital.name).await;
        assert_eq!(world.collection_names(database).await, Vec::<String>::new(), "{}", hospital.name);
        assert_eq!(world.users_and_roles(database).await, (vec![], vec![]), "{}", hospital.name);
        assert_eq!(world.claim_on(database).await, None, "{}", hospital.name);
    }
}
