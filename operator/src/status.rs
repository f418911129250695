//! The status that a pass leaves behind. [`Picture`] gathers what the pass learned and puts it into conditions, and [`write`]
//! writes it only where it differs.

mod ignored;
mod picture;

use chakravue_crds::{
    HospitalOrganization, HospitalOrganizationStatus,
    conditions::{ConditionType, Reason},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    Api, Resource, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

pub use self::picture::{Claim, Picture, Progress, SchemaPicture, held_message, is_ready};
use crate::{
    answer::in_time,
    context::{Context, FIELD_MANAGER},
    error::{Doing as _, Error, Result},
    tenant::is_plain,
};

/// Writes the status if it differs from the one that the object has; conditions of others are left alone. Answers
/// whether it was written.
pub async fn write(
    context: &Context,
    object: &HospitalOrganization,
    status: HospitalOrganizationStatus,
) -> Result<bool> {
    let own = object.status.clone().map(|mut before| {
        before.conditions.retain(is_own);
        before
    });
    if own.as_ref() == Some(&status) {
        return Ok(false);
    }
    let status = in_plain_text(status)?;
    if own.as_ref() == Some(&status) {
        return Ok(false);
    }
    let api: Api<HospitalOrganization> = Api::namespaced(context.kube.clone(), &object.namespace().unwrap_or_default());
    remove_refusal(&api, object, &status).await?;
    // With the UID in the patch a status never lands on an object that was re-created under the same name.
    let patch = json!({
        "apiVersion": HospitalOrganization::api_version(&()),
        "kind": HospitalOrganization::kind(&()),
        "metadata": { "uid": object.uid() },
        "status": &status,
    });
    let (parameters, patch) = (PatchParams::apply(FIELD_MANAGER).force(), Patch::Apply(&patch));
    let written = in_time(api.patch_status(&object.name_any(), &parameters, &patch)).await;
    match written {
        Ok(written) => {
            let left = remove_leftovers(&api, &written, &status).await?;
            context.echoes.wrote(object, left.unwrap_or(written));
            Ok(true)
        }
        // The object is gone: there is nobody left to tell.
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(false),
        Err(error) => Err(error).doing("record the status"),
    }
}

/// The status with nothing in its texts that the API server refuses in what is applied: names that were chosen in MongoDB may
/// be anything.
fn in_plain_text(status: HospitalOrganizationStatus) -> Result<HospitalOrganizationStatus> {
    let mut value = json!(status);
    escape(&mut value);
    serde_json::from_value(value).map_err(|_| Error::Conflict { what: "the status".to_owned() })
}

fn escape(value: &mut Value) {
    match value {
        Value::String(text) if !text.chars().all(is_plain) => {
            let escaped = |c: char| if is_plain(c) { c.to_string() } else { c.escape_unicode().to_string() };
            *text = text.chars().map(escaped).collect();
        }
        Value::Array(items) => items.iter_mut().for_each(escape),
        Value::Object(fields) => fields.values_mut().for_each(escape),
        _ => {}
    }
}

/// Removes what somebody else wrote into the status and applying does not take away, because it is theirs: the status is the
/// operator's own, but for conditions of other types. Answers the object if there was something.
async fn remove_leftovers(
    api: &Api<HospitalOrganization>,
    object: &HospitalOrganization,
    status: &HospitalOrganizationStatus,
) -> Result<Option<HospitalOrganization>> {
    let found = object.status.clone().unwrap_or_default();
    let others = found.conditions.iter().filter(|condition| !is_own(condition)).cloned();
    let wanted = HospitalOrganizationStatus {
        conditions: status.conditions.iter().cloned().chain(others).collect(),
        ..status.clone()
    };
    let Some(difference) = merge_patch(&json!(in_order(found)), &json!(in_order(wanted))) else { return Ok(None) };
    let metadata = json!({ "uid": object.uid(), "resourceVersion": object.resource_version() });
    let patch = Patch::Merge(json!({ "metadata": metadata, "status": difference }));
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    match in_time(api.patch_status(&object.name_any(), &parameters, &patch)).await {
        Ok(object) => Ok(Some(object)),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
        Err(error) => Err(error).doing("record the status"),
    }
}

/// Conditions are told apart by their types, wherever they stand.
fn in_order(mut status: HospitalOrganizationStatus) -> HospitalOrganizationStatus {
    status.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    status
}

/// What turns one value into the other (RFC 7396), if they differ.
fn merge_patch(from: &Value, to: &Value) -> Option<Value> {
    let (Some(before), Some(after)) = (from.as_object(), to.as_object()) else {
        return (from != to).then(|| to.clone());
    };
    let changed = after.iter().filter_map(|(key, value)| {
        let before = before.get(key).unwrap_or(&Value::Null);
        Some((key.clone(), merge_patch(before, value)?))
    });
    let gone = before.keys().filter(|key| !after.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let difference: serde_json::Map<String, Value> = changed.chain(gone).collect();
    (!difference.is_empty()).then_some(Value::Object(difference))
}

/// Removes what an object was told while it did not fit the definition and is not true any more. It could not be applied
/// then, so applying a status without it would leave it.
async fn remove_refusal(
    api: &Api<HospitalOrganization>,
    object: &HospitalOrganization,
    status: &HospitalOrganizationStatus,
) -> Result<()> {
    let conditions = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let stays = |condition: &Condition| status.conditions.iter().any(|other| other.type_ == condition.type_);
    let over = |condition: &Condition| {
        is_own(condition) && condition.reason == Reason::InvalidSpec.as_str() && !stays(condition)
    };
    // From the end, so that the numbers of those before stay right.
    let over = conditions.iter().enumerate().filter(|(_, condition)| over(condition)).rev();
    let patch: Vec<_> = over
        .flat_map(|(n, condition)| {
            let path = format!("/status/conditions/{n}");
            [
                json!({ "op": "test", "path": format!("{path}/type"), "value": condition.type_ }),
                json!({ "op": "remove", "path": path }),
            ]
        })
        .collect();
    if patch.is_empty() {
        return Ok(());
    }
    let conflict = || Error::Conflict { what: "the object".to_owned() };
    let patch = Patch::<()>::Json(serde_json::from_value(patch.into()).map_err(|_| conflict())?);
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    match in_time(api.patch_status(&object.name_any(), &parameters, &patch)).await {
        Err(kube::Error::Api(status)) if status.is_invalid() || status.is_not_found() => Err(conflict()),
        other => other.map(drop).doing("record the status"),
    }
}

pub fn is_own(condition: &Condition) -> bool {
    ConditionType::ALL.iter().any(|own| own.as_str() == condition.type_)
}

#[cfg(test)]
mod tests {
    use chakravue_crds::{
        conditions::{Truth, condition},
        organization::Unmanaged,
    };
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    #[test]
    fn a_patch_turns_one_into_the_other_and_is_none_where_they_are_the_same() {
        let (a, b) = (json!({ "x": 1, "y": { "z": [1] }, "w": 2 }), json!({ "x": 1, "y": { "z": [2], "v": 3 } }));
        assert_eq!(merge_patch(&a, &b), Some(json!({ "y": { "z": [2], "v": 3 }, "w": null })));
        assert_eq!(merge_patch(&a, &a), None);
    }

    #[test]
    fn what_the_api_server_does_not_take_is_told_in_a_way_that_it_does() {
        let now = Timestamp::UNIX_EPOCH;
        let ready = condition(ConditionType::Ready, Truth::True, Reason::AsDeclared, "it is", None, &[], now);
        let mut status =
            HospitalOrganizationStatus { conditions: vec![ready], ..HospitalOrganizationStatus::default() };
        assert_eq!(in_plain_text(status.clone()).unwrap(), status);
        status.conditions[0].message = "ärztin 🏥 \u{1b}[31m\n".to_owned();
        let names = |name: &str| vec![name.to_owned()];
        let unmanaged = |name| Unmanaged { collections: names(name), users: names(name), ..Unmanaged::default() };
        status.unmanaged = Some(unmanaged("ward\u{7f}\u{2028}\u{ffff}"));
        let told = in_plain_text(status).unwrap();
        assert_eq!(told.unmanaged, Some(unmanaged("ward\\u{7f}\\u{2028}\\u{ffff}")));
        assert_eq!(told.conditions[0].message, "ärztin 🏥 \\u{1b}[31m\\u{a}");
    }
}
