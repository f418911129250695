//! Collections, validators and indexes: compare what the database has with the catalogue, then change only what differs.
//! What existing documents would violate becomes a count in a condition, not an outage.

use chakravue_crds::{
    conditions::{ConditionType, Reason, events},
    naming::DatabaseName,
    organization::CollectionStatus,
    tenant_schema::{Collection, Index, TENANT_SCHEMA, USERS},
};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, future::try_join_all, stream};
use mongodb::{
    bson::{Bson, Document, doc},
    error::TRANSIENT_TRANSACTION_ERROR,
};

use crate::{
    context::Context,
    error::{Code, Doing as _, Error, Result},
    events::Change,
    mongo::Abilities,
};

/// One collection as the server describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub name: String,
    kind: String,
    options: Document,
    indexes: Vec<Document>,
}

/// What the database has, and how many documents its `users` have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    pub collections: Vec<Found>,
    pub users: i64,
}

/// What has to be done to one collection.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Create(&'static Collection),
    SetValidator(&'static Collection),
    CreateIndex(&'static Collection, &'static Index),
    /// The name is taken by another index; the catalogue owns its names.
    ReplaceIndex(&'static Collection, &'static Index),
    /// The index is right but for being unique, because documents stood in the way.
    MakeUnique(&'static Collection, &'static Index),
}

/// What is in place afterwards.
#[derive(Debug, Default)]
pub struct Outcome {
    pub collections: Vec<CollectionStatus>,
    /// What existing documents violate, in words.
    pub violations: Vec<String>,
}

/// Reads what the database has. Metadata only: no document is read and no file is opened.
pub async fn find(context: &Context, database: &DatabaseName) -> Result<Observed> {
    let mongo = &context.mongo;
    let name = database.as_str();
    let listed =
        mongo.database(name).run_cursor_command(doc! { "listCollections": 1 }).await.doing("list the collections")?;
    let listed: Vec<Document> = listed.try_collect().await.doing("list the collections")?;

    let described = listed
        .into_iter()
        .filter(|found| found.get_str("name").is_ok_and(|name| !name.starts_with("system.")))
        .map(|found| describe(context, name, found).boxed());
    let collections = try_join_all(described).await?;
    let users = if collections.iter().any(|c| c.name == USERS) {
        let stats = mongo.read(name, doc! { "collStats": USERS }, "count the users").await?;
        number(stats.get("count"))
    } else {
        0
    };
    Ok(Observed { collections, users })
}

async fn describe(context: &Context, database: &str, found: Document) -> Result<Found> {
    let name = found.get_str("name").unwrap_or_default().to_owned();
    let kind = found.get_str("type").unwrap_or("collection").to_owned();
    let of_catalogue = TENANT_SCHEMA.collections.iter().any(|c| c.name == name);
    let indexes = if of_catalogue && kind == "collection" {
        let cursor = context
            .mongo
            .database(database)
            .run_cursor_command(doc! { "listIndexes": &name })
            .await
            .doing("list the indexes")?;
        cursor.try_collect().await.doing("list the indexes")?
    } else {
        Vec::new()
    };
    Ok(Found { name, kind, options: found.get_document("options").cloned().unwrap_or_default(), indexes })
}

