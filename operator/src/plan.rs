//! What would be done for a hospital, without doing it: the same looks and the same decisions as in a pass, by clients
//! that refuse to send a write.

mod output;
mod source;

use std::collections::HashMap;

use chakravue_crds::{
    HospitalOrganization,
    annotations::PAUSED,
    conditions::{ConditionType, Reason},
    master::{ClaimState, OrganizationRecord},
    naming::{DatabaseName, TENANT_ROLE},
    organization::{DeletionPolicy, Subscription},
};
use futures::FutureExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use secrecy::SecretString;

pub use self::{
    output::{Outcome, Plan, Verb, told},
    source::{Hospital, Planned, from_cluster, from_file},
};

use crate::{
    access::{self, desired},
    catalogue,
    claim::{self, Decision},
    context::Context,
    credentials::{self, decision},
    error::{Error, Result},
    finalizer, loss, pause,
    provision::refuse_newer_schema,
    schema::{
        self,
        compare::{self, Step},
        observed,
    },
    status::{Picture, Progress},
    tenant::{Departing, Tenant},
};

/// Which hospital gets which database, of those that were planned before.
type Given = HashMap<DatabaseName, String>;

/// In the order of the hospitals, of which the first gets what two of them want. `mongodb` says whether MongoDB can be used
/// at all; where it cannot, nothing is known of any hospital.
pub async fn plan(context: &Context, hospitals: Vec<Hospital>, mongodb: &Result<()>) -> Vec<Plan> {
    let mut given = Given::new();
    let mut plans = Vec::with_capacity(hospitals.len());
    for hospital in hospitals {
        plans.push(match hospital {
            Ok(planned) => plan_one(context, &planned, mongodb, &mut given).await,
            Err(refused) => *refused,
        });
    }
    plans
}

async fn plan_one(context: &Context, planned: &Planned, mongodb: &Result<()>, given: &mut Given) -> Plan {
    let object = &planned.object;
    let mut plan = Plan::of(object);
    plan.notes.extend(planned.note.map(str::to_owned));
    if let Err(error) = mongodb {
        plan.conclude(Err(error.clone()));
        return plan;
    }
    let outcome = if pause::is_on(&object.metadata) {
        plan.notes.push(format!("The hospital is paused: nothing is done until the annotation {PAUSED} is removed."));
        Ok(())
    } else if object.metadata.deletion_timestamp.is_some() {
        plan_removal(context, object, &mut plan).await
    } else {
        plan_hospital(context, planned, given, &mut plan).boxed().await
    };
    plan.conclude(outcome);
    plan
}

async fn plan_hospital(context: &Context, planned: &Planned, given: &mut Given, plan: &mut Plan) -> Result<()> {
    let object = &planned.object;
    let tenant = Tenant::of(object, &context.settings.cluster, context.mongo.master_database())?;
    let tenant = Tenant { exists: planned.exists, ..tenant };
    plan.database = Some(tenant.database.to_string());
    let place = format!("{}/{}", tenant.owner.namespace, tenant.owner.name);
    refuse_given(given, &tenant.database, &place)?;
    let (record, secret, access, observed) = tokio::try_join!(
        claim::find(context, &tenant.database),
        credentials::find(context, &tenant),
        access::find(context, &tenant.database),
        observed::find(&context.mongo, &tenant.database),
    )?;
    let database = tenant.database.as_str();
    if !planned.exists {
        plan.add(Verb::Create, "HospitalOrganization", &tenant.owner.name, "by whoever applies it");
    }
    if !finalizer::is_on(object) {
        plan.add(Verb::Create, "finalizer", finalizer::FINALIZER, "");
    }
    let decision = claim::decide(context, &tenant, record, !observed.collections.is_empty()).await?;
    // Of a claim that is held, MongoDB tells whoever comes next.
    if !matches!(decision, Decision::Held(_)) {
        given.insert(tenant.database.clone(), place);
    }
    let record = match decision {
        Decision::Held(record) => Some(record),
        Decision::TakeUp(record) => {
            let held = format!("held before by {}/{}", record.owner.namespace, record.owner.name);
            plan.add(Verb::Update, "claim", database, &held);
            Some(record)
        }
        Decision::Claim => {
            plan.add(Verb::Create, "claim", database, "a new organization");
            None
        }
    };
    if tenant.subscription == Subscription::PendingPayment {
        plan.notes.push("Nothing is made before the subscription is Active.".to_owned());
        plan_record(object, &tenant, record.as_ref(), plan);
        return Ok(());
    }
    if let Some(record) = &record {
        refuse_newer_schema(record)?;
        let lost = loss::lost_of(record, &observed.collections);
        if !lost.is_empty() {
            plan.notes.push(format!("Suspected loss of data: {} dropped or replaced by hand.", lost.join(", ")));
        }
        let (version, newest) = (record.schema_version, catalogue::current().version);
        if let Some(version) = version.filter(|version| *version < newest) {
            plan.notes.push(format!("Migrates from schema version {version} to {newest}, when its turn comes."));
        }
    }
    let is_new = record.as_ref().is_none_or(|record| record.provisioned_at.is_none());
    if is_new && !observed::is_whole(&observed.collections) {
        context.capacity.admit(&context.mongo, &tenant.owner.uid, database).await?;
    }
    // As in a pass, one side goes on when the other cannot.
    let organization = record.as_ref().map(|record| record.organization_id.to_string());
    let access = plan_access(context, &tenant, organization.as_deref(), secret.as_ref(), &access, plan);
    let case = if observed.collections.is_empty() {
        schema::refuse_other_case(&context.mongo, &tenant.database).await
    } else {
        Ok(())
    };
    access.and(case.and_then(|()| plan_schema(&observed, plan)))?;
    plan_record(object, &tenant, record.as_ref(), plan);
    Ok(())
}

