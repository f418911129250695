//! One pass over one hospital, from its turn to its status. A pass never asks why it was started; it compares what is
//! declared with what is there and changes what differs.

use std::{sync::Arc, time::Duration};

use chakravue_crds::{
    HospitalOrganization, HospitalOrganizationStatus,
    conditions::{ConditionType, Reason},
};
use futures::FutureExt as _;
use k8s_openapi::{
    api::core::v1::ObjectReference,
    jiff::{SignedDuration, Timestamp},
};
use kube::{
    Resource as _, ResourceExt as _,
    runtime::{controller::Action, reflector::ObjectRef},
};
use tracing::{Instrument as _, instrument};

use crate::{
    backoff, catalogue, claim,
    context::Context,
    echoes::Watched,
    error::{Error, Result},
    events::Changes,
    finalizer, invalid, pause,
    provision::{Outcome, Pass, provision},
    removal,
    status::{self, Claim, Picture, Progress, SchemaPicture},
    telemetry,
    tenant::Departing,
    turns::{Migration, class::Class},
};

/// Longer than anything but a server that has stopped answering; every step can be cut off and done again.
const LONGEST_PASS: Duration = Duration::from_mins(2);

/// What was announced shows by then.
const SECOND_LOOK: Duration = Duration::from_millis(500);

/// Whatever kept seats from being counted may be over then, and what goes on in the database may have ended.
const SOON: Duration = Duration::from_secs(15);

/// A hospital that is to be migrated asks for a turn to do that.
const AT_ONCE: Duration = Duration::from_millis(50);

/// Waits for the hospital's turn, then runs a pass over it as it is by then.
pub async fn reconcile(object: Arc<Watched>, context: Arc<Context>) -> Result<Action> {
    let uid = object.uid().unwrap_or_default();
    let seen = context.echoes.newest(Arc::clone(&object));
    if let Ok(valid) = &seen.0 {
        context.drift.waits(valid);
    }
    let order = order(&seen);
    let turn = tokio::select! {
        turn = context.turns.take(&uid, class(&seen, &context), &order) => turn,
        () = context.stop.cancelled() => return Ok(Action::await_change()),
    };
    let newest = context.store.get(&ObjectRef::from_obj(object.as_ref()));
    if newest.as_ref().and_then(|newest| newest.uid()) != object.uid() {
        context.forget(&uid);
    }
    match newest {
        Some(newest) => {
            let span = telemetry::pass_span(&newest);
            // Apart, so that who waits for a turn, as everybody does at a start, is small.
            let outcome = pass(newest, turn.migration(), &context).instrument(span.clone()).boxed().await;
            telemetry::pass_ended(&span, outcome.as_ref().map(|_| ()).map_err(Error::reason));
            outcome
        }
        None => Ok(Action::await_change()),
    }
}

/// Why a hospital is looked at, as far as it can be told: what decides who goes first.
fn class(object: &Watched, context: &Context) -> Class {
    let uid = object.uid().unwrap_or_default();
    let is_failing = context.backoff.is_failing(&uid, object.meta().generation);
    let Ok(object) = &object.0 else { return if is_failing { Class::Retry } else { Class::Drift } };
    let status = object.status.as_ref();
    let is_new = status.and_then(|status| status.observed_generation) != object.metadata.generation;
    let schema = status.and_then(|status| status.schema_version);
    let is_older = schema.is_some_and(|version| version < catalogue::current().version);
    // What somebody changed is looked at at once, in a pass that migrates nothing.
    let is_quiet = !context.turns.rests(&uid) && !context.drift.is_asked(&uid);
    let waits_for_migration = is_older && is_quiet && context.repairs.migration(&uid).is_none();
    if is_new || object.metadata.deletion_timestamp.is_some() {
        if is_failing { Class::Retry } else { Class::Change }
    } else if is_failing {
        // A migration that failed is repeated as one. Whatever else failed must not wait for that.
        if waits_for_migration && has_failed_in_its_schema(object) { Class::Migration } else { Class::Retry }
    } else if !is_quiet {
        Class::Drift
    } else if waits_for_migration && context.turns.has_rested(&uid) {
        Class::Migration
    } else {
        // Also the first look at one that is to be migrated: until its turn comes it is kept as it is.
        Class::Resync
    }
}

/// Whether that is why it is not ready.
fn has_failed_in_its_schema(object: &HospitalOrganization) -> bool {
    let conditions = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let of = |type_: ConditionType| conditions.iter().find(|condition| condition.type_ == type_.as_str());
    match (of(ConditionType::Ready), of(ConditionType::SchemaReady)) {
        (Some(ready), Some(schema)) => schema.status != "True" && ready.message == schema.message,
        _ => false,
    }
}

/// In which order hospitals are migrated: the oldest first.
fn order(object: &Watched) -> String {
    let created = object.meta().creation_timestamp.as_ref().map(|time| time.0.to_string());
    format!("{} {}", created.unwrap_or_default(), object.uid().unwrap_or_default())
}

