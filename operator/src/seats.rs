//! How many seats of its plan a hospital has taken: its users but for those who are disabled. The operator's own login cannot
//! read documents, so the watch's login counts them, and only after somebody came, went or was disabled: in between the
//! change stream says that nothing has changed. Without that login every user counts, disabled or not.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chakravue_crds::{naming::DatabaseName, tenant_schema};
use mongodb::{Client, bson::Document, error::ErrorKind, options::ReadConcern};

use crate::{
    drift::{Counted, Look, stream::Watcher},
    error::Code,
    mongo::Mongo,
};

/// Of a start with a thousand hospitals, as many are counted at a time as there are connections.
const CONNECTIONS: u32 = 4;

/// How many seats are taken, as far as it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Counted(i64),
    /// Ask again later; until then it is as many as before.
    Unknown,
}

/// Counting must not keep waiting what a pass is there for.
const PATIENCE: Duration = Duration::from_secs(2);

/// For how long nobody asks a login again that has just failed.
const REST: Duration = Duration::from_secs(10);

/// The login that may count.
#[derive(Default)]
pub struct Seats {
    login: Option<Client>,
    failed: Mutex<Option<Instant>>,
}

impl Seats {
    pub fn new(watcher: Option<&Watcher>) -> mongodb::error::Result<Self> {
        let login = watcher.map(|watcher| watcher.counter(CONNECTIONS)).transpose()?;
        Ok(Self { login, failed: Mutex::default() })
    }

    /// `documents` are the users whom the database has in all.
    pub async fn taken(&self, mongo: &Mongo, look: &Look<'_>, database: &DatabaseName, documents: i64) -> Taken {
        let Some(client) = self.login.as_ref().filter(|_| documents > 0) else { return Taken::Counted(documents) };
        if let Some(known) = look.counted().filter(|known| known.documents == documents) {
            return Taken::Counted(known.seats);
        }
        if self.rests() {
            return Taken::Unknown;
        }
        let users = client.database(database.as_str()).collection::<Document>(tenant_schema::USERS);
        // What the change stream shows is what a majority has, too.
        let count = users.count_documents(tenant_schema::seated()).read_concern(ReadConcern::majority());
        let trouble = match tokio::time::timeout(PATIENCE, mongo.timed("aggregate", count)).await {
            Ok(Ok(seats)) => {
                let seats = i64::try_from(seats).unwrap_or(i64::MAX);
                look.count(Counted { documents, seats });
                return Taken::Counted(seats);
            }
            // It will be so next time: as without the login.
            Ok(Err(error)) if is_refused(&error) => return Taken::Counted(documents),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer".to_owned(),
        };
        tracing::warn!(%database, "the seats taken cannot be counted: {trouble}");
        *self.failed() = Some(Instant::now());
        Taken::Unknown
    }

    fn rests(&self) -> bool {
        self.failed().is_some_and(|failed| failed.elapsed() < REST)
    }

    fn failed(&self) -> MutexGuard<'_, Option<Instant>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether MongoDB does not let the login in, or not count.
fn is_refused(error: &mongodb::error::Error) -> bool {
    matches!(*error.kind, ErrorKind::Authentication { .. })
        || Code::of(error).is_some_and(|code| [Code::UNAUTHORIZED, Code::AUTHENTICATION_FAILED].contains(&code.number))
}
