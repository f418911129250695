//! The platform's own audit log, in the master database: what its administrators and the service did to hospitals. The
//! same chain as the hospitals' logs have; the API's MongoDB user may only add to it.

use std::sync::Arc;

use bson::doc;
use mongodb::{Collection, IndexModel};
use tokio::sync::Mutex;

use crate::{
    audit::{Actor, AuditRecord, Entry, Head},
    clock::Clock,
    database_error,
    master::{Master, Record, Store, unique_where},
    problem::{Answer, Kind, Problem},
};

/// How often an entry is put behind one that came at the same time.
const ATTEMPTS: usize = 50;

impl Record for AuditRecord {
    const STORE: Store = Store::AuditLogs;
}

/// A hospital has signed up.
pub const SIGN_UP: &str = "organization.sign_up";
/// A payment was declined.
pub const DECLINE: &str = "payment.decline";

/// Lets each hospital have one entry of its sign-up, and each payment one that it was declined, whoever is killed before
/// they know that it is written.
#[must_use]
pub fn once() -> IndexModel {
    unique_where("once", doc! { "action": 1, "target.id": 1 }, doc! { "action": { "$in": [SIGN_UP, DECLINE] } })
}

#[derive(Clone, Debug)]
pub struct PlatformAudit {
    log: Collection<AuditRecord>,
    clock: Clock,
    /// The entries of this process take turns instead of failing against each other in MongoDB.
    turn: Arc<Mutex<()>>,
}

impl PlatformAudit {
    #[must_use]
    pub fn new(master: &Master, clock: Clock) -> Self {
        Self { log: master.of(), clock, turn: Arc::default() }
    }

    #[must_use]
    pub fn log(&self) -> &Collection<AuditRecord> {
        &self.log
    }

    /// Adds an entry at the end of the chain. One that is there [`once`] stays as it is.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn record(&self, actor: &Actor, entry: Entry) -> Answer<()> {
        let this = entry.identity().filter(|(action, _)| [SIGN_UP, DECLINE].contains(action));
        let this = this.map(|(action, target)| doc! { "action": action, "target.id": target });
        let pending = actor.recording(entry, &self.clock);
        let _turn = self.turn.lock().await;
        for _ in 0..ATTEMPTS {
            let last = self.log.find_one(doc! {}).sort(doc! { "sequence": -1 }).await?;
            let record = last.as_ref().map(Head::from).unwrap_or_default().next(pending.clone())?;
            match self.log.insert_one(&record).await {
                Ok(_) => return Ok(()),
                // Somebody else's entry has that place, or this one has another.
                Err(error) if database_error::is_duplicate(&error) => {
                    if let Some(this) = &this
                        && self.log.find_one(this.clone()).await?.is_some()
                    {
                        return Ok(());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Problem::new(Kind::Conflict, "Too much happens on the platform at once. Try again in a moment."))
    }
}
