//! A change of a hospital's data together with its audit entry.

use std::{sync::Arc, time::Duration};

use bson::Document;
use futures::{TryStreamExt as _, future::BoxFuture};
use mongodb::{
    ClientSession,
    options::{ReadConcern, ReturnDocument, UpdateModifications, WriteConcern},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Mutex;

use super::{Fault, Records, Tenant, TenantDatabase, abandoned, chain::ChainGuard};
use crate::{
    data::{
        audit::{Actor, AuditRecord, Entry},
        commit::{self, Commit, commit, is_overtaken},
        database_error,
    },
    http::{
        problem::{A_MOMENT, Answer, Kind, Problem},
        request_id,
    },
};

/// How often a change is tried again when another replica's change came between.
const ATTEMPTS: usize = 20;

/// The waits between attempts double up to this. Who waits that long waits for no replica that lives.
const LONGEST_WAIT: Duration = Duration::from_millis(400);

type Result<T> = std::result::Result<T, Fault>;

/// Reads and writes inside one transaction. Handles of one transaction can be cloned; they take turns.
#[derive(Clone, Debug)]
pub struct Transaction {
    database: TenantDatabase,
    session: Arc<Mutex<ClientSession>>,
}

impl Transaction {
    /// # Errors
    /// When MongoDB does.
    pub async fn find_one<T: DeserializeOwned + Send + Sync>(
        &self,
        from: Records,
        filter: Document,
    ) -> Result<Option<T>> {
        let mut session = self.session.lock().await;
        Ok(self.database.collection::<T>(from).find_one(filter).session(&mut *session).await?)
    }

    /// Finds with the collation of the case-insensitive indexes.
    ///
    /// # Errors
    /// When MongoDB does.
    pub async fn find_one_ignoring_case<T: DeserializeOwned + Send + Sync>(
        &self,
        from: Records,
        filter: Document,
    ) -> Result<Option<T>> {
        let mut session = self.session.lock().await;
        let collection = self.database.collection::<T>(from);
        Ok(collection.find_one(filter).collation(super::ignoring_case()).session(&mut *session).await?)
    }

    /// At most `limit` records.
    ///
    /// # Errors
    /// When MongoDB does.
    pub async fn find<T: DeserializeOwned + Send + Sync>(
        &self,
        from: Records,
        filter: Document,
        limit: i64,
    ) -> Result<Vec<T>> {
        let mut session = self.session.lock().await;
        let mut cursor = self.database.collection::<T>(from).find(filter).limit(limit).session(&mut *session).await?;
        Ok(cursor.stream(&mut session).try_collect().await?)
    }

    /// # Errors
    /// When MongoDB does.
    pub async fn count(&self, from: Records, filter: Document) -> Result<u64> {
        let mut session = self.session.lock().await;
        Ok(self.database.collection::<Document>(from).count_documents(filter).session(&mut *session).await?)
    }

    /// # Errors
    /// When MongoDB does; a unique index that refuses is [`database_error::is_duplicate`].
    pub async fn insert<T: Serialize + Send + Sync>(&self, into: Records, record: &T) -> Result<()> {
        let mut session = self.session.lock().await;
        self.database.collection::<T>(into).insert_one(record).session(&mut *session).await?;
        Ok(())
    }

    /// Updates one record and answers it as it is afterwards.
    ///
    /// # Errors
    /// When MongoDB does.
    pub async fn update<T: DeserializeOwned + Send + Sync>(
        &self,
        of: Records,
        filter: Document,
        update: impl Into<UpdateModifications>,
    ) -> Result<Option<T>> {
        let mut session = self.session.lock().await;
        let collection = self.database.collection::<T>(of);
        let updated = collection.find_one_and_update(filter, update).return_document(ReturnDocument::After);
        Ok(updated.session(&mut *session).await?)
    }

    /// Replaces one record, or inserts it.
    ///
    /// # Errors
    /// When MongoDB does.
    pub async fn replace<T: Serialize + Send + Sync>(&self, of: Records, filter: Document, record: &T) -> Result<()> {
        let mut session = self.session.lock().await;
        self.database.collection::<T>(of).replace_one(filter, record).upsert(true).session(&mut *session).await?;
        Ok(())
    }

    /// Deletes records and answers how many.
    ///
    /// # Errors
    /// When MongoDB does.
    pub async fn delete(&self, from: Records, filter: Document) -> Result<u64> {
        let mut session = self.session.lock().await;
        let deleted = self.database.collection::<Document>(from).delete_many(filter).session(&mut *session).await?;
        Ok(deleted.deleted_count)
    }
}

/// What is done inside a transaction: its writes, and the entry that records them; `None` if there is nothing to change.
type Work<'a> = &'a (dyn Fn(Transaction) -> BoxFuture<'static, Result<Option<Entry>>> + Send + Sync);

/// Runs `work` and its audit entry as one transaction, again as a whole where another change came between.
pub(super) async fn run(tenant: &Tenant, actor: &Actor, work: Work<'_>) -> Answer<()> {
    // Held to the end: the changes of this process queue here instead of failing against each other in MongoDB.
    let mut chain = tenant.0.chain.lock(tenant).await?;
    let mut attempt = 0;
    let mut wait = Duration::from_millis(2);
    loop {
        attempt += 1;
        let cell = Mutex::new(&mut chain);
        let outcome = tenant
            .connected(|connection| {
                let cell = &cell;
                async move {
                    let mut chain = cell.lock().await;
                    once(tenant, &TenantDatabase(connection.database().clone()), actor, &mut chain, work).await
                }
            })
            .await?;
        match outcome {
            Attempt::Done => return Ok(()),
            Attempt::Again if attempt < ATTEMPTS => {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
                if wait == LONGEST_WAIT {
                    let end = tenant.connected(|connection| async move {
                        abandoned::end(&TenantDatabase(connection.database().clone())).await;
                        Ok(())
                    });
                    tenant.in_turn(end).await??;
                }
            }
            Attempt::Again => {
                let detail = "Too many changes at once. Try again in a moment.";
                return Err(Problem::new(Kind::Conflict, detail).retry_after(A_MOMENT));
            }
        }
    }
}

enum Attempt {
    Done,
    Again,
}

/// What a transaction came to before its commit.
enum Prepared {
    /// Its writes are in, with the entry that records them.
    Written(Transaction, Box<AuditRecord>),
    /// Nothing was changed, so nothing is recorded.
    Nothing,
    Again,
}

async fn once(
    tenant: &Tenant,
    database: &TenantDatabase,
    actor: &Actor,
    chain: &mut ChainGuard<'_>,
    work: Work<'_>,
) -> Result<Attempt> {
    in_time()?;
    let prepared = tenant.in_turn(prepare(tenant, database, actor, chain, work)).await;
    let prepared = prepared.unwrap_or_else(|hangs| Err(hangs.into()));
    if !matches!(prepared, Ok(Prepared::Written(..))) {
        // What nothing is built on is not kept: the log may end elsewhere by the time of the next entry.
        chain.forget();
    }
    let (transaction, record) = match prepared? {
        Prepared::Written(transaction, record) => (transaction, record),
        Prepared::Nothing => return Ok(Attempt::Done),
        Prepared::Again => return Ok(Attempt::Again),
    };
    // Dropped where it is too late, which aborts it.
    let mut session = transaction.session.lock().await;
    in_time().inspect_err(|_| chain.forget())?;
    let committed = tenant.in_turn(commit(&mut session)).await.unwrap_or(Ok(Commit::Unknown));
    if !matches!(committed, Ok(Commit::Done)) {
        chain.forget();
    }
    match committed {
        Ok(Commit::Done) => {
            chain.advance(tenant, &record);
            Ok(Attempt::Done)
        }
        Ok(Commit::Unknown) => {
            // A suspension explains it.
            tenant.0.tenants.usable(&tenant.0.organization_id)?;
            Err(commit::unknown().into())
        }
        Err(error) if is_overtaken(&error) => Ok(Attempt::Again),
        Err(error) => Err(error.into()),
    }
}

/// Whoever has been told by now to try again must not find the change made twice.
fn in_time() -> Answer<()> {
    if request_id::is_over() { Err(Problem::database_away()) } else { Ok(()) }
}

async fn prepare(
    tenant: &Tenant,
    database: &TenantDatabase,
    actor: &Actor,
    chain: &mut ChainGuard<'_>,
    work: Work<'_>,
) -> Result<Prepared> {
    let head = chain.head(database).await?;
    let mut session = database.0.client().start_session().await?;
    session.start_transaction().read_concern(ReadConcern::snapshot()).write_concern(WriteConcern::majority()).await?;
    let transaction = Transaction { database: database.clone(), session: Arc::new(Mutex::new(session)) };
    let outcome = work(transaction.clone()).await;
    let mut session = transaction.session.lock().await;
    let entry = match outcome {
        Ok(Some(entry)) => entry,
        Ok(None) => {
            session.abort_transaction().await?;
            return Ok(Prepared::Nothing);
        }
        Err(fault) => {
            // Best effort: a transaction that nobody commits is ended by MongoDB itself.
            let _ = session.abort_transaction().await;
            return match fault {
                Fault::Database(error) if database_error::is_transient(&error) => Ok(Prepared::Again),
                fault => Err(fault),
            };
        }
    };
    let record = head.next(actor.recording(entry, tenant.0.tenants.clock()))?;
    let log = database.collection::<AuditRecord>(Records::AuditLogs);
    let inserted = log.insert_one(&record).session(&mut *session).await;
    if let Err(error) = inserted {
        let _ = session.abort_transaction().await;
        chain.forget();
        return if is_overtaken(&error) { Ok(Prepared::Again) } else { Err(error.into()) };
    }
    drop(session);
    Ok(Prepared::Written(transaction, Box::new(record)))
}
