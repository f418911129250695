//! Objects that an older, looser resource definition let in and that cannot be read now: they are told so, they can be
//! deleted, and they stop nobody else.

use std::{fmt::Display, sync::Arc};

use chakravue_crds::{
    HospitalOrganization, HospitalOrganizationStatus,
    conditions::{ConditionType, Reason, Truth, condition, holds},
    master::OrganizationRecord,
    naming::DatabaseName,
    organization::{DeletionPolicy, Phase, Users},
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp};
use kube::{
    Api, Resource as _, ResourceExt as _,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
    core::error_boundary::InvalidObject,
    runtime::controller::Action,
};
use serde_json::json;

use crate::{
    answer::in_time,
    backoff, claim,
    context::{Context, FIELD_MANAGER},
    error::{Doing as _, Error, Result},
    events::Changes,
    finalizer::{self, FINALIZER},
    removal, status,
    tenant::Departing,
};

/// Tells an object that does not fit the current definition so, and lets it go if it is being deleted.
pub async fn tell(invalid: &InvalidObject, context: &Context) -> Result<Action> {
    let meta = &invalid.metadata;
    let (Some(namespace), Some(name)) = (&meta.namespace, &meta.name) else {
        return Ok(Action::await_change());
    };
    let kind = ApiResource::erase::<HospitalOrganization>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(context.kube.clone(), namespace, &kind);
    let Some(object) = in_time(api.get_opt(name)).await.doing("read the object")? else {
        return Ok(Action::await_change());
    };
    if object.metadata.deletion_timestamp.is_some() {
        return remove(&api, &object, context).await;
    }
    let Err(error) = read(&object) else {
        // Corrected meanwhile: the watch brings it.
        return Ok(Action::await_change());
    };
    let before = object.data.get("status").cloned().map(serde_json::from_value::<HospitalOrganizationStatus>);
    let Ok(before) = before.transpose() else {
        // The status is the operator's own to write: it begins anew, and the next pass sees what is left to say.
        tracing::warn!(namespace, name, "the status is begun anew, as somebody made it unreadable: {error}");
        forget_status(&api, &object).await?;
        return Ok(Action::await_change());
    };
    let before = before.unwrap_or_default();

    // The platform first, so that whoever sees the status finds it there too. It is told also where MongoDB is away.
    let departing = Departing::of(&object.metadata, &context.settings.cluster, DeletionPolicy::Retain);
    let held = match &departing {
        Some(departing) => {
            let recorded = claim::record_unreadable(context, &departing.owner);
            removal::in_time("record the organization", recorded).await
        }
        None => Ok(None),
    };
    let message = message(&error);
    let held_record = held.as_ref().ok().and_then(Option::as_ref);
    let status = status_of(&before, held_record, object.metadata.generation, &message, Timestamp::now());
    if status != before {
        tracing::warn!(namespace, name, "{message}");
        context.announcer.warning(Arc::new(object.object_ref(&kind)), Reason::InvalidSpec.as_str(), message);
        // Server-side apply fails on an object with a value of a wrong type, wherever that is.
        let metadata = json!({ "uid": object.metadata.uid, "resourceVersion": object.metadata.resource_version });
        let patch = Patch::Merge(json!({ "metadata": metadata, "status": status }));
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        if let Err(error) = in_time(api.patch_status(name, &parameters, &patch)).await {
            let error = Error::kubernetes("record the status", &error);
            if matches!(error, Error::Conflict { .. }) {
                return Err(error);
            }
            // The API server checks the whole object at every write and may refuse even this; there is the Event.
            tracing::warn!(namespace, name, "the object is invalid and its status cannot be written: {error}");
        }
    }
    held?;
    Ok(Action::requeue(backoff::jittered(context.settings.resync)))
}

/// What to say of an object that cannot be read.
pub fn message(error: &dyn Display) -> String {
    format!("The object does not fit the current resource definition: {error}. Correct its spec.")
}

/// The status of an object that cannot be read: what was known of the hospital stays known. What its claim says is known even
/// where the status of the pass that took it never got there. Pure.
fn status_of(
    before: &HospitalOrganizationStatus,
    held: Option<&OrganizationRecord>,
    generation: Option<i64>,
    message: &str,
    now: Timestamp,
) -> HospitalOrganizationStatus {
    let make = |type_, truth, reason, message: String| {
        condition(type_, truth, reason, message, generation, &before.conditions, now)
    };
    let invalid = |type_, truth| make(type_, truth, Reason::InvalidSpec, message.to_owned());
    let mut status = HospitalOrganizationStatus {
        phase: Some(Phase::Failed),
        observed_generation: generation,
        conditions: vec![invalid(ConditionType::Ready, Truth::False), invalid(ConditionType::Stalled, Truth::True)],
        ..before.clone()
    };
    if let Some(record) = held {
        let (database, facts) = (record.database_name.to_string(), &record.facts);
        if !holds(&before.conditions, ConditionType::ClaimHeld) {
            let message = status::held_message(&database);
            status.conditions.push(make(ConditionType::ClaimHeld, Truth::True, Reason::AsDeclared, message));
        }
        status.organization_id = Some(record.organization_id.to_string());
        status.database_name = Some(database);
        status.schema_version = before.schema_version.or(record.schema_version);
        status.users = Some(Users::new(facts.users, facts.user_limit));
        status.monthly_price_usd = Some(facts.monthly_price_usd);
    }
    let stays = |old: &&Condition| {
        old.type_ != ConditionType::Reconciling.as_str() && status.conditions.iter().all(|new| new.type_ != old.type_)
    };
    let others: Vec<_> = before.conditions.iter().filter(stays).cloned().collect();
    status.conditions.extend(others);
    status
}

