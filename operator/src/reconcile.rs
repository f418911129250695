//! One pass over one hospital, in order: validate, look, claim, then credentials and schema side by side, then status.
//! A pass never asks why it was started; it compares what is declared with what is there and changes what differs.

use std::{pin::pin, sync::Arc, time::Duration};

use chakravue_crds::{
    HospitalOrganization, HospitalOrganizationStatus,
    annotations::FORCE_RELEASE,
    conditions::{ConditionType, Reason, events::FORCE_RELEASED},
    organization::{CredentialsStatus, Phase, Subscription},
    tenant_schema::TENANT_SCHEMA,
};
use futures::FutureExt as _;
use k8s_openapi::{
    api::core::v1::{ObjectReference, Secret},
    jiff::Timestamp,
};
use kube::{Resource as _, ResourceExt as _, runtime::controller::Action};
use tracing::instrument;

use crate::{
    access, backoff,
    claim::{self, Provisioned},
    context::Context,
    credentials,
    drift::accounts::Expected,
    echoes::Watched,
    error::{Error, Result},
    events::Change,
    finalizer, invalid, loss, pause, removal, schema,
    status::{self, Picture, Progress, SchemaPicture},
    tenant::{Departing, Tenant},
};

/// Longer than anything but a server that has stopped answering; every step can be cut off and done again.
const LONGEST_PASS: Duration = Duration::from_mins(2);

/// Work that takes this long is told of before it is done. A hospital is made in a tenth of a second, of which a status
/// beside the work would take a part, and nobody would see it.
const ANNOUNCED: Duration = Duration::from_secs(2);

#[instrument(name = "reconcile", skip_all, fields(hospital = %hospital(&object)))]
pub async fn reconcile(object: Arc<Watched>, context: Arc<Context>) -> Result<Action> {
    let started = std::time::Instant::now();
    let object = context.echoes.newest(object);
    let pass = match &object.0 {
        Ok(object) if pause::is_on(&object.metadata) => pause::tell(object, &context).boxed(),
        Err(invalid) if pause::is_on(&invalid.metadata) => std::future::ready(Ok(Action::await_change())).boxed(),
        Ok(object) if object.metadata.deletion_timestamp.is_some() => remove(object, &context).boxed(),
        Ok(object) => apply(object, &context).boxed(),
        Err(invalid) => invalid::tell(invalid, &context).boxed(),
    };
    let outcome = tokio::time::timeout(LONGEST_PASS, pass).await.unwrap_or_else(|_| {
        Err(Error::Fault {
            reason: Reason::Repairing,
            message: "A server did not answer in time. The operator tries again by itself.".to_owned(),
        })
    });
    context.metrics.pass(outcome.as_ref().map(|_| ()).map_err(Error::reason), started.elapsed());
    match &outcome {
        Ok(_) => context.backoff.succeeded(&object.uid().unwrap_or_default()),
        Err(error) if error.is_mongodb() => context.mongo.report_trouble(),
        Err(_) => {}
    }
    outcome
}

/// Brings one hospital to what it declares.
async fn apply(object: &HospitalOrganization, context: &Context) -> Result<Action> {
    let mut picture = Picture::default();
    let mut changes = Vec::new();
    let outcome = provision(object, context, &mut picture, &mut changes).await;
    let progress = match &outcome {
        Ok(()) => Progress::Done,
        // The next look, at once, sees what the other writer did; there is nothing to tell anybody yet.
        Err(Error::Conflict { .. }) => return outcome.map(|()| Action::await_change()),
        Err(error) => Progress::Failed(error.clone()),
    };
    if !changes.is_empty() {
        tracing::info!(changes = ?changes.iter().map(|c| c.note.as_str()).collect::<Vec<_>>(), "changed");
    }
    finish(object, context, &picture, &progress, changes).await?;
    outcome.map(|()| Action::requeue(backoff::jittered(context.settings.resync)))
}

