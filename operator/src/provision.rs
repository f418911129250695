//! What a hospital that lives is brought to, in order: validate, look, claim, then credentials and schema side by side.

use std::{pin::pin, time::Duration};

use chakravue_crds::{
    HospitalOrganization,
    conditions::{ConditionType, Reason},
    master::OrganizationRecord,
    organization::{CredentialsStatus, Subscription},
};
use futures::FutureExt as _;
use k8s_openapi::{api::core::v1::Secret, jiff::Timestamp};

use crate::{
    access::{self, desired},
    catalogue,
    claim::{self, Provisioned},
    context::Context,
    credentials,
    drift::{Look, accounts::Expected, kind::Kind},
    error::{Error, Result},
    events::Changes,
    finalizer, loss,
    schema::{self, compare, observed, outcome},
    status::{self, Claim, Picture, Progress, SchemaPicture},
    tenant::Tenant,
    turns::Migration,
};

/// Work that takes this long is told of before it is done. A hospital is made in a tenth of a second, of which a status
/// beside the work would take a part, and nobody would see it.
const ANNOUNCED: Duration = Duration::from_secs(2);

/// What a pass knows and has done so far.
#[derive(Default)]
pub struct Pass {
    pub picture: Picture,
    pub changes: Changes,
    pub tenant: Option<Tenant>,
    /// The claim, as soon as it is held.
    pub record: Option<OrganizationRecord>,
    /// What the database has, when all of it is there.
    pub provisioned: Option<Provisioned>,
}

pub enum Outcome {
    Complete,
    /// Complete as far as can be seen: a change was announced that may not show yet.
    Announced,
    /// All but how many seats are taken, which is not known yet, or what goes on in the database for longer than a pass.
    Unfinished,
    /// All but the database's schema, which has to wait for its turn.
    AwaitsMigration,
}

