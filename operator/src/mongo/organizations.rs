//! The one collection that the operator reads and writes documents of: who holds which database.

use chakravue_crds::master::{ORGANIZATIONS, OrganizationRecord};
use futures::TryStreamExt as _;
use mongodb::{
    Collection,
    bson::{self, Document},
    error::Result,
    results::{DeleteResult, UpdateResult},
};

use super::Mongo;

pub struct Organizations<'a> {
    mongo: &'a Mongo,
    collection: Collection<OrganizationRecord>,
}

impl<'a> Organizations<'a> {
    pub(super) fn new(mongo: &'a Mongo) -> Self {
        Self { mongo, collection: mongo.client.database(&mongo.master).collection(ORGANIZATIONS) }
    }

    pub async fn find_one(&self, filter: Document) -> Result<Option<OrganizationRecord>> {
        self.mongo.timed("find", self.collection.find_one(filter)).await
    }

    /// All of them. Of one that cannot be read the log tells which.
    pub async fn all(&self) -> Result<Vec<OrganizationRecord>> {
        let documents = self.collection.clone_with_type::<Document>();
        let found = async { documents.find(Document::new()).await?.try_collect::<Vec<_>>().await };
        let read = |document: Document| {
            let id = document.get("_id").map(ToString::to_string);
            bson::deserialize_from_document(document).inspect_err(|_| tracing::warn!(id, "a claim cannot be read"))
        };
        Ok(self.mongo.timed("find", found).await?.into_iter().map(read).collect::<bson::error::Result<_>>()?)
    }

    pub async fn insert_one(&self, record: &OrganizationRecord) -> Result<()> {
        self.mongo.may_write()?;
        self.mongo.timed("insert", self.collection.insert_one(record)).await.map(drop)
    }

    pub async fn update_one(&self, filter: Document, update: Document) -> Result<UpdateResult> {
        self.mongo.may_write()?;
        self.mongo.timed("update", self.collection.update_one(filter, update)).await
    }

    pub async fn delete_one(&self, filter: Document) -> Result<DeleteResult> {
        self.mongo.may_write()?;
        self.mongo.timed("delete", self.collection.delete_one(filter)).await
    }
}