/// Brings the database to the catalogue.
pub async fn ensure(
    context: &Context,
    database: &DatabaseName,
    observed: &Observed,
    abilities: Abilities,
    changes: &mut Vec<Change>,
) -> Result<Outcome> {
    let steps = plan(&observed.collections)?;
    let mut outcome = in_place(&observed.collections);
    if steps.is_empty() {
        return Ok(outcome);
    }
    let (creations, repairs): (Vec<_>, Vec<_>) = steps.into_iter().partition(|s| matches!(s, Step::Create(_)));
    let creations: Vec<&Collection> =
        creations.into_iter().filter_map(|step| if let Step::Create(c) = step { Some(c) } else { None }).collect();

    create_all(context, database, &creations, abilities).await?;
    outcome.collections.extend(creations.iter().map(|collection| CollectionStatus {
        name: collection.name.to_owned(),
        documents_validated: true,
        indexes: collection.indexes.iter().map(|index| index.name.to_owned()).collect(),
    }));

    // A few at a time: an index over existing documents is work for the server.
    let repairs = repairs.into_iter().map(|step| repair(context, database, step).boxed());
    let mut repaired = stream::iter(repairs).buffer_unordered(2);
    let mut repairs = 0;
    while let Some(result) = repaired.next().await {
        let Repaired { collection, index, violation } = result?;
        match (violation, outcome.collections.iter_mut().find(|status| status.name == collection)) {
            (Some(violation), _) => outcome.violations.push(violation),
            (None, Some(status)) => {
                repairs += 1;
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
        let indexes: usize = creations.iter().map(|c| c.indexes.len()).sum();
        changes.push(Change::new(
            events::SCHEMA_APPLIED,
            match (creations.len(), repairs) {
                (created, 0) => format!("Created {created} collections with {indexes} indexes in {database}"),
                (0, repairs) => format!("Mended {repairs} validators or indexes in {database}"),
                (created, repairs) => format!(
                    "Created {created} collections with {indexes} indexes and mended {repairs} validators or indexes in {database}"
                ),
            },
        ));
    }
    outcome.sort();
    Ok(outcome)
}

impl Outcome {
    /// The catalogue's order, so that an unchanged database gives an unchanged status.
    fn sort(&mut self) {
        let place = |name: &str| TENANT_SCHEMA.collections.iter().position(|c| c.name == name);
        self.collections.sort_by_key(|status| place(&status.name));
        for status in &mut self.collections {
            if let Some(collection) = TENANT_SCHEMA.collections.iter().find(|c| c.name == status.name) {
                status.indexes.sort_by_key(|name| collection.indexes.iter().position(|i| i.name == name));
            }
        }
        self.violations.sort();
    }
}

/// The difference between the catalogue and the database, in steps. Pure.
fn plan(found: &[Found]) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for collection in &TENANT_SCHEMA.collections {
        let Some(existing) = found.iter().find(|f| f.name == collection.name) else {
            steps.push(Step::Create(collection));
            continue;
        };
        if existing.kind != "collection" || existing.options.get_bool("capped").unwrap_or(false) {
            let kind = if existing.kind == "collection" { "capped collection" } else { &existing.kind };
            return Err(Error::refused(
                ConditionType::SchemaReady,
                Reason::SchemaConflict,
                format!(
                    "{} is a {kind}, where a hospital needs a plain collection. Rename or remove it; the operator never drops what holds data.",
                    collection.name
                ),
            ));
        }
        if !validated(collection, existing) {
            steps.push(Step::SetValidator(collection));
        }
        for index in &collection.indexes {
            steps.extend(index_step(collection, index, existing));
        }
    }
    Ok(steps)
}

fn index_step(collection: &'static Collection, index: &'static Index, existing: &Found) -> Option<Step> {
    if existing.indexes.iter().any(|found| same_index(index, found, index.unique)) {
        return None;
    }
    match existing.indexes.iter().find(|found| found.get_str("name").ok() == Some(index.name)) {
        None => Some(Step::CreateIndex(collection, index)),
        Some(found) if index.unique && same_index(index, found, false) => Some(Step::MakeUnique(collection, index)),
        Some(_) => Some(Step::ReplaceIndex(collection, index)),
    }
}

/// What of the catalogue the database has already.
fn in_place(found: &[Found]) -> Outcome {
    let mut outcome = Outcome::default();
    for collection in &TENANT_SCHEMA.collections {
        if let Some(existing) = found.iter().find(|f| f.name == collection.name) {
            outcome.collections.push(CollectionStatus {
                name: collection.name.to_owned(),
                documents_validated: validated(collection, existing),
                indexes: collection
                    .indexes
                    .iter()
                    .filter(|index| existing.indexes.iter().any(|found| same_index(index, found, index.unique)))
                    .map(|index| index.name.to_owned())
                    .collect(),
            });
        }
    }
    outcome
}

/// Whether the catalogue's validator is in force. The server leaves defaults out of its answer.
fn validated(collection: &Collection, existing: &Found) -> bool {
    existing.options.get_document("validator").is_ok_and(|found| same_document(found, &collection.validator))
        && existing.options.get_str("validationLevel").unwrap_or("strict") == "strict"
        && existing.options.get_str("validationAction").unwrap_or("error") == "error"
}

/// Whether a found index does what the catalogue's does, whatever its name.
fn same_index(index: &Index, found: &Document, unique: bool) -> bool {
    let keys = found.get_document("key").is_ok_and(|keys| {
        keys.len() == index.keys.len()
            && keys.iter().zip(&index.keys).all(|((a, x), (b, y))| a == b && number(Some(x)) == number(Some(y)))
    });
    let collation = match found.get_document("collation") {
        Ok(collation) => {
            index.case_insensitive
                && collation.get_str("locale").ok() == Some("en")
                && number(collation.get("strength")) == 2
                && !collation.get_bool("caseLevel").unwrap_or(false)
        }
        Err(_) => !index.case_insensitive,
    };
    let plain = ["partialFilterExpression", "expireAfterSeconds", "sparse", "hidden", "prepareUnique"]
        .iter()
        .all(|option| matches!(found.get(option), None | Some(Bson::Boolean(false))));
    keys && collation && plain && found.get_bool("unique").unwrap_or(false) == unique
}

/// Compares documents as the server does: numbers by value, fields without regard to order.
fn same_document(a: &Document, b: &Document) -> bool {
    a.len() == b.len() && a.iter().all(|(key, x)| b.get(key).is_some_and(|y| same_value(x, y)))
}

fn same_value(a: &Bson, b: &Bson) -> bool {
    match (a, b) {
        (Bson::Document(a), Bson::Document(b)) => same_document(a, b),
        (Bson::Array(a), Bson::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b)),
        (Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_), Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_)) => {
            number(Some(a)) == number(Some(b))
        }
        _ => a == b,
    }
}

