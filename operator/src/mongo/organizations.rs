//! The one collection that the operator reads and writes documents of: who holds which database.

use chakravue_crds::master::{ORGANIZATIONS, OrganizationRecord};
use mongodb::{
    Collection,
    bson::{self, Bson, Document, RawDocument, doc},
    error::Result,
    options::{Collation, CollationStrength},
    results::{DeleteResult, UpdateResult},
};

use super::Mongo;

/// How many claims come at a time: the server's own choice is as many as fill 16 MiB.
const BATCH: u32 = 100;

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

    /// Whoever holds it. The index that is the claim serves only who compares as it does; every name is in lower case.
    pub async fn find_by_database(&self, name: &str) -> Result<Option<OrganizationRecord>> {
        let collation = Collation::builder().locale("en").strength(CollationStrength::Secondary).build();
        let found = self.collection.find_one(doc! { "database_name": name }).collation(collation);
        self.mongo.timed("find", found).await
    }

    /// All of them. Of one that cannot be read the log tells which.
    pub async fn all(&self) -> Result<Vec<OrganizationRecord>> {
        let found = async {
            let mut cursor = self.collection.find(Document::new()).batch_size(BATCH).await?;
            let mut claims = Vec::new();
            while cursor.advance().await? {
                claims.push(read(cursor.current())?);
            }
            Ok(claims)
        };
        self.mongo.timed("find", found).await
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

fn read(claim: &RawDocument) -> bson::error::Result<OrganizationRecord> {
    bson::deserialize_from_slice(claim.as_bytes()).inspect_err(|_| {
        let id = claim.get("_id").ok().flatten().and_then(|id| Bson::try_from(id).ok()).map(|id| id.to_string());
        tracing::warn!(id, "a claim cannot be read");
    })
}
