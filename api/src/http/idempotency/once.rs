//! A change of a hospital's data that may be sent again: its entry in the hospital's audit log names the request, so a
//! repetition finds there what was made, whoever was killed before they could answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bson::{Document, doc};
use jiff::Timestamp;

use super::{Attempt, KEPT};
use crate::{
    data::{
        audit::{AuditRecord, Entry},
        tenant::{Fault, Records, Transaction},
    },
    program::clock::to_bson,
};

/// One attempt at such a change.
pub struct Once {
    attempt: Attempt,
    user_id: String,
    now: Timestamp,
    /// The log is read only where the change may be in it: by an earlier attempt, or a commit whose answer was lost.
    is_new: AtomicBool,
}

impl Once {
    #[must_use]
    pub fn new(attempt: Attempt, user_id: &str, now: Timestamp) -> Arc<Self> {
        let is_new = AtomicBool::new(attempt.is_first);
        Arc::new(Self { attempt, user_id: user_id.to_owned(), now, is_new })
    }

    /// The entry of what an earlier attempt made. Asked in each run of the transaction, before it changes anything.
    ///
    /// # Errors
    /// When a later attempt has taken the request over, or a database is away.
    pub async fn made(&self, tx: &Transaction) -> Result<Option<AuditRecord>, Fault> {
        let is_new = self.is_new.swap(false, Ordering::Relaxed);
        // The end of the audit log was looked up before: what a later attempt changes from now on is a conflict with this one.
        self.attempt.check().await?;
        match self.request().filter(|_| !is_new) {
            Some(request) => tx.find_one(Records::AuditLogs, self.made_by(request)).await,
            None => Ok(None),
        }
    }

    /// The entry of what this attempt makes.
    #[must_use]
    pub fn entry(&self, entry: Entry) -> Entry {
        match self.request() {
            Some(request) => entry.detail("request_key", request),
            None => entry,
        }
    }

    /// `None`: it cannot be sent again.
    fn request(&self) -> Option<&str> {
        self.attempt.held.as_ref().map(|_| self.attempt.request.as_str())
    }

    fn made_by(&self, request: &str) -> Document {
        // As the log is indexed, so that it is not read from the beginning.
        let recently = to_bson(self.now - (KEPT + Duration::from_hours(1)));
        doc! { "actor_id": &self.user_id, "at": { "$gte": recently }, "details.request_key": request }
    }
}