/// A count or a direction, in whichever of its number types the server sent it.
#[allow(clippy::cast_possible_truncation, reason = "the numbers of the catalogue are small and whole")]
fn number(value: Option<&Bson>) -> i64 {
    match value {
        Some(Bson::Int32(n)) => i64::from(*n),
        Some(Bson::Int64(n)) => *n,
        Some(Bson::Double(n)) => *n as i64,
        _ => 0,
    }
}

fn create_command(collection: &Collection) -> Document {
    doc! { "create": collection.name, "validator": collection.validator.clone() }
}

fn create_indexes_command<'a>(collection: &Collection, indexes: impl IntoIterator<Item = &'a Index>) -> Document {
    let specifications: Vec<Document> = indexes.into_iter().map(Index::specification).collect();
    doc! { "createIndexes": collection.name, "indexes": specifications }
}

/// Makes the missing collections with their indexes: in one transaction where the server has them, which is faster
/// than the single commands and leaves nothing half-made.
async fn create_all(
    context: &Context,
    database: &DatabaseName,
    collections: &[&Collection],
    abilities: Abilities,
) -> Result<()> {
    if collections.is_empty() {
        return Ok(());
    }
    if abilities.transactions {
        for _attempt in 0..3 {
            match create_in_transaction(context, database, collections).await {
                Ok(()) => return Ok(()),
                Err(error) if differs_in_case(&error) => return Err(case_conflict(database)),
                // Another transaction was in the way: the whole of it is tried again.
                Err(error) if error.contains_label(TRANSIENT_TRANSACTION_ERROR) && Code::of(&error).is_some() => {}
                Err(error) => match Code::of(&error) {
                    // Not in a transaction on this server: 20 and 263 say so, 50 is its time limit.
                    Some(Code { number: 20 | 50 | 263, .. }) => break,
                    _ => return Err(Error::mongodb("create the collections", &error)),
                },
            }
        }
        tracing::debug!(%database, "no transaction for the collections: they are made one by one");
    }
    try_join_all(collections.iter().map(|collection| create_one(context, database, collection).boxed())).await?;
    Ok(())
}

async fn create_one(context: &Context, database: &DatabaseName, collection: &Collection) -> Result<()> {
    let name = database.as_str();
    match context.mongo.database(name).run_command(majority(create_command(collection))).await {
        Ok(_) => {}
        Err(error) if differs_in_case(&error) => return Err(case_conflict(database)),
        Err(error) => return Err(Error::mongodb("create a collection", &error)),
    }
    let command = create_indexes_command(collection, &collection.indexes);
    context.mongo.write(name, command, "create the indexes").await?;
    Ok(())
}

async fn create_in_transaction(
    context: &Context,
    database: &DatabaseName,
    collections: &[&Collection],
) -> mongodb::error::Result<()> {
    let mut session = context.mongo.client().start_session().await?;
    session.start_transaction().await?;
    let database = context.mongo.database(database.as_str());
    for collection in collections {
        database.run_command(create_command(collection)).session(&mut session).await?;
        let command = create_indexes_command(collection, &collection.indexes);
        database.run_command(command).session(&mut session).await?;
    }
    session.commit_transaction().await
}

