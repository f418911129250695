//! Slows down whoever guesses passwords. After each failure an account waits a little before the next attempt counts: a
//! second at first, ten after some, and after fifty until a day after the first. Nobody has to unlock anything.
//!
//! Attempts are counted for every address at every hospital, whether or not there is such a user, so that the wait says
//! nothing about that; those by address alone are counted for the address. So there are two ways to guess one account's
//! password, and a hundred guesses a day in all. During a wait no password is right, and none is counted.
//!
//! A success forgets what was counted for its account. What was counted for an address it does not: whoever guesses could
//! have a user of the same address at a hospital of their own, and sign in there after every few guesses.

use std::time::Duration;

use bson::{DateTime, Document, doc};
use jiff::Timestamp;
use mongodb::{IndexModel, options::ReturnDocument};
use serde::{Deserialize, Serialize};

use crate::{
    access::blind_index::Index,
    data::master::{Master, Record, Store, expiring},
    http::problem::Answer,
    program::clock::{Clock, from_bson, later, to_bson},
};

/// Up to how many failures each costs how many seconds.
const STEPS: [(i64, u64); 4] = [(2, 1), (8, 3), (24, 5), (49, 10)];
/// Failures are forgotten this long after the first, and so is a wait without a step.
const WINDOW: Duration = Duration::from_hours(24);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct LoginAttempts {
    #[serde(rename = "_id")]
    account: Index,
    failures: i64,
    locked_until: DateTime,
    expires_at: DateTime,
}

impl Record for LoginAttempts {
    const STORE: Store = Store::LoginAttempts;
}

#[must_use]
pub fn indexes() -> Vec<IndexModel> {
    vec![expiring()]
}

/// What the failures of an attempt are counted for.
#[derive(Clone, Debug)]
pub enum Counted {
    /// A user of one hospital, or of the platform.
    Account(Index),
    /// An address, wherever it is known.
    Address(Index),
}

impl Counted {
    #[must_use]
    pub fn index(&self) -> &Index {
        match self {
            Self::Account(index) | Self::Address(index) => index,
        }
    }
}

/// How an account stands before an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    failures: i64,
    /// What is left of the wait.
    pub wait: Option<Duration>,
}

#[derive(Clone, Debug)]
pub struct SoftLock {
    master: Master,
    clock: Clock,
}

impl SoftLock {
    #[must_use]
    pub fn new(master: Master, clock: Clock) -> Self {
        Self { master, clock }
    }

    /// # Errors
    /// When the master database is away.
    pub async fn look(&self, counted: &Counted) -> Answer<Standing> {
        let same = doc! { "_id": counted.index() };
        let attempts = self.master.of::<LoginAttempts>().find_one(same).await?;
        Ok(standing(attempts.as_ref(), self.clock.now()))
    }

    /// Counts a failure, unless another that came first has the account waiting already.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn failed(&self, counted: &Counted) -> Answer<Standing> {
        let now = self.clock.now();
        let after = self
            .master
            .of::<LoginAttempts>()
            .find_one_and_update(doc! { "_id": counted.index() }, counting(now))
            .upsert(true)
            .return_document(ReturnDocument::After)
            .await?;
        Ok(standing(after.as_ref(), now))
    }

    /// Forgets the failures, because the account has a new password.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn forget(&self, account: &Index) -> Answer<()> {
        self.master.of::<LoginAttempts>().delete_one(doc! { "_id": account }).await?;
        Ok(())
    }

    /// Forgets an account's failures after a success. Answers `false` if one was counted since `before`, so that guesses that
    /// are made at once are not worth more than guesses made in turn: the success then does not count.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn succeeded(&self, counted: &Counted, before: &Standing) -> Answer<bool> {
        let Counted::Account(account) = counted else {
            return Ok(self.look(counted).await?.failures <= before.failures);
        };
        let same = doc! { "_id": account, "failures": before.failures };
        if before.failures > 0 && self.master.of::<LoginAttempts>().delete_one(same).await?.deleted_count > 0 {
            return Ok(true);
        }
        // Nothing was there to forget, or another success at the same time has forgotten it.
        Ok(self.look(counted).await?.failures == 0)
    }
}

fn standing(attempts: Option<&LoginAttempts>, now: Timestamp) -> Standing {
    match attempts.filter(|attempts| from_bson(attempts.expires_at) > now) {
        None => Standing { failures: 0, wait: None },
        Some(attempts) => {
            let left = from_bson(attempts.locked_until).duration_since(now);
            Standing { failures: attempts.failures, wait: Duration::try_from(left).ok().filter(|left| !left.is_zero()) }
        }
    }
}

/// The update that counts one failure. It is done by the database in one step, so that no two attempts overlook each
/// other, whatever replica they come to.
fn counting(now: Timestamp) -> Vec<Document> {
    let at = |time: Timestamp| to_bson(time);
    let in_window = doc! { "$gt": ["$expires_at", at(now)] };
    let open = doc! { "$lte": ["$locked_until", at(now)] };
    // The failure being counted is not in `$failures` yet.
    let steps: Vec<Document> = STEPS
        .iter()
        .map(|(most, seconds)| {
            let until = later(now, Duration::from_secs(*seconds));
            doc! { "case": { "$lt": ["$failures", most] }, "then": at(until) }
        })
        .collect();
    vec![
        doc! { "$set": {
            "failures": { "$cond": [in_window.clone(), "$failures", 0_i64] },
            "locked_until": { "$cond": [in_window.clone(), "$locked_until", at(now)] },
            "expires_at": { "$cond": [in_window, "$expires_at", at(later(now, WINDOW))] },
        } },
        doc! { "$set": {
            "failures": { "$cond": [open.clone(), { "$add": ["$failures", 1_i64] }, "$failures"] },
            "locked_until": {
                "$cond": [open, { "$switch": { "branches": steps, "default": "$expires_at" } }, "$locked_until"],
            },
        } },
    ]
}
