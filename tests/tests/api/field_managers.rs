//! Who manages what of a hospital's object: the API declares what was signed up for, by server-side apply, and nothing else.

use chakravue_crds::HospitalOrganization;
use serde_json::json;

use crate::support::{Stack, eventually};

/// What the API declares, from the object's managed fields: each as `spec.plan`.
fn declared(object: &HospitalOrganization) -> Vec<String> {
    let managers = object.metadata.managed_fields.as_deref().unwrap_or_default();
    let by_api: Vec<_> = managers.iter().filter(|entry| entry.manager.as_deref() == Some("chakravue-api")).collect();
    let [entry] = by_api[..] else { panic!("the API has {} sets of fields: {managers:?}", by_api.len()) };
    assert_eq!((entry.operation.as_deref(), entry.subresource.as_deref()), (Some("Apply"), None), "{entry:?}");
    let fields = &entry.fields_v1.as_ref().unwrap().0;
    let mut declared = Vec::new();
    for (part, below) in fields.as_object().unwrap() {
        for field in below.as_object().unwrap().keys().filter(|field| *field != ".") {
            declared.push(format!("{}.{}", part.trim_start_matches("f:"), field.trim_start_matches("f:")));
        }
    }
    // Nobody else has a say in what was signed up for.
    for other in managers.iter().filter(|other| other.manager != entry.manager) {
        let has_spec = other.fields_v1.as_ref().is_some_and(|fields| !fields.0["f:spec"].is_null());
        assert!(!has_spec, "{other:?}");
    }
    declared.sort();
    declared
}

#[tokio::test]
async fn a_hospital_that_signed_up_is_declared_by_server_side_apply_through_all_its_changes() {
    const DECLARED: [&str; 6] = [
        "metadata.annotations",
        "spec.administrator",
        "spec.contact",
        "spec.displayName",
        "spec.plan",
        "spec.subscription",
    ];
    let stack = Stack::new("field managers").await;
    let platform = stack.platform_administrator().await;
    let signup = stack.signup("Applied", "starter").await;
    assert_eq!(declared(&stack.object(&signup.organization_id).await), DECLARED, "signed up");

    let setup = stack.client().bearer(&signup.setup_token);
    setup.post(&signup.path("/plan"), &json!({ "plan_id": "professional" })).await.expect(200);
    assert_eq!(declared(&stack.object(&signup.organization_id).await), DECLARED, "with another plan");
    let signup = crate::support::Signup { amount: 299, ..signup };
    stack.pay(&signup).await;
    assert_eq!(declared(&stack.object(&signup.organization_id).await), DECLARED, "paid for");
    for (change, phase) in [("suspend", "Suspended"), ("resume", "Active")] {
        let path = format!("/master/organizations/{}/{change}", signup.organization_id);
        platform.post_empty(&path).await.expect(200);
        eventually("the operator has followed", async || {
            let object = serde_json::to_value(stack.object(&signup.organization_id).await).unwrap();
            (object["status"]["phase"] == phase).then_some(())
        })
        .await;
        let object = stack.object(&signup.organization_id).await;
        assert_eq!(declared(&object), DECLARED, "after {change}");
    }
    stack.close().await;
}
