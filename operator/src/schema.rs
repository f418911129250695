//! Collections, validators and indexes: compare what the database has with the catalogue, then change only what
//! differs. What existing documents would violate becomes a count in a condition, not an outage.

mod change;
mod compare;
mod repairs;

use std::collections::BTreeMap;

use chakravue_crds::{
    conditions::events,
    naming::DatabaseName,
    organization::CollectionStatus,
    tenant_schema::{Collection, USERS},
};
use mongodb::bson::{Bson, Document, Uuid, doc};
use tokio::time::Instant;

pub use self::{
    change::refuse_other_case,
    compare::{Difference, Step, plan, same_index, unmanaged},
    repairs::Repairs,
};

use self::{
    change::create_all,
    compare::{Part, in_place, number},
    repairs::Carried,
};
use crate::{
    catalogue,
    context::Context,
    drift::Kind,
    error::{Error, Result},
    events::{Change, Changes},
    mongo::Abilities,
    tenant::Tenant,
    turns::Migration,
};

/// One collection as the server describes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    pub name: String,
    /// The server gives one to every collection when it is made; a view has none.
    pub id: Option<Uuid>,
    kind: String,
    options: Document,
    indexes: Vec<Document>,
}

/// What the database has, and how many documents its `users` have.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    pub collections: Vec<Found>,
    pub users: i64,
    /// When the look began.
    at: Instant,
}

/// What is in place afterwards.
#[derive(Debug, Default)]
pub struct Outcome {
    pub collections: Vec<CollectionStatus>,
    /// The ids of the catalogue's collections.
    pub ids: BTreeMap<String, Uuid>,
    /// What existing documents violate, in words.
    pub violations: Vec<String>,
    /// What is still being mended, in words.
    pub under_way: Vec<String>,
    /// What stands in the way of the rest.
    pub refused: Option<Error>,
}

/// Whether every collection of the catalogue is there, in some form.
pub fn is_whole(found: &[Found]) -> bool {
    catalogue::current().collections.iter().all(|wanted| found.iter().any(|found| found.name == wanted.name))
}

/// Reads what the database has, in two commands. Metadata only: no document is read and no file is opened.
pub async fn find(context: &Context, database: &DatabaseName) -> Result<Observed> {
    let mongo = &context.mongo;
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
async fn ids_of(context: &Context, database: &DatabaseName, made: &[&Collection]) -> Result<Vec<(String, Uuid)>> {
    let doing = "look at the new collections";
    let names: Vec<&str> = made.iter().map(|collection| collection.name).collect();
    let look = doc! { "listCollections": 1, "filter": { "name": { "$in": names } } };
    let found = context.mongo.list(database.as_str(), look, doing).await?;
    Ok(found.iter().filter_map(|found| Some((found.get_str("name").ok()?.to_owned(), id_of(found)?))).collect())
}

/// Brings the database to the catalogue, as far as that is possible: what stands in the way of one collection is told at the
/// end.
pub async fn ensure(
    context: &Context,
    tenant: &Tenant,
    observed: &Observed,
    abilities: Abilities,
    migration: Option<Migration>,
    changes: &mut Changes,
) -> Result<Outcome> {
    let database = &tenant.database;
    let Difference { steps, mut refused } = plan(&observed.collections);
    let mut outcome = in_place(&observed.collections);
    if steps.is_empty() && context.repairs.none(&tenant.owner.uid) {
        outcome.refused = refused;
        return Ok(outcome);
    }
    let (creations, repairs): (Vec<_>, Vec<_>) = steps.into_iter().partition(|s| matches!(s, Step::Create(_)));
    let creations: Vec<&Collection> =
        creations.into_iter().filter_map(|step| if let Step::Create(c) = step { Some(c) } else { None }).collect();

    for _ in &creations {
        changes.found(Kind::Collection);
    }
    create_all(context, database, &creations, abilities).await?;
    for _ in &creations {
        changes.healed(Kind::Collection);
    }
    if !creations.is_empty() {
        outcome.ids.extend(ids_of(context, database, &creations).await?);
    }
    outcome.collections.extend(creations.iter().map(|collection| CollectionStatus {
        name: collection.name.to_owned(),
        documents_validated: true,
        indexes: collection.indexes.iter().map(|index| index.name.to_owned()).collect(),
    }));

    let Carried { found, ended, under_way } =
        context.repairs.carry_out(&tenant.owner.uid, database, observed.at, repairs, migration).await;
    outcome.under_way = under_way.into_iter().map(in_words).collect();
    for part in found {
        changes.found(kind_of(part));
    }
    let mut repairs = 0;
    for (part @ Part { collection, index }, result) in ended {
        let violation = match result {
            Ok(violation) => violation,
            Err(error) => {
                refused.get_or_insert(error);
                continue;
            }
        };
        match (violation, outcome.collections.iter_mut().find(|status| status.name == collection)) {
            (Some(violation), _) => outcome.violations.push(violation),
            (None, Some(status)) => {
                repairs += 1;
                changes.healed(kind_of(part));
                match index {
                    Some(index) if !status.indexes.iter().any(|known| known == index) => {
                        status.indexes.push(index.to_owned());
                    }
                    Some(_) => {}
                    None => status.documents_validated = true,
                }
            }
            (None, None) => {}
        }
    }
    if !creations.is_empty() || repairs > 0 {
        changes.push(Change::new(
            events::SCHEMA_APPLIED,
            match (creations.len(), repairs) {
                (_, 0) => format!("Created {} with {} in {database}", made(&creations), indexes(&creations)),
                (0, _) => format!("Mended {} in {database}", mended(repairs)),
                (_, _) => format!(
                    "Created {} with {} and mended {} in {database}",
                    made(&creations),
                    indexes(&creations),
                    mended(repairs)
                ),
            },
        ));
    }
    outcome.refused = refused;
    outcome.sort();
    Ok(outcome)
}

/// By their names, if they are few.
fn made(collections: &[&Collection]) -> String {
    let names: Vec<&str> = collections.iter().map(|collection| collection.name).collect();
    match names.as_slice() {
        [one] => format!("collection {one}"),
        few if few.len() <= 3 => format!("collections {}", few.join(", ")),
        many => format!("{} collections", many.len()),
    }
}

fn indexes(collections: &[&Collection]) -> String {
    counted(collections.iter().map(|collection| collection.indexes.len()).sum(), "index", "indexes")
}

fn mended(repairs: usize) -> String {
    counted(repairs, "validator or index", "validators or indexes")
}

pub fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn kind_of(part: Part) -> Kind {
    if part.index.is_some() { Kind::Index } else { Kind::Validator }
}

fn in_words(part: Part) -> String {
    match part {
        Part { collection, index: Some(index) } => format!("index {index} of {collection} is being built"),
        Part { collection, index: None } => {
            format!("the documents of {collection} are being compared with its validator")
        }
    }
}

impl Outcome {
    /// The catalogue's order, so that an unchanged database gives an unchanged status.
    fn sort(&mut self) {
        let place = |name: &str| catalogue::current().collections.iter().position(|c| c.name == name);
        self.collections.sort_by_key(|status| place(&status.name));
        for status in &mut self.collections {
            if let Some(collection) = catalogue::current().collections.iter().find(|c| c.name == status.name) {
                status.indexes.sort_by_key(|name| collection.indexes.iter().position(|i| i.name == name));
            }
        }
        self.violations.sort();
        self.under_way.sort();
    }
}