#[instrument(name = "reconcile", skip_all, fields(hospital = %hospital(&object)))]
async fn pass(object: Arc<Watched>, migration: Option<Migration>, context: &Context) -> Result<Action> {
    let started = std::time::Instant::now();
    let object = context.echoes.newest(object);
    let uid = object.uid().unwrap_or_default();
    let is_paused = pause::is_on(object.meta());
    if is_paused || object.0.is_err() {
        context.repairs.close(&uid);
    }
    let pass = match &object.0 {
        Ok(object) if is_paused => pause::tell(object, context).boxed(),
        Err(_) if is_paused => std::future::ready(Ok(Action::await_change())).boxed(),
        Ok(object) if object.metadata.deletion_timestamp.is_some() => remove(object, context).boxed(),
        Ok(object) => apply(object, migration, context).boxed(),
        Err(invalid) => invalid::tell(invalid, context).boxed(),
    };
    let outcome = match tokio::time::timeout(LONGEST_PASS, pass).await {
        Ok(outcome) => outcome,
        Err(_) => Err(cut_off(&object, context).await),
    };
    context.metrics.pass(outcome.as_ref().map(|_| ()).map_err(Error::reason), started.elapsed());
    match &outcome {
        Ok(_) => context.backoff.succeeded(&uid),
        Err(error) if error.is_mongodb() => context.mongo.report_trouble(),
        Err(_) => {}
    }
    // It may have gone meanwhile, with nothing left to hold it.
    if !context.knows(object.meta()) {
        context.forget(&uid);
    }
    outcome
}

/// Says of a pass that was cut off why, if the API server is not what it waited for.
async fn cut_off(object: &Watched, context: &Context) -> Error {
    let message = format!(
        "The pass took more than {} minutes and was cut off: a server has stopped answering. The operator looks again by \
         itself.",
        LONGEST_PASS.as_secs() / 60
    );
    let error = Error::Fault { reason: Reason::Repairing, message };
    if let Ok(object) = &object.0 {
        let picture = Picture { unrecorded: true, ..Picture::default() };
        let progress = Progress::Failed(error.clone());
        if finish(object, context, &picture, &progress, Changes::default()).await.is_err() {
            tracing::warn!("a pass was cut off, and the API server does not take its status");
        }
    }
    error
}

/// Brings one hospital to what it declares.
async fn apply(object: &HospitalOrganization, migration: Option<Migration>, context: &Context) -> Result<Action> {
    let mut pass = Pass::default();
    let mut outcome = provision(object, migration, context, &mut pass).boxed().await;
    let is_under_way = pass.picture.schema.as_ref().is_some_and(SchemaPicture::is_under_way);
    if !is_under_way {
        context.repairs.give_back(&object.uid().unwrap_or_default());
    }
    if let Err(Error::Conflict { .. }) = outcome {
        // The next look, at once, sees what the other writer did; what was done until then is told all the same.
        publish(object, context, pass.changes);
        return outcome.map(|_| Action::await_change());
    }
    let is_made = pass.record.as_ref().is_some_and(|record| record.schema_version.is_some());
    let progress = |outcome: &Result<Outcome>| match outcome {
        // One that was in use stays in use meanwhile; a new one is not ready before all is there.
        Ok(_) if is_under_way && !is_made => {
            Progress::Working(Reason::Provisioning, "The database is being brought to the catalogue".to_owned())
        }
        Ok(_) => Progress::Done,
        Err(error) => Progress::Failed(error.clone()),
    };
    // The platform's view first, so that whoever sees the status finds it there too.
    let recorded = record(object, context, &pass, &progress(&outcome)).await;
    pass.picture.unrecorded = !matches!(recorded, Ok(true));
    if outcome.is_ok() {
        outcome = recorded.and(outcome);
    }
    if !pass.changes.is_empty() {
        tracing::info!(changes = ?pass.changes.notes(), "changed");
    }
    finish(object, context, &pass.picture, &progress(&outcome), pass.changes).await?;
    let resync = backoff::jittered(context.settings.resync);
    // Until its resync is due, whatever has it looked at again is drift.
    let (again, rest) = match outcome? {
        Outcome::Complete => (resync, resync),
        Outcome::Announced => (SECOND_LOOK.min(resync), resync),
        Outcome::Unfinished => (SOON.min(resync), resync),
        Outcome::AwaitsMigration => (AT_ONCE, AT_ONCE),
    };
    context.turns.rest(&object.uid().unwrap_or_default(), rest);
    Ok(Action::requeue(again))
}

/// Brings the platform's view of the organization to what the status will say. Answers whether it says that.
async fn record(object: &HospitalOrganization, context: &Context, pass: &Pass, progress: &Progress) -> Result<bool> {
    let (Some(record), Some(tenant)) = (&pass.record, &pass.tenant) else { return Ok(false) };
    // What ails the hospital's own database is no reason; a server that takes no write is.
    if let Progress::Failed(error) = progress
        && error.is_everybodys()
    {
        return Ok(false);
    }
    let users = pass.picture.users.unwrap_or(record.facts.users);
    let facts = claim::facts_of(tenant, Picture::phase(object, progress), users);
    claim::record_facts(context, record, &facts, pass.provisioned.as_ref()).await?;
    Ok(true)
}

