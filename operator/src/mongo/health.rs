//! Whether MongoDB can be used at all, looked at again and again. A pass asks [`Mongo::usable`] first, so that a MongoDB
//! that is away costs a pass nothing but a condition.

use std::{sync::atomic::Ordering, time::Duration};

use chakravue_crds::{
    conditions::Reason,
    privileges::{granted, question},
};
use futures::StreamExt as _;
use mongodb::bson::{Document, Timestamp, doc};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Mongo;
use crate::{
    error::{Code, Error, Result},
    privileges::{self, Login},
};

/// How often a usable MongoDB is looked at. Passes report trouble at once, so this only finds trouble nobody met.
pub(super) const LOOK: Duration = Duration::from_secs(5);
/// How often one that cannot be used is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Longer than a server that works takes for a look. Whoever asks whether the process is alive waits for longer.
const LONGEST_LOOK: Duration = Duration::from_secs(20);

#[derive(Clone, Debug)]
pub enum Health {
    /// Nothing is known yet.
    Unknown,
    Usable(Abilities),
    Unusable(Error),
}

/// What this deployment of MongoDB can do.
#[derive(Clone, Copy, Debug)]
pub struct Abilities {
    /// A standalone server has no transactions and no change streams.
    pub transactions: bool,
    pub change_streams: bool,
    /// The time of the server's newest change at this look.
    pub operation_time: Option<Timestamp>,
    /// Whether the master database has its indexes, which whoever leads sees to.
    prepared: bool,
}

impl Mongo {
    /// What MongoDB can do, or why it cannot be used. Waits for the first look after the start, or after this process has
    /// come to lead.
    pub async fn usable(&self) -> Result<Abilities> {
        let mut health = self.health.subscribe();
        let known = |health: &Health| match health {
            Health::Unknown => false,
            Health::Usable(abilities) => abilities.prepared,
            Health::Unusable(_) => true,
        };
        match &*health
            .wait_for(known)
            .await
            .map_err(|_| Error::Conflict { what: "the operator, which is stopping,".to_owned() })?
        {
            Health::Usable(abilities) => Ok(*abilities),
            Health::Unusable(error) => Err(error.clone()),
            Health::Unknown => unreachable!("waited for something else"),
        }
    }

    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Whether it answered when it was last looked at.
    pub fn is_usable(&self) -> bool {
        matches!(*self.health.borrow(), Health::Usable(_))
    }

    /// A pass met trouble where all seemed well: have a look at once.
    pub fn report_trouble(&self) {
        if self.is_usable() {
            self.trouble.notify_one();
        }
    }

    /// This process leads from now on: what a leader has to prepare is prepared at once.
    pub fn leads(&self) {
        self.trouble.notify_one();
    }

    /// Collections or indexes of the master database were changed: the index that is the claim may be gone.
    pub fn master_changed(&self) {
        self.trouble.notify_one();
    }

