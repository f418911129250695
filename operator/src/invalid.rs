//! Objects that an older, looser resource definition let in and that cannot be read now: they are told so, they can be
//! deleted, and they stop nobody else.

use std::sync::Arc;

use chakravue_crds::{
    HospitalOrganization, HospitalOrganizationStatus,
    conditions::{ConditionType, Reason, Truth, condition},
    naming::DatabaseName,
    organization::{DeletionPolicy, Phase},
};
use k8s_openapi::jiff::Timestamp;
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
    removal,
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

    let message = format!("The object does not fit the current resource definition: {error}. Correct its spec.");
    let now = Timestamp::now();
    let make = |type_, truth| {
        let generation = object.metadata.generation;
        condition(type_, truth, Reason::InvalidSpec, message.clone(), generation, &before.conditions, now)
    };
    let [ready, stalled] = [make(ConditionType::Ready, Truth::False), make(ConditionType::Stalled, Truth::True)];
    // What was known of the hospital stays known.
    let replaced =
        [ConditionType::Ready, ConditionType::Stalled, ConditionType::Reconciling].map(ConditionType::as_str);
    let others = before.conditions.iter().filter(|old| !replaced.contains(&old.type_.as_str())).cloned();
    let status = HospitalOrganizationStatus {
        phase: Some(Phase::Failed),
        observed_generation: object.metadata.generation,
        conditions: [ready, stalled].into_iter().chain(others).collect(),
        ..before.clone()
    };
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
    if let Some(departing) = Departing::of(&object.metadata, &context.settings.cluster, DeletionPolicy::Retain) {
        claim::record_unreadable(context, &departing.owner).await?;
    }
    Ok(Action::requeue(backoff::jittered(context.settings.resync)))
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
