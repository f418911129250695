//! Whether the master database can be used: looked at again and again, beside the requests, so that what is wrong with the
//! login is said in words that help, and not by an error of whatever request needs the right first.

use std::{sync::atomic::AtomicBool, time::Duration};

use bson::doc;
use chakravue_crds::privileges::{self, granted, is_somebody};
use mongodb::{IndexModel, error::Error};
use tokio::sync::{Notify, watch};

use super::{Master, Store, role};
use crate::data::{database_error, timed::in_time};

/// How often the rights are compared while nothing is missing, and while something is.
const LOOK: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_secs(1);

/// How it stands with the database.
#[derive(Debug)]
pub(super) struct Standing {
    /// Those that each collection needs, and whether all of them were made.
    pub indexes: fn(Store) -> Vec<IndexModel>,
    pub prepared: AtomicBool,
    /// What the latest look found wrong.
    wrong: watch::Sender<Option<Unusable>>,
    /// Somebody met what the latest look has not seen.
    trouble: Notify,
}

impl Standing {
    pub fn new(indexes: fn(Store) -> Vec<IndexModel>) -> Self {
        let wrong = watch::Sender::new(Some(Unusable::NotLookedAt));
        Self { indexes, prepared: AtomicBool::new(false), wrong, trouble: Notify::new() }
    }
}

/// Why the master database cannot be used, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("MongoDB was not looked at yet.")]
    NotLookedAt,
    #[error(
        "MongoDB does not answer. See whether it runs, whether the service's MongoDB URI has the right hosts and TLS options, \
         and what is between; the service tries again by itself."
    )]
    Away,
    #[error(
        "MongoDB refuses the user name or password of the service's MongoDB URI (authentication failed, 18). Correct the \
         URI and start the service again, which reads it at its start."
    )]
    AuthenticationFailed,
    #[error(
        "The service is nobody to MongoDB: its MongoDB URI has no user name, or MongoDB runs without authentication. \
         `{command}` prints the user to make."
    )]
    Nobody { command: String },
    #[error("The service's MongoDB user lacks {rights}. Grant it the role that `{command}` prints.")]
    Lacks { rights: String, command: String },
    /// Not by its own list of rights, which is whole: as where something stands between.
    #[error("The service's MongoDB user is not authorized (13). Grant it the role that `{command}` prints.")]
    NotAuthorized { command: String },
    #[error("MongoDB does not do what it is asked: {kind}{}.", code.map(|code| format!(" ({code})")).unwrap_or_default())]
    Fails { kind: String, code: Option<i32> },
}

impl Unusable {
    fn of(error: &Error, master_database: &str) -> Self {
        if database_error::is_login_refused(error) {
            Self::AuthenticationFailed
        } else if database_error::is_refused(error) {
            Self::NotAuthorized { command: role::command_line(master_database) }
        } else if database_error::is_away(error) {
            Self::Away
        } else {
            Self::Fails { kind: database_error::name(error), code: database_error::code(error) }
        }
    }
}

impl Master {
    /// Whether the database can be used: as of the latest look, and by one question now.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn usable(&self) -> Result<(), Unusable> {
        if let Some(why) = &*self.standing.wrong.borrow() {
            return Err(why.clone());
        }
        let ping = self.raw(Store::Organizations).find_one(doc! {}).projection(doc! { "_id": 1 }).await;
        ping.map(drop).map_err(|error| {
            self.standing.trouble.notify_one();
            Unusable::of(&error, self.name())
        })
    }

    /// One look: every right that is needed, and the indexes, which are made where they are missing.
    ///
    /// # Errors
    /// Why the database cannot be used.
    pub async fn look(&self) -> Result<(), Unusable> {
        let unusable = |error| Unusable::of(&error, self.name());
        let admin = self.database.client().database("admin");
        let answer = in_time(admin.run_command(privileges::question())).await;
        let answer = answer.map_err(unusable)?;
        let command = role::command_line(self.name());
        if !is_somebody(&answer) {
            return Err(Unusable::Nobody { command });
        }
        // Also where a right is missing: what can be served meanwhile is.
        let prepared = if self.is_prepared() { Ok(()) } else { self.prepare().await };
        let lacking = privileges::lacking(&role::privileges(self.name()), &granted(&answer));
        if !lacking.is_empty() {
            return Err(Unusable::Lacks { rights: lacking.join(", "), command });
        }
        prepared.map_err(unusable)
    }

    /// Looks until the service ends. Requests are served meanwhile.
    pub async fn keep_looking(self) {
        let mut said = None;
        loop {
            let wrong = self.look().await.err();
            match &wrong {
                None if said.take().is_some() => tracing::info!("the master database can be used"),
                None => {}
                Some(why) if said.as_ref() == Some(why) => {}
                Some(why) => {
                    tracing::error!("{why}");
                    said = Some(why.clone());
                }
            }
            let pause = if wrong.is_none() { LOOK } else { RETRY };
            self.standing.wrong.send_replace(wrong);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.standing.trouble.notified() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Arc};

    use mongodb::error::ErrorKind;

    use super::*;

    fn of(kind: ErrorKind) -> String {
        Unusable::of(&Error::from(kind), "m").to_string()
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        let away = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert!(of(ErrorKind::Io(Arc::new(away))).starts_with("MongoDB does not answer."));
        assert!(of(ErrorKind::Shutdown).starts_with("MongoDB does not do what it is asked: Shutdown."));
        let lacks = Unusable::Lacks { rights: "insert on m.sessions".to_owned(), command: "c".to_owned() };
        let said = "The service's MongoDB user lacks insert on m.sessions. Grant it the role that `c` prints.";
        assert_eq!(lacks.to_string(), said);
    }
}
