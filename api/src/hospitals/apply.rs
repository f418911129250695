//! Making and changing a hospital's object by server-side apply.
//!
//! Applying replaces everything that a field manager said before, so a change says again what the API owns already and
//! what changes. Nothing is forced: where a person or a GitOps pipeline has declared a field otherwise,
//! the answer names who manages it.

use chakravue_crds::{OrganizationId, annotations::SIGNUP, organization::Subscription, plans::Plan};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::{
    Api, Resource as _, ResourceExt as _,
    api::{Patch, PatchParams},
    core::Status,
};
use serde_json::{Map, Value, json};

use super::{Hospital, id_of};
use crate::http::flaw::Flaw;
use crate::http::problem::{A_MOMENT, Answer, FieldError, Kind, Problem};

/// Whose fields the API's are.
pub const FIELD_MANAGER: &str = "chakravue-api";

/// The operator writes an object's status between our look and our change at most a few times.
const ATTEMPTS: usize = 8;

/// What somebody who signs up declares.
#[derive(Clone, Debug)]
pub struct NewHospital {
    pub name: String,
    /// The id of the signup.
    pub signup: String,
    pub display_name: String,
    pub email: String,
    pub phone: String,
    pub plan: Plan,
}

/// What came of making an object.
#[derive(Clone, Debug)]
pub enum Created {
    /// By this signup, now or by an attempt whose answer was lost.
    Ours(Box<Hospital>),
    /// Somebody else has an object of this name.
    Taken,
}

/// What is to change.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    Subscription(Subscription),
    Plan(Plan),
    /// The plan, while it has not been paid for.
    PlanBeforePayment(Plan),
    /// A plan is taken back, unless somebody has chosen yet another one since.
    PlanBack {
        from: Plan,
        to: Plan,
    },
    /// The subscription begins, on this plan, unless it has begun before: what was decided since stays.
    Activation(Plan),
}

impl Change {
    /// The fields that have another value now. One that is right already is not declared: whoever manages it would share it
    /// with the API from then on.
    fn fields(self, hospital: &Hospital) -> Vec<(&'static str, Value)> {
        let plan = |plan| (hospital.spec.plan != plan).then(|| ("plan", json!(plan)));
        let subscription = |wanted| (hospital.spec.subscription != wanted).then(|| ("subscription", json!(wanted)));
        let fields = match self {
            Self::Subscription(wanted) => [subscription(wanted), None],
            Self::Plan(wanted) | Self::PlanBeforePayment(wanted) => [plan(wanted), None],
            Self::PlanBack { from, to } if hospital.spec.plan == from => [plan(to), None],
            Self::Activation(wanted) if hospital.spec.subscription == Subscription::PendingPayment => {
                [subscription(Subscription::Active), plan(wanted)]
            }
            Self::PlanBack { .. } | Self::Activation(_) => [None, None],
        };
        fields.into_iter().flatten().collect()
    }

    /// Whether the change may be made of the object as it is now.
    fn is_allowed(self, hospital: &Hospital) -> bool {
        !matches!(self, Self::PlanBeforePayment(_)) || hospital.spec.subscription == Subscription::PendingPayment
    }
}

/// Makes the object, or finds the one that this signup made before.
pub(super) async fn create(api: &Api<Hospital>, new: &NewHospital) -> Answer<Created> {
    if let Some(existing) = api.get_opt(&new.name).await? {
        let ours = existing.annotations().get(SIGNUP) == Some(&new.signup);
        return Ok(if ours { Created::Ours(Box::new(existing)) } else { Created::Taken });
    }
    match api.patch(&new.name, &PatchParams::apply(FIELD_MANAGER), &Patch::Apply(declaration(new))).await {
        // Somebody may have made the same object since the look; applying has then joined it instead of making it.
        Ok(object) if is_shared(&object) => Ok(Created::Taken),
        Ok(object) => Ok(Created::Ours(Box::new(object))),
        Err(kube::Error::Api(status)) if !conflicts(&status).is_empty() => Ok(Created::Taken),
        Err(kube::Error::Api(status)) => Err(invalid(&status).unwrap_or_else(|| kube::Error::Api(status).into())),
        Err(error) => Err(error.into()),
    }
}

/// Whether a change is made, or only tried: Kubernetes then says what it would answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Make,
    Try,
}

/// A hospital after a change.
#[derive(Clone, Debug)]
pub struct Changed<H> {
    /// The subscription before it. Of two at once, only one sees that it changed.
    pub was: Subscription,
    /// The plan before it, whatever this replica had heard of.
    pub was_on: Plan,
    pub now: H,
}

