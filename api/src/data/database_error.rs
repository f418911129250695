//! What an error of the MongoDB driver means. The server's own words are left out everywhere: they may quote a document.

use mongodb::error::{Error, ErrorKind, WriteFailure};

/// The server's answer to a login or a command that the user has no right to.
const UNAUTHORIZED: i32 = 13;
const AUTHENTICATION_FAILED: i32 = 18;
const USER_NOT_FOUND: i32 = 11;
const DUPLICATE_KEY: i32 = 11_000;
/// Answers of a server that is starting, stepping down or stopping.
const IN_TRANSITION: [i32; 10] = [6, 7, 89, 91, 189, 9001, 10_107, 11_600, 11_602, 13_436];

/// The server's code, if the server answered at all.
#[must_use]
pub fn code(error: &Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => Some(concern.code),
        ErrorKind::InsertMany(many) => many.write_errors.iter().flatten().next().map(|write| write.code),
        ErrorKind::Authentication { .. } => Some(AUTHENTICATION_FAILED),
        _ => None,
    }
}

/// The kind of error, such as `ServerSelection`.
#[must_use]
pub fn name(error: &Error) -> String {
    let text = format!("{:?}", error.kind);
    text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// Whether a unique index refused the document.
#[must_use]
pub fn is_duplicate(error: &Error) -> bool {
    code(error) == Some(DUPLICATE_KEY)
}

/// How many documents of an ordered insertion are in, if a unique index stopped it.
#[must_use]
pub fn before_the_duplicate(error: &Error) -> usize {
    match &*error.kind {
        ErrorKind::InsertMany(many) => {
            many.write_errors.iter().flatten().map(|write| write.index).min().unwrap_or_default()
        }
        _ => 0,
    }
}

/// Whether the server does not know the user, or grants it nothing: after a rotation or a suspension.
#[must_use]
pub fn is_refused(error: &Error) -> bool {
    matches!(code(error), Some(UNAUTHORIZED | AUTHENTICATION_FAILED | USER_NOT_FOUND)) && !is_commit_unknown(error)
}

/// Whether the server does not take the user name or the password. Who waits for a connection that could not log in is told
/// of the connection, and its cause says why.
#[must_use]
pub fn is_login_refused(error: &Error) -> bool {
    let is_one = |error: &Error| matches!(code(error), Some(AUTHENTICATION_FAILED | USER_NOT_FOUND));
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<Error>());
    is_one(error) || cause.is_some_and(is_one)
}

/// Whether the command was given up because another one's connection failed, for example to log in.
#[must_use]
pub fn is_pool_cleared(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::ConnectionPoolCleared { .. }) && !is_commit_unknown(error)
}

/// Whether it is not known what the commit, or an earlier attempt at it, did.
#[must_use]
pub fn is_commit_unknown(error: &Error) -> bool {
    error.contains_label(mongodb::error::UNKNOWN_TRANSACTION_COMMIT_RESULT)
}

/// Whether no server answers, so that the same may succeed in a moment.
#[must_use]
pub fn is_away(error: &Error) -> bool {
    matches!(
        &*error.kind,
        ErrorKind::ServerSelection { .. }
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::Io(_)
            | ErrorKind::DnsResolve { .. }
    ) || code(error).is_some_and(|code| IN_TRANSITION.contains(&code))
        || error.contains_label("RetryableWriteError")
}

/// Whether the whole transaction may be tried again.
#[must_use]
pub fn is_transient(error: &Error) -> bool {
    error.contains_label(mongodb::error::TRANSIENT_TRANSACTION_ERROR)
}
