//! What the claim's document tells besides whose the database is: the read model of the platform, which collections there
//! are, and what was lost or left behind. Written only where it differs, and only by who holds the claim.

use std::collections::BTreeMap;

use chakravue_crds::{
    OrganizationId,
    master::{ClaimState, DataLoss, LeftBehind, OrganizationFacts, OrganizationRecord, Owner},
    organization::Phase,
};
use mongodb::bson::{self, DateTime, Document, Uuid, doc};

use super::{change, find_of, held_by};
use crate::{
    context::Context,
    error::{Doing as _, Error, Result},
    tenant::Tenant,
};

/// What a database has.
pub struct Provisioned {
    /// `None`: it has never been complete.
    pub schema_version: Option<i64>,
    /// The ids of the catalogue's collections.
    pub collections: BTreeMap<String, Uuid>,
}

pub fn facts_of(tenant: &Tenant, phase: Phase, users: i64) -> OrganizationFacts {
    OrganizationFacts {
        display_name: tenant.display_name.clone(),
        plan: tenant.plan,
        monthly_price_usd: tenant.plan.monthly_price_usd(),
        status: phase,
        users,
        user_limit: tenant.plan.user_limit(),
    }
}

/// Writes what the platform shows of the organization, and what its database has, where it differs.
pub async fn record_facts(
    context: &Context,
    record: &OrganizationRecord,
    facts: &OrganizationFacts,
    database: Option<&Provisioned>,
) -> Result<()> {
    let as_recorded = database.is_none_or(|database| {
        record.schema_version == database.schema_version
            && record.collections == database.collections
            && (record.provisioned_at.is_some() || database.schema_version.is_none())
    });
    if record.facts == *facts && as_recorded {
        return Ok(());
    }
    let mut set = bson::serialize_to_document(facts).map_err(|_| Error::Conflict { what: "the facts".to_owned() })?;
    let mut update = Document::new();
    if let Some(database) = database {
        set.insert("collections", ids(&database.collections)?);
        if let Some(version) = database.schema_version {
            set.insert("schema_version", version);
            if record.provisioned_at.is_none() {
                set.insert("provisioned_at", DateTime::now());
            }
            if record.schema_target == Some(version) {
                update.insert("$unset", doc! { "schema_target": "" });
            }
        }
    }
    update.insert("$set", set);
    change(context, record, update, "record the organization").await
}

/// Writes that a database is about to be migrated: from now on an older operator leaves it alone.
pub async fn aim(context: &Context, record: OrganizationRecord, version: i64) -> Result<OrganizationRecord> {
    if record.schema_target == Some(version) {
        return Ok(record);
    }
    change(context, &record, doc! { "$set": { "schema_target": version } }, "record the migration").await?;
    Ok(OrganizationRecord { schema_target: Some(version), ..record })
}

/// Writes that the object which holds a claim cannot be read: what the platform shows of it otherwise stays as it was. Answers
/// that claim, if there is one.
pub async fn record_unreadable(context: &Context, owner: &Owner) -> Result<Option<OrganizationRecord>> {
    let held = find_of(context, owner).await?.filter(|record| record.claim == ClaimState::Held);
    let Some(mut record) = held else { return Ok(None) };
    if record.facts.status != Phase::Failed {
        record.facts.status = Phase::Failed;
        change(context, &record, doc! { "$set": { "status": Phase::Failed.as_str() } }, "record the organization")
            .await?;
    }
    Ok(Some(record))
}

/// Writes which collections there still are, and which were lost.
pub async fn remember(
    context: &Context,
    record: &OrganizationRecord,
    collections: &BTreeMap<String, Uuid>,
    data_loss: Option<&DataLoss>,
) -> Result<()> {
    let mut update = doc! { "$set": { "collections": ids(collections)? } };
    match data_loss {
        Some(loss) => update.get_document_mut("$set").map(|set| {
            set.insert("data_loss", doc! { "detected_at": loss.detected_at, "collections": &loss.collections })
        }),
        None => Ok(update.insert("$unset", doc! { "data_loss": "" })),
    }
    .map_err(|_| Error::Conflict { what: "the claim".to_owned() })?;
    change(context, record, update, "record which collections there are").await
}

fn ids(collections: &BTreeMap<String, Uuid>) -> Result<Document> {
    bson::serialize_to_document(collections).map_err(|_| Error::Conflict { what: "the collections".to_owned() })
}

/// Writes what stayed in MongoDB of an object that is gone.
pub async fn leave_behind(context: &Context, id: &OrganizationId, owner: &Owner, what: Vec<String>) -> Result<()> {
    let left = LeftBehind { at: DateTime::now(), what };
    let left = bson::serialize_to_bson(&left).map_err(|_| Error::Conflict { what: "the claim".to_owned() })?;
    let mut filter = held_by(id, owner);
    filter.insert("left_behind", doc! { "$exists": false });
    let update = doc! { "$set": { "left_behind": left, "status": Phase::Terminating.as_str() } };
    context.mongo.organizations().update_one(filter, update).await.doing("record what is left behind")?;
    Ok(())
}
