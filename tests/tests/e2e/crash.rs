//! The operator dies by SIGKILL after each single write that it makes, to whichever server, and its successor ends where
//! it would have ended: nothing lost, nothing left over, nobody locked out.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
    time::{Duration, Instant},
};

use chakravue_crds::tenant_schema::TENANT_SCHEMA;
use chakravue_testbed::{OperatorProcess, proxy::WriteLog};
use futures::{FutureExt as _, future::join_all};
use kube::{ResourceExt as _, api::ListParams};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use crate::{
    proxied::Proxied,
    support::{World, code, is},
};

/// How many operators are killed side by side.
const LANES: usize = 4;

/// MongoDB keeps the open transaction of a client that is gone, with its locks, for a minute. A successor must not wait
/// for that.
const SOON: Duration = Duration::from_secs(30);

/// What the operator is in the middle of when it dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Provision,
    Pay,
    Suspend,
    Delete,
    Retain,
    Return,
}

const ALL: [Work; 6] = [Work::Provision, Work::Pay, Work::Suspend, Work::Delete, Work::Retain, Work::Return];

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_behind_any_write_the_next_start_ends_in_the_same_state() {
    let mut lanes = join_all((0..LANES).map(|_| Lane::open())).await;

    // Undisturbed, to learn how many writes there are.
    let mut writes = BTreeMap::new();
    for work in ALL {
        let undisturbed = lanes[0].run(work, None).await;
        writes.insert(work, undisturbed.writes);
    }
    let points = writes.iter().flat_map(|(work, writes)| (1..=*writes).map(|n| (*work, n)));
    let points: Mutex<VecDeque<_>> = Mutex::new(points.collect());
    let count = points.lock().unwrap().len();

    let slowest = join_all(lanes.iter_mut().map(|lane| lane.work_off(&points))).await.into_iter().flatten().max();
    let (took, slowest) = slowest.unwrap();
    println!("{count} kill points ({writes:?} writes); the slowest restart took {took:?}, {slowest}");
    assert!(count > 25, "so few writes cannot be all: {writes:?}");
    assert!(took < SOON, "the successor took {took:?} {slowest}");

    join_all(lanes.into_iter().map(Lane::close)).await;
}

/// A world with one operator after the other, and the hospitals that were made there.
struct Lane {
    proxied: Proxied,
    operator: OperatorProcess,
    serial: usize,
    in_use: Vec<String>,
    retained: Vec<String>,
}

struct Outcome {
    /// How many writes it took without a crash.
    writes: usize,
    /// After which write it was killed, and how long the successor needed; `None` if that write never came.
    killed: Option<(String, Duration)>,
}

struct Hospital {
    work: Work,
    object: Value,
    name: String,
    database: String,
    /// What was known of it before the work began.
    organization_id: Option<String>,
}

impl Lane {
    async fn open() -> Self {
        let proxied = Proxied::new("crash").await;
        let operator = proxied.operator().start().await;
        operator.wait_ready().await;
        Self { proxied, operator, serial: 0, in_use: Vec::new(), retained: Vec::new() }
    }

    fn world(&self) -> &World {
        &self.proxied.world
    }

    fn log(&self) -> &WriteLog {
        &self.proxied.log
    }

    /// Takes kill points until there are no more. Answers the slowest restart.
    async fn work_off(&mut self, points: &Mutex<VecDeque<(Work, usize)>>) -> Option<(Duration, String)> {
        let mut slowest = None;
        loop {
            let Some((work, n)) = points.lock().unwrap().pop_front() else { return slowest };
            // Writes are made side by side and one more or less can be needed; then it is tried on another hospital.
            let mut counts = Vec::new();
            let (write, took) = loop {
                let outcome = self.run(work, Some(n)).boxed().await;
                if let Some(killed) = outcome.killed {
                    break killed;
                }
                counts.push(outcome.writes);
                assert!(counts.len() < 3, "{work:?}: write {n} never came; there were only {counts:?} each time");
            };
            slowest = slowest.max(Some((took, format!("after write {n} of {work:?}: {write}"))));
        }
    }

