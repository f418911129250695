//! The end of a transaction: whether it was committed, or another one came between.

use mongodb::ClientSession;

use super::database_error;
use crate::http::problem::{A_MOMENT, Kind, Problem};

/// Whether another replica wrote the next entry first: everything is looked at again.
#[must_use]
pub fn is_overtaken(error: &mongodb::error::Error) -> bool {
    database_error::is_transient(error) || database_error::is_duplicate(error)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    Done,
    /// It was sent, and what became of it cannot be asked. To do the work again could do it twice.
    Unknown,
}

/// Commits. Whether a commit whose answer was lost went through is asked again: a second commit changes nothing.
///
/// # Errors
/// When it was certainly not committed.
pub async fn commit(session: &mut ClientSession) -> mongodb::error::Result<Commit> {
    let mut attempts = 3;
    let mut is_lost = false;
    loop {
        attempts -= 1;
        let Err(error) = session.commit_transaction().await else { return Ok(Commit::Done) };
        is_lost |= database_error::is_commit_unknown(&error);
        // The driver asks again by itself, too, and may have been refused only then.
        let is_unknown = is_lost && !database_error::is_transient(&error) || database_error::is_refused(&error);
        if !is_unknown {
            return Err(error);
        }
        if attempts == 0 || !database_error::is_commit_unknown(&error) {
            let (kind, code) = (database_error::name(&error), database_error::code(&error));
            tracing::warn!(kind, code, "MongoDB does not say whether it has committed");
            return Ok(Commit::Unknown);
        }
    }
}

/// What somebody is told of a commit whose outcome is unknown.
#[must_use]
pub fn unknown() -> Problem {
    let detail = "The database does not say whether the change was made. Look whether it was before you try again.";
    Problem::new(Kind::DatabaseUnavailable, detail).retry_after(A_MOMENT)
}
