//! What is told of a hospital, in its status and to the platform, is what is declared and what there is.

use std::collections::BTreeMap;

use chakravue_crds::{
    HospitalOrganization,
    annotations::ROTATE_CREDENTIALS,
    master::{ClaimState, OrganizationRecord},
    naming::secret_name,
    organization::Users,
    tenant_schema::{TENANT_SCHEMA, VERSION},
};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use serde_json::{Value, json};

use super::{Truth, equal, is_suspended};
use crate::hospitals::{Hospitals, database};

/// All of the status, and nothing in it that would alarm anybody.
pub fn is_true(
    object: &HospitalOrganization,
    declared: &Value,
    record: &OrganizationRecord,
    secret: &Secret,
    staff: i64,
) -> Truth {
    let name = object.name_any();
    for field in ["displayName", "plan", "subscription"] {
        equal(field, &json!(object.spec)[field], &declared["spec"][field])?;
    }
    let suspended = is_suspended(declared);
    let (generation, plan) = (object.metadata.generation, object.spec.plan);
    let holds = json!(["True", "AsDeclared", generation]);
    let suspension = json!(["False", "Suspended", generation]);
    let by_subscription = if suspended { suspension } else { holds.clone() };
    let collections: BTreeMap<&str, Value> = TENANT_SCHEMA
        .collections
        .iter()
        .map(|collection| {
            let mut indexes: Vec<&str> = collection.indexes.iter().map(|index| index.name).collect();
            indexes.sort_unstable();
            (collection.name, json!([true, indexes]))
        })
        .collect();
    let wanted = json!({
        "phase": if suspended { "Suspended" } else { "Active" },
        "observedGeneration": generation,
        "organizationId": record.organization_id,
        "databaseName": database(&name),
        "binding": { "name": secret_name(&name) },
        "schemaVersion": VERSION,
        "collections": collections,
        // The password is as old as the Secret says, and was made for what was asked for last.
        "credentials": {
            "rotatedAt": secret.annotations().get("chakravue.io/rotated-at"),
            "rotation": declared["metadata"]["annotations"][ROTATE_CREDENTIALS],
        },
        "users": Users::new(staff, plan.user_limit()),
        "monthlyPriceUsd": plan.monthly_price_usd(),
        "conditions": {
            "Ready": by_subscription,
            "ClaimHeld": holds,
            "CredentialsReady": holds,
            "SchemaReady": holds,
            "SubscriptionActive": by_subscription,
        },
    });

    let status = object.status.as_ref().ok_or("it has no status")?;
    let mut found = json!(status);
    let conditions = status.conditions.iter().map(|condition| {
        (condition.type_.as_str(), json!([condition.status, condition.reason, condition.observed_generation]))
    });
    found["conditions"] = json!(conditions.collect::<BTreeMap<_, _>>());
    let collections = status.collections.iter().map(|collection| {
        let mut indexes = collection.indexes.clone();
        indexes.sort_unstable();
        (collection.name.as_str(), json!([collection.documents_validated, indexes]))
    });
    found["collections"] = json!(collections.collect::<BTreeMap<_, _>>());
    let credentials = status.credentials.as_ref();
    found["credentials"] = json!({
        "rotatedAt": credentials.and_then(|credentials| Some(credentials.rotated_at.as_ref()?.0.to_string())),
        "rotation": credentials.and_then(|credentials| credentials.rotation.as_ref()),
    });
    let answers = secret.annotations().get("chakravue.io/rotation");
    equal("for what request its password was made", &json!(answers), &wanted["credentials"]["rotation"])?;
    let names = [&found, &wanted].map(|status| status.as_object().into_iter().flat_map(serde_json::Map::keys));
    for field in names.into_iter().flatten() {
        let told = if field == "conditions" { json!(status.conditions) } else { found[field].clone() };
        equal(&format!("{field} of its status, which is {told}"), &found[field], &wanted[field])?;
    }
    Ok(())
}

/// The platform's view, and whose the claim is.
pub fn is_recorded(
    object: &HospitalOrganization,
    declared: &Value,
    record: &OrganizationRecord,
    hospitals: &Hospitals,
) -> Truth {
    let (name, plan) = (object.name_any(), object.spec.plan);
    equal("the claim", &record.claim, &ClaimState::Held)?;
    let owner = &record.owner;
    let owner = [Some(owner.namespace.clone()), Some(owner.name.clone()), Some(owner.uid.clone())];
    equal("the claim's owner", &owner, &[object.namespace(), Some(name.clone()), object.uid()])?;
    let wanted = json!({
        "display_name": declared["spec"]["displayName"],
        "plan": declared["spec"]["plan"],
        "monthly_price_usd": plan.monthly_price_usd(),
        "status": if is_suspended(declared) { "Suspended" } else { "Active" },
        "users": hospitals.staff,
        "user_limit": plan.user_limit(),
    });
    equal("the platform's view", &json!(record.facts), &wanted)?;
    equal("its schema, as the claim has it", &record.schema_version, &Some(VERSION))?;
    equal("its loss, as the claim has it", &record.data_loss, &None)?;
    equal("what it left behind", &record.left_behind, &None)?;
    equal("whether it was ever complete", &record.provisioned_at.is_some(), &true)?;
    if let Some(before) = hospitals.organizations.get(&name) {
        equal("its organization", &record.organization_id.as_str(), &before.as_str())?;
    }
    Ok(())
}