async fn provision(
    object: &HospitalOrganization,
    context: &Context,
    picture: &mut Picture,
    changes: &mut Vec<Change>,
) -> Result<()> {
    let tenant = Tenant::of(object, &context.settings.cluster, context.mongo.master_database())?;
    let abilities = context.mongo.usable().await?;
    let look = context.drift.look(&tenant);

    // Look at everything at once; nothing outside of the object is changed before the claim is held. The finalizer
    // comes first all the same: from the claim on there is something to clean up.
    let (record, secret, access, observed, ()) = tokio::try_join!(
        claim::find(context, &tenant.database),
        credentials::find(context, &tenant),
        access::find(context, &tenant.database),
        schema::find(context, &tenant.database),
        finalizer::add(object, context),
    )?;

    // Whoever has just taken the finalizer lives. One that had it before and holds no claim may be long gone, and known
    // from a stale cache alone.
    if record.is_none() && finalizer::is_on(object) {
        claim::must_live(context, &tenant.owner).await?;
    }
    let record = claim::hold(context, &tenant, record, !observed.collections.is_empty(), changes).await?;
    picture.claim_held = true;
    picture.organization_id = Some(record.organization_id.to_string());
    picture.database = Some(record.database_name.to_string());
    picture.users = Some(observed.users);
    picture.unmanaged = schema::unmanaged(&observed.collections);
    picture.data_loss = record.data_loss.as_ref().map(loss::told);

    if tenant.subscription == Subscription::PendingPayment {
        let facts = claim::facts_of(&tenant, Phase::PendingPayment, observed.users);
        return claim::record_facts(context, &record, &facts, None).await;
    }
    if let Some(version) = record.schema_version.filter(|version| *version > TENANT_SCHEMA.version) {
        return Err(Error::refused(
            ConditionType::SchemaReady,
            Reason::SchemaTooNew,
            format!(
                "Database {} has schema version {version}, this operator knows only {}. Upgrade the operator.",
                tenant.database, TENANT_SCHEMA.version
            ),
        ));
    }

    // What is lost is written down before anything is made again in its place.
    let record = loss::look(context, &tenant, record, &observed.collections, changes).await?;
    picture.data_loss = record.data_loss.as_ref().map(loss::told);

    // Credentials and schema do not need each other. Each side goes on when the other fails: what one has done is kept.
    let mut credential_changes = Vec::new();
    let mut schema_changes = Vec::new();
    let id = record.organization_id.as_str();
    let credentials = give_access(context, &tenant, id, secret, &access, &mut credential_changes).boxed();
    let schema = schema::ensure(context, &tenant.database, &observed, abilities, &mut schema_changes).boxed();
    let work = async { tokio::join!(credentials, schema) };
    let (credentials, schema) = announced(work, announce_work(object, context, picture)).await;
    changes.extend(credential_changes);
    changes.extend(schema_changes);

    match &credentials {
        Ok(credentials) => picture.credentials = Some(credentials.clone()),
        Err(error) => picture.failed.push((ConditionType::CredentialsReady, error.clone())),
    }
    match &schema {
        Ok(outcome) => {
            picture.schema = Some(SchemaPicture {
                version: TENANT_SCHEMA.version,
                collections: outcome.collections.clone(),
                violations: outcome.violations.clone(),
            });
        }
        Err(error) => picture.failed.push((ConditionType::SchemaReady, error.clone())),
    }
    credentials?;
    look.expect(Expected::of(&tenant, id));
    let schema = schema?;

    let phase = match tenant.subscription {
        Subscription::Suspended => Phase::Suspended,
        Subscription::Active | Subscription::PendingPayment => Phase::Active,
    };
    let facts = claim::facts_of(&tenant, phase, observed.users);
    let database = Provisioned { schema_version: TENANT_SCHEMA.version, collections: schema.ids };
    claim::record_facts(context, &record, &facts, Some(&database)).await
}

/// The Secret first, then the user with its password; the role beside the Secret.
async fn give_access(
    context: &Context,
    tenant: &Tenant,
    organization_id: &str,
    secret: Option<Secret>,
    found: &access::Found,
    changes: &mut Vec<Change>,
) -> Result<CredentialsStatus> {
    let (credentials, role_mended) = tokio::try_join!(
        credentials::ensure(context, tenant, secret, changes),
        access::ensure_role(context, tenant, found),
    )?;
    changes.extend(role_mended);
    access::ensure_user(context, tenant, organization_id, &credentials.password, found, changes).await?;
    Ok(credentials.status)
}

