//! The end of a hospital's audit log, in one hand per process: entries that wait are written together, and whoever
//! changes data holds the end until the change is in. Another replica's entry in between shows as a duplicate
//! `sequence`, upon which the end is looked up again.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bson::doc;
use chakravue_crds::organization_id::OrganizationId;
use mongodb::options::ReadConcern;
use tokio::sync::oneshot;

use super::{Fault, Records, Tenant, TenantDatabase, abandoned};
use crate::{
    data::{
        audit::{AuditRecord, Head, Pending},
        database_error,
        master::{Master, Store},
    },
    http::problem::{A_MOMENT, Answer, Kind, Problem},
};

/// How often a batch begins anew behind another replica's entries.
const ATTEMPTS: usize = 50;

/// Between two attempts, in which another replica's entry reaches most members.
const APART: Duration = Duration::from_millis(5);

/// How many entries are written at once.
const BATCH: usize = 500;

/// How many may wait. More would wait for more than two batches, or for a MongoDB that hangs.
const MOST: usize = 2 * BATCH;

/// How soon after an entry the end of the chain is noted in the master database, together with what came meanwhile.
const ANCHORED: Duration = Duration::from_secs(5);

/// How often that is tried while the master database is away. After that the next entry does it.
const ANCHOR_ATTEMPTS: usize = 60;

#[derive(Debug, Default)]
pub(super) struct Chain {
    end: tokio::sync::Mutex<End>,
    waiting: Mutex<Vec<Waiting>>,
}

#[derive(Debug, Default)]
struct End {
    /// `None`: has to be looked up.
    head: Option<Head>,
    /// The last entry of this process, until it is noted.
    unnoted: Option<Head>,
    /// Whether a note of it is on its way.
    anchoring: bool,
}

#[derive(Debug)]
struct Waiting {
    pending: Pending,
    written: oneshot::Sender<Answer<()>>,
}

impl Chain {
    /// The end, if it is free in time.
    pub(super) async fn lock(&self, tenant: &Tenant) -> Answer<ChainGuard<'_>> {
        tenant.in_turn(async { ChainGuard(self.end.lock().await) }).await
    }

    /// Adds an entry; returns when it is stored.
    pub(super) async fn append(&self, tenant: &Tenant, pending: Pending) -> Answer<()> {
        let (written, mut outcome) = oneshot::channel();
        self.join(Waiting { pending, written })?;
        loop {
            // Whoever holds the end next writes for all that wait. Whose entry that was leaves the queue: in their turn they
            // would only write the few entries that came since, and be late themselves.
            let mut guard = tokio::select! {
                biased;
                answer = &mut outcome => return answer.unwrap_or_else(|_| Err(Problem::internal())),
                guard = self.lock(tenant) => guard?,
            };
            let batch = self.take(BATCH);
            if batch.is_empty() {
                continue;
            }
            let (pending, mut written): (Vec<_>, Vec<_>) =
                batch.into_iter().map(|one| (one.pending, one.written)).unzip();
            let answer = tenant.in_turn(guard.write(tenant, pending)).await.unwrap_or_else(|hangs| {
                guard.forget();
                // The next turn would end no better, and they have waited through this one.
                written.extend(self.take(MOST).into_iter().map(|one| one.written));
                Err(hangs)
            });
            for one in written {
                // Whoever does not wait any more has given up; the entry is stored all the same.
                let _ = one.send(answer.clone());
            }
        }
    }

    fn join(&self, one: Waiting) -> Answer<()> {
        let mut waiting = self.waiting();
        if waiting.len() >= MOST {
            waiting.retain(|one| !one.written.is_closed());
        }
        if waiting.len() >= MOST {
            return Err(Problem::database_away());
        }
        waiting.push(one);
        Ok(())
    }

    /// The first that wait. Whoever has given up got no answer to be recorded.
    fn take(&self, most: usize) -> Vec<Waiting> {
        let mut waiting = self.waiting();
        waiting.retain(|one| !one.written.is_closed());
        let now = waiting.len().min(most);
        waiting.drain(..now).collect()
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(super) struct ChainGuard<'a>(tokio::sync::MutexGuard<'a, End>);

impl ChainGuard<'_> {
    /// The end of the chain.
    pub(super) async fn head(&mut self, database: &TenantDatabase) -> Result<Head, Fault> {
        if let Some(head) = &self.0.head {
            return Ok(head.clone());
        }
        let last = database
            .collection::<AuditRecord>(Records::AuditLogs)
            .find_one(doc! {})
            .sort(doc! { "sequence": -1 })
            // Never one that a change of the primary can still take back: what is built on that could never be mended.
            .read_concern(ReadConcern::majority())
            .await?;
        let head = last.as_ref().map(Head::from).unwrap_or_default();
        self.0.head = Some(head.clone());
        Ok(head)
    }

    pub(super) fn forget(&mut self) {
        self.0.head = None;
    }

    /// The chain now ends with `record`.
    pub(super) fn advance(&mut self, tenant: &Tenant, record: &AuditRecord) {
        let head = Head::from(record);
        self.0.head = Some(head.clone());
        self.0.unnoted = Some(head);
        if !mem::replace(&mut self.0.anchoring, true) {
            // Finished before the service ends.
            tenant.0.tenants.under_way().spawn(keep_noted(tenant.clone()));
        }
    }

    async fn write(&mut self, tenant: &Tenant, pending: Vec<Pending>) -> Answer<()> {
        let mut rest = pending;
        for _ in 0..ATTEMPTS {
            let cell = tokio::sync::Mutex::new(&mut *self);
            let head = tenant
                .connected(|connection| {
                    let cell = &cell;
                    async move { cell.lock().await.head(&TenantDatabase(connection.database().clone())).await }
                })
                .await?;
            let mut records = Vec::with_capacity(rest.len());
            let mut end = head;
            for one in &rest {
                let record = end.next(one.clone())?;
                end = Head::from(&record);
                records.push(record);
            }
            let inserted = tenant
                .connected(|connection| {
                    let records = &records;
                    async move {
                        let database = TenantDatabase(connection.database().clone());
                        let log = database.collection::<AuditRecord>(Records::AuditLogs);
                        Ok(match abandoned::ending(&database, async { log.insert_many(records).await }).await {
                            Ok(_) => records.len(),
                            Err(error) if database_error::is_duplicate(&error) => {
                                database_error::before_the_duplicate(&error)
                            }
                            Err(error) => return Err(error.into()),
                        })
                    }
                })
                .await;
            let inserted = inserted.inspect_err(|_| self.forget())?;
            tenant.0.tenants.metrics().audit_batch(inserted);
            if inserted == records.len() {
                if let Some(last) = records.last() {
                    self.advance(tenant, last);
                }
                return Ok(());
            }
            self.forget();
            rest.drain(..inserted);
            tokio::time::sleep(APART).await;
        }
        let detail = "Too much happens at once in this hospital. Try again in a moment.";
        Err(Problem::new(Kind::Conflict, detail).retry_after(A_MOMENT))
    }
}

