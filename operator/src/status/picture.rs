//! What a pass learned, and the status that it makes of that. Pure.

use chakravue_crds::{
    HospitalOrganization, HospitalOrganizationStatus,
    conditions::{ConditionType, Reason, Truth, condition, holds},
    naming::secret_name,
    organization::{
        Binding, CollectionStatus, CredentialsStatus, DataLossStatus, Phase, Subscription, Unmanaged, Users,
    },
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp};
use kube::ResourceExt as _;

use super::ignored;
use crate::{error::Error, loss, seats::Taken};

/// What a pass knows so far. A step that was not reached leaves what was known before.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    pub organization_id: Option<String>,
    pub database: Option<String>,
    pub claim: Claim,
    /// The database was never complete, and is not made now: whatever the status tells of what is in it, somebody else wrote.
    pub never_made: bool,
    pub credentials: Option<CredentialsStatus>,
    /// Known as soon as the claim is held.
    pub unmanaged: Option<Unmanaged>,
    pub data_loss: Option<DataLossStatus>,
    pub schema: Option<SchemaPicture>,
    /// The version that the database has, where that is another than the catalogue's.
    pub other_schema: Option<i64>,
    pub users: Option<i64>,
    /// The platform's view could not be brought to what is declared: the price that it tells is still in force.
    pub unrecorded: bool,
    /// The steps that were tried and failed.
    pub failed: Vec<(ConditionType, Error)>,
}

/// What is known of the claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Claim {
    #[default]
    Unknown,
    Held,
    /// It was refused, and never held: whatever the status tells of a database, somebody else wrote.
    NeverHeld,
    /// The hospital is removed: whatever the status tells of a database may be another one's by now.
    GivenUp,
}

impl Claim {
    /// Whether what the status tells of a database is this hospital's.
    fn may_be_held(self) -> bool {
        matches!(self, Self::Unknown | Self::Held)
    }
}

#[derive(Clone, Debug, Default)]
pub struct SchemaPicture {
    pub version: i64,
    pub collections: Vec<CollectionStatus>,
    pub violations: Vec<String>,
    /// What goes on in the database beside the passes, in words.
    pub under_way: Vec<String>,
}

impl SchemaPicture {
    pub fn is_under_way(&self) -> bool {
        !self.under_way.is_empty()
    }
}

/// How a pass ended, or where it stands.
#[derive(Clone, Debug)]
pub enum Progress {
    Working(Reason, String),
    Done,
    Failed(Error),
}

impl Picture {
    /// Answers whether it is known.
    pub fn counted(&mut self, seats: Taken) -> bool {
        if let Taken::Counted(users) = seats {
            self.users = Some(users);
        }
        seats != Taken::Unknown
    }

    /// The status of `object`, whose own status is what was known before. Pure.
    pub fn status(
        &self,
        object: &HospitalOrganization,
        progress: &Progress,
        now: Timestamp,
    ) -> HospitalOrganizationStatus {
        let before = object.status.clone().filter(|_| self.claim.may_be_held()).unwrap_or_default();
        let generation = object.metadata.generation;
        let subscription = object.spec.subscription;
        let deleting = object.metadata.deletion_timestamp.is_some();
        let waits_for_payment = subscription == Subscription::PendingPayment;

        // Nobody may see two prices for one hospital.
        let plan = &object.spec.plan;
        let (price, limit) = match (before.monthly_price_usd, &before.users) {
            (Some(price), Some(users)) if self.unrecorded => (price, users.limit),
            _ => (plan.monthly_price_usd(), plan.user_limit()),
        };
        let mut status = HospitalOrganizationStatus {
            phase: Some(Self::phase(object, progress)),
            observed_generation: generation,
            organization_id: self.organization_id.clone().or(before.organization_id),
            database_name: self.database.clone().or(before.database_name),
            binding: before.binding,
            schema_version: before.schema_version,
            collections: before.collections,
            unmanaged: if self.claim == Claim::Held { self.unmanaged.clone() } else { before.unmanaged },
            credentials: self.credentials.clone().or(before.credentials),
            data_loss: if self.claim == Claim::Held { self.data_loss.clone() } else { before.data_loss },
            users: Some(Users::new(
                self.users.or(before.users.as_ref().map(|users| users.current)).unwrap_or(0),
                limit,
            )),
            monthly_price_usd: Some(price),
            conditions: Vec::new(),
        };
        if self.credentials.is_some() {
            status.binding = Some(Binding { name: secret_name(&object.name_any()) });
        } else if waits_for_payment || deleting || self.never_made {
            status.binding = None;
            status.credentials = None;
        }
        if waits_for_payment || self.never_made {
            // Where there is a database, from before it was made anew, it is looked at when it is paid for.
            status.schema_version = None;
            status.collections = Vec::new();
        }
        if let Some(schema) = &self.schema {
            if !schema.is_under_way() {
                status.schema_version = Some(schema.version);
            }
            status.collections.clone_from(&schema.collections);
        } else if self.other_schema.is_some() {
            status.schema_version = self.other_schema;
        }

        status.conditions = self.conditions(object, progress, &status, now);
        status
    }