/// Makes a change, if the object is still that organization's.
pub(super) async fn change(
    api: &Api<Hospital>,
    name: &str,
    id: &OrganizationId,
    change: Change,
    mode: Mode,
) -> Answer<Changed<Hospital>> {
    let parameters = PatchParams { dry_run: mode == Mode::Try, ..PatchParams::apply(FIELD_MANAGER) };
    for _ in 0..ATTEMPTS {
        let Some(hospital) = api.get_opt(name).await? else { return Err(Problem::not_found()) };
        if id_of(&hospital).as_ref() != Some(id) {
            return Err(Problem::not_found());
        }
        if !change.is_allowed(&hospital) {
            return Err(Problem::new(Kind::AlreadyPaid, "The hospital is paid for."));
        }
        let (was, was_on) = (hospital.spec.subscription, hospital.spec.plan);
        let fields = change.fields(&hospital);
        if fields.is_empty() {
            return Ok(Changed { was, was_on, now: hospital });
        }
        let configuration = configuration(&hospital, fields);
        match api.patch(name, &parameters, &Patch::Apply(configuration)).await {
            Ok(now) => return Ok(Changed { was, was_on, now }),
            Err(kube::Error::Api(status)) if status.is_not_found() => return Err(Problem::not_found()),
            Err(kube::Error::Api(status)) => {
                let conflicts = conflicts(&status);
                if !conflicts.is_empty() {
                    return Err(managed_elsewhere(name, &conflicts));
                }
                // The object changed since the look at it: what we own of it may have, too.
                if !status.is_conflict() {
                    return Err(invalid(&status).unwrap_or_else(|| kube::Error::Api(status).into()));
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    let detail = "The hospital was changed by somebody else at the same time. Try again.";
    Err(Problem::new(Kind::Conflict, detail).retry_after(A_MOMENT))
}

fn declaration(new: &NewHospital) -> Value {
    json!({
        "apiVersion": Hospital::api_version(&()),
        "kind": Hospital::kind(&()),
        "metadata": { "name": new.name, "annotations": { SIGNUP: new.signup } },
        "spec": {
            "displayName": new.display_name,
            "contact": { "email": new.email, "phone": new.phone },
            "plan": new.plan,
            "subscription": Subscription::PendingPayment,
            "administrator": { "email": new.email },
        },
    })
}

/// What to apply so that these fields change and everything else that the API owns stays. The version of the object is
/// part of it: should the object have changed meanwhile, nothing is applied.
fn configuration(hospital: &Hospital, fields: Vec<(&'static str, Value)>) -> Value {
    let mut configuration = owned(hospital);
    for (field, value) in fields {
        configuration["spec"][field] = value;
    }
    configuration["apiVersion"] = json!(Hospital::api_version(&()));
    configuration["kind"] = json!(Hospital::kind(&()));
    configuration["metadata"]["name"] = json!(hospital.metadata.name);
    configuration["metadata"]["resourceVersion"] = json!(hospital.metadata.resource_version);
    configuration
}

/// The part of the object that the API applied.
fn owned(hospital: &Hospital) -> Value {
    let entries = hospital.metadata.managed_fields.iter().flatten();
    let ours = entries.filter(|entry| {
        entry.manager.as_deref() == Some(FIELD_MANAGER)
            && entry.operation.as_deref() == Some("Apply")
            && entry.subresource.as_deref().unwrap_or_default().is_empty()
    });
    let object = serde_json::to_value(hospital).unwrap_or_default();
    let fields = ours.filter_map(|entry| entry.fields_v1.as_ref()).map(|fields| &fields.0).next();
    fields.and_then(|fields| selected(&object, fields)).unwrap_or_else(|| json!({}))
}

/// What `fields` (in Kubernetes' notation `FieldsV1`) names of a value. The API owns no items of lists: a list is taken
/// as a whole.
fn selected(value: &Value, fields: &Value) -> Option<Value> {
    let names =
        || fields.as_object().into_iter().flatten().filter_map(|(key, inner)| Some((key.strip_prefix("f:")?, inner)));
    if names().next().is_none() {
        return Some(value.clone());
    }
    let object = value.as_object()?;
    let members = names().filter_map(|(name, inner)| Some((name.to_owned(), selected(object.get(name)?, inner)?)));
    Some(Value::Object(members.collect::<Map<_, _>>()))
}

/// Whether somebody besides the API manages a field of the spec.
fn is_shared(object: &Hospital) -> bool {
    let others = |entry: &ManagedFieldsEntry| {
        entry.manager.as_deref() != Some(FIELD_MANAGER)
            && entry.fields_v1.as_ref().is_some_and(|fields| fields.0.get("f:spec").is_some())
    };
    object.metadata.managed_fields.iter().flatten().any(others)
}

/// A field that somebody else manages, and who.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Managed {
    field: String,
    manager: String,
}

/// The causes of a refusal that are conflicts between field managers.
fn conflicts(status: &Status) -> Vec<Managed> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| Managed {
            field: cause.field.trim_start_matches('.').to_owned(),
            // conflict with "argocd-controller" using chakravue.io/v1alpha1
            manager: cause.message.split('"').nth(1).unwrap_or("somebody else").to_owned(),
        })
        .collect()
}

fn managed_elsewhere(name: &str, conflicts: &[Managed]) -> Problem {
    let mut managers: Vec<&str> = conflicts.iter().map(|conflict| conflict.manager.as_str()).collect();
    managers.sort_unstable();
    managers.dedup();
    let fields: Vec<&str> = conflicts.iter().map(|conflict| conflict.field.as_str()).collect();
    let detail = format!(
        "{} of the HospitalOrganization {name} is managed by {}. Change it there.",
        fields.join(", "),
        managers.join(", "),
    );
    let fields: Vec<Value> =
        conflicts.iter().map(|conflict| json!({ "field": conflict.field, "manager": conflict.manager })).collect();
    Problem::new(Kind::ManagedElsewhere, detail).with("managers", json!(managers)).with("fields", fields)
}

/// The fields that the API server refused, pointed at in the request for a signup.
fn invalid(status: &Status) -> Option<Problem> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let mut errors: Vec<FieldError> = causes
        .filter_map(|cause| {
            let pointer = match cause.field.as_str() {
                "spec.displayName" => "/organization_name",
                "spec.contact.email" | "spec.administrator.email" => "/organization_email",
                "spec.contact.phone" => "/organization_phone",
                "spec.plan" => "/plan/plan_id",
                _ => return None,
            };
            // Invalid value: "string": must be an e-mail address …
            let sentence = cause.message.rsplit_once("\": ").map_or(cause.message.as_str(), |(_, sentence)| sentence);
            Some(FieldError::at(pointer, Flaw::read(sentence)))
        })
        .collect();
    errors.dedup();
    let problem = Problem::new(Kind::Invalid, "Some fields are not right; see errors.");
    let is_about_fields = status.code == 422 && !errors.is_empty();
    is_about_fields.then(|| {
        errors.into_iter().fold(problem, |problem, error| problem.field(error.pointer.unwrap_or_default(), error.flaw))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied_by_us() -> Hospital {
        let mut hospital = super::super::tests::hospital("st-marys-hospital", 7);
        hospital.spec.subscription = Subscription::PendingPayment;
        hospital.metadata.annotations =
            Some([(SIGNUP.to_owned(), "sig_1".to_owned()), ("team".to_owned(), "a".to_owned())].into());
        hospital.metadata.managed_fields = serde_json::from_value(json!([
            { "manager": FIELD_MANAGER, "operation": "Apply", "apiVersion": "chakravue.io/v1alpha1", "fieldsType": "FieldsV1",
              "fieldsV1": {
                  "f:metadata": { "f:annotations": { "f:chakravue.io/signup": {} } },
                  "f:spec": { "f:contact": { "f:email": {} }, "f:displayName": {}, "f:subscription": {} },
              } },
            { "manager": "chakravue-operator", "operation": "Apply", "subresource": "status",
              "fieldsType": "FieldsV1", "fieldsV1": { "f:status": { "f:phase": {} } } },
        ]))
        .unwrap();
        hospital
    }

    #[test]
    fn a_change_says_again_what_we_own_and_nothing_else() {
        let hospital = applied_by_us();
        let configuration = configuration(&hospital, Change::Subscription(Subscription::Active).fields(&hospital));
        assert_eq!(
            configuration,
            json!({
                "apiVersion": "chakravue.io/v1alpha1",
                "kind": "HospitalOrganization",
                "metadata": { "name": "st-marys-hospital", "resourceVersion": "7", "annotations": { SIGNUP: "sig_1" } },
                "spec": { "contact": { "email": "admin@stmarys.com" }, "displayName": "St. Mary's Hospital", "subscription": "Active" },
            })
        );
    }

    #[test]
    fn of_an_object_that_others_made_only_the_change_is_ours() {
        let mut hospital = applied_by_us();
        hospital.metadata.managed_fields = None;
        let configuration = configuration(&hospital, Change::Plan(Plan::Starter).fields(&hospital));
        assert_eq!(configuration["spec"], json!({ "plan": "Starter" }));
    }

    #[test]
    fn a_hospital_becomes_active_on_the_plan_that_was_paid() {
        let hospital = applied_by_us();
        let becomes = |plan| configuration(&hospital, Change::Activation(plan).fields(&hospital))["spec"].clone();
        assert_eq!(
            (&becomes(Plan::Starter)["subscription"], &becomes(Plan::Starter)["plan"]),
            (&json!("Active"), &json!("Starter"))
        );
        // What is right and not ours stays with whoever declares it.
        assert_eq!(becomes(Plan::Professional).get("plan"), None);
    }

    #[test]
    fn a_payment_changes_nothing_of_a_hospital_that_has_begun() {
        let mut hospital = applied_by_us();
        for subscription in [Subscription::Active, Subscription::Suspended] {
            hospital.spec.subscription = subscription;
            assert_eq!(Change::Activation(Plan::Starter).fields(&hospital), []);
        }
    }

    #[test]
    fn a_plan_is_taken_back_unless_somebody_has_chosen_another() {
        let mut hospital = applied_by_us();
        let back = Change::PlanBack { from: Plan::Starter, to: Plan::Professional };
        hospital.spec.plan = Plan::Starter;
        assert_eq!(back.fields(&hospital), [("plan", json!("Professional"))]);
        hospital.spec.plan = Plan::Enterprise;
        assert_eq!(back.fields(&hospital), []);
    }

    #[test]
    fn what_is_paid_for_is_not_chosen_any_more() {
        let mut hospital = applied_by_us();
        assert!(Change::PlanBeforePayment(Plan::Starter).is_allowed(&hospital));
        hospital.spec.subscription = Subscription::Active;
        assert!(!Change::PlanBeforePayment(Plan::Starter).is_allowed(&hospital));
        assert!(Change::Plan(Plan::Starter).is_allowed(&hospital));
    }

    #[test]
    fn an_object_that_others_declare_too_is_not_ours() {
        let mut hospital = applied_by_us();
        assert!(!is_shared(&hospital));
        hospital.metadata.managed_fields.as_mut().unwrap().push(
            serde_json::from_value(
                json!({ "manager": "argocd-controller", "operation": "Apply", "fieldsType": "FieldsV1",
                                           "fieldsV1": { "f:spec": { "f:plan": {} } } }),
            )
            .unwrap(),
        );
        assert!(is_shared(&hospital));
    }

    fn status(code: u16, causes: &Value) -> Status {
        serde_json::from_value(
            json!({ "status": "Failure", "code": code, "reason": "x", "details": { "causes": causes } }),
        )
        .unwrap()
    }

    #[test]
    fn a_conflict_names_field_and_manager() {
        let conflicts = conflicts(&status(
            409,
            &json!([{
                "reason": "FieldManagerConflict",
                "message": "conflict with \"argocd-controller\" using chakravue.io/v1alpha1",
                "field": ".spec.subscription",
            }]),
        ));
        let managed = Managed { field: "spec.subscription".into(), manager: "argocd-controller".into() };
        assert_eq!(conflicts, [managed]);
        let problem = format!("{:?}", managed_elsewhere("st-marys-hospital", &conflicts));
        assert!(problem.contains(
            "spec.subscription of the HospitalOrganization st-marys-hospital is managed by argocd-controller"
        ));
    }

    #[test]
    fn a_refusal_points_at_the_request() {
        let refused = status(
            422,
            &json!([
                { "reason": "FieldValueInvalid", "field": "spec.contact.email",
                  "message": "Invalid value: \"x: \\\": y\": must be an e-mail address such as admin@stmarys.com" },
                { "reason": "FieldValueInvalid", "field": "spec.administrator.email",
                  "message": "Invalid value: \"x: \\\": y\": must be an e-mail address such as admin@stmarys.com" },
            ]),
        );
        let errors = invalid(&refused).unwrap().errors().to_vec();
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].pointer.as_deref(), Some("/organization_email"));
        assert_eq!(errors[0].detail, "must be an e-mail address such as admin@stmarys.com");
        assert!(invalid(&status(422, &json!([{ "field": "metadata.name" }]))).is_none());
    }
}
