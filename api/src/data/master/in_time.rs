//! The end of every wait for the master database. The driver has no time limit of its own for a command, and MongoDB may say
//! that it is there and answer nothing else, as where its disk hangs.

use std::{io, time::Duration};

use mongodb::error::Result;

/// How long one command may take. What its outcome is then, nobody knows, as where the connection broke.
const COMMAND: Duration = Duration::from_secs(15);

/// A command of the master database, or the rest of its answer. Every one is awaited through this.
pub trait InTime<T>: IntoFuture<Output = Result<T>> + Sized {
    /// The answer, if it comes in time.
    ///
    /// # Errors
    /// The command's own, or one that says as the driver does that MongoDB is away.
    fn in_time(self) -> impl Future<Output = Result<T>> + Send
    where
        T: Send,
        Self::IntoFuture: Send,
    {
        self.within(COMMAND)
    }

    /// The same for a command that may take longer.
    ///
    /// # Errors
    /// Those of [`InTime::in_time`].
    fn within(self, limit: Duration) -> impl Future<Output = Result<T>> + Send
    where
        T: Send,
        Self::IntoFuture: Send,
    {
        let answer = tokio::time::timeout(limit, self.into_future());
        async move {
            answer.await.unwrap_or_else(|_| {
                tracing::warn!(seconds = limit.as_secs(), "MongoDB does not answer a command in time");
                Err(io::Error::from(io::ErrorKind::TimedOut).into())
            })
        }
    }
}

impl<T, C: IntoFuture<Output = Result<T>>> InTime<T> for C {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::{Kind, Problem};

    #[tokio::test]
    async fn a_command_that_hangs_is_given_up_as_of_a_database_that_is_away() {
        let hangs = std::future::pending::<Result<()>>();
        let problem = Problem::from(hangs.within(Duration::from_millis(10)).await.unwrap_err());
        assert_eq!(problem.kind(), Kind::DatabaseUnavailable);
        assert_eq!(async { Ok(1) }.in_time().await.unwrap(), 1);
    }
}