    fn conditions(
        &self,
        object: &HospitalOrganization,
        progress: &Progress,
        status: &HospitalOrganizationStatus,
        now: Timestamp,
    ) -> Vec<Condition> {
        let before = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        let make = |type_, truth, reason, message: String| {
            condition(type_, truth, reason, message, object.metadata.generation, before, now)
        };
        let (ready, reason, message) = self.ready(object, progress);
        let mut conditions = vec![make(ConditionType::Ready, ready, reason, message.clone())];
        match progress {
            Progress::Done => {
                if let Some(schema) = self.schema.as_ref().filter(|schema| schema.is_under_way()) {
                    let message = under_way_message(schema);
                    conditions.push(make(ConditionType::Reconciling, Truth::True, Reason::Repairing, message));
                }
            }
            Progress::Failed(Error::Refused { .. }) => {
                conditions.push(make(ConditionType::Stalled, Truth::True, reason, message));
            }
            Progress::Working(..) | Progress::Failed(_) => {
                conditions.push(make(ConditionType::Reconciling, Truth::True, reason, message));
            }
        }

        // A step that was refused or failed says so; one that was not reached keeps what was known of it.
        let step = |type_: ConditionType, now_known: Option<Condition>| {
            let refused = match progress {
                Progress::Failed(error @ Error::Refused { condition, .. }) if *condition == type_ => Some(error),
                _ => None,
            };
            let failed =
                refused.or_else(|| self.failed.iter().find(|(failed, _)| *failed == type_).map(|(_, error)| error));
            let told = failed.map(|error| match error {
                Error::Refused { condition, reason, message } if *condition == type_ => {
                    make(type_, Truth::False, *reason, message.clone())
                }
                _ => make(type_, Truth::Unknown, error.reason(), error.to_string()),
            });
            let is_made = type_ == ConditionType::ClaimHeld || !self.never_made;
            let known = before.iter().find(|old| old.type_ == type_.as_str() && self.claim.may_be_held() && is_made);
            told.or(now_known).or_else(|| known.cloned())
        };
        let claim = (self.claim == Claim::Held).then(|| {
            let message = held_message(status.database_name.as_deref().unwrap_or_default());
            make(ConditionType::ClaimHeld, Truth::True, Reason::AsDeclared, message)
        });
        conditions.extend(step(ConditionType::ClaimHeld, claim));
        if object.spec.subscription != Subscription::PendingPayment {
            let credentials = self.credentials.as_ref().map(|_| {
                let message = format!("Secret {} and the database user agree", secret_name(&object.name_any()));
                make(ConditionType::CredentialsReady, Truth::True, Reason::AsDeclared, message)
            });
            conditions.extend(step(ConditionType::CredentialsReady, credentials));
            let schema = self.schema.as_ref().map(|schema| {
                let (truth, reason, message) = if schema.is_under_way() {
                    (Truth::False, Reason::Repairing, under_way_message(schema))
                } else if schema.violations.is_empty() {
                    let version = schema.version;
                    let message = format!("Collections, validators and indexes are those of schema version {version}");
                    (Truth::True, Reason::AsDeclared, message)
                } else {
                    (Truth::False, Reason::DocumentsViolateSchema, violations_message(schema))
                };
                make(ConditionType::SchemaReady, truth, reason, message)
            });
            conditions.extend(step(ConditionType::SchemaReady, schema));
        }
        let (truth, reason, message) = match object.spec.subscription {
            Subscription::Active => (Truth::True, Reason::AsDeclared, format!("{} is active", object.spec.plan.name())),
            Subscription::Suspended => (Truth::False, Reason::Suspended, SUSPENDED.to_owned()),
            Subscription::PendingPayment => (Truth::False, Reason::PendingPayment, PENDING.to_owned()),
        };
        if self.claim != Claim::GivenUp {
            conditions.push(make(ConditionType::SubscriptionActive, truth, reason, message));
        }
        conditions.extend(status.data_loss.as_ref().map(|loss| {
            let message = loss::message(loss, &object.namespace().unwrap_or_default(), &object.name_any());
            make(ConditionType::DataLossSuspected, Truth::True, Reason::CollectionsLost, message)
        }));
        conditions.extend(
            status
                .users
                .as_ref()
                .and_then(|users| too_many(users, object))
                .map(|message| make(ConditionType::SeatsExceeded, Truth::True, Reason::SeatsExceeded, message)),
        );
        conditions
            .extend(ignored::annotations(object).map(|message| {
                make(ConditionType::AnnotationIgnored, Truth::True, Reason::AnnotationIgnored, message)
            }));
        conditions
    }

