//! Room for one more hospital. A MongoDB that runs out of file descriptors aborts and takes every hospital with it, so the
//! operator counts what there is against what the server reports and what it was told, and refuses the next hospital
//! before that point. Hospitals that exist are never refused anything.

pub mod usage;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chakravue_crds::conditions::{ConditionType, Reason};
use mongodb::bson::{Bson, Document, doc};
use tokio_util::sync::CancellationToken;

use self::usage::{Cost, Usage};
use crate::{
    access::desired,
    catalogue,
    error::{Error, Result},
    mongo::{Health, Mongo},
};

/// How often the server is asked. What is made in between is counted here.
const LOOK: Duration = Duration::from_secs(5);
/// The share of the server's descriptors that may be in use: backups, clients and MongoDB itself need some too.
const DESCRIPTORS_USED: (i64, i64) = (8, 10);

/// What the operator was told.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    pub tables: i64,
    /// Instead of what the server reports.
    pub open_files: Option<i64>,
    pub users: Option<i64>,
}

pub struct Capacity {
    budget: Budget,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    usage: Option<Usage>,
    /// Hospitals that are being made, or were since the last look began, and when they were finished.
    admitted: HashMap<String, Option<Instant>>,
}

impl Capacity {
    pub fn new(budget: Budget) -> Self {
        Self { budget, state: Mutex::default() }
    }

    /// Asked before a database is made. Whoever was let in once is not asked again until it is finished.
    pub async fn admit(&self, mongo: &Mongo, uid: &str, database: &str) -> Result<()> {
        if self.lock().usage.is_none() {
            self.look(mongo).await?;
        }
        let mut state = self.lock();
        if state.admitted.contains_key(uid) {
            return Ok(());
        }
        let cost = Cost::of_hospital(catalogue::current());
        let more = i64::try_from(state.admitted.len()).unwrap_or(i64::MAX).saturating_add(1);
        // How many are in use is in the metrics: here it would be another message at every look.
        if let Some((resource, budget)) = state.usage.and_then(|usage| usage.lacks(more, &cost)) {
            return Err(Error::refused(
                ConditionType::SchemaReady,
                Reason::CapacityExhausted,
                format!(
                    "MongoDB has no room for database {database}: of the {budget} {} that may be in use, less than the {} that a \
                     hospital takes are left. Remove hospitals that nobody needs, add a MongoDB, or {}; the operator goes on by itself then.",
                    resource.words(),
                    cost.of(resource),
                    resource.cure(),
                ),
            ));
        }
        state.admitted.insert(uid.to_owned(), None);
        Ok(())
    }

    /// A hospital that was let in is made, or will not be.
    pub fn finished(&self, uid: &str) {
        if let Some(finished) = self.lock().admitted.get_mut(uid) {
            finished.get_or_insert_with(Instant::now);
        }
    }

    /// What is in use by now, with what was let in since the last look.
    pub fn usage(&self) -> Option<Usage> {
        let state = self.lock();
        let more = i64::try_from(state.admitted.len()).unwrap_or(i64::MAX);
        state.usage.map(|usage| usage.with(more, &Cost::of_hospital(catalogue::current())))
    }

    async fn look(&self, mongo: &Mongo) -> Result<()> {
        let began = Instant::now();
        let usage = self.ask(mongo).await?;
        let mut state = self.lock();
        state.usage = Some(usage);
        // What was finished before the server was asked is in its answer.
        state.admitted.retain(|_, finished| finished.is_none_or(|finished| finished >= began));
        Ok(())
    }