/// Does the work, and announces it if it is not done soon. Both are waited for: an announcement that is on its way must
/// not land behind the status of the end.
async fn announced<T>(work: impl Future<Output = T>, announcement: impl Future<Output = ()>) -> T {
    let mut work = pin!(work);
    match tokio::time::timeout(ANNOUNCED, &mut work).await {
        Ok(done) => done,
        Err(_) => tokio::join!(work, announcement).0,
    }
}

/// Says that the operator has begun, on an object that is not in use yet (one in use stays ready meanwhile). Its failure
/// is no failure of the pass: the status at the end tells the whole truth anyway.
async fn announce_work(object: &HospitalOrganization, context: &Context, picture: &Picture) {
    let observed = object.status.as_ref().and_then(|status| status.observed_generation);
    if observed == object.metadata.generation || is_ready(object.status.as_ref()) {
        return;
    }
    let (reason, message) = match observed {
        None => (Reason::Provisioning, "The database is being made"),
        Some(_) => (Reason::Repairing, "A change of the declaration is being carried out"),
    };
    let progress = Progress::Working(reason, message.to_owned());
    let status = picture.status(object, &progress, Timestamp::now());
    if let Err(error) = status::write(context, object, status).await {
        tracing::debug!(%error, "the beginning of the work could not be announced");
    }
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

    let mut changes = Vec::new();
    match removal::remove(context, &departing, &mut changes).await {
        Ok(()) => {}
        Err(error) if removal::force_released(&departing, database.as_deref()) => {
            changes.push(Change::new(
                FORCE_RELEASED,
                format!(
                    "Let go by force; database, user and claim of {} are left behind: {error}",
                    database.as_deref().unwrap_or_default()
                ),
            ));
        }
        Err(error) => {
            let hint = format!(
                "{error} The object stays until its database is dealt with; to let it go and leave everything behind, annotate it with {}={}.",
                FORCE_RELEASE,
                database.unwrap_or_default()
            );
            let told = Error::Fault { reason: error.reason(), message: hint };
            finish(object, context, &Picture::default(), &Progress::Failed(told), changes).await?;
            return Err(error);
        }
    }
    tracing::info!(changes = ?changes.iter().map(|c| c.note.as_str()).collect::<Vec<_>>(), "removed");
    context.announcer.changes(reference(object), changes);
    finalizer::remove(object, context).await?;
    let uid = object.uid().unwrap_or_default();
    context.echoes.forget(&uid);
    context.backoff.succeeded(&uid);
    Ok(Action::await_change())
}

/// Writes the status, and publishes what changed.
async fn finish(
    object: &HospitalOrganization,
    context: &Context,
    picture: &Picture,
    progress: &Progress,
    changes: Vec<Change>,
) -> Result<()> {
    let now = Timestamp::now();
    let status = picture.status(object, progress, now);
    let was_ready = is_ready(object.status.as_ref());
    let is_ready = is_ready(Some(&status));
    let news = object.status.as_ref() != Some(&status);
    let written = status::write(context, object, status).await?;
    if was_ready && object.status.as_ref().and_then(|status| status.observed_generation) == object.metadata.generation {
        for change in &changes {
            context.metrics.mended(change.reason);
        }
    }
    context.announcer.changes(reference(object), changes);
    if let (Progress::Failed(error), true) = (progress, news && written) {
        tracing::warn!(reason = %error.reason(), "{error}");
        context.announcer.warning(reference(object), error.reason().as_str(), error.to_string());
    }
    if is_ready
        && !was_ready
        && let Some(created) = &object.metadata.creation_timestamp
    {
        context.metrics.became_ready(now.duration_since(created.0));
    }
    Ok(())
}

fn is_ready(status: Option<&HospitalOrganizationStatus>) -> bool {
    status.is_some_and(|s| s.conditions.iter().any(|c| c.type_ == ConditionType::Ready.as_str() && c.status == "True"))
}

fn reference(object: &HospitalOrganization) -> Arc<ObjectReference> {
    Arc::new(object.object_ref(&()))
}

fn hospital(object: &Watched) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}
