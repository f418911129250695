//! Finding sessions by the hash of their token. Every request asks, and none may rest on an earlier answer: a session that
//! was ended is ended at once. So whatever comes while a question is under way is asked together, as the next one; a
//! busy service asks a few times a millisecond instead of once per request, and an idle one does not wait.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bson::{Bson, doc};
use futures::TryStreamExt as _;
use tokio::sync::oneshot;

use super::Session;
use crate::{
    master::Master,
    problem::{Answer, Problem},
    tokens::TokenHash,
};

/// How long one question may take: all who come meanwhile wait for it.
const TURN: Duration = Duration::from_secs(5);
/// More than this many would wait long for the first.
const MOST: usize = 256;

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
        loop {
            let batch = {
                let mut queue = self.queue();
                let now = queue.waiting.len().min(MOST);
                let batch: Vec<_> = queue.waiting.drain(..now).collect();
                queue.asking = !batch.is_empty();
                batch
            };
            if batch.is_empty() {
                return;
            }
            let asked = tokio::time::timeout(TURN, self.all(batch.iter().map(|one| &one.hash))).await;
            let found = asked.unwrap_or_else(|_| {
                tracing::warn!(seconds = TURN.as_secs(), "MongoDB does not find sessions in time");
                Err(Problem::database_away())
            });
            match found {
                Ok(found) => batch.into_iter().for_each(|Waiting { hash, reply }| {
                    // Whoever does not wait any more has gone away. Two may have asked for the same session.
                    let _ = reply.send(Ok(found.get(&hash).cloned()));
                }),
                Err(problem) => batch.into_iter().for_each(|one| drop(one.reply.send(Err(problem.clone())))),
            }
        }
    }

    async fn all(&self, hashes: impl Iterator<Item = &TokenHash>) -> Answer<HashMap<TokenHash, Session>> {
        let hashes: Vec<Bson> = hashes.map(Bson::from).collect();
        let found = self.0.master.of::<Session>().find(doc! { "_id": { "$in": hashes } }).await?;
        Ok(found.map_ok(|session| (session.token_hash.clone(), session)).try_collect().await?)
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
