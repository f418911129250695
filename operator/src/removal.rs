//! Removing a hospital: revoke, drop (only under deletionPolicy Delete), verify, remove user and role, release the
//! claim. Every step can be done again, so a crash between two of them costs nothing; without a claim nothing of a
//! database is touched.
//!
//! A pass can be held up between any two steps while another one finishes the removal and the name goes to the next
//! hospital. So nothing is dropped by its name: first the collections are listed with the ids that the server gave them,
//! then the claim is marked, which only its holder can, and then exactly those collections are dropped.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use chakravue_crds::{
    annotations::FORCE_RELEASE,
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

/// Longer than any step takes: a drop takes no more than a collection's name away, and MongoDB lets no majority of its members
/// stay ten seconds behind. What takes longer all the same, because a transaction holds a collection for up to a minute, goes on
/// in the server and is found done by a later pass.
const LONGEST_STEP: Duration = Duration::from_secs(20);

/// An election takes seconds. Trouble that lasts for as long as this is what somebody meant who let the object go.
const LASTING: Duration = Duration::from_secs(10);

/// How soon it is tried again in the meantime.
const AGAIN: Duration = Duration::from_secs(1);

/// Where somebody may have stored functions. No right of the operator's is enough to drop it: MongoDB never drops it by itself,
/// and to drop a database by its name may hit the next hospital's.
const STORED_FUNCTIONS: &str = "system.js";