    /// Does one piece of work, kills the operator after its `kill`-th write, starts the next and looks at what it did.
    async fn run(&mut self, work: Work, kill: Option<usize>) -> Outcome {
        self.serial += 1;
        let hospital = self.prepare(work).await;
        self.log().settled().await;
        self.log().clear();
        let fired = kill.map(|n| self.log().on_write(n, self.operator.killer()));
        hospital.begin(self.world()).await;

        let mut outcome = Outcome { writes: 0, killed: None };
        match fired {
            None => hospital.wait_done(self.world()).await,
            Some(fired) => {
                tokio::pin!(fired);
                let write = tokio::select! {
                    write = &mut fired => write,
                    () = hospital.wait_done(self.world()) => {
                        // Seen from here it can be done before the last write is acknowledged.
                        self.log().settled().await;
                        outcome.writes = self.log().count();
                        self.log().clear();
                        fired.await
                    }
                };
                if let Some(write) = write {
                    let took = self.restart_and_wait(&hospital).await;
                    outcome.killed = Some((write.what, took));
                }
            }
        }
        self.log().settled().await;
        if kill.is_none() {
            outcome.writes = self.log().count();
        }
        hospital.check(self.world()).await;
        match work {
            Work::Provision | Work::Pay | Work::Suspend | Work::Return => self.in_use.push(hospital.database),
            Work::Retain => self.retained.push(hospital.database),
            Work::Delete => {}
        }
        outcome
    }

    async fn restart_and_wait(&mut self, hospital: &Hospital) -> Duration {
        self.log().settled().await;
        self.log().clear();
        self.log().resume();
        let started = Instant::now();
        self.operator = self.proxied.operator().start().await;
        self.operator.wait_ready().await;
        hospital.wait_done(self.world()).await;
        started.elapsed()
    }

    /// A hospital that is as far as it must be before the work begins.
    async fn prepare(&self, work: Work) -> Hospital {
        let world = self.world();
        let label = format!("{}-{}", format!("{work:?}").to_lowercase(), self.serial);
        let mut object = world.hospital(&label);
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let database = world.sandbox.database_name(&label.replace('-', "_"));
        let mut organization_id = None;
        match work {
            Work::Provision => {}
            Work::Pay => {
                object["spec"]["subscription"] = json!("PendingPayment");
                world.apply(&object).await;
                let claimed = |o: &_| is(o, "ClaimHeld", "True") && !is(o, "Reconciling", "True");
                organization_id =
                    world.wait(&name, "waiting for payment", claimed).await.status.unwrap().organization_id;
                object["spec"]["subscription"] = json!("Active");
            }
            Work::Suspend | Work::Delete | Work::Retain | Work::Return => {
                object["spec"]["deletionPolicy"] = json!(if work == Work::Delete { "Delete" } else { "Retain" });
                world.apply(&object).await;
                organization_id = world.wait_ready(&name).await.status.unwrap().organization_id;
                let tenant = world.tenant(&name).await;
                let settings = tenant.database(&database).collection::<Document>("settings");
                settings.insert_one(doc! { "key": "kept", "value": &name }).await.unwrap();
                if work == Work::Return {
                    world.delete_and_wait(&name).await;
                }
                if work == Work::Suspend {
                    object["spec"]["subscription"] = json!("Suspended");
                }
            }
        }
        Hospital { work, object, name, database, organization_id }
    }

    /// At the end of a lane nothing is there but what belongs to its hospitals.
    async fn close(mut self) {
        let world = &self.proxied.world;
        let ours = doc! { "db": { "$regex": format!("^{}_", world.sandbox.prefix()) } };
        let admin = world.mongo.database("admin");
        for kind in ["users", "roles"] {
            let collection = admin.collection::<Document>(&format!("system.{kind}"));
            let mut databases: Vec<String> = collection
                .distinct("db", ours.clone())
                .await
                .unwrap()
                .iter()
                .map(|name| name.as_str().unwrap().to_owned())
                .collect();
            databases.sort();
            self.in_use.sort();
            assert_eq!(databases, self.in_use, "databases with {kind}");
            let count = collection.count_documents(ours.clone()).await.unwrap();
            assert_eq!(usize::try_from(count).unwrap(), self.in_use.len(), "{kind}");
        }
        let secrets = world.secrets().list(&ListParams::default()).await.unwrap();
        let secrets: Vec<_> = secrets.iter().map(kube::ResourceExt::name_any).collect();
        assert_eq!(secrets.len(), self.in_use.len(), "Secrets: {secrets:?}");

        let mut kept = [self.in_use.clone(), self.retained.clone()].concat();
        kept.push(world.sandbox.master_database().to_owned());
        kept.sort();
        let prefix = format!("{}_", world.sandbox.prefix());
        let mut databases = world.mongo.list_database_names().await.unwrap();
        databases.retain(|name| name.starts_with(&prefix));
        databases.sort();
        assert_eq!(databases, kept, "databases");
        let claims = world.mongo.database(world.sandbox.master_database()).collection::<Document>("organizations");
        let claims = usize::try_from(claims.count_documents(doc! {}).await.unwrap()).unwrap();
        assert_eq!(claims, self.in_use.len() + self.retained.len(), "claims");

        assert!(self.operator.terminate().await.success());
        self.proxied.world.close().await;
    }
}