    /// The phase of an object whose pass ended so.
    pub fn phase(object: &HospitalOrganization, progress: &Progress) -> Phase {
        if object.metadata.deletion_timestamp.is_some() {
            return Phase::Terminating;
        }
        match (object.spec.subscription, progress) {
            (_, Progress::Failed(Error::Refused { .. })) => Phase::Failed,
            (Subscription::PendingPayment, _) => Phase::PendingPayment,
            (Subscription::Active, Progress::Done) => Phase::Active,
            (Subscription::Suspended, Progress::Done) => Phase::Suspended,
            // A hospital that was in use stays so while the operator cannot look at it or mends it.
            (_, Progress::Working(..) | Progress::Failed(_)) => match object.status.as_ref().and_then(|s| s.phase) {
                Some(phase @ (Phase::Active | Phase::Suspended)) => phase,
                _ => Phase::Provisioning,
            },
        }
    }

    fn ready(&self, object: &HospitalOrganization, progress: &Progress) -> (Truth, Reason, String) {
        if object.metadata.deletion_timestamp.is_some() {
            return match progress {
                Progress::Failed(error) => (Truth::False, error.reason(), error.to_string()),
                _ => (Truth::False, Reason::Terminating, "The hospital is being removed".to_owned()),
            };
        }
        match progress {
            Progress::Failed(error) => (Truth::False, error.reason(), error.to_string()),
            Progress::Working(reason, message) => (Truth::False, *reason, message.clone()),
            Progress::Done => match (object.spec.subscription, &self.schema) {
                (Subscription::PendingPayment, _) => (Truth::False, Reason::PendingPayment, PENDING.to_owned()),
                (Subscription::Suspended, _) => (Truth::False, Reason::Suspended, SUSPENDED.to_owned()),
                (Subscription::Active, Some(schema)) if !schema.violations.is_empty() => {
                    // Access works and most of the catalogue stands: usable, and SchemaReady says what is left to do.
                    (Truth::True, Reason::DocumentsViolateSchema, violations_message(schema))
                }
                (Subscription::Active, _) => {
                    let database = self.database.as_deref().unwrap_or_default();
                    let but = if self.data_loss.is_some() { ", but it lost data: see DataLossSuspected" } else { "" };
                    (Truth::True, Reason::AsDeclared, format!("Database {database} is ready{but}"))
                }
            },
        }
    }
}

const PENDING: &str = "Waiting for payment: the database is made as soon as spec.subscription is Active";
const SUSPENDED: &str = "The subscription is suspended: the data stays, its user has no access; set spec.subscription to Active to give it back";

/// What to say of a claim that is held.
pub fn held_message(database: &str) -> String {
    format!("Database {database} belongs to this organization")
}

/// What to say of more users than seats.
fn too_many(users: &Users, object: &HospitalOrganization) -> Option<String> {
    let limit = users.limit.filter(|limit| users.current > *limit)?;
    Some(format!(
        "{} seats are taken, and {} has {limit}. Nobody is cut off, and nobody can be added: disable {} users or choose a larger plan.",
        users.current,
        object.spec.plan.name(),
        users.current - limit,
    ))
}

pub fn is_ready(status: Option<&HospitalOrganizationStatus>) -> bool {
    status.is_some_and(|status| holds(&status.conditions, ConditionType::Ready))
}

fn under_way_message(schema: &SchemaPicture) -> String {
    format!(
        "In the database, {}. That goes on by itself and takes the longer the more documents there are.",
        schema.under_way.join("; ")
    )
}