/// Notes the end of the log soon, or at once when the service stops, and as long as it grows.
async fn keep_noted(tenant: Tenant) {
    let mut attempts = 0;
    loop {
        let stops = tokio::time::timeout(ANCHORED, tenant.0.tenants.stopping().cancelled()).await.is_ok();
        let head = {
            let mut end = tenant.0.chain.end.lock().await;
            // Looked up again by the next entry: a log that was restored from a backup meanwhile ends elsewhere.
            end.head = None;
            end.anchoring = end.unnoted.is_some();
            end.unnoted.take()
        };
        let Some(head) = head else { return };
        let Err(problem) = anchor(&tenant, head.clone()).await else {
            attempts = 0;
            continue;
        };
        attempts += 1;
        let is_over = stops || attempts == ANCHOR_ATTEMPTS || problem.kind() != Kind::DatabaseUnavailable;
        if is_over || attempts == 1 {
            tracing::warn!(?problem, is_over, "the end of an audit log could not be noted");
        }
        let mut end = tenant.0.chain.end.lock().await;
        end.unnoted.get_or_insert(head);
        if is_over {
            end.anchoring = false;
            return;
        }
    }
}

/// Notes in the master database how far the log has come, so that it cannot be cut off at its end unseen: what is written
/// between two notes is all that this cannot show.
///
/// The note moves on only from an entry that the log still has. Once it was tampered with, the note stays and tells so.
async fn anchor(tenant: &Tenant, head: Head) -> Answer<()> {
    let anchors = tenant.0.tenants.master().raw(Store::AuditAnchors);
    let organization = tenant.organization_id().as_str();
    let now = tenant.0.tenants.clock().now_bson();
    let Some(noted) = noted(tenant.0.tenants.master(), tenant.organization_id()).await? else {
        let first = doc! { "_id": organization, "sequence": head.sequence, "hash": head.hash, "at": now };
        return match anchors.insert_one(first).await {
            // Another replica was first.
            Err(error) if !database_error::is_duplicate(&error) => Err(error.into()),
            _ => Ok(()),
        };
    };
    if noted.sequence >= head.sequence {
        return Ok(());
    }
    let there = doc! { "sequence": noted.sequence, "hash": &noted.hash };
    let there = tenant.read(|database| {
        let there = there.clone();
        async move { Ok(database.collection::<AuditRecord>(Records::AuditLogs).find_one(there).await?) }
    });
    if there.await?.is_none() {
        tracing::error!(
            organization,
            sequence = noted.sequence,
            "an entry that was noted is not in the audit log: it was tampered with"
        );
        return Ok(());
    }
    let as_it_was = doc! { "_id": organization, "sequence": noted.sequence, "hash": noted.hash };
    let moved_on = doc! { "$set": { "sequence": head.sequence, "hash": head.hash, "at": now } };
    anchors.update_one(as_it_was, moved_on).await?;
    Ok(())
}

/// How far a hospital's audit log had come when it was last noted.
///
/// # Errors
/// When the master database is away.
pub async fn noted(master: &Master, organization: &OrganizationId) -> Answer<Option<Head>> {
    let anchor = master.raw(Store::AuditAnchors).find_one(doc! { "_id": organization.as_str() }).await?;
    Ok(anchor.and_then(|anchor| {
        Some(Head { sequence: anchor.get_i64("sequence").ok()?, hash: anchor.get_str("hash").ok()?.to_owned() })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        data::audit::{Actor, Entry},
        state,
    };

    #[tokio::test]
    async fn no_more_wait_than_can_be_written_soon() {
        let app = state::unreachable().await;
        let tenant = Tenant::new(OrganizationId::generate(), app.tenants.clone());
        let pending = || Actor::system().recording(Entry::new("patient.read"), &app.clock);
        let chain = &tenant.0.chain;
        let _end = chain.end.lock().await;
        let mut outcomes: Vec<_> = (0..MOST)
            .map(|_| {
                let (written, outcome) = oneshot::channel();
                chain.join(Waiting { pending: pending(), written }).unwrap();
                outcome
            })
            .collect();
        assert_eq!(chain.append(&tenant, pending()).await.unwrap_err().kind(), Kind::DatabaseUnavailable);

        outcomes.truncate(3);
        let (written, _outcome) = oneshot::channel();
        chain.join(Waiting { pending: pending(), written }).unwrap();
        assert_eq!(chain.waiting().len(), 4, "who has given up takes nobody's place");
        assert_eq!(chain.take(BATCH).len(), 4);
    }
}
