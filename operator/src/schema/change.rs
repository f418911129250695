//! The steps carried out: new collections in one transaction, repairs one command at a time.

use chakravue_crds::{
    conditions::{ConditionType, Reason},
    naming::DatabaseName,
    tenant_schema::{Collection, Index},
};
use futures::{FutureExt as _, future::try_join_all};
use mongodb::{
    bson::{Document, RawDocumentBuf, doc},
    error::TRANSIENT_TRANSACTION_ERROR,
};

use super::{
    compare::{Step, same_document},
    observed::number,
};
use crate::{
    error::{Code, Error, Result},
    mongo::{Abilities, Mongo},
};

fn create_command(collection: &Collection) -> Document {
    doc! { "create": collection.name, "validator": collection.validator.clone() }
}

fn create_indexes_command<'a>(collection: &Collection, indexes: impl IntoIterator<Item = &'a Index>) -> Document {
    let specifications: Vec<Document> = indexes.into_iter().map(Index::specification).collect();
    doc! { "createIndexes": collection.name, "indexes": specifications }
}

/// Makes the missing collections with their indexes: in one transaction where the server has them, which is faster
/// than the single commands and leaves nothing half-made.
pub(super) async fn create_all(
    mongo: &Mongo,
    database: &DatabaseName,
    collections: &[&Collection],
    abilities: Abilities,
) -> Result<()> {
    if collections.is_empty() {
        return Ok(());
    }
    if abilities.transactions {
        for _attempt in 0..3 {
            match create_in_transaction(mongo, database, collections).await {
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
    try_join_all(collections.iter().map(|collection| create_one(mongo, database, collection).boxed())).await?;
    Ok(())
}

async fn create_one(mongo: &Mongo, database: &DatabaseName, collection: &Collection) -> Result<()> {
    let name = database.as_str();
    match mongo.write_as_answered(name, create_command(collection)).await {
        Ok(_) => {}
        Err(error) if differs_in_case(&error) => return Err(case_conflict(database)),
        Err(error) => return Err(Error::mongodb("create a collection", &error)),
    }
    // The server refuses to make none.
    if !collection.indexes.is_empty() {
        let command = create_indexes_command(collection, &collection.indexes);
        mongo.write(name, command, "create the indexes").await?;
    }
    Ok(())
}

async fn create_in_transaction(
    mongo: &Mongo,
    database: &DatabaseName,
    collections: &[&Collection],
) -> mongodb::error::Result<()> {
    mongo.may_write()?;
    let mut session = mongo.client().start_session().await?;
    session.start_transaction().await?;
    let handle = mongo.database(database.as_str());
    for collection in collections {
        let create = handle.run_command(create_command(collection)).session(&mut session);
        mongo.timed("create", create).await?;
        if collection.indexes.is_empty() {
            continue;
        }
        let indexes = create_indexes_command(collection, &collection.indexes);
        mongo.timed("createIndexes", handle.run_command(indexes).session(&mut session)).await?;
    }
    mongo.may_write()?;
    mongo.timed("commitTransaction", session.commit_transaction()).await?;
    mongo.wrote(database.as_str(), session.operation_time());
    Ok(())
}

/// What the server says only when it is asked to make the first collection.
pub async fn refuse_other_case(mongo: &Mongo, database: &DatabaseName) -> Result<()> {
    let name = database.as_str();
    let is_other = |other: &String| other != name && other.eq_ignore_ascii_case(name);
    match mongo.databases().await {
        Some(all) if all.iter().any(is_other) => Err(case_conflict(database)),
        _ => Ok(()),
    }
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

/// What existing documents violate, in words, if they stood in the way.
pub(super) type Violation = Option<String>;

/// Mends one validator or index of a collection that is there.
pub(super) async fn repair(mongo: &Mongo, database: &str, step: Step) -> Result<Violation> {
    match step {
        Step::Create(_) => Err(Error::Conflict { what: "the collections".to_owned() }),
        Step::SetValidator(collection) => set_validator(mongo, database, collection).await,
        Step::CreateIndex(collection, index) => create_index(mongo, database, collection, index).await,
        Step::ReplaceIndex(collection, index) => {
            let drop = doc! { "dropIndexes": collection.name, "index": index.name };
            mongo.write(database, drop, "remove an index that differs from the catalogue").await?;
            create_index(mongo, database, collection, index).await
        }
        Step::MakeUnique(collection, index) => make_unique(mongo, database, collection, index).await,
    }
}

/// Sets the validator, at first only as a warning; it is enforced once no existing document violates it.
async fn set_validator(mongo: &Mongo, database: &str, collection: &Collection) -> Result<Violation> {
    let set = |action: &str| {
        doc! {
            "collMod": collection.name,
            "validator": collection.validator.clone(),
            "validationLevel": "strict",
            "validationAction": action,
        }
    };
    let warned = mongo.read(
        database,
        doc! { "listCollections": 1, "filter": { "name": collection.name } },
        "look at the validator",
    );
    let already_warning = warned
        .await?
        .get_document("cursor")
        .and_then(|cursor| cursor.get_array("firstBatch"))
        .ok()
        .and_then(|batch| RawDocumentBuf::try_from(batch.first()?.as_document()?.get_document("options").ok()?).ok())
        .is_some_and(|options| {
            options.get_str("validationAction").ok() == Some("warn")
                && options.get_document("validator").is_ok_and(|found| same_document(found, &collection.validator))
        });
    if !already_warning {
        mongo.write(database, set("warn"), "set a validator").await?;
    }
    let report = mongo
        .read(database, doc! { "validate": collection.name, "background": true }, "count documents that do not fit")
        .await?;
    match misfits(&report)? {
        0 => {
            mongo.write(database, set("error"), "enforce a validator").await?;
            Ok(None)
        }
        1 => Ok(Some(format!("1 document of {} does not fit its validator", collection.name))),
        count => Ok(Some(format!("{count} documents of {} do not fit its validator", collection.name))),
    }
}

/// How many documents do not fit, by the server's report; of a sharded collection, by those of all shards.
fn misfits(report: &Document) -> Result<i64> {
    let of = |report: &Document| report.get("nNonCompliantDocuments").map(|count| number(Some(count)));
    let counted = match report.get_document("raw") {
        Ok(shards) => shards.values().map(|shard| shard.as_document().and_then(of)).sum(),
        Err(_) => of(report),
    };
    counted.ok_or_else(|| Error::Fault {
        reason: Reason::MongoDbError,
        message: "MongoDB did not count the documents that do not fit a validator. The operator tries again by itself."
            .to_owned(),
    })
}

async fn create_index(mongo: &Mongo, database: &str, collection: &Collection, index: &Index) -> Result<Violation> {
    let command = create_indexes_command(collection, [index]);
    match mongo.write_as_answered(database, command).await {
        Ok(_) => Ok(None),
        Err(error) => match Code::of(&error) {
            Some(code) if index.unique && code.number == Code::DUPLICATE_KEY => {
                // The index serves its queries meanwhile, and counting the violations needs it.
                let plain = Index { unique: false, ..index.clone() };
                let command = create_indexes_command(collection, [&plain]);
                mongo.write(database, command, "create an index").await?;
                make_unique(mongo, database, collection, index).await
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
async fn make_unique(mongo: &Mongo, database: &str, collection: &Collection, index: &Index) -> Result<Violation> {
    let doing = "make an index unique";
    let change = |option: &str| {
        let mut specification = doc! { "name": index.name };
        specification.insert(option, true);
        doc! { "collMod": collection.name, "index": specification }
    };
    // With dryRun the server only looks, so a database that cannot be mended is not written to at every pass.
    let mut look = change("unique");
    look.insert("dryRun", true);
    let mut seen = mongo.read_as_answered(database, look.clone()).await;
    if seen.as_ref().is_err_and(|error| Code::of(error).is_some_and(|code| code.number == Code::INVALID_OPTIONS)) {
        // It looks only at an index that takes no further duplicates; those that are there stay and can be used.
        mongo.write(database, change("prepareUnique"), doing).await?;
        seen = mongo.read_as_answered(database, look).await;
    }
    match seen {
        Ok(_) => {
            mongo.write(database, change("unique"), doing).await?;
            Ok(None)
        }
        Err(error) if Code::of(&error).is_some_and(|c| c.number == Code::CANNOT_CONVERT_INDEX_TO_UNIQUE) => {
            let count = error
                .server_response()
                .and_then(|raw| Document::try_from(raw.as_ref()).ok())
                .and_then(|answer| answer.get_array("violations").ok().map(Vec::len))
                .unwrap_or_default();
            Ok(Some(format!(
                "{count} {} more than once in {} where index {} wants them unique",
                if count == 1 { "value stands" } else { "values stand" },
                collection.name,
                index.name
            )))
        }
        Err(error) => Err(Error::mongodb("look for duplicate values", &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_that_do_not_fit_are_counted_on_every_shard_or_not_at_all() {
        let report = |count: i64| doc! { "nNonCompliantDocuments": count };
        assert_eq!(misfits(&report(3)).unwrap(), 3);
        assert_eq!(misfits(&doc! { "raw": { "a": report(1), "b": report(2) }, "ok": 1 }).unwrap(), 3);
        assert!(misfits(&doc! { "ok": 1 }).is_err(), "no count is not none");
        assert!(misfits(&doc! { "raw": { "a": report(1), "b": {} } }).is_err());
    }
}
