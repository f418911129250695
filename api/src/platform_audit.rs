//! The platform's own audit log, in the master database: what its administrators and the service did to hospitals. The
//! same chain as the hospitals' logs have; the API's MongoDB user may only add to it.

use bson::doc;
use mongodb::Collection;

use crate::{
    audit::{Actor, AuditRecord, Entry, Head},
    clock::Clock,
    database_error,
    master::{Master, Record, Store},
    problem::{Answer, Kind, Problem},
};

/// How often an entry is put behind one that came at the same time.
const ATTEMPTS: usize = 50;

impl Record for AuditRecord {
    const STORE: Store = Store::AuditLogs;
}

#[derive(Clone, Debug)]
pub struct PlatformAudit {
    log: Collection<AuditRecord>,
    clock: Clock,
}

impl PlatformAudit {
    #[must_use]
    pub fn new(master: &Master, clock: Clock) -> Self {
        Self { log: master.of(), clock }
    }

    /// Adds an entry at the end of the chain.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn record(&self, actor: &Actor, entry: Entry) -> Answer<()> {
        let pending = actor.recording(entry, &self.clock);
        for _ in 0..ATTEMPTS {
            let last = self.log.find_one(doc! {}).sort(doc! { "sequence": -1 }).await?;
            let record = last.as_ref().map(Head::from).unwrap_or_default().next(pending.clone())?;
            match self.log.insert_one(&record).await {
                Ok(_) => return Ok(()),
                // Somebody else's entry has that place.
                Err(error) if database_error::is_duplicate(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Problem::new(Kind::Conflict, "Too much happens on the platform at once. Try again in a moment."))
    }
}