impl Hospital {
    async fn begin(&self, world: &World) {
        match self.work {
            Work::Provision | Work::Pay | Work::Suspend | Work::Return => drop(world.apply(&self.object).await),
            Work::Delete | Work::Retain => world.delete(&self.name).await,
        }
    }

    async fn wait_done(&self, world: &World) {
        match self.work {
            Work::Provision | Work::Pay | Work::Return => drop(world.wait_ready(&self.name).await),
            Work::Suspend => {
                let suspended = |o: &_| {
                    is(o, "SubscriptionActive", "False") && is(o, "Ready", "False") && !is(o, "Reconciling", "True")
                };
                world.wait(&self.name, "suspended", suspended).await;
            }
            Work::Delete | Work::Retain => world.wait_gone(&self.name).await,
        }
    }

    async fn check(&self, world: &World) {
        let (name, database) = (&self.name, self.database.as_str());
        let (users, roles) = world.users_and_roles(database).await;
        let claims = world.mongo.database(world.sandbox.master_database()).collection::<Document>("organizations");
        let claims = claims.count_documents(doc! { "database_name": database }).await.unwrap();
        let claim = world.claim_on(database).await;
        let secret = world.secrets().get_opt(&format!("{name}-mongodb")).await.unwrap();
        let settings = world.mongo.database(database).collection::<Document>("settings");
        let kept = settings.count_documents(doc! { "key": "kept", "value": name }).await.unwrap();

        match self.work {
            Work::Delete => {
                assert_eq!(world.collection_names(database).await, Vec::<String>::new(), "{name}: collections");
                assert_eq!((users, roles), (vec![], vec![]), "{name}: users and roles");
                assert_eq!(claim, None, "{name}: claim");
                assert_eq!(secret, None, "{name}: Secret");
                return;
            }
            Work::Retain => {
                assert_eq!((users, roles), (vec![], vec![]), "{name}: users and roles");
                let claim = claim.unwrap();
                assert_eq!((claims, claim.get_str("claim").unwrap()), (1, "Retained"), "{name}: claim");
                assert_eq!(claim.get_str("_id").ok(), self.organization_id.as_deref(), "{name}: organization");
                assert_eq!(secret, None, "{name}: Secret");
                assert_eq!(kept, 1, "{name}: the document");
                return;
            }
            Work::Provision | Work::Pay => {}
            Work::Suspend | Work::Return => assert_eq!(kept, 1, "{name}: the document"),
        }

        let object = world.hospitals().get(name).await.unwrap();
        let status = object.status.clone().unwrap();
        assert_eq!((users.len(), roles.len()), (1, 1), "{name}: {users:?} {roles:?}");
        let claim = claim.unwrap();
        assert_eq!((claims, claim.get_str("claim").unwrap()), (1, "Held"), "{name}: claim");
        assert_eq!(claim.get_document("owner").unwrap().get_str("uid").ok(), object.uid().as_deref(), "{name}: owner");
        assert_eq!(claim.get_str("_id").ok(), status.organization_id.as_deref(), "{name}: organization");
        if self.organization_id.is_some() {
            assert_eq!(status.organization_id, self.organization_id, "{name}: the same organization as before");
        }
        assert!(claim.get_datetime("provisioned_at").is_ok(), "{name}: {claim}");

        let mut collections: Vec<_> = TENANT_SCHEMA.collections.iter().map(|c| c.name.to_owned()).collect();
        collections.sort();
        assert_eq!(world.collection_names(database).await, collections, "{name}");
        for collection in &TENANT_SCHEMA.collections {
            let found = world.indexes(database, collection.name).await;
            let found: Vec<_> =
                found.iter().map(|index| index.get_str("name").unwrap()).filter(|n| *n != "_id_").collect();
            let mut wanted: Vec<_> = collection.indexes.iter().map(|index| index.name).collect();
            wanted.sort_unstable();
            let mut sorted = found.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, wanted, "{name}: indexes of {}", collection.name);
        }

        // The Secret's password is the user's, and the user can do what the subscription lets it do.
        let read =
            world.tenant(name).await.database(database).collection::<Document>("settings").find_one(doc! {}).await;
        let expected = if self.work == Work::Suspend { 13 } else { 0 };
        assert_eq!(code(&read), expected, "{name}: what its user may do: {read:?}");
    }
}
