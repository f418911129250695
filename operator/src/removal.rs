//! Removing a hospital: revoke, drop (only under deletionPolicy Delete), verify, remove user and role, release the
//! claim. Every step can be done again, so a crash between two of them costs nothing; without a claim nothing of a
//! database is touched.

use chakravue_crds::{
    conditions::{Reason, events},
    master::OrganizationRecord,
    naming::DatabaseName,
    organization::DeletionPolicy,
};
use mongodb::bson::doc;

use crate::{
    access, claim,
    context::Context,
    credentials,
    error::{Error, Result},
    events::Change,
    schema,
    tenant::Departing,
};

pub async fn remove(context: &Context, departing: &Departing, changes: &mut Vec<Change>) -> Result<()> {
    context.mongo.usable().await?;
    let record = claim::find_of(context, &departing.owner).await?;
    if let Some(record) = &record {
        match departing.deletion_policy {
            DeletionPolicy::Delete => delete(context, record, changes).await?,
            DeletionPolicy::Retain => retain(context, record, changes).await?,
        }
    }
    let owner = &departing.owner;
    credentials::remove(context, &owner.namespace, &departing.secret_name, &owner.uid).await?;
    context.verified.forget(&owner.uid);
    context.drift.forget(&owner.uid);
    Ok(())
}

async fn delete(context: &Context, record: &OrganizationRecord, changes: &mut Vec<Change>) -> Result<()> {
    let database = &record.database_name;
    // A claim without an origin was never provisioned: a database of that name is not this organization's to drop.
    if record.database_origin.is_some() {
        let name = database.as_str();
        // First of all nobody may write any more, or a write during the drop makes the database anew.
        context.mongo.write(name, doc! { "dropAllUsersFromDatabase": 1 }, "remove the database users").await?;
        context.mongo.write(name, doc! { "dropDatabase": 1 }, "drop the database").await?;
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

async fn retain(context: &Context, record: &OrganizationRecord, changes: &mut Vec<Change>) -> Result<()> {
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

async fn verify_absent(context: &Context, database: &DatabaseName) -> Result<()> {
    if schema::find(context, database).await?.collections.is_empty() {
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
pub fn force_released(departing: &Departing, database: Option<&str>) -> bool {
    departing.force_release.is_some() && departing.force_release.as_deref() == database
}
