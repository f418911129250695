//! How far a hospital has come to be, in words for the person who waits for it. Pure: the object says it all.
//!
//! The operator's own messages are for the platform's engineers and may name other hospitals; here each reason has a
//! sentence of its own.

use chakravue_crds::{
    HospitalOrganizationStatus,
    conditions::{ConditionType, Reason, holds},
    organization::{Phase, Subscription},
    tenant_schema::{Collection, TENANT_SCHEMA},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Hospital, is_ready, phase_of, status_name};

/// Where the making of a hospital stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Provisioning)]
pub struct Progress {
    #[schema(example = "org_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    pub organization_id: String,
    /// `pending_payment`, `provisioning`, `active`, `suspended`, `failed` or `terminating`.
    #[schema(example = "provisioning")]
    pub status: &'static str,
    /// Whether the hospital can be used.
    pub ready: bool,
    /// For a person: what is going on.
    pub message: String,
    pub steps: Vec<Step>,
}

/// One thing that has to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ProvisioningStep)]
pub struct Step {
    /// Names the step for a program: `claim`, `credentials`, each collection, `indexes`, `ready`.
    #[schema(example = "credentials")]
    pub step: &'static str,
    #[schema(example = "Give the hospital its own database login")]
    pub title: String,
    pub state: StepState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProvisioningStepState)]
pub enum StepState {
    /// Something before it has to be done first.
    Waiting,
    Working,
    Done,
    /// It cannot go on by itself; the message says why.
    Failed,
}

impl Progress {
    #[must_use]
    pub fn of(hospital: &Hospital) -> Self {
        let empty = HospitalOrganizationStatus::default();
        let status = hospital.status.as_ref().unwrap_or(&empty);
        Self {
            organization_id: status.organization_id.clone().unwrap_or_default(),
            status: status_name(phase_of(hospital)),
            ready: is_ready(hospital),
            message: message(hospital, status),
            steps: steps(hospital, status),
        }
    }
}

fn steps(hospital: &Hospital, status: &HospitalOrganizationStatus) -> Vec<Step> {
    let holds = |type_: ConditionType| holds(&status.conditions, type_);
    let collections = &TENANT_SCHEMA.collections;
    let mut steps = vec![
        ("claim", "Reserve the database".to_owned(), holds(ConditionType::ClaimHeld)),
        ("credentials", "Give the hospital its own database login".to_owned(), holds(ConditionType::CredentialsReady)),
    ];
    steps.extend(collections.iter().map(|collection| {
        (collection.name, title(collection.name), status.collections.iter().any(|made| made.name == collection.name))
    }));
    steps.push((
        "indexes",
        "Make searches fast".to_owned(),
        collections.iter().all(|wanted| is_indexed(status, wanted)),
    ));
    steps.push(("ready", "Open the hospital".to_owned(), is_ready(hospital)));

    let goes_on = match phase_of(hospital) {
        Phase::Failed => Some(StepState::Failed),
        // What is declared decides: the phase follows when the operator has seen it.
        _ if hospital.spec.subscription == Subscription::Active => Some(StepState::Working),
        _ => None,
    };
    let mut first_open = true;
    let told = steps.into_iter().map(|(step, title, done)| {
        let state = match goes_on {
            _ if done => StepState::Done,
            Some(state) if first_open => state,
            _ => StepState::Waiting,
        };
        first_open &= done;
        Step { step, title, state }
    });
    told.collect()
}

fn title(collection: &str) -> String {
    let name = collection.replace('_', " ");
    format!("Make the collection of {name}")
}

fn is_indexed(status: &HospitalOrganizationStatus, wanted: &Collection) -> bool {
    let made = status.collections.iter().find(|made| made.name == wanted.name);
    made.is_some_and(|made| wanted.indexes.iter().all(|index| made.indexes.iter().any(|name| name == index.name)))
}

fn message(hospital: &Hospital, status: &HospitalOrganizationStatus) -> String {
    if is_ready(hospital) {
        return "The hospital is ready.".to_owned();
    }
    if hospital.metadata.deletion_timestamp.is_some() {
        return "The hospital is being removed.".to_owned();
    }
    match hospital.spec.subscription {
        Subscription::PendingPayment if phase_of(hospital) != Phase::Failed => {
            return "The hospital waits for its payment.".to_owned();
        }
        Subscription::Suspended => {
            return "The subscription is suspended. The data stays; nobody has access until it is resumed.".to_owned();
        }
        _ => {}
    }
    // What was known before the pause stays in the status, and is not why nothing goes on.
    if holds(&status.conditions, ConditionType::Paused) {
        return sentence(Reason::Paused).to_owned();
    }
    let ready = status.conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str());
    let reason = ready.and_then(|ready| Reason::ALL.iter().copied().find(|reason| reason.as_str() == ready.reason));
    reason.map_or("The hospital is being set up.", sentence).to_owned()
}

