//! The end of every wait for MongoDB. The driver has no time limit of its own for a command, and MongoDB may say that it is
//! there and answer nothing else, as where its disk hangs. A [`TimedCollection`] asks as the driver's own does, and each of its
//! commands is answered in time or given up.

use std::{borrow::Borrow, io, time::Duration};

use bson::Document;
use futures::{FutureExt as _, TryStreamExt as _, future::Map};
use mongodb::{
    Collection, Cursor,
    action::{Action as _, Delete, Find, FindOne, FindOneAndDelete, FindOneAndUpdate, InsertMany, InsertOne, Update},
    error::Result,
    options::{Collation, ReadConcern, ReturnDocument, UpdateModifications, WriteConcern},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::{Timeout, error::Elapsed, timeout};

/// How long one command may take. What its outcome is then, nobody knows, as where the connection broke.
const COMMAND: Duration = Duration::from_secs(15);

/// A collection whose every command ends in time.
#[derive(Debug)]
pub struct TimedCollection<T: Send + Sync>(Collection<T>);

impl<T: Send + Sync> Clone for TimedCollection<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + Sync> From<Collection<T>> for TimedCollection<T> {
    fn from(collection: Collection<T>) -> Self {
        Self(collection)
    }
}

impl<T: Send + Sync> TimedCollection<T> {
    /// The driver's own, for the commands of a transaction: whoever runs that bounds it as a whole.
    #[must_use]
    pub fn in_transaction(&self) -> &Collection<T> {
        &self.0
    }

    /// The same documents, read as something else.
    #[must_use]
    pub fn as_type<U: Send + Sync>(&self) -> TimedCollection<U> {
        TimedCollection(self.0.clone_with_type())
    }

    pub fn update_one(&self, filter: Document, update: impl Into<UpdateModifications>) -> Timed<Update<'_>> {
        Timed(self.0.update_one(filter, update))
    }

    pub fn update_many(&self, filter: Document, update: impl Into<UpdateModifications>) -> Timed<Update<'_>> {
        Timed(self.0.update_many(filter, update))
    }

    pub fn delete_one(&self, filter: Document) -> Timed<Delete<'_>> {
        Timed(self.0.delete_one(filter))
    }

    pub fn delete_many(&self, filter: Document) -> Timed<Delete<'_>> {
        Timed(self.0.delete_many(filter))
    }

    /// All that a pipeline answers.
    ///
    /// # Errors
    /// The command's own, or one that says as the driver does that MongoDB is away.
    pub async fn aggregate(&self, pipeline: Vec<Document>) -> Result<Vec<Document>> {
        let answer = within(COMMAND, self.0.aggregate(pipeline)).await?;
        within(COMMAND, answer.try_collect()).await
    }
}

impl<T: DeserializeOwned + Send + Sync> TimedCollection<T> {
    pub fn find(&self, filter: Document) -> TimedFind<'_, T> {
        TimedFind(self.0.find(filter))
    }

    pub fn find_one(&self, filter: Document) -> Timed<FindOne<'_, T>> {
        Timed(self.0.find_one(filter))
    }

    pub fn find_one_and_update(
        &self,
        filter: Document,
        update: impl Into<UpdateModifications>,
    ) -> Timed<FindOneAndUpdate<'_, T>> {
        Timed(self.0.find_one_and_update(filter, update))
    }

    pub fn find_one_and_delete(&self, filter: Document) -> Timed<FindOneAndDelete<'_, T>> {
        Timed(self.0.find_one_and_delete(filter))
    }
}

impl<T: Serialize + Send + Sync> TimedCollection<T> {
    pub fn insert_one(&self, document: impl Borrow<T>) -> Timed<InsertOne<'_>> {
        Timed(self.0.insert_one(document))
    }

    pub fn insert_many(&self, documents: impl IntoIterator<Item = impl Borrow<T>>) -> Timed<InsertMany<'_>> {
        Timed(self.0.insert_many(documents))
    }
}

/// A command of the driver's that is given up when its answer does not come in time: with an error that says, as the driver
/// does, that MongoDB is away.
#[derive(Debug)]
#[must_use]
pub struct Timed<A>(A);

impl<A: IntoFuture<Output = Result<T>>, T> IntoFuture for Timed<A> {
    type Output = Result<T>;
    type IntoFuture = Map<Timeout<A::IntoFuture>, fn(std::result::Result<Result<T>, Elapsed>) -> Result<T>>;