fn violations_message(schema: &SchemaPicture) -> String {
    format!("{}. Mend the documents; the operator enforces the rest by itself.", schema.violations.join("; "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hospital(subscription: &str) -> HospitalOrganization {
        serde_json::from_value(json!({
            "apiVersion": "chakravue.io/v1alpha1",
            "kind": "HospitalOrganization",
            "metadata": { "name": "a", "namespace": "n", "uid": "u", "generation": 2 },
            "spec": {
                "displayName": "A", "contact": { "email": "a@b.example" },
                "plan": "Starter", "subscription": subscription,
            },
        }))
        .unwrap()
    }

    fn complete() -> Picture {
        Picture {
            organization_id: Some("org_x".into()),
            database: Some("a".into()),
            claim: Claim::Held,
            credentials: Some(CredentialsStatus { rotated_at: None, rotation: None }),
            unmanaged: None,
            data_loss: None,
            schema: Some(SchemaPicture { version: 1, ..SchemaPicture::default() }),
            never_made: false,
            unrecorded: false,
            other_schema: None,
            users: Some(1),
            failed: Vec::new(),
        }
    }

    fn summary(status: &HospitalOrganizationStatus) -> Vec<(String, String)> {
        status.conditions.iter().map(|c| (c.type_.clone(), c.status.clone())).collect()
    }

    fn truth(status: &HospitalOrganizationStatus, type_: &str) -> Option<String> {
        summary(status).into_iter().find(|(t, _)| t == type_).map(|(_, truth)| truth)
    }

    #[test]
    fn a_finished_hospital_is_ready_and_nothing_else_is_said() {
        let status = complete().status(&hospital("Active"), &Progress::Done, Timestamp::UNIX_EPOCH);
        assert_eq!(status.phase, Some(Phase::Active));
        assert_eq!(truth(&status, "Ready").as_deref(), Some("True"));
        assert_eq!(truth(&status, "Reconciling"), None);
        assert_eq!(truth(&status, "Stalled"), None);
        assert!(status.conditions.iter().all(|c| c.observed_generation == Some(2)));
        assert_eq!(status.users.unwrap().seats, "1/5");
    }

    #[test]
    fn what_goes_on_beside_the_passes_is_told_and_costs_a_hospital_in_use_nothing() {
        let under_way = vec!["index i of patients is being built".to_owned()];
        let schema = SchemaPicture { version: 2, under_way, ..SchemaPicture::default() };
        let picture = Picture { schema: Some(schema), ..complete() };
        let mut object = hospital("Suspended");
        object.status = Some(complete().status(&hospital("Active"), &Progress::Done, Timestamp::UNIX_EPOCH));
        let status = picture.status(&object, &Progress::Done, Timestamp::UNIX_EPOCH);
        assert_eq!((status.phase, status.schema_version), (Some(Phase::Suspended), Some(1)));
        assert_eq!(truth(&status, "Reconciling").as_deref(), Some("True"));
        assert_eq!(truth(&status, "SchemaReady").as_deref(), Some("False"));
        object.spec.subscription = Subscription::Active;
        let status = picture.status(&object, &Progress::Done, Timestamp::UNIX_EPOCH);
        assert_eq!(truth(&status, "Ready").as_deref(), Some("True"));

        let working = Progress::Working(Reason::Provisioning, String::new());
        let status = picture.status(&hospital("Active"), &working, Timestamp::UNIX_EPOCH);
        assert_eq!((status.phase, status.schema_version), (Some(Phase::Provisioning), None));
        assert_eq!(truth(&status, "Ready").as_deref(), Some("False"));
    }

    #[test]
    fn more_users_than_seats_are_told_with_the_numbers_and_cost_nothing() {
        let picture = Picture { users: Some(8), ..complete() };
        let status = picture.status(&hospital("Active"), &Progress::Done, Timestamp::UNIX_EPOCH);
        assert_eq!(truth(&status, "Ready").as_deref(), Some("True"));
        let told = status.conditions.iter().find(|condition| condition.type_ == "SeatsExceeded").unwrap();
        for part in ["8 seats are taken", "Starter has 5", "disable 3 users"] {
            assert!(told.message.contains(part), "{}", told.message);
        }
        let picture = Picture { users: Some(5), ..complete() };
        let status = picture.status(&hospital("Active"), &Progress::Done, Timestamp::UNIX_EPOCH);
        assert_eq!(truth(&status, "SeatsExceeded"), None);
    }

    #[test]
    fn the_same_pass_again_gives_the_same_status() {
        let mut object = hospital("Active");
        let early = complete().status(&object, &Progress::Done, Timestamp::UNIX_EPOCH);
        object.status = Some(early.clone());
        let late = complete().status(&object, &Progress::Done, Timestamp::from_second(99).unwrap());
        assert_eq!(early, late);
    }

    #[test]
    fn waiting_for_payment_shows_no_credentials() {
        let picture = Picture { claim: Claim::Held, database: Some("a".into()), ..Picture::default() };
        let status = picture.status(&hospital("PendingPayment"), &Progress::Done, Timestamp::UNIX_EPOCH);
        assert_eq!(status.phase, Some(Phase::PendingPayment));
        assert_eq!(status.binding, None);
        assert_eq!(truth(&status, "CredentialsReady"), None);
        assert_eq!(truth(&status, "ClaimHeld").as_deref(), Some("True"));
    }

    #[test]
    fn nothing_that_was_never_made_stays_told_of_a_hospital_that_waits_for_payment() {
        let mut object = hospital("PendingPayment");
        object.status = Some(HospitalOrganizationStatus {
            schema_version: Some(1),
            collections: vec![CollectionStatus { name: "a".into(), documents_validated: true, indexes: Vec::new() }],
            ..HospitalOrganizationStatus::default()
        });
        let picture = Picture { claim: Claim::Held, database: Some("a".into()), ..Picture::default() };
        let status = picture.status(&object, &Progress::Done, Timestamp::UNIX_EPOCH);
        assert_eq!((status.schema_version, status.collections), (None, Vec::new()));
    }

    #[test]
    fn of_a_claim_that_was_never_held_nothing_is_known() {
        let refused = |reason| Progress::Failed(Error::refused(ConditionType::ClaimHeld, reason, "no"));
        let mut object = hospital("Active");
        object.status = Some(complete().status(&object, &Progress::Done, Timestamp::UNIX_EPOCH));
        let never = Picture { claim: Claim::NeverHeld, ..Picture::default() };
        let status = never.status(&object, &refused(Reason::DatabaseNameTaken), Timestamp::UNIX_EPOCH);
        let known = HospitalOrganizationStatus {
            phase: status.phase,
            observed_generation: status.observed_generation,
            users: Some(Users::new(0, Some(5))),
            monthly_price_usd: Some(99),
            conditions: status.conditions.clone(),
            ..HospitalOrganizationStatus::default()
        };
        assert_eq!(status, known);
        assert_eq!(truth(&status, "ClaimHeld").as_deref(), Some("False"));
        assert_eq!((truth(&status, "CredentialsReady"), truth(&status, "SchemaReady")), (None, None));

        let lost = Picture::default().status(&object, &refused(Reason::ClaimLost), Timestamp::UNIX_EPOCH);
        assert_eq!((lost.organization_id.as_deref(), lost.schema_version), (Some("org_x"), Some(1)));
        assert_eq!(truth(&lost, "SchemaReady").as_deref(), Some("True"), "the last that is known stays told");
    }

    #[test]
    fn a_refusal_stalls_and_a_fault_goes_on() {
        let refusal = Error::refused(ConditionType::ClaimHeld, Reason::DatabaseNameTaken, "taken");
        let status = Picture::default().status(&hospital("Active"), &Progress::Failed(refusal), Timestamp::UNIX_EPOCH);
        assert_eq!(status.phase, Some(Phase::Failed));
        assert_eq!(truth(&status, "Stalled").as_deref(), Some("True"));
        assert_eq!(truth(&status, "ClaimHeld").as_deref(), Some("False"));

        let fault = Error::Fault { reason: Reason::MongoDbUnavailable, message: "away".into() };
        let mut object = hospital("Active");
        object.status = Some(complete().status(&object, &Progress::Done, Timestamp::UNIX_EPOCH));
        let status = Picture::default().status(&object, &Progress::Failed(fault), Timestamp::UNIX_EPOCH);
        assert_eq!(status.phase, Some(Phase::Active), "a hospital in use stays so");
        assert_eq!(truth(&status, "Ready").as_deref(), Some("False"));
        assert_eq!(truth(&status, "Reconciling").as_deref(), Some("True"));
        assert_eq!(truth(&status, "ClaimHeld").as_deref(), Some("True"), "what was known stays known");

        let fault = Error::Fault { reason: Reason::MongoDbError, message: "no".into() };
        let picture = Picture { failed: vec![(ConditionType::SchemaReady, fault.clone())], ..Picture::default() };
        let status = picture.status(&object, &Progress::Failed(fault), Timestamp::UNIX_EPOCH);
        assert_eq!(
            truth(&status, "SchemaReady").as_deref(),
            Some("Unknown"),
            "a step that failed is not taken for done"
        );
        assert_eq!(status.organization_id.as_deref(), Some("org_x"));
    }
}