/// Removes what the object had, or, where MongoDB keeps that from being done, lets it go all the same if somebody said so.
/// `database` is the one that would be left behind.
pub async fn remove(
    context: &Context,
    departing: &Departing,
    database: Option<&str>,
    changes: &mut Changes,
) -> Result<()> {
    let begun = Instant::now();
    let may_be_let_go = force_released(departing, database);
    loop {
        // What was let go is left as it is, also by a pass that still works from the object as it was before, and also where
        // somebody else's finalizer keeps that.
        if may_be_let_go && !claim::waits(context, &departing.owner).await? {
            return Ok(());
        }
        match remove_everything(context, departing, database, changes).await {
            Err(error) if may_be_let_go && is_for_good(&error) => {
                if begun.elapsed() < LASTING {
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
                let database = database.unwrap_or_default();
                let note = format!(
                    "Let go by force; what there is of database, user and claim of {database} is left behind: {error}"
                );
                tracing::warn!("{note}");
                context.released.by_force(&departing.owner);
                changes.push(Change::warning(events::FORCE_RELEASED, note));
                return Ok(());
            }
            outcome => return outcome,
        }
    }
}

/// Whether nobody may ever be able to do it.
fn is_for_good(error: &Error) -> bool {
    error.is_mongodb() || error.reason() == Reason::OperatorMisconfigured
}

/// Why an object stays, and what somebody can do who cannot wait.
pub fn hint(error: &Error, database: Option<&str>) -> String {
    if !error.is_mongodb() {
        return error.to_string();
    }
    format!(
        "{error} The object stays until its database is dealt with; to let it go and leave everything behind, annotate it with \
         {FORCE_RELEASE}={}.",
        database.unwrap_or_default()
    )
}

async fn remove_everything(
    context: &Context,
    departing: &Departing,
    database: Option<&str>,
    changes: &mut Changes,
) -> Result<()> {
    context.repairs.close(&departing.owner.uid);
    in_time("be ready", context.mongo.usable()).await?;
    let record = in_time("read the claim", claim::find_of(context, &departing.owner)).await?;
    let owner = &departing.owner;
    match record.as_ref().map(|record| (record, record.claim, departing.deletion_policy)) {
        // What was begun is finished: of half a database there is nothing to retain.
        Some((record, ClaimState::Dropping, _) | (record, _, DeletionPolicy::Delete)) => {
            delete(context, record, changes).await?;
        }
        Some((record, _, DeletionPolicy::Retain)) => retain(context, record, changes).await?,
        None => in_time("read the claim", claim::refuse_other_cluster(context, owner)).await?,
    }
    credentials::remove(context, &owner.namespace, &departing.secret_name, &owner.uid).await?;
    match record {
        Some(_) => Ok(()),
        None => in_time("look for what has no claim", tell_unclaimed(context, database, changes)).await,
    }
}

/// Nothing of a database is touched without its claim. Where that was lost, whoever has the Secret's password keeps access, so
/// such a hospital does not go in silence.
async fn tell_unclaimed(context: &Context, database: Option<&str>, changes: &mut Changes) -> Result<()> {
    let Some(database) = database.and_then(|name| DatabaseName::new(name).ok()) else { return Ok(()) };
    let (claim, access) = tokio::try_join!(claim::find(context, &database), access::find(context, &database))?;
    if claim.is_none() && access.organization().is_some() {
        let note = format!(
            "MongoDB knows nothing of the claim on database {database}: it is left as it is, and so is its user, who can still \
             log in. See `chakravue-operator orphans`"
        );
        tracing::warn!("{note}");
        changes.push(Change::warning(Reason::ClaimLost.as_str(), note));
    }
    Ok(())
}

async fn delete(context: &Context, record: &OrganizationRecord, changes: &mut Changes) -> Result<()> {
    let database = &record.database_name;
    // A claim without an origin was never provisioned: a database of that name is not this organization's to drop.
    if record.database_origin.is_some() {
        let name = database.as_str();
        let doomed = in_time("list the collections", list(context, name)).await?;
        in_time("mark the claim", claim::begin_drop(context, record)).await?;
        // First of all nobody may write any more, or a write during the drop makes the database anew.
        let (users, doing) = (doc! { "dropAllUsersFromDatabase": 1 }, "remove the database users");
        in_time(doing, context.mongo.write(name, users, doing)).await?;
        in_time("drop the collections", drop_collections(context, name, doomed)).await?;
        // An index that is built in a collection which is there no more would make it anew.
        context.repairs.ended(&record.owner.uid).await?;
        in_time("list the collections", verify_absent(context, database)).await?;
        let (roles, doing) = (doc! { "dropAllRolesFromDatabase": 1 }, "remove the database roles");
        in_time(doing, context.mongo.write(name, roles, doing)).await?;
    }
    in_time("release the claim", claim::release(context, record, false)).await?;
    if record.database_origin.is_some() {
        changes.push(Change::new(
            events::DATABASE_DROPPED,
            format!("Dropped database {database}, as deletionPolicy Delete says"),
        ));
    }
    changes.push(Change::new(events::CLAIM_RELEASED, format!("Released the claim on database {database}")));
    Ok(())
}

async fn retain(context: &Context, record: &OrganizationRecord, changes: &mut Changes) -> Result<()> {
    let database = &record.database_name;
    if record.database_origin.is_none() {
        // Nothing was ever made: there is nothing to retain, and the name is free again.
        in_time("release the claim", claim::release(context, record, false)).await?;
        changes.push(Change::new(events::CLAIM_RELEASED, format!("Released the claim on database {database}")));
        return Ok(());
    }
    in_time("remove the database user and its role", access::remove(context, database)).await?;
    in_time("retain the claim", claim::release(context, record, true)).await?;
    changes.push(Change::new(
        events::DATABASE_RETAINED,
        format!(
            "Kept database {database} of {}; its user is removed. Users that somebody else made in it stay",
            record.organization_id
        ),
    ));
    Ok(())
}

/// A step that MongoDB takes and does not finish, which may go on for ever, holds nobody up for longer.
pub async fn in_time<T>(doing: &str, step: impl Future<Output = Result<T>>) -> Result<T> {
    let done = tokio::time::timeout(LONGEST_STEP, step).await;
    done.unwrap_or_else(|_| Err(Error::unfinished(doing, LONGEST_STEP)))
}

/// Everything in a database that can be dropped, with the server's id of each; views have none, and no data.
async fn list(context: &Context, database: &str) -> Result<Vec<(String, Option<Binary>)>> {
    let listed = context.mongo.list(database, doc! { "listCollections": 1 }, "list the collections").await?;
    Ok(droppable(&listed))
}

fn droppable(listed: &[Document]) -> Vec<(String, Option<Binary>)> {
    let id = |found: &Document| match found.get_document("info").ok()?.get("uuid")? {
        Bson::Binary(id) => Some(id.clone()),
        _ => None,
    };
    let names: HashSet<&str> = listed.iter().filter_map(|found| found.get_str("name").ok()).collect();
    let droppable = listed.iter().filter_map(|found| {
        let name = found.get_str("name").ok()?;
        match name.strip_prefix("system.buckets.") {
            // The buckets of a time series go with it. Where it was lost, MongoDB drops them by its name all the same, and
            // takes no id.
            Some(series) => (!names.contains(series)).then(|| (series.to_owned(), None)),
            None => Some((name.to_owned(), id(found))),
        }
    });
    droppable.collect()
}

/// Drops these very collections. With the last one the database is gone.
async fn drop_collections(context: &Context, database: &str, doomed: Vec<(String, Option<Binary>)>) -> Result<()> {
    // The list of views is needed until the last view is gone.
    let (views, others): (Vec<_>, Vec<_>) =
        doomed.into_iter().filter(|(name, _)| name != STORED_FUNCTIONS).partition(|(name, _)| name == "system.views");
    for batch in [others, views] {
        try_join_all(batch.into_iter().map(|(name, id)| drop_collection(context, database, name, id).boxed())).await?;
    }
    Ok(())
}

async fn drop_collection(context: &Context, database: &str, name: String, id: Option<Binary>) -> Result<()> {
    let mut command = doc! { "drop": &name };
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
    let left = list(context, database.as_str()).await?;
    if left.is_empty() {
        return Ok(());
    }
    let message = if left.iter().all(|(name, _)| name == STORED_FUNCTIONS) {
        format!(
            "Of database {database} nothing is left but functions that somebody has stored in it ({STORED_FUNCTIONS}), which \
             MongoDB drops only together with the database. Do that as an administrator, with \
             db.getSiblingDB(\"{database}\").dropDatabase(); the operator goes on by itself."
        )
    } else {
        format!(
            "Database {database} was written to while it was dropped. Stop who writes with an administrator's rights; the operator tries again by itself."
        )
    };
    Err(Error::Fault { reason: Reason::MongoDbError, message })
}

/// Whether a deleted object may go although MongoDB did not do what it should: only if somebody said so by naming the
/// very database that is left behind.
fn force_released(departing: &Departing, database: Option<&str>) -> bool {
    departing.force_release.is_some() && departing.force_release.as_deref() == database
}

#[cfg(test)]
mod tests {
    use mongodb::bson::spec::BinarySubtype;

    use super::*;

    #[test]
    fn buckets_are_dropped_by_themselves_only_where_their_time_series_is_lost() {
        let uuid = |n| Binary { subtype: BinarySubtype::Uuid, bytes: vec![n; 16] };
        let listed = [
            doc! { "name": "patients", "type": "collection", "info": { "uuid": uuid(1) } },
            doc! { "name": "pulse", "type": "timeseries", "info": {} },
            doc! { "name": "system.buckets.pulse", "type": "collection", "info": { "uuid": uuid(2) } },
            doc! { "name": "system.buckets.patients", "type": "collection", "info": { "uuid": uuid(3) } },
            doc! { "name": "system.buckets.lost", "type": "collection", "info": { "uuid": uuid(4) } },
            doc! { "name": "system.views", "type": "collection", "info": { "uuid": uuid(5) } },
        ];
        let droppable = droppable(&listed);
        let found: Vec<_> = droppable.iter().map(|(name, id)| (name.as_str(), id.clone())).collect();
        let expected = [("patients", Some(uuid(1))), ("pulse", None), ("lost", None), ("system.views", Some(uuid(5)))];
        assert_eq!(found, expected);
    }
}