/// Why a hospital is not ready, for the person who waits for it.
fn sentence(reason: Reason) -> &'static str {
    match reason {
        Reason::Pending | Reason::PendingPayment | Reason::Suspended => {
            "The platform has not begun yet. It begins by itself; there is nothing to do but to wait."
        }
        Reason::AsDeclared | Reason::Provisioning => "The hospital is being set up.",
        Reason::Repairing => "Something of the hospital's database is being put right.",
        Reason::Terminating => "The hospital is being removed.",
        Reason::Paused => "The platform's engineers have paused the work on the hospital. It goes on when they say so.",
        Reason::MongoDbUnavailable | Reason::MongoDbNotWritable => {
            "The database server does not answer at the moment. The platform goes on by itself as soon as it does."
        }
        Reason::KubernetesError | Reason::MongoDbError => "A step did not succeed. The platform tries again by itself.",
        Reason::InvalidSpec
        | Reason::DatabaseNameTaken
        | Reason::DatabaseNotOurs
        | Reason::AdoptionRequired
        | Reason::AdoptionRefused
        | Reason::SecretNotOurs => {
            "The hospital cannot be set up under its name. Write to the platform; nothing that was paid is lost."
        }
        Reason::DocumentsViolateSchema | Reason::SchemaConflict => {
            "Data that is there already does not fit. Write to the platform; nothing is lost."
        }
        // Servers that are full or lack rights, data or claims lost by hand, an operator that is held: nothing to do for
        // who waits.
        _ => {
            "The platform cannot go on until its engineers put something right. They have been told; nothing that was paid is lost."
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn hospital(subscription: &str, status: Value) -> Hospital {
        let mut hospital = super::super::tests::hospital("a", 1);
        hospital.spec.subscription = serde_json::from_value(json!(subscription)).unwrap();
        hospital.status = serde_json::from_value(status).unwrap();
        hospital
    }

    fn condition(type_: &str, status: &str, reason: &str) -> Value {
        json!({ "type": type_, "status": status, "reason": reason, "message": "secret words of another hospital",
                "lastTransitionTime": "2026-01-01T00:00:00Z" })
    }

    fn states(progress: &Progress) -> Vec<StepState> {
        progress.steps.iter().map(|step| step.state).collect()
    }

    #[test]
    fn a_hospital_that_has_not_paid_has_its_claim_and_waits() {
        let claimed = hospital(
            "PendingPayment",
            json!({ "phase": "PendingPayment", "organizationId": "org_x",
            "conditions": [condition("ClaimHeld", "True", "AsDeclared"), condition("Ready", "False", "PendingPayment")] }),
        );
        let progress = Progress::of(&claimed);
        assert_eq!((progress.status, progress.ready), ("pending_payment", false));
        assert_eq!(progress.message, "The hospital waits for its payment.");
        assert_eq!(progress.steps.len(), 2 + 6 + 2);
        assert_eq!(states(&progress)[0], StepState::Done);
        assert!(states(&progress)[1..].iter().all(|state| *state == StepState::Waiting));
    }

    #[test]
    fn while_it_is_made_one_step_is_being_worked_on() {
        let under_way = hospital(
            "Active",
            json!({ "phase": "Provisioning", "organizationId": "org_x",
            "collections": [{ "name": "users", "documentsValidated": true, "indexes": [] }],
            "conditions": [condition("ClaimHeld", "True", "AsDeclared"), condition("Ready", "False", "MongoDbUnavailable")] }),
        );
        let progress = Progress::of(&under_way);
        assert_eq!(states(&progress)[..4], [StepState::Done, StepState::Working, StepState::Done, StepState::Waiting]);
        assert!(progress.message.starts_with("The database server does not answer"));
    }

    #[test]
    fn one_that_is_paid_and_paused_says_what_holds_it() {
        let paused = hospital(
            "Active",
            json!({ "phase": "PendingPayment", "organizationId": "org_x",
            "conditions": [condition("ClaimHeld", "True", "AsDeclared"), condition("Ready", "False", "PendingPayment"),
                           condition("Paused", "True", "Paused")] }),
        );
        let progress = Progress::of(&paused);
        assert_eq!((progress.status, progress.ready), ("provisioning", false));
        assert_eq!(states(&progress)[..3], [StepState::Done, StepState::Working, StepState::Waiting]);
        assert!(progress.message.contains("have paused the work"), "{}", progress.message);
    }

    #[test]
    fn a_ready_hospital_has_every_step_done() {
        let collections: Vec<Value> = TENANT_SCHEMA
            .collections
            .iter()
            .map(|c| json!({ "name": c.name, "documentsValidated": true, "indexes": c.indexes.iter().map(|i| i.name).collect::<Vec<_>>() }))
            .collect();
        let ready = hospital(
            "Active",
            json!({ "phase": "Active", "organizationId": "org_x", "observedGeneration": 1,
            "collections": collections,
            "conditions": [condition("ClaimHeld", "True", "AsDeclared"), condition("CredentialsReady", "True", "AsDeclared"),
                           condition("Ready", "True", "AsDeclared")] }),
        );
        let progress = Progress::of(&ready);
        assert!(progress.ready && states(&progress).iter().all(|state| *state == StepState::Done), "{progress:?}");
    }

    #[test]
    fn a_failure_is_told_without_the_operators_words() {
        for reason in Reason::ALL {
            let failed = hospital(
                "Active",
                json!({ "phase": "Failed", "organizationId": "org_x",
                "conditions": [condition("Ready", "False", reason.as_str())] }),
            );
            let progress = Progress::of(&failed);
            assert!(!progress.message.contains("secret"), "{reason}");
            assert_eq!(states(&progress)[0], StepState::Failed);
            assert_eq!(states(&progress)[1], StepState::Waiting);
        }
    }
}
