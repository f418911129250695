//! How many seats of its plan a hospital has taken: its users but for those who are disabled. The operator's own login cannot
//! read documents, so the watch's login counts them, and only after somebody came, went or was disabled: in between the
//! change stream says that nothing has changed. Without that login every user counts, disabled or not.

use chakravue_crds::{naming::DatabaseName, tenant_schema};
use mongodb::{Client, bson::Document, options::ReadConcern};

use crate::{
    drift::{Look, stream::Watcher},
    error::Code,
    mongo::Mongo,
};

/// Of a start with a thousand hospitals, as many are counted at a time as there are connections.
const CONNECTIONS: u32 = 4;

/// How many users there were when how many of them had a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub documents: i64,
    pub seats: i64,
}

/// The login that may count.
#[derive(Default)]
pub struct Seats(Option<Client>);

impl Seats {
    pub fn new(watcher: Option<&Watcher>) -> mongodb::error::Result<Self> {
        watcher.map(|watcher| watcher.counter(CONNECTIONS)).transpose().map(Self)
    }

    /// Answers nothing where that cannot be told now; `documents` are the users whom the database has in all.
    pub async fn taken(&self, mongo: &Mongo, look: &Look<'_>, database: &DatabaseName, documents: i64) -> Option<i64> {
        let Some(client) = self.0.as_ref().filter(|_| documents > 0) else { return Some(documents) };
        if let Some(known) = look.counted().filter(|known| known.documents == documents) {
            return Some(known.seats);
        }
        let users = client.database(database.as_str()).collection::<Document>(tenant_schema::USERS);
        // What the change stream shows is what a majority has, too.
        let count = users.count_documents(tenant_schema::seated()).read_concern(ReadConcern::majority());
        match mongo.timed("aggregate", count).await {
            Ok(seats) => {
                let seats = i64::try_from(seats).unwrap_or(i64::MAX);
                look.count(Counted { documents, seats });
                Some(seats)
            }
            Err(error) => {
                tracing::warn!(%database, "the seats taken cannot be counted: {error}");
                let is_forbidden = Code::of(&error).is_some_and(|code| code.number == FORBIDDEN);
                is_forbidden.then_some(documents)
            }
        }
    }
}

/// Unauthorized: it will be so next time.
const FORBIDDEN: i32 = 13;
