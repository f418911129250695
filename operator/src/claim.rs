//! The claim: which organization a database belongs to. One document per organization in the master database, unique
//! by database name; no step changes a database whose claim the object does not hold.
//!
//! [`decide`] says what is to be done, without doing it; [`hold`] does it.

mod facts;
mod holder;

use std::collections::BTreeMap;

use chakravue_crds::{
    OrganizationId, annotations,
    conditions::{ConditionType, Reason, events},
    master::{ClaimState, DatabaseOrigin, OrganizationRecord, Owner},
    naming::DatabaseName,
    organization::{Phase, Subscription},
};
use mongodb::bson::{self, DateTime, Document, doc};

pub use self::{
    facts::{Provisioned, aim, facts_of, leave_behind, record_facts, record_unreadable, remember},
    holder::{lives, must_live, waits},
};

use crate::{
    context::Context,
    error::{Code, Doing as _, Error, Result},
    events::{Change, Changes},
    tenant::Tenant,
};

/// What is to be done about a claim.
#[derive(Clone, Debug)]
pub enum Decision {
    /// The object holds it.
    Held(OrganizationRecord),
    /// Nobody does.
    Claim,
    /// Another object holds or held it, and this one has the right to it.
    TakeUp(OrganizationRecord),
}

/// Looks for the claim on a database, whoever holds it.
pub async fn find(context: &Context, database: &DatabaseName) -> Result<Option<OrganizationRecord>> {
    context.mongo.organizations().find_by_database(database.as_str()).await.doing("read the claim")
}

/// Looks for the claim that an object holds. One that it has given up belongs to nobody, also in the eyes of a pass that
/// still works from the object as it was before.
pub async fn find_of(context: &Context, owner: &Owner) -> Result<Option<OrganizationRecord>> {
    let filter = doc! {
        "owner.uid": &owner.uid,
        "owner.cluster": &owner.cluster,
        "claim": { "$ne": "Retained" },
    };
    context.mongo.organizations().find_one(filter).await.doing("read the claim")
}

/// Refuses to take an object for one without a claim that has it under another cluster's id: somebody gave this one another
/// id, and what was made for the object would be forgotten with its user's access.
pub async fn refuse_other_cluster(context: &Context, owner: &Owner) -> Result<()> {
    let filter =
        doc! { "owner.uid": &owner.uid, "owner.cluster": { "$ne": &owner.cluster }, "claim": { "$ne": "Retained" } };
    let Some(record) = context.mongo.organizations().find_one(filter).await.doing("read the claim")? else {
        return Ok(());
    };
    Err(Error::Fault {
        reason: Reason::OperatorMisconfigured,
        message: format!(
            "Database {} is claimed for this very object, but under the id of another cluster: {}. If that is this cluster, start \
             the operator with --cluster-id as it was then.",
            record.database_name, record.owner.cluster
        ),
    })
}

/// What is to be done, given what was found; a refusal says why it cannot be.
///
/// `database_exists` says whether the database had collections at a time before `found` was decided upon.
pub async fn decide(
    context: &Context,
    tenant: &Tenant,
    found: Option<OrganizationRecord>,
    database_exists: bool,
) -> Result<Decision> {
    let decision = match found {
        Some(record) if record.owner == tenant.owner && record.claim == ClaimState::Held => Decision::Held(record),
        Some(record) => {
            may_take_up(context, tenant, &record).await?;
            Decision::TakeUp(record)
        }
        None => {
            refuse_lost_claim(context, tenant)?;
            if let Some(wanted) = &tenant.adopt_organization {
                return Err(nothing_to_adopt(context, tenant, wanted).await?);
            }
            Decision::Claim
        }
    };
    let begun = match &decision {
        Decision::Held(record) | Decision::TakeUp(record) => record.database_origin.is_some(),
        Decision::Claim => false,
    };
    // A database of the name is somebody else's unless a claim says that it was begun; one that is not paid for touches
    // none, but may not even claim the name of one.
    let matters = matches!(decision, Decision::Claim) || tenant.subscription != Subscription::PendingPayment;
    if database_exists && !begun && matters {
        may_adopt_database(context, tenant)?;
    }
    Ok(decision)
}