/// Removes a hospital that cannot be read, with what of it can.
async fn remove(api: &Api<DynamicObject>, object: &DynamicObject, context: &Context) -> Result<Action> {
    let text = |pointer| object.data.pointer(pointer).and_then(serde_json::Value::as_str);
    // A policy that cannot be read is the safe one.
    let policy = match text("/spec/deletionPolicy") {
        Some("Delete") => DeletionPolicy::Delete,
        _ => DeletionPolicy::Retain,
    };
    let position = object.finalizers().iter().position(|finalizer| finalizer == FINALIZER);
    let (Some(departing), Some(position)) =
        (Departing::of(&object.metadata, &context.settings.cluster, policy), position)
    else {
        return Ok(Action::await_change());
    };
    let mut changes = Changes::default();
    let reference = Arc::new(object.object_ref(&ApiResource::erase::<HospitalOrganization>(&())));
    let database = text("/status/databaseName").or_else(|| text("/spec/databaseName"));
    let database = database.map(str::to_owned).or_else(|| derived(object));
    let removed = removal::remove(context, &departing, database.as_deref(), &mut changes).await;
    context.announcer.changes(Arc::clone(&reference), changes);
    if let Err(error) = removed {
        if !matches!(error, Error::Conflict { .. }) {
            // An Event, as its status may be what cannot be written.
            let hint = removal::hint(&error, database.as_deref());
            context.announcer.warning(reference, error.reason().as_str(), hint);
        }
        return Err(error);
    }
    let dropped = finalizer::remove_at(api, &object.metadata, position).await;
    if let (Err(_), Err(error)) = (&dropped, read(object)) {
        // The API server checks the whole object even then, and refuses some kinds of nonsense at every write.
        let message = format!(
            "The API server keeps the object for as long as it does not fit the current resource definition: {error}. Correct its spec; it goes then."
        );
        context.announcer.warning(reference, Reason::KubernetesError.as_str(), message);
    }
    dropped?;
    context.echoes.forget(&object.uid().unwrap_or_default());
    Ok(Action::await_change())
}

/// The database that it would have by its name.
fn derived(object: &DynamicObject) -> Option<String> {
    DatabaseName::derive(&object.name_any()).ok().map(|name| name.to_string())
}

/// Reads an object; the error names the field that does not fit.
fn read(object: &DynamicObject) -> std::result::Result<HospitalOrganization, String> {
    let object = serde_json::to_value(object).map_err(|error| error.to_string())?;
    serde_path_to_error::deserialize(object).map_err(|error| error.to_string())
}

/// Removes the status; the API server puts the default in its place.
async fn forget_status(api: &Api<DynamicObject>, object: &DynamicObject) -> Result<()> {
    let removal = serde_json::from_value(json!([
        { "op": "test", "path": "/metadata/resourceVersion", "value": object.resource_version() },
        { "op": "remove", "path": "/status" },
    ]))
    .map_err(|_| Error::Conflict { what: "the status".to_owned() })?;
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    match in_time(api.patch_status(&object.name_any(), &parameters, &Patch::<()>::Json(removal))).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        // The object changed since we looked.
        Err(kube::Error::Api(status)) if status.is_invalid() => Err(Error::Conflict { what: "the object".to_owned() }),
        other => other.map(drop).doing("begin the status anew"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> OrganizationRecord {
        mongodb::bson::deserialize_from_document(mongodb::bson::doc! {
            "_id": "org_01m8gmptx3s75nqdk379he7n29",
            "database_name": "a",
            "owner": { "cluster": "c", "namespace": "n", "name": "a", "uid": "u" },
            "claim": "Held",
            "display_name": "A", "plan": "Starter", "monthly_price_usd": 99_i64, "status": "Failed",
            "users": 3_i64, "user_limit": 5_i64,
            "claimed_at": mongodb::bson::DateTime::MIN,
        })
        .unwrap()
    }

    fn truths(status: &HospitalOrganizationStatus) -> Vec<(&str, &str)> {
        status.conditions.iter().map(|c| (c.type_.as_str(), c.status.as_str())).collect()
    }

    #[test]
    fn one_without_a_claim_is_told_and_nothing_else() {
        let nothing = HospitalOrganizationStatus::default();
        let status = status_of(&nothing, None, Some(1), "no", Timestamp::UNIX_EPOCH);
        assert_eq!(truths(&status), [("Ready", "False"), ("Stalled", "True")]);
        assert_eq!((status.organization_id, status.users), (None, None));
    }

    #[test]
    fn a_claim_is_told_that_the_status_knew_nothing_of_and_said_once() {
        let nothing = HospitalOrganizationStatus::default();
        let status = status_of(&nothing, Some(&record()), Some(1), "no", Timestamp::UNIX_EPOCH);
        assert_eq!(truths(&status), [("Ready", "False"), ("Stalled", "True"), ("ClaimHeld", "True")]);
        assert_eq!(status.organization_id.as_deref(), Some("org_01m8gmptx3s75nqdk379he7n29"));
        assert_eq!((status.users.as_ref().unwrap().seats.as_str(), status.monthly_price_usd), ("3/5", Some(99)));
        assert_eq!(status_of(&status, Some(&record()), Some(1), "no", Timestamp::now()), status);
    }

    #[test]
    fn what_was_known_stays_where_the_claim_cannot_be_read() {
        let known =
            status_of(&HospitalOrganizationStatus::default(), Some(&record()), Some(1), "no", Timestamp::UNIX_EPOCH);
        let status = status_of(&known, None, Some(2), "no longer", Timestamp::now());
        assert_eq!(truths(&status), truths(&known));
        assert_eq!((status.organization_id, status.users), (known.organization_id, known.users));
        assert_eq!(status.observed_generation, Some(2));
    }
}
