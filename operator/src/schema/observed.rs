//! What a database has, as the server describes it.

use chakravue_crds::{
    naming::DatabaseName,
    tenant_schema::{Collection, USERS},
};
use mongodb::bson::{Bson, Document, Uuid, doc};
use tokio::time::Instant;

use crate::{catalogue, error::Result, mongo::Mongo};

/// One collection as the server describes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    pub name: String,
    /// The server gives one to every collection when it is made; a view has none.
    pub id: Option<Uuid>,
    pub(super) kind: String,
    pub(super) options: Document,
    pub(super) indexes: Vec<Document>,
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
    let listed = mongo.list(database.as_str(), doc! { "listCollections": 1 }, "list the collections").await?;
    let ordinary = |found: &Document| found.get_str("name").is_ok_and(|name| !name.starts_with("system."));
    let listed = listed.into_iter().filter(ordinary);
    let mut observed = Observed { collections: listed.map(describe).collect(), users: 0, at };

    // What else has one of the catalogue's names has no indexes; the comparison says what is wrong with it.
    let wanted = &catalogue::current().collections;
    let is_ours = |found: &&Found| found.kind == "collection" && wanted.iter().any(|c| c.name == found.name);
    let names: Vec<&str> = observed.collections.iter().filter(is_ours).map(|found| found.name.as_str()).collect();
    let Some((first, pipeline)) = details(&names) else { return Ok(observed) };
    let found = mongo.aggregate(database.as_str(), first, pipeline, "look at the indexes").await?;
    // Of a sharded collection, every shard tells its own.
    for mut detail in found {
        if let Some(users) = detail.get(DOCUMENTS) {
            observed.users += number(Some(users));
        } else if let Some(Bson::Document(index)) = detail.remove(INDEX) {
            let of = detail.get_str(COLLECTION).unwrap_or_default();
            let found = observed.collections.iter_mut().find(|found| found.name == of);
            if let Some(found) = found.filter(|found| !found.indexes.contains(&index)) {
                found.indexes.push(index);
            }
        }
    }
    Ok(observed)
}

fn describe(mut found: Document) -> Found {
    // Moved out, not copied: the validators of a fleet are much to have twice.
    let options = if let Some(Bson::Document(options)) = found.remove("options") { options } else { Document::new() };
    Found {
        name: found.get_str("name").unwrap_or_default().to_owned(),
        id: id_of(&found),
        kind: found.get_str("type").unwrap_or("collection").to_owned(),
        options,
        indexes: Vec::new(),
    }
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

fn id_of(found: &Document) -> Option<Uuid> {
    match found.get_document("info").ok()?.get("uuid")? {
        Bson::Binary(binary) => binary.to_uuid().ok(),
        _ => None,
    }
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
    let found = mongo.list(database.as_str(), look, doing).await?;
    Ok(found.iter().filter_map(|found| Some((found.get_str("name").ok()?.to_owned(), id_of(found)?))).collect())
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