/// With leave to migrate, an older schema is brought to the catalogue in this pass.
pub async fn provision(
    object: &HospitalOrganization,
    migration: Option<Migration>,
    context: &Context,
    pass: &mut Pass,
) -> Result<Outcome> {
    let tenant = Tenant::of(object, &context.settings.cluster, context.mongo.master_database())?;
    let tenant = &*pass.tenant.insert(tenant);
    let (picture, changes) = (&mut pass.picture, &mut pass.changes);
    let abilities = context.mongo.usable().await?;
    let look = context.drift.look(tenant);

    // Look at everything at once; nothing outside of the object is changed before the claim is held. The finalizer
    // comes first all the same: from the claim on there is something to clean up.
    let (record, secret, access, observed, ()) = tokio::try_join!(
        claim::find(context, &tenant.database),
        // Without the Secret there is still access to be taken away.
        credentials::find(context, tenant).map(Ok),
        access::find(context, &tenant.database),
        observed::find(&context.mongo, &tenant.database),
        finalizer::add(object, context),
    )?;

    // Whoever has just taken the finalizer lives. One that had it before and holds no claim may be long gone, and known
    // from a stale cache alone.
    if record.is_none() && finalizer::is_on(object) {
        claim::must_live(context, tenant).await?;
    }
    let has_held = has_held_its_claim(tenant, record.as_ref(), &secret);
    let held = claim::hold(context, tenant, record, !observed.collections.is_empty(), changes).await;
    if !has_held && held.as_ref().is_err_and(is_anothers) {
        picture.claim = Claim::NeverHeld;
    }
    let record = &*pass.record.insert(held?);
    picture.claim = Claim::Held;
    picture.organization_id = Some(record.organization_id.to_string());
    picture.database = Some(record.database_name.to_string());
    picture.unmanaged = compare::unmanaged(&observed.collections, access.others());
    picture.data_loss = record.data_loss.as_ref().map(loss::told);

    let seats = context.seats.taken(&context.mongo, &look, &tenant.database, observed.users);

    if tenant.subscription == Subscription::PendingPayment {
        // One that was made anew, or came from a backup, may have paid before.
        let id = record.organization_id.as_str();
        access::revoke_surplus(context, tenant, id, &access, changes).await?;
        return Ok(if picture.counted(seats.await) { Outcome::Complete } else { Outcome::Unfinished });
    }
    if let Err(refused) = refuse_newer_schema(record) {
        picture.other_schema = record.schema_version;
        if tenant.subscription == Subscription::Suspended {
            access::revoke_surplus(context, tenant, record.organization_id.as_str(), &access, changes).await?;
        }
        return Err(refused);
    }
    if record.provisioned_at.is_none() && !observed::is_whole(&observed.collections) {
        let admitted = context.capacity.admit(&context.mongo, &tenant.owner.uid, record.database_name.as_str()).await;
        if tenant.subscription == Subscription::Suspended && admitted.is_err() {
            access::revoke_surplus(context, tenant, record.organization_id.as_str(), &access, changes).await?;
        }
        // Not so where an earlier pass was let in, and made a part.
        let has_access = access.has_user() || !matches!(&secret, Ok(None));
        picture.never_made = matches!(admitted, Err(Error::Refused { .. })) && !has_access;
        admitted?;
    }

    // What is lost is written down before anything is made again in its place.
    let record = loss::look(context, tenant, record.clone(), &observed.collections, changes).await?;
    let is_older = record.schema_version.is_some_and(|version| version < catalogue::current().version);
    // What was begun in a migration goes on in it.
    let migration = migration.or_else(|| context.repairs.migration(&tenant.owner.uid));
    let record = if is_older && migration.is_some() {
        claim::aim(context, record, catalogue::current().version).await?
    } else {
        record
    };
    let record = &*pass.record.insert(record);
    picture.data_loss = record.data_loss.as_ref().map(loss::told);

    // Credentials and schema do not need each other. Each side goes on when the other fails: what one has done is kept.
    let is_rotation = matches!(&secret, Ok(Some(found)) if credentials::secret::rotates(tenant, found));
    let (mut credential_changes, mut schema_changes) = (Changes::default(), Changes::default());
    let id = record.organization_id.as_str();
    let credentials = give_access(context, tenant, id, secret, &access, &mut credential_changes).boxed();
    let schema = async {
        if is_older && migration.is_none() {
            return Ok(None);
        }
        schema::ensure(context, tenant, &observed, abilities, migration, &mut schema_changes).await.map(Some)
    };
    let work = async { tokio::join!(credentials, schema.boxed(), seats.boxed()) };
    let (credentials, schema, seats) = announced(work.boxed(), announce_work(object, context, picture).boxed()).await;
    if is_rotation {
        credential_changes.expected(&[Kind::Secret, Kind::Password]);
    }
    if is_older {
        credential_changes.expected(&[Kind::Role]);
        schema_changes.expected(&[Kind::Collection, Kind::Validator, Kind::Index]);
    }
    changes.append(credential_changes);
    changes.append(schema_changes);
    context.capacity.finished(&tenant.owner.uid);
    let is_counted = picture.counted(seats);

    picture.draw(&credentials, &schema, record);
    pass.provisioned = schema.as_ref().ok().and_then(Option::as_ref).map(|outcome| provisioned(outcome, record));
    expect(&look, Expected::of(tenant, id), &credentials, &access, context);
    credentials?;
    let Some(schema) = schema? else {
        return Ok(if look.is_announced() { Outcome::Announced } else { Outcome::AwaitsMigration });
    };
    if let Some(error) = schema.refused {
        return Err(error);
    }
    Ok(match look.is_announced() {
        true => Outcome::Announced,
        false if schema.under_way.is_empty() && is_counted => Outcome::Complete,
        false => Outcome::Unfinished,
    })
}

/// What the pass leaves of user and role is to stay so. Where Kubernetes did not answer, what it found may have been right.
fn expect(
    look: &Look<'_>,
    expected: Expected,
    credentials: &Result<CredentialsStatus>,
    found: &desired::Found,
    context: &Context,
) {
    let was_right =
        |error: &Error| error.reason() == Reason::KubernetesError && expected.is_met(found, &context.verified);
    if credentials.as_ref().err().is_none_or(was_right) {
        look.expect(expected);
    }
}

