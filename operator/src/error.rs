//! What can go wrong in a pass. Every error knows its reason (few and stable, for conditions, Events and metrics) and
//! whether trying again can help. Messages never carry what a server said word for word: a duplicate-key message, for
//! one, quotes the document.

use std::time::Duration;

use chakravue_crds::conditions::{ConditionType, Reason};
use mongodb::error::ErrorKind;

use crate::leader::NotLeading;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The world is such that somebody has to change something first.
    #[error("{message}")]
    Refused { condition: ConditionType, reason: Reason, message: String },

    /// A server did not do what it was asked; trying again may help.
    #[error("{message}")]
    Fault { reason: Reason, message: String },

    /// Another writer was faster; the next look will see its work.
    #[error("somebody else changed {what} at the same time")]
    Conflict { what: String },
}

/// What is refused to work that is to end.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the work is to end")]
pub struct Closed;

impl Error {
    pub fn refused(condition: ConditionType, reason: Reason, message: impl Into<String>) -> Self {
        Self::Refused { condition, reason, message: message.into() }
    }

    /// A low-cardinality name for conditions, Events and metrics.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Refused { reason, .. } | Self::Fault { reason, .. } => *reason,
            Self::Conflict { .. } => Reason::Repairing,
        }
    }

    /// Whether MongoDB takes no write from the operator now, whatever it is about.
    pub fn is_everybodys(&self) -> bool {
        use Reason as R;
        matches!(self.reason(), R::MongoDbUnavailable | R::MongoDbNotWritable | R::MongoDbAuthenticationFailed)
    }

    /// Whether MongoDB, rather than this object, is the trouble.
    pub fn is_mongodb(&self) -> bool {
        use Reason as R;
        matches!(
            self.reason(),
            R::MongoDbUnavailable
                | R::MongoDbNotWritable
                | R::MongoDbAuthenticationFailed
                | R::MongoDbPrivilegesMissing
                | R::MongoDbDiskFull
                | R::MongoDbError
        )
    }

    /// An error of the Kubernetes API while `doing` something.
    pub fn kubernetes(doing: &str, error: &kube::Error) -> Self {
        let why = match error {
            kube::Error::Api(status) if status.is_conflict() => {
                return Self::Conflict { what: "the object in Kubernetes".to_owned() };
            }
            kube::Error::Api(status) => format!("{} ({})", status.reason, status.code),
            kube::Error::Service(error) if error.is::<NotLeading>() => {
                return Self::Conflict { what: "who leads".to_owned() };
            }
            _ => "no answer".to_owned(),
        };
        Self::Fault {
            reason: Reason::KubernetesError,
            message: format!("The Kubernetes API did not {doing}: {why}. The operator tries again by itself."),
        }
    }

    /// A MongoDB that takes what it is asked and had not finished `doing` it after this long.
    pub fn unfinished(doing: &str, after: Duration) -> Self {
        Self::Fault {
            reason: Reason::MongoDbNotWritable,
            message: format!(
                "MongoDB does not finish what it is asked (tried for {} s to {doing}). See whether it is locked \
                 (db.fsyncLock()) or the majority of its members is away; the operator tries again by itself.",
                after.as_secs()
            ),
        }
    }

    /// An error of MongoDB while `doing` something.
    pub fn mongodb(doing: &str, error: &mongodb::error::Error) -> Self {
        if error.get_custom::<NotLeading>().is_some() {
            return Self::Conflict { what: "who leads".to_owned() };
        }
        if error.get_custom::<Closed>().is_some() {
            return Self::Conflict { what: "whether the hospital stays".to_owned() };
        }
        match Code::of(error) {
            Some(code) => code.fault(doing),
            None if matches!(*error.kind, ErrorKind::Authentication { .. }) => {
                Code { number: 18, name: "AuthenticationFailed".to_owned() }.fault(doing)
            }
            None if is_unreadable(error) => Self::Fault {
                reason: Reason::MongoDbError,
                message: format!(
                    "MongoDB holds a document that this operator cannot read (tried to {doing}): somebody, or a newer operator, \
                     wrote what it does not know. Correct the document, or upgrade the operator."
                ),
            },
            None => Self::Fault {
                reason: Reason::MongoDbUnavailable,
                message: format!("MongoDB does not answer (tried to {doing}). The operator tries again by itself."),
            },
        }
    }
}

