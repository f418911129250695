//! The platform's own audit log, in the master database: what its administrators and the service did to hospitals. The
//! same chain as the hospitals' logs have; the API's MongoDB user may only add to it. A change of the platform's own data is
//! made together with its entry: see [`change`].

pub mod change;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bson::{Document, doc};
use chakravue_crds::OrganizationId;
use jiff::Timestamp;
use mongodb::{IndexModel, options::ReadConcern};
use tokio::sync::oneshot;

use crate::{
    data::{
        audit::{Actor, AuditRecord, Entry, Head, Pending},
        database_error,
        master::{Master, Record, Store, index, unique, unique_where},
        timed::TimedCollection,
    },
    http::problem::{A_MOMENT, Answer, Kind, Problem},
    program::clock::{Clock, to_bson},
};

/// How often an entry is put behind one that came at the same time.
const ATTEMPTS: usize = 50;
/// Between two attempts, in which another replica's entry reaches most members.
const APART: Duration = Duration::from_millis(5);
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

/// The detail that names the version of a hospital's object that a change made: of two, the later one has the larger.
pub const VERSION: &str = "resource_version";

/// A suspension or resumption that is recorded longer than this after another is later than it, whatever their versions: a
/// cluster that was restored from a backup counts from an earlier one. No request takes so long.
const LATE: Duration = Duration::from_hours(1);

#[must_use]
pub fn indexes() -> Vec<IndexModel> {
    let mut indexes = vec![
        unique("sequence", doc! { "sequence": 1 }),
        index("time", doc! { "at": -1 }),
        index("target", doc! { "target.id": 1, "sequence": -1 }),
    ];
    indexes.extend(once());
    indexes
}

/// Lets each hospital have one entry of its sign-up, each payment one that it was declined or one that a hospital was made
/// active with it, and each version of a hospital one of its change of plan, whoever is killed before they know that it is
/// written.
fn once() -> [IndexModel; 3] {
    let by_target = doc! { "action": { "$in": [SIGN_UP, DECLINE] } };
    let version = format!("details.{VERSION}");
    let by_version = doc! { "action": CHANGE_PLAN, &version: { "$exists": true } };
    [
        unique_where("once", doc! { "action": 1, "target.id": 1 }, by_target),
        unique_where("once_paid", doc! { "action": 1, "details.payment_id": 1 }, doc! { "action": ACTIVATE }),
        unique_where("once_changed", doc! { "action": 1, "target.id": 1, version: 1 }, by_version),
    ]
}

/// Finds the entry that there is [`once`], if this is one.
fn known_by(entry: &Entry) -> Option<Document> {
    let (action, target) = entry.identity()?;
    match action {
        SIGN_UP | DECLINE => Some(doc! { "action": action, "target.id": target }),
        ACTIVATE => entry.text("payment_id").map(|payment| doc! { "action": action, "details.payment_id": payment }),
        CHANGE_PLAN => entry
            .number(VERSION)
            .map(|version| doc! { "action": action, "target.id": target, format!("details.{VERSION}"): version }),
        _ => None,
    }
}

/// Finds the entry of a later suspension or resumption of the hospital, or of the same one. Whoever wrote it, on another
/// replica, has told of the step before it, too: an entry that comes after it would tell that the hospital is as it was.
fn overtaken_by(entry: &Entry, now: Timestamp) -> Option<Document> {
    let ((SUSPEND | RESUME, target), version) = (entry.identity()?, entry.number(VERSION)?) else { return None };
    Some(doc! {
        "target.id": target,
        "action": { "$in": [SUSPEND, RESUME] },
        format!("details.{VERSION}"): { "$gte": version },
        "at": { "$gte": to_bson(now - LATE) },
    })
}

#[derive(Clone, Debug)]
pub struct PlatformAudit {
    log: TimedCollection<AuditRecord>,
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
    /// Finds what makes it superfluous.
    overtaken_by: Option<Document>,
    written: oneshot::Sender<Answer<()>>,
}

impl PlatformAudit {
    #[must_use]
    pub fn new(master: &Master, clock: Clock) -> Self {
        Self { log: master.of(), clock, queue: Arc::default() }
    }

    #[must_use]
    pub fn log(&self) -> &TimedCollection<AuditRecord> {
        &self.log
    }

    /// Adds an entry at the end of the chain; returns when it is stored. One that is there [`once`] stays as it is, and one
    /// that was overtaken is left out.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn record(&self, actor: &Actor, entry: Entry) -> Answer<()> {
        let (once, overtaken_by) = (known_by(&entry), overtaken_by(&entry, self.clock.now()));
        let (written, outcome) = oneshot::channel();
        let pending = actor.recording(entry, &self.clock);
        self.waiting().push_back(Waiting { pending, once, overtaken_by, written });
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
                return Err(too_much());
            }
            // Never one that a change of the primary can still take back: what is built on that could never be mended.
            let last = self.log.find_one(doc! {}).sort(doc! { "sequence": -1 });
            let last = last.read_concern(ReadConcern::majority()).await?;
            let mut head = last.as_ref().map(Head::from).unwrap_or_default();
            // After the look at the end: what is written from now on takes the next one's place.
            self.leave_out_overtaken(batch).await?;
            if batch.is_empty() {
                break;
            }
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
                tokio::time::sleep(APART).await;
            }
        }
        Ok(())
    }

    async fn leave_out_overtaken(&self, batch: &mut VecDeque<Waiting>) -> Answer<()> {
        let mut place = 0;
        while let Some(one) = batch.get(place) {
            if let Some(by) = &one.overtaken_by
                && self.log.find_one(by.clone()).await?.is_some()
                && let Some(told) = batch.remove(place)
            {
                told.answer(Ok(()));
            } else {
                place += 1;
            }
        }
        Ok(())
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Entries of other replicas came first, again and again.
fn too_much() -> Problem {
    Problem::new(Kind::Conflict, "Too much happens on the platform at once. Try again in a moment.")
        .retry_after(A_MOMENT)
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
        let change = Entry::new(CHANGE_PLAN).target("organization", "org_1");
        assert_eq!(known_by(&change), None, "a choice of whoever signs up, which may be made twice");
        assert_eq!(
            known_by(&change.detail(VERSION, 7)),
            Some(doc! { "action": CHANGE_PLAN, "target.id": "org_1", "details.resource_version": 7_i64 })
        );
    }

    #[test]
    fn a_step_is_overtaken_by_one_of_the_same_or_a_later_version() {
        let now: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
        let step = |action| Entry::new(action).target("organization", "org_1").detail(VERSION, 7);
        assert_eq!(
            overtaken_by(&step(RESUME), now),
            Some(doc! {
                "target.id": "org_1",
                "action": { "$in": [SUSPEND, RESUME] },
                "details.resource_version": { "$gte": 7_i64 },
                "at": { "$gte": to_bson("2026-11-23T08:00:00Z".parse().unwrap()) },
            })
        );
        assert_eq!(overtaken_by(&step(CHANGE_PLAN), now), None);
        assert_eq!(overtaken_by(&Entry::new(SUSPEND).target("organization", "org_1"), now), None);
    }

    #[test]
    fn a_batch_is_bounded_and_leaves_the_rest_in_order() {
        let mut queue: VecDeque<_> = (0..5).collect();
        assert_eq!(first(&mut queue, 3), [0, 1, 2]);
        assert_eq!(first(&mut queue, 3), [3, 4]);
        assert!(first(&mut queue, 3).is_empty());
    }
}