    fn into_future(self) -> Self::IntoFuture {
        timeout(COMMAND, self.0.into_future()).map(|answer| answer.unwrap_or_else(|_| Err(given_up(COMMAND))))
    }
}

impl<T: DeserializeOwned + Send + Sync> Timed<FindOne<'_, T>> {
    pub fn read_concern(self, concern: ReadConcern) -> Self {
        Self(self.0.read_concern(concern))
    }

    pub fn sort(self, order: Document) -> Self {
        Self(self.0.sort(order))
    }

    pub fn projection(self, fields: Document) -> Self {
        Self(self.0.projection(fields))
    }
}

impl<T: DeserializeOwned + Send + Sync> Timed<FindOneAndUpdate<'_, T>> {
    pub fn upsert(self, upsert: bool) -> Self {
        Self(self.0.upsert(upsert))
    }

    pub fn return_document(self, which: ReturnDocument) -> Self {
        Self(self.0.return_document(which))
    }
}

impl Timed<Update<'_>> {
    pub fn upsert(self, upsert: bool) -> Self {
        Self(self.0.upsert(upsert))
    }
}

impl Timed<InsertOne<'_>> {
    pub fn write_concern(self, concern: WriteConcern) -> Self {
        Self(self.0.write_concern(concern))
    }
}

/// A search, whose answer comes in parts, each of them in time.
#[must_use]
pub struct TimedFind<'a, T: Send + Sync>(Find<'a, T>);

impl<T: DeserializeOwned + Send + Sync> TimedFind<'_, T> {
    pub fn sort(self, order: Document) -> Self {
        Self(self.0.sort(order))
    }

    pub fn limit(self, most: i64) -> Self {
        Self(self.0.limit(most))
    }

    pub fn batch_size(self, size: u32) -> Self {
        Self(self.0.batch_size(size))
    }

    pub fn projection(self, fields: Document) -> Self {
        Self(self.0.projection(fields))
    }

    pub fn collation(self, collation: Option<Collation>) -> Self {
        Self(self.0.optional(collation, Find::collation))
    }

    /// The documents one after another.
    ///
    /// # Errors
    /// The command's own, or one that says as the driver does that MongoDB is away.
    pub async fn cursor(self) -> Result<TimedCursor<T>> {
        within(COMMAND, self.0).await.map(TimedCursor)
    }

    /// All of them.
    ///
    /// # Errors
    /// As [`TimedFind::cursor`].
    pub async fn all(self) -> Result<Vec<T>> {
        within(COMMAND, self.cursor().await?.0.try_collect()).await
    }
}

/// What a search finds, one after another.
pub struct TimedCursor<T>(Cursor<T>);

impl<T: DeserializeOwned> TimedCursor<T> {
    /// # Errors
    /// As [`TimedFind::cursor`].
    pub async fn next(&mut self) -> Result<Option<T>> {
        within(COMMAND, self.0.try_next()).await
    }
}

/// The answer of a command that may take another time.
///
/// # Errors
/// The command's own, or one that says as the driver does that MongoDB is away.
pub async fn within<T>(limit: Duration, command: impl IntoFuture<Output = Result<T>>) -> Result<T> {
    timeout(limit, command.into_future()).await.unwrap_or_else(|_| Err(given_up(limit)))
}

/// The answer of a command that no collection is asked.
///
/// # Errors
/// As [`within`].
pub async fn in_time<T>(command: impl IntoFuture<Output = Result<T>>) -> Result<T> {
    within(COMMAND, command).await
}

fn given_up(limit: Duration) -> mongodb::error::Error {
    tracing::warn!(seconds = limit.as_secs(), "MongoDB does not answer a command in time");
    io::Error::from(io::ErrorKind::TimedOut).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::{Kind, Problem};

    #[tokio::test]
    async fn a_command_that_hangs_is_given_up_as_of_a_database_that_is_away() {
        let hangs = std::future::pending::<Result<()>>();
        let problem = Problem::from(within(Duration::from_millis(10), hangs).await.unwrap_err());
        assert_eq!(problem.kind(), Kind::DatabaseUnavailable);
        assert_eq!(Timed(async { Ok(1) }).await.unwrap(), 1);
    }
}
