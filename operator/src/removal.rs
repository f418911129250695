//! Removing a hospital: revoke, drop (only under deletionPolicy Delete), verify, remove user and role, release the
//! claim. Every step can be done again, so a crash between two of them costs nothing; without a claim nothing of a
//! database is touched.
//!
//! A pass can be held up between any two steps while another one finishes the removal and the name goes to the next
//! hospital. So nothing is dropped by its name: first the collections are listed with the ids that the server gave them,
//! then the claim is marked, which only its holder can, and then exactly those collections are dropped.

use chakravue_crds::{
    conditions::{Reason, events},
    master::{ClaimState, OrganizationRecord},
    naming::DatabaseName,
    organization::DeletionPolicy,
};
use futures::{FutureExt as _, future::try_join_all};
use mongodb::bson::{Binary, Bson, Document, doc};

use crate::{
    access, claim,
    context::Context,
    credentials,
    error::{Code, Error, Result},
    events::{Change, Changes},
    tenant::Departing,
};

/// Removes what the object had, or, where that fails, lets it go all the same if somebody said so. `database` is the one that
/// would be left behind.
pub async fn remove(
    context: &Context,
    departing: &Departing,
    database: Option<&str>,
    changes: &mut Changes,
) -> Result<()> {
    match remove_everything(context, departing, changes).await {
        Err(error) if force_released(departing, database) => {
            let database = database.unwrap_or_default();
            let note = format!(
                "Let go by force; what there is of database, user and claim of {database} is left behind: {error}"
            );
            tracing::warn!("{note}");
            context.released.note(&departing.owner);
            changes.push(Change::warning(events::FORCE_RELEASED, note));
            Ok(())
        }
        outcome => outcome,
    }
}

async fn remove_everything(context: &Context, departing: &Departing, changes: &mut Changes) -> Result<()> {
    context.repairs.close(&departing.owner.uid);
    context.mongo.usable().await?;
    let record = claim::find_of(context, &departing.owner).await?;
    if let Some(record) = &record {
        match (record.claim, departing.deletion_policy) {
            // What was begun is finished: of half a database there is nothing to retain.
            (ClaimState::Dropping, _) | (_, DeletionPolicy::Delete) => delete(context, record, changes).await?,
            (_, DeletionPolicy::Retain) => retain(context, record, changes).await?,
        }
    }
    let owner = &departing.owner;
    credentials::remove(context, &owner.namespace, &departing.secret_name, &owner.uid).await
}

async fn delete(context: &Context, record: &OrganizationRecord, changes: &mut Changes) -> Result<()> {
    let database = &record.database_name;
    // A claim without an origin was never provisioned: a database of that name is not this organization's to drop.
    if record.database_origin.is_some() {
        let name = database.as_str();
        let doomed = list(context, name).await?;
        claim::begin_drop(context, record).await?;
        // First of all nobody may write any more, or a write during the drop makes the database anew.
        context.mongo.write(name, doc! { "dropAllUsersFromDatabase": 1 }, "remove the database users").await?;
        drop_collections(context, name, doomed).await?;
        // An index that is built in a collection which is there no more would make it anew.
        context.repairs.ended(&record.owner.uid).await?;
        verify_absent(context, database).await?;
        context.mongo.write(name, doc! { "dropAllRolesFromDatabase": 1 }, "remove the database roles").await?;
        changes.push(Change::new(
            events::DATABASE_DROPPED,
            format!("Dropped database {database}, as deletionPolicy Delete says"),
        ));
    }
    claim::release(context, record, false).await?;
    changes.push(Change::new(events::CLAIM_RELEASED, format!("Released the claim on database {database}")));
    Ok(())
}

async fn retain(context: &Context, record: &OrganizationRecord, changes: &mut Changes) -> Result<()> {
    let database = &record.database_name;
    if record.database_origin.is_none() {
        // Nothing was ever made: there is nothing to retain, and the name is free again.
        claim::release(context, record, false).await?;
        changes.push(Change::new(events::CLAIM_RELEASED, format!("Released the claim on database {database}")));
        return Ok(());
    }
    access::remove(context, database).await?;
    claim::release(context, record, true).await?;
    changes.push(Change::new(
        events::DATABASE_RETAINED,
        format!("Kept database {database} of {}; nobody has access to it", record.organization_id),
    ));
    Ok(())
}

/// Everything in a database that can be dropped, with the server's id of each; views have none, and no data.
async fn list(context: &Context, database: &str) -> Result<Vec<(String, Option<Binary>)>> {
    let listed = context.mongo.list(database, doc! { "listCollections": 1 }, "list the collections").await?;
    let id = |found: &Document| match found.get_document("info").ok()?.get("uuid")? {
        Bson::Binary(id) => Some(id.clone()),
        _ => None,
    };
    let droppable = listed.iter().filter_map(|found| {
        let name = found.get_str("name").ok()?;
        // The buckets of a time series go with it.
        (!name.starts_with("system.buckets.")).then(|| (name.to_owned(), id(found)))
    });
    Ok(droppable.collect())
}

/// Drops these very collections. With the last one the database is gone.
async fn drop_collections(context: &Context, database: &str, doomed: Vec<(String, Option<Binary>)>) -> Result<()> {
    // The list of views is needed until the last view is gone.
    let (views, others): (Vec<_>, Vec<_>) = doomed.into_iter().partition(|(name, _)| name == "system.views");
    for batch in [others, views] {
        try_join_all(batch.into_iter().map(|(name, id)| drop_collection(context, database, name, id).boxed())).await?;
    }
    Ok(())
}

async fn drop_collection(context: &Context, database: &str, name: String, id: Option<Binary>) -> Result<()> {
    let mut command = doc! { "drop": &name, "writeConcern": { "w": "majority" } };
    command.extend(id.map(|id| ("collectionUUID".to_owned(), id.into())));
    match context.mongo.write_as_answered(database, command).await {
        Ok(_) => Ok(()),
        Err(error) => match Code::of(&error).map(|code| code.number) {
            Some(Code::NAMESPACE_NOT_FOUND | Code::COLLECTION_UUID_MISMATCH) => Ok(()),
            Some(Code::ILLEGAL_OPERATION) if name == "system.profile" => Err(Error::Fault {
                reason: Reason::MongoDbError,
                message: format!(
                    "Database {database} is being profiled, and what the profiler noted cannot be dropped meanwhile. \
                     Turn it off there with db.setProfilingLevel(0); the operator tries again by itself."
                ),
            }),
            _ => Err(Error::mongodb("drop a collection", &error)),
        },
    }
}

async fn verify_absent(context: &Context, database: &DatabaseName) -> Result<()> {
    if list(context, database.as_str()).await?.is_empty() {
        return Ok(());
    }
    Err(Error::Fault {
        reason: Reason::MongoDbError,
        message: format!(
            "Database {database} was written to while it was dropped. Stop who writes with an administrator's rights; the operator tries again by itself."
        ),
    })
}

/// Whether a deleted object may go although MongoDB did not do what it should: only if somebody said so by naming the
/// very database that is left behind.
fn force_released(departing: &Departing, database: Option<&str>) -> bool {
    departing.force_release.is_some() && departing.force_release.as_deref() == database
}