/// Removes one hospital as its deletion policy says, then lets the object go.
async fn remove(object: &HospitalOrganization, context: &Context) -> Result<Action> {
    let Some(departing) = Departing::of(&object.metadata, &context.settings.cluster, object.spec.deletion_policy)
    else {
        return Ok(Action::await_change());
    };
    if !finalizer::is_on(object) {
        return Ok(Action::await_change());
    }
    let database = object.status.as_ref().and_then(|status| status.database_name.clone());
    let database = database.or_else(|| object.wanted_database().ok().map(|name| name.to_string()));

    let mut changes = Changes::default();
    if let Err(error) = removal::remove(context, &departing, database.as_deref(), &mut changes).await {
        // Another writer is told of only where it is there again and again.
        let is_first = !context.backoff.is_failing(&departing.owner.uid, object.metadata.generation);
        if matches!(error, Error::Conflict { .. }) && is_first {
            publish(object, context, changes);
            return Err(error);
        }
        let hint = removal::hint(&error, database.as_deref());
        let told = Error::Fault { reason: error.reason(), message: hint };
        finish(object, context, &Picture::default(), &Progress::Failed(told), changes).await?;
        return Err(error);
    }
    tracing::info!(changes = ?changes.notes(), "removed");
    if finalizer::is_shared(object) {
        // Somebody else keeps the object, for who knows how long; nobody shall take it for a hospital meanwhile.
        let picture = Picture { claim: Claim::GivenUp, ..Picture::default() };
        finish(object, context, &picture, &Progress::Done, changes).await?;
    } else {
        context.announcer.changes(reference(object), changes);
    }
    if context.knows(&object.metadata) {
        context.released.removed(&object.uid().unwrap_or_default());
    }
    finalizer::remove(object, context).await?;
    context.forget(&object.uid().unwrap_or_default());
    Ok(Action::await_change())
}

/// Writes the status, and publishes what changed.
async fn finish(
    object: &HospitalOrganization,
    context: &Context,
    picture: &Picture,
    progress: &Progress,
    changes: Changes,
) -> Result<()> {
    let now = Timestamp::now();
    let status = picture.status(object, progress, now);
    let is_ready = status::is_ready(Some(&status));
    let news = object.status.as_ref() != Some(&status);
    let written = status::write(context, object, status).await;
    // What happened is told also where the status is not taken: the next pass finds nothing of it.
    publish(object, context, changes);
    let written = written?;
    if let (Progress::Failed(error), true) = (progress, news && written) {
        tracing::warn!(reason = %error.reason(), "{error}");
        context.announcer.warning(reference(object), error.reason().as_str(), error.to_string());
    }
    if is_ready
        && is_first(object)
        && let Some(took) = time_to_ready(object, context, now)
    {
        context.metrics.became_ready(took);
    }
    if matches!(progress, Progress::Done) {
        context.arrivals.forget(&object.uid().unwrap_or_default());
    }
    Ok(())
}

/// Since somebody made the object; or, where it was changed since (it may have waited for its payment), since the operator
/// saw that.
fn time_to_ready(object: &HospitalOrganization, context: &Context, now: Timestamp) -> Option<SignedDuration> {
    if object.metadata.generation > Some(1) {
        let since = context.arrivals.since(&object.uid().unwrap_or_default(), object.metadata.generation)?;
        return SignedDuration::try_from(since).ok();
    }
    object.metadata.creation_timestamp.as_ref().map(|created| now.duration_since(created.0))
}

/// Tells what was changed. On a hospital that was made and whose declaration is the same as before, it was drift: found once,
/// while the hospital was ready, and healed by whichever pass succeeds.
fn publish(object: &HospitalOrganization, context: &Context, changes: Changes) {
    let before = object.status.as_ref();
    if observed(object) == object.metadata.generation {
        if status::is_ready(before) {
            changes.count_found(&context.metrics);
        }
        if before.is_some_and(|status| status.schema_version.is_some()) {
            changes.count_healed(&context.metrics);
        }
    }
    context.announcer.changes(reference(object), changes);
}

/// Whether no pass has ever made it ready. One that comes back from a suspension or a fault is not new.
fn is_first(object: &HospitalOrganization) -> bool {
    let before = object.status.as_ref();
    before.is_none_or(|status| status.schema_version.is_none() && !status::is_ready(before))
}

fn observed(object: &HospitalOrganization) -> Option<i64> {
    object.status.as_ref().and_then(|status: &HospitalOrganizationStatus| status.observed_generation)
}

fn reference(object: &HospitalOrganization) -> Arc<ObjectReference> {
    Arc::new(object.object_ref(&()))
}

fn hospital(object: &Watched) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}
