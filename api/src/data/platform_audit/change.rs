//! A change of the platform's own data together with its entry in the platform's log: both or neither, whoever is killed in
//! between.

use bson::doc;
use futures::future::BoxFuture;
use mongodb::{
    ClientSession,
    options::{ReadConcern, WriteConcern},
};

use super::{APART, ATTEMPTS, PlatformAudit, TURN, too_much};
use crate::{
    data::{
        audit::{Actor, Entry, Head},
        commit::{self, Commit, commit, is_overtaken},
        tenant::Fault,
    },
    http::problem::Answer,
};

/// What is done inside the transaction: its writes, and the entry that records them; `None` if there is nothing to change.
pub type Work<'a, T> =
    &'a (dyn for<'s> Fn(&'s mut ClientSession) -> BoxFuture<'s, Result<Option<(T, Entry)>, Fault>> + Send + Sync);

impl PlatformAudit {
    /// Runs `work` and writes its entry as one transaction, again as a whole where another entry came between.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn change<T: Send>(&self, actor: &Actor, work: Work<'_, T>) -> Answer<Option<T>> {
        // The entries of this process queue here instead of failing against each other in MongoDB.
        let _turn = self.queue.turn.lock().await;
        let attempts = async {
            for _ in 0..ATTEMPTS {
                match self.once(actor, work).await {
                    Err(Fault::Database(error)) if is_overtaken(&error) => tokio::time::sleep(APART).await,
                    outcome => return Ok(outcome?),
                }
            }
            Err(too_much())
        };
        // Given up in the middle of a commit, nobody knows what became of it.
        tokio::time::timeout(TURN, attempts).await.unwrap_or_else(|_| Err(commit::unknown()))
    }

    async fn once<T>(&self, actor: &Actor, work: Work<'_, T>) -> Result<Option<T>, Fault> {
        let mut session = self.log.in_transaction().client().start_session().await?;
        let begin = session.start_transaction().read_concern(ReadConcern::snapshot());
        begin.write_concern(WriteConcern::majority()).await?;
        // A session that is dropped aborts its transaction.
        let Some((done, entry)) = work(&mut session).await? else { return Ok(None) };
        let log = self.log.in_transaction();
        let last = log.find_one(doc! {}).sort(doc! { "sequence": -1 }).session(&mut session).await?;
        let head = last.as_ref().map(Head::from).unwrap_or_default();
        let record = head.next(actor.recording(entry, &self.clock))?;
        log.insert_one(&record).session(&mut session).await?;
        match commit(&mut session).await? {
            Commit::Done => Ok(Some(done)),
            Commit::Unknown => Err(commit::unknown().into()),
        }
    }
}