    async fn ask(&self, mongo: &Mongo) -> Result<Usage> {
        let left_out = ["locks", "metrics", "repl", "tcmalloc", "opLatencies", "transactions", "globalLock", "network"];
        let mut status = doc! { "serverStatus": 1 };
        status.extend(left_out.map(|section| (section.to_owned(), Bson::Int32(0))));
        let doing = "tell what it has in use";
        let (status, host, users) = tokio::join!(
            mongo.read("admin", status, doing),
            mongo.read("admin", doc! { "hostInfo": 1 }, doing),
            mongo.count("admin", desired::STORED_USERS, doing),
        );
        // Rights that are for this alone may be missing, and not every service has such answers: the budgets stand then.
        let status = optional(status)?.unwrap_or_default();
        let host = optional(host)?.unwrap_or_default();
        let tables = tables(&status);
        let open_files = self.budget.open_files.or_else(|| open_files(&host));
        let descriptors = tables.max(files_open(&status)) + connections(&status);
        let (part, whole) = DESCRIPTORS_USED;
        Ok(Usage {
            tables: (tables, Some(self.budget.tables)),
            descriptors: (descriptors, open_files.map(|files| files / whole * part)),
            users: (i64::try_from(users?).unwrap_or(i64::MAX), self.budget.users),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the server until the process stops.
pub async fn watch(capacity: &Capacity, mongo: &Mongo, stop: &CancellationToken) {
    let mut said = None;
    loop {
        if matches!(*mongo.health().borrow(), Health::Usable(_))
            && let Err(error) = capacity.look(mongo).await
            && said.as_ref() != Some(&error.reason())
        {
            tracing::warn!("what MongoDB has in use is not known: {error}");
            said = Some(error.reason());
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => return,
        }
    }
}

fn optional(answer: Result<Document>) -> Result<Option<Document>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if matches!(error.reason(), Reason::MongoDbPrivilegesMissing | Reason::MongoDbError) => Ok(None),
        Err(error) => Err(error),
    }
}

fn tables(status: &Document) -> i64 {
    let catalog = |field| at(status, &["catalogStats", field]);
    catalog("collections") + catalog("internalCollections") + at(status, &["indexStats", "count"])
}

fn files_open(status: &Document) -> i64 {
    at(status, &["wiredTiger", "connection", "files currently open"])
}

fn connections(status: &Document) -> i64 {
    at(status, &["connections", "current"])
}

fn open_files(host: &Document) -> Option<i64> {
    // Which of the two it is depends on the version.
    let limits = [["extra", "maxOpenFiles"].as_slice(), &["extra", "extra", "maxOpenFiles"]];
    limits.into_iter().map(|path| at(host, path)).find(|limit| *limit > 0)
}

/// A number somewhere in an answer; 0 where there is none.
#[allow(clippy::cast_possible_truncation, reason = "counts, which the server may send as doubles")]
fn at(answer: &Document, path: &[&str]) -> i64 {
    let [parents @ .., field] = path else { return 0 };
    let parent = parents.iter().try_fold(answer, |parent, name| parent.get_document(name).ok());
    match parent.and_then(|parent| parent.get(field)) {
        Some(Bson::Int32(number)) => i64::from(*number),
        Some(Bson::Int64(number)) => *number,
        Some(Bson::Double(number)) => *number as i64,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use chakravue_crds::tenant_schema::TENANT_SCHEMA;

    use super::{usage::Resource, *};

    fn capacity(usage: Usage) -> Capacity {
        let capacity = Capacity::new(Budget { tables: 0, open_files: None, users: None });
        capacity.lock().usage = Some(usage);
        capacity
    }

    #[test]
    fn a_hospital_costs_what_it_makes() {
        let cost = Cost::of_hospital(&TENANT_SCHEMA);
        assert_eq!([Resource::Tables, Resource::Users].map(|resource| cost.of(resource)), [24, 1]);
        assert!(cost.of(Resource::Descriptors) > 24);
    }

    #[tokio::test]
    async fn the_last_that_fits_is_let_in_and_the_next_is_told_what_is_missing() {
        let usage = Usage { tables: (10, Some(10 + 2 * 24)), descriptors: (0, None), users: (0, None) };
        let capacity = capacity(usage);
        let mongo = Mongo::unconnected().await;
        let admit = async |uid| capacity.admit(&mongo, uid, "a").await;
        admit("1").await.unwrap();
        admit("2").await.unwrap();
        let refused = admit("3").await.unwrap_err();
        assert_eq!(refused.reason(), Reason::CapacityExhausted);
        let words = refused.to_string();
        for part in ["database a", "of the 58 tables", "less than the 24", "--max-tables"] {
            assert!(words.contains(part), "{words}");
        }
        admit("1").await.unwrap();
        assert_eq!(capacity.usage().unwrap().tables.0, 58);
        capacity.finished("1");
        admit("3").await.unwrap_err();
    }

    #[test]
    fn what_the_server_says_is_found_wherever_it_stands() {
        let status = doc! {
            "catalogStats": { "collections": 12, "internalCollections": 3_i64 },
            "indexStats": { "count": 24.0 },
            "connections": { "current": 7 },
            "wiredTiger": { "connection": { "files currently open": 50 } },
        };
        assert_eq!((tables(&status), files_open(&status), connections(&status)), (39, 50, 7));
        assert_eq!(open_files(&doc! { "extra": { "extra": { "maxOpenFiles": 3000 } } }), Some(3000));
        assert_eq!(open_files(&doc! { "extra": { "maxOpenFiles": 64000_i64 } }), Some(64000));
        assert_eq!((open_files(&doc! {}), tables(&doc! {})), (None, 0));
    }
}