    /// Looks at MongoDB until the process stops; `heartbeat` is called at every look.
    pub async fn watch(self, stop: CancellationToken, heartbeat: impl Fn()) {
        let mut said = None;
        let pulse = Self { client: self.pulse.clone(), ..self.clone() };
        while !stop.is_cancelled() {
            let look = tokio::time::timeout(LONGEST_LOOK, pulse.look()).await;
            let look = look.unwrap_or_else(|_| Err(Error::unfinished("look at it", LONGEST_LOOK)));
            heartbeat();
            let pause = match &look {
                Ok(abilities) => {
                    if said.take().is_some() || matches!(*self.health.borrow(), Health::Unknown) {
                        tracing::info!(transactions = abilities.transactions, "MongoDB can be used");
                    }
                    LOOK
                }
                Err(error) => {
                    let text = error.to_string();
                    if said.as_ref() != Some(&text) {
                        tracing::error!(reason = %error.reason(), "{text}");
                        if error.reason() == Reason::MongoDbPrivilegesMissing {
                            tracing::error!(
                                "an administrator creates the role with:\n{}",
                                privileges::mongosh_script(
                                    "chakravue-operator",
                                    "chakravue-operator",
                                    Login::Operator { master: &self.master }
                                )
                            );
                        }
                        said = Some(text);
                    }
                    RETRY
                }
            };
            self.health.send_replace(match look {
                Ok(abilities) => Health::Usable(abilities),
                Err(error) => Health::Unusable(error),
            });
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.trouble.notified() => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// One look for who does not watch.
    pub async fn inspect(&self) -> Result<Abilities> {
        self.look().await
    }

    /// One look: a writable primary, every right that is needed, and the indexes of the master database.
    async fn look(&self) -> Result<Abilities> {
        let hello = self.read("admin", doc! { "hello": 1 }, "greet it").await?;
        let status = self.read("admin", question(), "show its privileges").await?;
        let granted = granted(&status);
        let missing = privileges::missing(Login::Operator { master: &self.master }, &granted);
        if !missing.is_empty() {
            return Err(Error::Fault {
                reason: Reason::MongoDbPrivilegesMissing,
                message: format!(
                    "The operator's MongoDB user lacks {}. Grant it the role that `chakravue-operator mongodb-role` prints.",
                    missing.join(", ")
                ),
            });
        }
        let helpful = privileges::missing_optional(Login::Operator { master: &self.master }, &granted);
        if !helpful.is_empty() && matches!(*self.health.borrow(), Health::Unknown) {
            tracing::warn!(
                "The operator's MongoDB user lacks {}: it cannot see how full MongoDB is, or what lost its hospital. \
                 `chakravue-operator mongodb-role` prints the role.",
                helpful.join(", ")
            );
        }
        if !hello.get_bool("isWritablePrimary").unwrap_or(false) {
            return Err(Code { number: 10107, name: String::new() }.fault("find the primary"));
        }
        if matches!(*self.health.borrow(), Health::Unusable(_)) {
            self.prepared.store(false, Ordering::Relaxed);
        }
        if self.leadership.holds() {
            // Of two operators, one must not end what the other one is at.
            if !self.prepared.load(Ordering::Relaxed) {
                self.leadership.hold_on_to(self.end_abandoned_sessions()).await.ok();
            }
            self.ensure_master_indexes().await?;
            self.prepared.store(true, Ordering::Relaxed);
        }
        let standalone = !hello.contains_key("setName") && hello.get_str("msg").ok() != Some("isdbgrid");
        Ok(Abilities {
            transactions: !standalone,
            change_streams: !standalone,
            operation_time: hello.get_timestamp("operationTime").ok(),
            prepared: self.prepared.load(Ordering::Relaxed),
        })
    }

    /// Ends what a killed predecessor or a lost connection left open: the server would keep its transaction, and the
    /// locks on the collections in it, for a minute. A login may always look at its own sessions and end them, and the
    /// driver's own are renewed by their next use. It is no failure if this fails; the minute passes.
    async fn end_abandoned_sessions(&self) {
        // Only those: an index build whose command is ended begins anew.
        let pipeline = [
            doc! { "$currentOp": { "allUsers": false, "idleSessions": true } },
            doc! { "$match": { "transaction": { "$exists": true } } },
            doc! { "$project": { "id": "$lsid.id" } },
        ];
        let cursor = match self.client.database("admin").aggregate(pipeline).await {
            Ok(cursor) => cursor,
            // A sharded cluster shows a login its own sessions only with a right that is worth more than the minute.
            Err(error) => return tracing::debug!(%error, "the sessions of before cannot be seen"),
        };
        let sessions: Vec<Document> = cursor
            .filter_map(|session| async move { session.ok()?.get("id").map(|id| doc! { "id": id }) })
            .collect()
            .await;
        if !sessions.is_empty() {
            let ended = self.client.database("admin").run_command(doc! { "killSessions": sessions }).await;
            tracing::debug!(ended = ended.is_ok(), "ended the sessions of before");
        }
    }
}