/// Makes sure that the tenant holds the claim, given what was found, and that the database may be made or is ours.
///
/// `database_exists` says whether the database had collections at a time before `found` was decided upon.
pub async fn hold(
    context: &Context,
    tenant: &Tenant,
    found: Option<OrganizationRecord>,
    database_exists: bool,
    changes: &mut Changes,
) -> Result<OrganizationRecord> {
    let found = match found {
        // The look at the database came first: a claim that was made in between is the reason it exists.
        None if database_exists => find(context, &tenant.database).await?,
        found => found,
    };
    let decision = decide(context, tenant, found, database_exists).await?;
    let record = match decision {
        Decision::Held(record) => record,
        Decision::TakeUp(record) => take_up(context, tenant, record, changes).await?,
        Decision::Claim => match insert(context, tenant, database_exists).await? {
            Some(record) => {
                changes.push(Change::new(
                    events::CLAIMED,
                    format!("Claimed database {} as {}", record.database_name, record.organization_id),
                ));
                record
            }
            // Somebody claimed the name between our look and our insert: look again and treat it like any other claim.
            None => match find(context, &tenant.database).await? {
                Some(record) => match decide(context, tenant, Some(record), database_exists).await? {
                    Decision::Held(record) => record,
                    Decision::TakeUp(record) => take_up(context, tenant, record, changes).await?,
                    Decision::Claim => return Err(claimed_meanwhile(tenant)),
                },
                None => return Err(claimed_meanwhile(tenant)),
            },
        },
    };
    if record.database_origin.is_none() && tenant.subscription != Subscription::PendingPayment {
        return begin(context, record, database_exists).await;
    }
    Ok(record)
}

fn claimed_meanwhile(tenant: &Tenant) -> Error {
    Error::Conflict { what: format!("the claim on database {}", tenant.database) }
}

fn conflict(record: &OrganizationRecord) -> Error {
    Error::Conflict { what: format!("the claim on database {}", record.database_name) }
}

/// Marks that the data is about to be dropped. From here on nobody else gets the database before it is gone, and the
/// pass that drops it knows that it was still the object's when it was marked. A mark that it remembers is asked for again:
/// another operator may have finished the drop since then, and what was listed be the next hospital's.
pub async fn begin_drop(context: &Context, record: &OrganizationRecord) -> Result<()> {
    let mut filter = held_by(&record.organization_id, &record.owner);
    filter.insert("claim", doc! { "$in": ["Held", "Dropping"] });
    let update = doc! { "$set": { "claim": "Dropping", "status": Phase::Terminating.as_str() } };
    let outcome = context.mongo.organizations().update_one(filter, update).await.doing("mark the claim")?;
    if outcome.matched_count == 0 { Err(conflict(record)) } else { Ok(()) }
}

/// Gives the claim up: for good, or until the organization comes back.
pub async fn release(context: &Context, record: &OrganizationRecord, retain: bool) -> Result<()> {
    let organizations = context.mongo.organizations();
    let mut filter = held_by(&record.organization_id, &record.owner);
    if retain {
        // What is being dropped cannot be retained any more.
        filter.insert("claim", "Held");
        let update = doc! { "$set": {
            "claim": "Retained",
            "retained_at": DateTime::now(),
            "status": Phase::Terminating.as_str(),
        } };
        let outcome = organizations.update_one(filter, update).await.doing("retain the claim")?;
        if outcome.matched_count == 0 {
            return Err(conflict(record));
        }
    } else {
        organizations.delete_one(filter).await.doing("release the claim")?;
    }
    Ok(())
}

fn held_by(id: &OrganizationId, owner: &Owner) -> bson::Document {
    doc! { "_id": id.as_str(), "owner.uid": &owner.uid, "owner.cluster": &owner.cluster }
}