/// What one hospital of several gets, no other can have.
fn refuse_given(given: &Given, database: &DatabaseName, place: &str) -> Result<()> {
    let Some(first) = given.get(database).filter(|first| *first != place) else { return Ok(()) };
    Err(Error::refused(
        ConditionType::ClaimHeld,
        Reason::DatabaseNameTaken,
        format!(
            "Database {database} goes to HospitalOrganization {first}, which is planned before this one. Choose another spec.databaseName."
        ),
    ))
}

fn plan_access(
    context: &Context,
    tenant: &Tenant,
    organization: Option<&str>,
    secret: Option<&Secret>,
    found: &desired::Found,
    plan: &mut Plan,
) -> Result<()> {
    let name = &tenant.secret_name;
    let decided = decision::decide(tenant, &context.settings.endpoint, secret)?;
    match &decided {
        decision::Decision::Keep(_) => {}
        decision::Decision::Issue => plan.add(Verb::Create, "Secret", name, "with a new password"),
        decision::Decision::Replace => {
            plan.add(Verb::Update, "Secret", name, "of an object that stood here before, with a new password");
        }
        decision::Decision::Write(mending) => {
            let why = match mending.why {
                decision::Why::Rotation => "with a new password, as an annotation asks",
                decision::Why::Differs => "what somebody changed",
                decision::Why::Unusable => "with a new password, as its own cannot be used",
            };
            plan.add(Verb::Update, "Secret", name, why);
        }
    }
    if desired::role_step(found, &tenant.database).is_some() {
        let verb = if found.has_role() { Verb::Update } else { Verb::Create };
        plan.add(verb, "role", &format!("{}.{TENANT_ROLE}", tenant.database), "rights on the hospital's collections");
    }
    let user = tenant.database.as_str();
    if !found.has_user() {
        plan.add(Verb::Create, "user", user, "");
        return Ok(());
    }
    let password = match &decided {
        decision::Decision::Keep(credentials) => Some(&credentials.password),
        decision::Decision::Write(mending) => mending.kept(),
        decision::Decision::Issue | decision::Decision::Replace => None,
    };
    let organization = organization.unwrap_or_default();
    let unknown = SecretString::from("");
    let password_known = password.unwrap_or(&unknown);
    if let Some(differs) = access::compare_user(context, tenant, organization, password_known, found)
        && !differs.is_none()
    {
        let what: Vec<&str> = [(differs.roles, "its roles"), (differs.password, "its password")]
            .into_iter()
            .filter_map(|(differs, what)| differs.then_some(what))
            .collect();
        plan.add(Verb::Update, "user", user, &what.join(" and "));
    }
    Ok(())
}

fn plan_schema(observed: &observed::Observed, plan: &mut Plan) -> Result<()> {
    let compare::Difference { steps, in_place } = compare::plan(&observed.collections);
    for step in steps {
        match step {
            Step::Create(collection) => {
                let detail =
                    format!("with its validator and {}", schema::counted(collection.indexes.len(), "index", "indexes"));
                plan.add(Verb::Create, "collection", collection.name, &detail);
            }
            Step::SetValidator(collection) => {
                plan.add(Verb::Update, "validator", collection.name, "enforced once every document fits");
            }
            Step::CreateIndex(collection, index) => {
                plan.add(Verb::Create, "index", &format!("{}.{}", collection.name, index.name), "");
            }
            Step::ReplaceIndex(collection, index) => {
                let detail = "dropped and made again: it differs from the catalogue";
                plan.add(Verb::Update, "index", &format!("{}.{}", collection.name, index.name), detail);
            }
            Step::MakeUnique(collection, index) => {
                let detail = "unique, once no value stands twice";
                plan.add(Verb::Update, "index", &format!("{}.{}", collection.name, index.name), detail);
            }
        }
    }
    in_place.refused.map_or(Ok(()), Err)
}