/// Whether there is a sign that the object held its claim, now or before, beside what its status says: its claim as another
/// cluster knows it (an operator that was told a wrong id of its own), or its Secret. What cannot be seen counts as one.
fn has_held_its_claim(tenant: &Tenant, record: Option<&OrganizationRecord>, secret: &Result<Option<Secret>>) -> bool {
    let is_its =
        |secret: &Option<Secret>| secret.as_ref().is_some_and(|secret| credentials::decision::is_its(tenant, secret));
    record.is_some_and(|record| record.owner.uid == tenant.owner.uid) || secret.as_ref().map_or(true, is_its)
}

/// Whether the claim was refused because it, or the database, is somebody else's.
fn is_anothers(error: &Error) -> bool {
    matches!(error, Error::Refused { condition: ConditionType::ClaimHeld, reason, .. } if *reason != Reason::ClaimLost)
}

impl Picture {
    /// What became of the two sides.
    fn draw(
        &mut self,
        credentials: &Result<CredentialsStatus>,
        schema: &Result<Option<outcome::Outcome>>,
        record: &OrganizationRecord,
    ) {
        match credentials {
            Ok(credentials) => self.credentials = Some(credentials.clone()),
            Err(error) => self.failed.push((ConditionType::CredentialsReady, error.clone())),
        }
        match schema {
            Ok(Some(outcome::Outcome { refused: Some(error), .. })) | Err(error) => {
                self.failed.push((ConditionType::SchemaReady, error.clone()));
            }
            Ok(Some(outcome)) => {
                self.schema = Some(SchemaPicture {
                    version: catalogue::current().version,
                    collections: outcome.collections.clone(),
                    violations: outcome.violations.clone(),
                    under_way: outcome.under_way.clone(),
                });
            }
            Ok(None) => self.other_schema = record.schema_version,
        }
    }
}

/// Which collections there are is remembered also where not all is as it should be: one that is lost meanwhile is missed.
fn provisioned(outcome: &outcome::Outcome, record: &OrganizationRecord) -> Provisioned {
    let is_complete = outcome.under_way.is_empty() && outcome.refused.is_none();
    let schema_version = if is_complete { Some(catalogue::current().version) } else { record.schema_version };
    Provisioned { schema_version, collections: outcome.ids.clone() }
}

/// A database that a newer operator has brought further is none of this one's business, but for who may use it at all.
pub fn refuse_newer_schema(record: &OrganizationRecord) -> Result<()> {
    let known = catalogue::current().version;
    match record.schema_version.max(record.schema_target) {
        Some(version) if version > known => Err(Error::refused(
            ConditionType::SchemaReady,
            Reason::SchemaTooNew,
            format!(
                "Database {} has schema version {version}, this operator knows only {known}. Upgrade the operator.",
                record.database_name
            ),
        )),
        _ => Ok(()),
    }
}

/// The Secret first, then the user with its password; the role beside the Secret. Whatever is wrong with those, nobody keeps
/// a right that the declaration does not give.
async fn give_access(
    context: &Context,
    tenant: &Tenant,
    organization_id: &str,
    secret: Result<Option<Secret>>,
    found: &desired::Found,
    changes: &mut Changes,
) -> Result<CredentialsStatus> {
    let mut role_changes = Changes::default();
    let credentials = async { credentials::ensure(context, tenant, secret?, changes).await };
    let (credentials, role) = tokio::join!(credentials, access::ensure_role(context, tenant, found, &mut role_changes));
    changes.append(role_changes);
    match (credentials, role) {
        (Ok(credentials), Ok(())) => {
            access::ensure_user(context, tenant, organization_id, &credentials.password, found, changes).await?;
            Ok(credentials.status)
        }
        (Err(error), _) | (_, Err(error)) => {
            access::revoke_surplus(context, tenant, organization_id, found, changes).await?;
            Err(error)
        }
    }
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
    if observed == object.metadata.generation || status::is_ready(object.status.as_ref()) {
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
