//! The platform's own audit log, in the master database: what its administrators and the service did to hospitals. The
//! same chain as the hospitals' logs have; the API's MongoDB user may only add to it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bson::{Document, doc};
use chakravue_crds::OrganizationId;
use mongodb::{Collection, IndexModel};
use tokio::sync::oneshot;

use crate::{
    audit::{Actor, AuditRecord, Entry, Head, Pending},
    clock::Clock,
    database_error,
    master::{Master, Record, Store, unique_where},
    problem::{A_MOMENT, Answer, Kind, Problem},
};

/// How often an entry is put behind one that came at the same time.
const ATTEMPTS: usize = 50;
/// How many entries are written at once.
const BATCH: usize = 500;
/// How long writing them may take: a database that stands still must not make all who come later wait for it.
const TURN: Duration = Duration::from_secs(20);

impl Record for AuditRecord {
    const STORE: Store = Store::AuditLogs;
}

/// A hospital has signed up.
pub const SIGN_UP: &str = "organization.sign_up";
/// A payment was declined.
pub const DECLINE: &str = "payment.decline";

/// A hospital was made active with a payment.
pub const ACTIVATE: &str = "organization.activate";
pub const SUSPEND: &str = "organization.suspend";
pub const RESUME: &str = "organization.resume";
pub const CHANGE_PLAN: &str = "organization.change_plan";

/// Lets each hospital have one entry of its sign-up, and each payment one that it was declined or one that a hospital was
/// made active with it, whoever is killed before they know that it is written.
#[must_use]
pub fn once() -> [IndexModel; 2] {
    let by_target = doc! { "action": { "$in": [SIGN_UP, DECLINE] } };
    [
        unique_where("once", doc! { "action": 1, "target.id": 1 }, by_target),
        unique_where("once_paid", doc! { "action": 1, "details.payment_id": 1 }, doc! { "action": ACTIVATE }),
    ]
}

/// Finds the entry that there is [`once`], if this is one.
fn known_by(entry: &Entry) -> Option<Document> {
    let (action, target) = entry.identity()?;
    match action {
        SIGN_UP | DECLINE => Some(doc! { "action": action, "target.id": target }),
        ACTIVATE => entry.text("payment_id").map(|payment| doc! { "action": action, "details.payment_id": payment }),
        _ => None,
    }
}

#[derive(Clone, Debug)]
pub struct PlatformAudit {
    log: Collection<AuditRecord>,
    clock: Clock,
    queue: Arc<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<VecDeque<Waiting>>,
    turn: tokio::sync::Mutex<()>,
}

/// An entry that is not stored yet, and who waits for that.
#[derive(Debug)]
struct Waiting {
    pending: Pending,
    /// Finds it if it is one that there is [`once`].
    once: Option<Document>,
    written: oneshot::Sender<Answer<()>>,
}

impl PlatformAudit {
    #[must_use]
    pub fn new(master: &Master, clock: Clock) -> Self {
        Self { log: master.of(), clock, queue: Arc::default() }
    }

    #[must_use]
    pub fn log(&self) -> &Collection<AuditRecord> {
        &self.log
    }

    /// Adds an entry at the end of the chain; returns when it is stored. One that is there [`once`] stays as it is.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn record(&self, actor: &Actor, entry: Entry) -> Answer<()> {
        let once = known_by(&entry);
        let (written, outcome) = oneshot::channel();
        self.waiting().push_back(Waiting { pending: actor.recording(entry, &self.clock), once, written });
        // In a task of its own: whoever goes away must not leave entries half-written that others wait for.
        let this = self.clone();
        tokio::spawn(async move { this.write().await });
        outcome.await.unwrap_or_else(|_| Err(Problem::internal()))
    }

    /// The newest entry of one of these actions about a hospital.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn last_of(&self, actions: &[&str], organization: &OrganizationId) -> Answer<Option<AuditRecord>> {
        let about = doc! { "target.id": organization.as_str(), "action": { "$in": actions } };
        Ok(self.log.find_one(about).sort(doc! { "sequence": -1 }).await?)
    }

    /// Writes what waits, at once. Each entry has a task that does so, so that none stays behind a full batch; most find
    /// nothing left to do.
    async fn write(&self) {
        let _turn = self.queue.turn.lock().await;
        let mut batch = first(&mut self.waiting(), BATCH);
        let outcome = tokio::time::timeout(TURN, self.append(&mut batch)).await.unwrap_or_else(|_| {
            tracing::warn!(seconds = TURN.as_secs(), "MongoDB does not write the platform's audit log in time");
            Err(Problem::database_away())
        });
        for left in batch {
            left.answer(outcome.clone());
        }
    }

    /// Adds entries and answers those that are stored; what is left in `batch` is not.
    async fn append(&self, batch: &mut VecDeque<Waiting>) -> Answer<()> {
        let mut attempts = 0;
        while !batch.is_empty() {
            if attempts == ATTEMPTS {
                let detail = "Too much happens on the platform at once. Try again in a moment.";
                return Err(Problem::new(Kind::Conflict, detail).retry_after(A_MOMENT));
            }
            let last = self.log.find_one(doc! {}).sort(doc! { "sequence": -1 }).await?;
            let mut head = last.as_ref().map(Head::from).unwrap_or_default();
            let mut records = Vec::with_capacity(batch.len());
            for one in &*batch {
                let record = head.next(one.pending.clone())?;
                head = Head::from(&record);
                records.push(record);
            }
            let stored = match self.log.insert_many(&records).await {
                Ok(_) => records.len(),
                Err(error) if database_error::is_duplicate(&error) => database_error::before_the_duplicate(&error),
                Err(error) => return Err(error.into()),
            };
            for written in batch.drain(..stored) {
                written.answer(Ok(()));
            }
            // Another replica's entry has the next one's place, or it is there already.
            if let Some(once) = batch.front().and_then(|next| next.once.clone())
                && self.log.find_one(once).await?.is_some()
                && let Some(known) = batch.pop_front()
            {
                // That was no contention: many of these may be known.
                known.answer(Ok(()));
            } else {
                attempts += 1;
            }
        }
        Ok(())
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes up to so many from the front.
fn first<T>(queue: &mut VecDeque<T>, most: usize) -> VecDeque<T> {
    queue.drain(..most.min(queue.len())).collect()
}

impl Waiting {
    fn answer(self, outcome: Answer<()>) {
        // Whoever does not wait any more has gone away.
        let _ = self.written.send(outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_once_is_known_by_what_it_is_about() {
        let activation = Entry::new(ACTIVATE).target("organization", "org_1").detail("payment_id", "pay_1");
        assert_eq!(known_by(&activation), Some(doc! { "action": ACTIVATE, "details.payment_id": "pay_1" }));
        let decline = Entry::new(DECLINE).target("payment", "pay_2");
        assert_eq!(known_by(&decline), Some(doc! { "action": DECLINE, "target.id": "pay_2" }));
        assert_eq!(known_by(&Entry::new(SUSPEND).target("organization", "org_1")), None);
    }

    #[test]
    fn a_batch_is_bounded_and_leaves_the_rest_in_order() {
        let mut queue: VecDeque<_> = (0..5).collect();
        assert_eq!(first(&mut queue, 3), [0, 1, 2]);
        assert_eq!(first(&mut queue, 3), [3, 4]);
        assert!(first(&mut queue, 3).is_empty());
    }
}