/// Claims a name that nobody claims. `None`: somebody was faster.
async fn insert(context: &Context, tenant: &Tenant, database_exists: bool) -> Result<Option<OrganizationRecord>> {
    let origin = match tenant.subscription {
        Subscription::PendingPayment => None,
        _ if database_exists => Some(DatabaseOrigin::Adopted),
        _ => Some(DatabaseOrigin::Created),
    };
    let phase = match tenant.subscription {
        Subscription::PendingPayment => Phase::PendingPayment,
        _ => Phase::Provisioning,
    };
    let record = OrganizationRecord {
        organization_id: OrganizationId::generate(),
        database_name: tenant.database.clone(),
        owner: tenant.owner.clone(),
        claim: ClaimState::Held,
        database_origin: origin,
        schema_version: None,
        schema_target: None,
        collections: BTreeMap::new(),
        data_loss: None,
        facts: facts_of(tenant, phase, 0),
        claimed_at: DateTime::now(),
        provisioned_at: None,
        retained_at: None,
        left_behind: None,
    };
    match context.mongo.organizations().insert_one(&record).await {
        Ok(()) => Ok(Some(record)),
        Err(error) if Code::of(&error).is_some_and(|code| code.number == Code::DUPLICATE_KEY) => Ok(None),
        Err(error) => Err(Error::mongodb("claim the database name", &error)),
    }
}

/// Whether the tenant may have a claim that another object holds or held: the same place re-created, or an explicit
/// adoption.
async fn may_take_up(context: &Context, tenant: &Tenant, record: &OrganizationRecord) -> Result<()> {
    let place = place(&record.owner, &tenant.owner);
    let same_place = record.owner.same_place(&tenant.owner);
    let asked = tenant.adopt_organization.as_deref() == Some(record.organization_id.as_str());

    if record.claim == ClaimState::Dropping && record.owner == tenant.owner {
        // A pass that still works from the object as it was before its deletion.
        return Err(Error::Conflict { what: "the object, which is being deleted,".to_owned() });
    }
    if same_place {
        // The object that held the claim cannot exist any more if this one is alive: ask the API server, not a cache.
        must_live(context, tenant).await?;
    } else if record.claim != ClaimState::Retained && holder::holder_lives(context, tenant, &record.owner).await? {
        return Err(Error::refused(
            ConditionType::ClaimHeld,
            Reason::DatabaseNameTaken,
            format!(
                "Database {} belongs to {place}. Choose another spec.databaseName in a new object.",
                record.database_name
            ),
        ));
    } else if !asked {
        // The id is what proves the right to the data, so no message may tell it.
        let (reason, hint) = match &tenant.adopt_organization {
            None => (Reason::AdoptionRequired, "to take it over, annotate this object with"),
            Some(_) => (Reason::AdoptionRefused, "this object's annotation names another organization; it has to say"),
        };
        return Err(Error::refused(
            ConditionType::ClaimHeld,
            reason,
            format!(
                "Database {} is retained for {place}: {hint} {}=<its organizationId>, or choose another name.",
                record.database_name,
                annotations::ADOPT_ORGANIZATION
            ),
        ));
    }
    Ok(())
}

/// Takes it up.
async fn take_up(
    context: &Context,
    tenant: &Tenant,
    record: OrganizationRecord,
    changes: &mut Changes,
) -> Result<OrganizationRecord> {
    let place = place(&record.owner, &tenant.owner);
    let filter = doc! {
        "_id": record.organization_id.as_str(),
        "owner.uid": &record.owner.uid,
        "claim": bson::serialize_to_bson(&record.claim).map_err(|_| Error::Conflict { what: "the claim".to_owned() })?,
    };
    let owner = bson::serialize_to_bson(&tenant.owner).map_err(|_| Error::Conflict { what: "the claim".to_owned() })?;
    let update =
        doc! { "$set": { "owner": owner, "claim": "Held" }, "$unset": { "retained_at": "", "left_behind": "" } };
    let outcome = context.mongo.organizations().update_one(filter, update).await.doing("take up the retained claim")?;
    if outcome.matched_count == 0 {
        return Err(conflict(&record));
    }
    changes.push(Change::new(
        events::ADOPTED,
        format!("Took up database {} of {}, held before by {place}", record.database_name, record.organization_id),
    ));
    let owner = tenant.owner.clone();
    Ok(OrganizationRecord { owner, claim: ClaimState::Held, retained_at: None, left_behind: None, ..record })
}