/// The platform's view of the organization.
fn plan_record(object: &HospitalOrganization, tenant: &Tenant, record: Option<&OrganizationRecord>, plan: &mut Plan) {
    let Some(record) = record else { return };
    // How many users there are is nothing that is planned, and only the operator's second login may count them.
    let facts = claim::facts_of(tenant, Picture::phase(object, &Progress::Done), record.facts.users);
    if record.facts != facts {
        plan.add(Verb::Update, "organization", record.database_name.as_str(), "name, plan, price or status");
    }
}

async fn plan_removal(context: &Context, object: &HospitalOrganization, plan: &mut Plan) -> Result<()> {
    let departing = Departing::of(&object.metadata, &context.settings.cluster, object.spec.deletion_policy);
    let Some(departing) = departing.filter(|_| finalizer::is_on(object)) else {
        plan.notes.push("The object is being deleted, and the operator does not hold it.".to_owned());
        return Ok(());
    };
    if let Some(record) = claim::find_of(context, &departing.owner).await? {
        let database = &record.database_name;
        plan.database = Some(database.to_string());
        let is_kept = departing.deletion_policy == DeletionPolicy::Retain && record.claim != ClaimState::Dropping;
        if record.database_origin.is_some() {
            let (access, observed) =
                tokio::try_join!(access::find(context, database), observed::find(&context.mongo, database))?;
            for (there, what) in [(access.has_user(), "user"), (access.has_role(), "role")] {
                if there {
                    plan.add(Verb::Delete, what, database.as_str(), "");
                }
            }
            if !is_kept {
                for collection in &observed.collections {
                    plan.add(Verb::Delete, "collection", &collection.name, "with all its documents, for good");
                }
            }
        }
        if is_kept && record.database_origin.is_some() {
            plan.add(Verb::Update, "claim", database.as_str(), "retained, with the data");
        } else {
            plan.add(Verb::Delete, "claim", database.as_str(), "the name is free again");
        }
    }
    plan.add(Verb::Delete, "Secret", &departing.secret_name, "");
    plan.add(Verb::Delete, "finalizer", finalizer::FINALIZER, "the object goes");
    Ok(())
}

/// How an error of a plan is told.
fn outcome_of(error: &Error) -> Outcome {
    match error {
        Error::Refused { .. } => Outcome::Refused,
        Error::Fault { .. } | Error::Conflict { .. } => Outcome::Unknown,
    }
}

impl Plan {
    fn of(object: &HospitalOrganization) -> Self {
        let database = object.wanted_database().ok().map(|name| name.to_string());
        Self { database, ..Self::empty(object.namespace().unwrap_or_default(), object.name_any()) }
    }

    fn empty(namespace: String, name: String) -> Self {
        Self {
            namespace,
            name,
            database: None,
            outcome: Outcome::Unchanged,
            reason: None,
            message: None,
            actions: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn conclude(&mut self, outcome: Result<()>) {
        match outcome {
            Ok(()) if self.actions.is_empty() => {}
            Ok(()) => self.outcome = Outcome::Changes,
            Err(error) => self.fail(outcome_of(&error), error.reason().as_str(), error.to_string()),
        }
    }

    fn fail(&mut self, outcome: Outcome, reason: &str, message: String) {
        self.outcome = outcome;
        self.reason = Some(reason.to_owned());
        self.message = Some(message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_goes_to_the_first_that_gets_it() {
        let database = DatabaseName::new("a").unwrap();
        let mut given = Given::new();
        refuse_given(&given, &database, "n/a").unwrap();
        given.insert(database.clone(), "n/a".to_owned());
        refuse_given(&given, &database, "n/a").unwrap();
        let refused = refuse_given(&given, &database, "other/a").unwrap_err();
        assert_eq!(refused.reason(), Reason::DatabaseNameTaken);
        assert!(refused.to_string().contains("HospitalOrganization n/a,"), "{refused}");
        refuse_given(&given, &DatabaseName::new("b").unwrap(), "other/b").unwrap();
    }
}