fn majority(mut command: Document) -> Document {
    command.insert("writeConcern", doc! { "w": "majority" });
    command
}

fn differs_in_case(error: &mongodb::error::Error) -> bool {
    Code::of(error).is_some_and(|code| code.number == Code::DATABASE_DIFFERS_IN_CASE)
}

fn case_conflict(database: &DatabaseName) -> Error {
    Error::refused(
        ConditionType::ClaimHeld,
        Reason::DatabaseNotOurs,
        format!(
            "A database exists whose name differs from {database} only in case, which MongoDB does not allow. \
             Choose another spec.databaseName in a new object, or rename that database."
        ),
    )
}

struct Repaired {
    collection: &'static str,
    index: Option<&'static str>,
    violation: Option<String>,
}

async fn repair(context: &Context, database: &DatabaseName, step: Step) -> Result<Repaired> {
    let name = database.as_str();
    let mongo = &context.mongo;
    match step {
        Step::Create(_) => Err(Error::Conflict { what: "the collections".to_owned() }),
        Step::SetValidator(collection) => {
            let violation = set_validator(context, name, collection).await?;
            Ok(Repaired { collection: collection.name, index: None, violation })
        }
        Step::CreateIndex(collection, index) => {
            let violation = create_index(context, name, collection, index).await?;
            Ok(Repaired { collection: collection.name, index: Some(index.name), violation })
        }
        Step::ReplaceIndex(collection, index) => {
            let drop = doc! { "dropIndexes": collection.name, "index": index.name };
            mongo.write(name, drop, "remove an index that differs from the catalogue").await?;
            let violation = create_index(context, name, collection, index).await?;
            Ok(Repaired { collection: collection.name, index: Some(index.name), violation })
        }
        Step::MakeUnique(collection, index) => {
            let violation = make_unique(context, name, collection, index).await?;
            Ok(Repaired { collection: collection.name, index: Some(index.name), violation })
        }
    }
}

/// Sets the validator, at first only as a warning; it is enforced once no existing document violates it.
async fn set_validator(context: &Context, database: &str, collection: &Collection) -> Result<Option<String>> {
    let set = |action: &str| {
        doc! {
            "collMod": collection.name,
            "validator": collection.validator.clone(),
            "validationLevel": "strict",
            "validationAction": action,
        }
    };
    let warned = context.mongo.read(
        database,
        doc! { "listCollections": 1, "filter": { "name": collection.name } },
        "look at the validator",
    );
    let already_warning = warned
        .await?
        .get_document("cursor")
        .and_then(|cursor| cursor.get_array("firstBatch"))
        .ok()
        .and_then(|batch| batch.first()?.as_document()?.get_document("options").ok().cloned())
        .is_some_and(|options| {
            options.get_str("validationAction").ok() == Some("warn")
                && options.get_document("validator").is_ok_and(|found| same_document(found, &collection.validator))
        });
    if !already_warning {
        context.mongo.write(database, set("warn"), "set a validator").await?;
    }
    let report = context
        .mongo
        .read(database, doc! { "validate": collection.name, "background": true }, "count documents that do not fit")
        .await?;
    match number(report.get("nNonCompliantDocuments")) {
        0 => {
            context.mongo.write(database, set("error"), "enforce a validator").await?;
            Ok(None)
        }
        count => Ok(Some(format!("{count} documents of {} do not fit its validator", collection.name))),
    }
}

async fn create_index(
    context: &Context,
    database: &str,
    collection: &Collection,
    index: &Index,
) -> Result<Option<String>> {
    let command = majority(create_indexes_command(collection, [index]));
    match context.mongo.database(database).run_command(command).await {
        Ok(_) => Ok(None),
        Err(error) => match Code::of(&error) {
            Some(code) if index.unique && code.number == Code::DUPLICATE_KEY => {
                // The index serves its queries meanwhile, and counting the violations needs it.
                let plain = Index { unique: false, ..index.clone() };
                let command = create_indexes_command(collection, [&plain]);
                context.mongo.write(database, command, "create an index").await?;
                make_unique(context, database, collection, index).await
            }
            Some(Code { number: 67 | 85 | 86, .. }) => Err(Error::refused(
                ConditionType::SchemaReady,
                Reason::SchemaConflict,
                format!(
                    "Index {} of {} cannot be made beside an index that is there already. Remove the other index.",
                    index.name, collection.name
                ),
            )),
            _ => Err(Error::mongodb("create an index", &error)),
        },
    }
}