/// Changes the claim's document, if the claim is still held by who held it. Of one whose database is being dropped, a pass that
/// works from before that must not make anything again.
async fn change(context: &Context, record: &OrganizationRecord, update: Document, doing: &str) -> Result<()> {
    let mut filter = held_by(&record.organization_id, &record.owner);
    filter.insert("claim", "Held");
    let outcome = context.mongo.organizations().update_one(filter, update).await.doing(doing)?;
    if outcome.matched_count == 0 { Err(conflict(record)) } else { Ok(()) }
}

/// Marks that the database is about to be made.
async fn begin(context: &Context, mut record: OrganizationRecord, database_exists: bool) -> Result<OrganizationRecord> {
    let origin = if database_exists { DatabaseOrigin::Adopted } else { DatabaseOrigin::Created };
    let origin_name = bson::serialize_to_bson(&origin).map_err(|_| Error::Conflict { what: "the claim".to_owned() })?;
    change(context, &record, doc! { "$set": { "database_origin": origin_name } }, "mark the claim").await?;
    record.database_origin = Some(origin);
    Ok(record)
}

/// A hospital that had a database does not silently get an empty one: perhaps the operator is connected to another MongoDB.
fn refuse_lost_claim(context: &Context, tenant: &Tenant) -> Result<()> {
    if tenant.was.is_none() || tenant.was == tenant.acknowledged_loss {
        return Ok(());
    }
    Err(Error::refused(
        ConditionType::ClaimHeld,
        Reason::ClaimLost,
        format!(
            "This hospital had database {}, and MongoDB knows nothing of its claim any more. Is the operator connected to \
             another MongoDB? If {} was lost, restore it and the hospital's database from a backup. Only if there is none, \
             begin anew with an empty database: kubectl annotate horg -n {} {} --overwrite {}=<its .status.organizationId>",
            tenant.database,
            context.mongo.master_database(),
            tenant.owner.namespace,
            tenant.owner.name,
            annotations::ACKNOWLEDGE_DATA_LOSS,
        ),
    ))
}

fn may_adopt_database(context: &Context, tenant: &Tenant) -> Result<()> {
    if context.settings.allow_database_adoption && tenant.adopt_database {
        return Ok(());
    }
    Err(Error::refused(
        ConditionType::ClaimHeld,
        Reason::DatabaseNotOurs,
        format!(
            "Database {} exists already and was not made for any HospitalOrganization. Choose another spec.databaseName in a new \
             object; to adopt it, start the operator with --allow-database-adoption and annotate this object with {}=true.",
            tenant.database,
            annotations::ADOPT_DATABASE
        ),
    ))
}

/// Why an adoption that was asked for is refused although nobody claims the name.
async fn nothing_to_adopt(context: &Context, tenant: &Tenant, wanted: &str) -> Result<Error> {
    let elsewhere = context
        .mongo
        .organizations()
        .find_one(doc! { "_id": wanted })
        .await
        .doing("look for the organization to adopt")?;
    let message = match elsewhere {
        Some(record) => format!(
            "The organization to adopt has database {}: set spec.databaseName to it in a new object.",
            record.database_name
        ),
        None => format!(
            "No organization is retained under the id in the annotation {}: correct it, or remove it to start database {} afresh.",
            annotations::ADOPT_ORGANIZATION,
            tenant.database
        ),
    };
    Ok(Error::refused(ConditionType::ClaimHeld, Reason::AdoptionRefused, message))
}

fn place(owner: &Owner, seen_from: &Owner) -> String {
    let cluster = if owner.cluster == seen_from.cluster { "" } else { " of another cluster" };
    format!("HospitalOrganization {}/{}{cluster}", owner.namespace, owner.name)
}
