//! Finding sessions by the hash of their token. Every request asks, and none may rest on an earlier answer: a session that
//! was ended is ended at once. So whatever comes while a question is under way is asked together, as the next one; a
//! busy service asks a few times a millisecond instead of once per request, and an idle one does not wait.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bson::{Bson, RawDocumentBuf, doc};
use tokio::sync::oneshot;

use super::Session;
use crate::{
    access::tokens::TokenHash,
    data::master::Master,
    http::problem::{Answer, Problem},
};

/// How long one question may take: all who come meanwhile wait for it.
const TURN: Duration = Duration::from_secs(5);
/// More than this many would wait long for the first.
const MOST: u32 = 256;

#[derive(Clone, Debug)]
pub(super) struct Lookup(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    master: Master,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Waiting>,
    /// Whether a question is under way, after which the queue is looked at again.
    asking: bool,
}

#[derive(Debug)]
struct Waiting {
    hash: TokenHash,
    reply: oneshot::Sender<Answer<Option<Session>>>,
}

impl Lookup {
    pub(super) fn new(master: Master) -> Self {
        Self(Arc::new(Inner { master, queue: Mutex::default() }))
    }

    /// The session of this token, as it stands in the database after this call.
    pub(super) async fn find(&self, hash: TokenHash) -> Answer<Option<Session>> {
        let (reply, found) = oneshot::channel();
        let is_first = {
            let mut queue = self.queue();
            queue.waiting.push(Waiting { hash, reply });
            !mem::replace(&mut queue.asking, true)
        };
        if is_first {
            // In a task of its own: others wait for it too, whatever becomes of this request.
            tokio::spawn(self.clone().ask());
        }
        found.await.unwrap_or_else(|_| Err(Problem::internal()))
    }

    async fn ask(self) {
        let mut asking = Asking { lookup: &self, is_over: false };
        loop {
            let batch = {
                let mut queue = self.queue();
                let batch = queue.take(MOST as usize);
                queue.asking = !batch.is_empty();
                batch
            };
            if batch.is_empty() {
                asking.is_over = true;
                return;
            }
            match tokio::time::timeout(TURN, self.all(&batch)).await {
                Ok(Ok(found)) => {
                    for Waiting { hash, reply } in batch {
                        // Two may have asked for the same session. Whoever does not wait any more has gone away.
                        let _ = reply.send(found.get(&hash).map_or(Ok(None), |found| found.clone().map(Some)));
                    }
                }
                Ok(Err(problem)) => fail(batch, &problem),
                Err(_) => {
                    tracing::warn!(seconds = TURN.as_secs(), "MongoDB does not find sessions in time");
                    // Those that came meanwhile have waited as well, and would find it no better.
                    let others = self.queue().take(usize::MAX);
                    fail(batch.into_iter().chain(others), &Problem::database_away());
                }
            }
        }
    }

    /// The sessions that are there. One that cannot be read is nobody else's trouble.
    async fn all(&self, batch: &[Waiting]) -> Answer<HashMap<TokenHash, Answer<Session>>> {
        let hashes: HashSet<&TokenHash> = batch.iter().map(|one| &one.hash).collect();
        let hashes: Vec<Bson> = hashes.into_iter().map(Bson::from).collect();
        let sessions = self.0.master.of::<Session>().as_type::<RawDocumentBuf>();
        let mut found = sessions.find(doc! { "_id": { "$in": hashes } }).batch_size(MOST).cursor().await?;
        let mut read = HashMap::new();
        while let Some(document) = found.next().await? {
            let Some(hash) = document.get_str("_id").ok().map(TokenHash::stored) else { continue };
            let session = bson::deserialize_from_slice(document.as_bytes()).map_err(|_| {
                tracing::error!("a session in the database cannot be read");
                Problem::internal()
            });
            read.insert(hash, session);
        }
        Ok(read)
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// The first that still wait.
    fn take(&mut self, most: usize) -> Vec<Waiting> {
        self.waiting.retain(|one| !one.reply.is_closed());
        let now = self.waiting.len().min(most);
        self.waiting.drain(..now).collect()
    }
}

fn fail(waiting: impl IntoIterator<Item = Waiting>, problem: &Problem) {
    for one in waiting {
        let _ = one.reply.send(Err(problem.clone()));
    }
}

/// Should asking end in a panic, whoever waits hears of it, and the next one asks again.
struct Asking<'a> {
    lookup: &'a Lookup,
    is_over: bool,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            *self.lookup.queue() = Queue::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{http::problem::Kind, state};

    fn wait(lookup: &Lookup, token: &str) -> oneshot::Receiver<Answer<Option<Session>>> {
        let (reply, found) = oneshot::channel();
        lookup.queue().waiting.push(Waiting { hash: TokenHash::of(token), reply });
        found
    }

    #[tokio::test]
    async fn nobody_asks_for_whom_nobody_waits() {
        let lookup = Lookup::new(state::unreachable().await.master.clone());
        let _first = wait(&lookup, "first");
        drop(wait(&lookup, "gone"));
        let _third = wait(&lookup, "third");
        let taken = lookup.queue().take(2);
        assert_eq!(
            taken.iter().map(|one| &one.hash).collect::<Vec<_>>(),
            [&TokenHash::of("first"), &TokenHash::of("third")]
        );
    }

    #[tokio::test]
    async fn after_a_panic_the_next_one_asks() {
        let lookup = Lookup::new(state::unreachable().await.master.clone());
        let waits = wait(&lookup, "waits");
        lookup.queue().asking = true;
        let panics = lookup.clone();
        let panicked = tokio::spawn(async move {
            let _asking = Asking { lookup: &panics, is_over: false };
            tokio::task::yield_now().await;
            panic!("a question");
        });
        assert!(panicked.await.unwrap_err().is_panic());
        assert!(waits.await.is_err());
        let asked = lookup.find(TokenHash::of("next")).await;
        assert_eq!(asked.unwrap_err().kind(), Kind::DatabaseUnavailable, "MongoDB is asked, and is not there");
    }
}