/// Converts an index to unique, or answers how many values stand in the way.
async fn make_unique(
    context: &Context,
    database: &str,
    collection: &Collection,
    index: &Index,
) -> Result<Option<String>> {
    let change = |option: &str, value: bool| {
        let mut specification = doc! { "name": index.name };
        specification.insert(option, value);
        majority(doc! { "collMod": collection.name, "index": specification })
    };
    let handle = context.mongo.database(database);
    // With dryRun the server only looks: writes go on, and a database that cannot be mended is not written to.
    let mut look = change("unique", true);
    look.remove("writeConcern");
    look.insert("dryRun", true);
    match handle.run_command(look).await {
        Ok(_) => {
            for command in [change("prepareUnique", true), change("unique", true)] {
                handle.run_command(command).await.doing("make an index unique")?;
            }
            Ok(None)
        }
        Err(error) if Code::of(&error).is_some_and(|c| c.number == Code::CANNOT_CONVERT_INDEX_TO_UNIQUE) => {
            let count = error
                .server_response()
                .and_then(|raw| Document::try_from(raw.as_ref()).ok())
                .and_then(|answer| answer.get_array("violations").ok().map(Vec::len))
                .unwrap_or_default();
            Ok(Some(format!(
                "{count} values stand more than once in {} where index {} wants them unique",
                collection.name, index.name
            )))
        }
        Err(error) => Err(Error::mongodb("look for duplicate values", &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> Vec<Found> {
        TENANT_SCHEMA
            .collections
            .iter()
            .map(|collection| Found {
                name: collection.name.to_owned(),
                kind: "collection".to_owned(),
                options: doc! { "validator": collection.validator.clone() },
                indexes: std::iter::once(doc! { "v": 2, "key": { "_id": 1 }, "name": "_id_" })
                    .chain(collection.indexes.iter().map(|index| {
                        let mut found = index.specification();
                        if let Ok(collation) = found.get_document_mut("collation") {
                            // The server answers every field of a collation.
                            collation.extend(doc! { "caseLevel": false, "numericOrdering": false, "version": "57.1" });
                        }
                        found
                    }))
                    .collect(),
            })
            .collect()
    }

    #[test]
    fn a_complete_database_needs_nothing() {
        assert_eq!(plan(&complete()).unwrap(), []);
    }

    #[test]
    fn an_empty_database_needs_every_collection() {
        let steps = plan(&[]).unwrap();
        assert_eq!(steps.len(), 6);
        assert!(steps.iter().all(|step| matches!(step, Step::Create(_))));
    }

    #[test]
    fn each_kind_of_difference_has_its_step() {
        let users = &TENANT_SCHEMA.collections[0];
        let email = &users.indexes[0];

        let mut found = complete();
        found[0].indexes.pop();
        assert_eq!(plan(&found).unwrap(), [Step::CreateIndex(users, email)]);

        let mut found = complete();
        found[0].options.insert("validationAction", "warn");
        assert_eq!(plan(&found).unwrap(), [Step::SetValidator(users)]);

        let mut found = complete();
        found[0].indexes[1].remove("unique");
        assert_eq!(plan(&found).unwrap(), [Step::MakeUnique(users, email)]);

        let mut found = complete();
        found[0].indexes[1].insert("key", doc! { "name": 1 });
        assert_eq!(plan(&found).unwrap(), [Step::ReplaceIndex(users, email)]);
    }

    #[test]
    fn an_index_of_another_name_serves_as_well() {
        let mut found = complete();
        found[0].indexes[1].insert("name", "made_by_the_dba");
        assert_eq!(plan(&found).unwrap(), []);
    }

    #[test]
    fn numbers_are_compared_by_value() {
        let mut found = complete();
        found[0].indexes[1].insert("key", doc! { "email": 1.0 });
        assert_eq!(plan(&found).unwrap(), []);
    }

    #[test]
    fn what_holds_data_in_another_form_is_refused() {
        let mut found = complete();
        found[1].kind = "view".to_owned();
        let error = plan(&found).unwrap_err();
        assert_eq!(error.reason(), Reason::SchemaConflict);
        assert!(error.to_string().contains("patients is a view"));
    }
}
