//! What a database has, as the server describes it.

use chakravue_crds::{
    naming::DatabaseName,
    tenant_schema::{Collection, USERS},
};
use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument, RawDocumentBuf, Uuid, doc};
use tokio::time::Instant;

use crate::{catalogue, error::Result, mongo::Mongo};

/// One collection as the server describes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    pub name: String,
    /// The server gives one to every collection when it is made; a view has none.
    pub id: Option<Uuid>,
    pub(super) kind: String,
    /// As the server sent them: parsed for every look at every hospital, validators are most of what a look costs.
    pub(super) options: RawDocumentBuf,
    pub(super) indexes: Vec<RawDocumentBuf>,
}

/// What the database has, and how many documents its `users` have.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    pub collections: Vec<Found>,
    pub users: i64,
    /// When the look began.
    pub(super) at: Instant,
}

/// Whether every collection of the catalogue is there, in some form.
pub fn is_whole(found: &[Found]) -> bool {
    catalogue::current().collections.iter().all(|wanted| found.iter().any(|found| found.name == wanted.name))
}

/// Reads what the database has, in two commands. Metadata only: no document is read and no file is opened.
pub async fn find(mongo: &Mongo, database: &DatabaseName) -> Result<Observed> {
    let at = Instant::now();
    let look = doc! { "listCollections": 1 };
    let collections = mongo.gather(database.as_str(), look, describe, "list the collections").await?;
    let mut observed = Observed { collections, users: 0, at };

    // What else has one of the catalogue's names has no indexes; the comparison says what is wrong with it.
    let wanted = &catalogue::current().collections;
    let is_ours = |found: &&Found| found.kind == "collection" && wanted.iter().any(|c| c.name == found.name);
    let names: Vec<&str> = observed.collections.iter().filter(is_ours).map(|found| found.name.as_str()).collect();
    let Some((first, pipeline)) = details(&names) else { return Ok(observed) };
    let look = doc! { "aggregate": first, "pipeline": pipeline, "cursor": {} };
    let found: Vec<Detail> = mongo.gather(database.as_str(), look, detail, "look at the indexes").await?;
    // Of a sharded collection, every shard tells its own.
    for detail in found {
        match detail {
            Detail::Users(users) => observed.users += users,
            Detail::Index { of, index } => {
                let found = observed.collections.iter_mut().find(|found| found.name == of);
                if let Some(found) = found.filter(|found| !found.indexes.contains(&index)) {
                    found.indexes.push(index);
                }
            }
        }
    }
    Ok(observed)
}

fn describe(found: &RawDocument) -> Option<Found> {
    let name = found.get_str("name").ok().filter(|name| !name.starts_with("system."))?;
    Some(Found {
        name: name.to_owned(),
        id: id_of(found),
        kind: found.get_str("type").unwrap_or("collection").to_owned(),
        options: found.get_document("options").map(ToOwned::to_owned).unwrap_or_default(),
        indexes: Vec::new(),
    })
}

/// What [`details`] finds.
enum Detail {
    Users(i64),
    Index { of: String, index: RawDocumentBuf },
}

fn detail(found: &RawDocument) -> Option<Detail> {
    if let Ok(Some(users)) = found.get(DOCUMENTS) {
        return Some(Detail::Users(raw_number(users)));
    }
    let of = found.get_str(COLLECTION).ok()?.to_owned();
    Some(Detail::Index { of, index: found.get_document(INDEX).ok()?.to_owned() })
}

/// The fields of what [`details`] asks for.
const COLLECTION: &str = "collection";
const INDEX: &str = "index";
const DOCUMENTS: &str = "documents";

/// Asks for every index of these collections and how many users there are, in one command that is run on the first of
/// them: a command for each costs three times as much, and `collStats` opens the files of all indexes to count.
fn details<'a>(collections: &[&'a str]) -> Option<(&'a str, Vec<Document>)> {
    let indexes = |collection: &str| {
        let of = doc! { COLLECTION: { "$literal": collection }, INDEX: "$spec" };
        // One that is still being built serves nobody yet.
        let complete = doc! { "$match": { "building": { "$ne": true } } };
        vec![doc! { "$indexStats": {} }, complete, doc! { "$replaceWith": of }]
    };
    let also = |of: &str, pipeline: Vec<Document>| doc! { "$unionWith": { "coll": of, "pipeline": pipeline } };
    let (first, others) = collections.split_first()?;
    let mut pipeline = indexes(first);
    pipeline.extend(others.iter().map(|other| also(other, indexes(other))));
    if collections.contains(&USERS) {
        let count = doc! { "$collStats": { "count": {} } };
        pipeline.push(also(USERS, vec![count, doc! { "$replaceWith": { DOCUMENTS: "$count" } }]));
    }
    Some((first, pipeline))
}

fn id_of(found: &RawDocument) -> Option<Uuid> {
    found.get_document("info").ok()?.get_binary("uuid").ok()?.to_binary().to_uuid().ok()
}

/// The ids of collections that were just made.
pub(super) async fn ids_of(
    mongo: &Mongo,
    database: &DatabaseName,
    made: &[&Collection],
) -> Result<Vec<(String, Uuid)>> {
    let doing = "look at the new collections";
    let names: Vec<&str> = made.iter().map(|collection| collection.name).collect();
    let look = doc! { "listCollections": 1, "filter": { "name": { "$in": names } } };
    let with_id = |found: &RawDocument| Some((found.get_str("name").ok()?.to_owned(), id_of(found)?));
    mongo.gather(database.as_str(), look, with_id, doing).await
}

/// A count or a direction, in whichever of its number types the server sent it.
#[allow(clippy::cast_possible_truncation, reason = "the numbers of the catalogue are small and whole")]
pub(super) fn number(value: Option<&Bson>) -> i64 {
    match value {
        Some(Bson::Int32(n)) => i64::from(*n),
        Some(Bson::Int64(n)) => *n,
        Some(Bson::Double(n)) => *n as i64,
        _ => 0,
    }
}

/// The same as the server sent it.
pub(super) fn raw_number(value: RawBsonRef<'_>) -> i64 {
    number(Bson::try_from(value).ok().as_ref())
}