fn is_unreadable(error: &mongodb::error::Error) -> bool {
    matches!(*error.kind, ErrorKind::BsonDeserialization(_) | ErrorKind::Bson(_))
}

/// The code with which a MongoDB server refused something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    pub number: i32,
    pub name: String,
}

impl Code {
    pub const UNAUTHORIZED: i32 = 13;
    pub const AUTHENTICATION_FAILED: i32 = 18;
    pub const ILLEGAL_OPERATION: i32 = 20;
    pub const NAMESPACE_NOT_FOUND: i32 = 26;
    pub const INVALID_OPTIONS: i32 = 72;
    pub const COLLECTION_UUID_MISMATCH: i32 = 361;
    pub const DUPLICATE_KEY: i32 = 11000;
    pub const NAMESPACE_EXISTS: i32 = 48;
    pub const INDEX_OPTIONS_CONFLICT: i32 = 85;
    pub const INDEX_KEY_SPECS_CONFLICT: i32 = 86;
    pub const DATABASE_DIFFERS_IN_CASE: i32 = 13297;
    pub const CANNOT_CONVERT_INDEX_TO_UNIQUE: i32 = 359;

    pub fn of(error: &mongodb::error::Error) -> Option<Self> {
        use mongodb::error::WriteFailure;
        match &*error.kind {
            ErrorKind::Command(e) => Some(Self { number: e.code, name: e.code_name.clone() }),
            ErrorKind::Write(WriteFailure::WriteError(e)) => {
                Some(Self { number: e.code, name: e.code_name.clone().unwrap_or_default() })
            }
            ErrorKind::Write(WriteFailure::WriteConcernError(e)) => {
                Some(Self { number: e.code, name: e.code_name.clone() })
            }
            _ => {
                // The driver wraps some server errors (a failed handshake, for one); the cause has the code.
                let source = std::error::Error::source(error)?;
                source.downcast_ref::<mongodb::error::Error>().and_then(Self::of)
            }
        }
    }

    pub fn fault(&self, doing: &str) -> Error {
        let (reason, message) = match self.number {
            13 => (
                Reason::MongoDbPrivilegesMissing,
                format!(
                    "The operator's MongoDB user may not {doing}. Grant it the role that `chakravue-operator mongodb-role` prints."
                ),
            ),
            18 => (
                Reason::MongoDbAuthenticationFailed,
                "MongoDB refuses the operator's user name or password. Correct the operator's MongoDB URI.".to_owned(),
            ),
            14031 => (
                Reason::MongoDbDiskFull,
                format!(
                    "MongoDB has no disk space left (tried to {doing}). Free space or enlarge the volume; the operator tries again by itself."
                ),
            ),
            91 | 189 | 10107 | 11600 | 11602 | 13435 | 13436 => (
                Reason::MongoDbNotWritable,
                format!(
                    "MongoDB has no primary that takes writes (tried to {doing}). The operator tries again by itself."
                ),
            ),
            112 | 11000 | 51002 | 51003 | Self::NAMESPACE_EXISTS => {
                return Error::Conflict { what: format!("what MongoDB holds (tried to {doing})") };
            }
            number => (
                Reason::MongoDbError,
                format!(
                    "MongoDB did not {doing}: {} ({number}). The operator tries again by itself.",
                    if self.name.is_empty() { "error" } else { &self.name }
                ),
            ),
        };
        Error::Fault { reason, message }
    }
}

/// Says of an I/O result what was being done when it failed.
pub trait Doing<T> {
    fn doing(self, what: &str) -> Result<T>;
}

impl<T> Doing<T> for mongodb::error::Result<T> {
    fn doing(self, what: &str) -> Result<T> {
        self.map_err(|error| Error::mongodb(what, &error))
    }
}

impl<T> Doing<T> for kube::Result<T> {
    fn doing(self, what: &str) -> Result<T> {
        self.map_err(|error| Error::kubernetes(what, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_reasons_that_say_what_to_do() {
        let reason = |number| Code { number, name: String::new() }.fault("create a user").reason();
        assert_eq!(reason(13), Reason::MongoDbPrivilegesMissing);
        assert_eq!(reason(18), Reason::MongoDbAuthenticationFailed);
        assert_eq!(reason(14031), Reason::MongoDbDiskFull);
        assert_eq!(reason(10107), Reason::MongoDbNotWritable);
        assert_eq!(reason(8000), Reason::MongoDbError);
    }
}
