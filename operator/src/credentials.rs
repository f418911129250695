//! The connection Secret (Service Binding). The password is written here before MongoDB hears of it, so that a crash
//! between the two leaves a Secret that the next pass makes true, never a user whose password nobody knows.

use std::collections::BTreeMap;

use base64::Engine as _;
use chakravue_crds::{
    annotations::ROTATE_CREDENTIALS,
    conditions::{ConditionType, Reason, events},
    naming::tenant_user,
    organization::CredentialsStatus,
};
use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions},
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    context::{Context, FIELD_MANAGER},
    drift::Kind,
    endpoint::Endpoint,
    error::{Doing as _, Error, Result},
    events::{Change, Changes},
    tenant::Tenant,
};

pub const SECRET_TYPE: &str = "servicebinding.io/mongodb";
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "chakravue-operator");
const PROVISIONED_SERVICE: (&str, &str) = ("servicebinding.io/provisioned-service", "true");

/// Annotations of the Secret: when its password was made, and for which value of the hospital's annotation.
const ROTATED_AT: &str = "chakravue.io/rotated-at";
const ROTATION: &str = "chakravue.io/rotation";

/// 32 random bytes in URL-safe base64 without padding.
const PASSWORD_BYTES: usize = 32;

pub async fn find(context: &Context, tenant: &Tenant) -> Result<Option<Secret>> {
    secrets(context, &tenant.owner.namespace).get_opt(&tenant.secret_name).await.doing("read the connection Secret")
}

/// A password, and when and for which request it was made. The request stands in the Secret itself, so that password
/// and answer to the request are one write: a rotation is carried out once, whatever crashes or is edited.
pub struct Credentials {
    pub password: SecretString,
    pub status: CredentialsStatus,
}

impl Credentials {
    /// A new password, that answers what the tenant asks for.
    fn generate(tenant: &Tenant, before: Option<&Secret>) -> Result<Self> {
        let rotation = tenant.rotation.clone().or_else(|| before.and_then(rotation_of));
        // Whole seconds, as Kubernetes writes times.
        let now = Timestamp::from_second(Timestamp::now().as_second()).ok();
        let status = CredentialsStatus { rotated_at: now.map(Time), rotation };
        Ok(Self { password: generate_password()?, status })
    }

    fn of(secret: &Secret) -> Option<Self> {
        let time = secret.annotations().get(ROTATED_AT).and_then(|time| time.parse().ok()).map(Time);
        let rotated_at = time.or_else(|| secret.creation_timestamp());
        Some(Self {
            password: password_of(secret)?,
            status: CredentialsStatus { rotated_at, rotation: rotation_of(secret) },
        })
    }
}

/// What is to be done about the Secret.
pub enum Decision {
    Keep(Credentials),
    Issue,
    /// The Secret of the object that stood here before is in the way: its garbage collection has not come by yet, or was
    /// told to leave it behind (`--cascade=orphan`).
    Replace,
    Write(Box<Mending>),
}

/// A Secret that is there and not as it should be.
pub struct Mending {
    credentials: Credentials,
    desired: Secret,
    /// Neither the type nor an immutable Secret can be changed.
    anew: bool,
    pub why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The annotation asks for a new password.
    Rotation,
    /// Its password can be kept.
    Differs,
    /// Its password cannot be used.
    Unusable,
}

/// Decides what is to be done, given what was found.
pub fn decide(tenant: &Tenant, endpoint: &Endpoint, found: Option<&Secret>) -> Result<Decision> {
    let Some(found) = found else { return Ok(Decision::Issue) };
    match ownership(tenant, found) {
        Ownership::Ours => {}
        Ownership::Predecessor => return Ok(Decision::Replace),
        Ownership::SomebodyElse => {
            return Err(Error::refused(
                ConditionType::CredentialsReady,
                Reason::SecretNotOurs,
                format!(
                    "Secret {} exists and does not belong to this object. Rename or delete it; the operator never overwrites it.",
                    tenant.secret_name
                ),
            ));
        }
    }
    let asked = tenant.rotation.is_some() && tenant.rotation != rotation_of(found);
    let kept = Credentials::of(found).filter(|_| !asked);
    let why = match (asked, &kept) {
        (true, _) => Why::Rotation,
        (false, Some(_)) => Why::Differs,
        (false, None) => Why::Unusable,
    };
    let credentials = match kept {
        Some(kept) => kept,
        None => Credentials::generate(tenant, Some(found))?,
    };
    let desired = desired(tenant, endpoint, &credentials);
    if why == Why::Differs && is_as_desired(found, &desired) {
        return Ok(Decision::Keep(credentials));
    }
    let anew = found.type_ != desired.type_ || found.immutable == Some(true);
    Ok(Decision::Write(Box::new(Mending { credentials, desired, anew, why })))
}

/// Makes sure that the Secret is as it should be and answers its password.
pub async fn ensure(
    context: &Context,
    tenant: &Tenant,
    found: Option<Secret>,
    changes: &mut Changes,
) -> Result<Credentials> {
    let api = secrets(context, &tenant.owner.namespace);
    let endpoint = &context.settings.endpoint;
    let decision = decide(tenant, endpoint, found.as_ref())?;
    if let Decision::Keep(credentials) = decision {
        return Ok(credentials);
    }
    changes.found(Kind::Secret);
    let credentials = match (decision, found) {
        (Decision::Keep(credentials), _) => credentials,
        (Decision::Issue, _) | (Decision::Replace | Decision::Write(_), None) => {
            issue(&api, tenant, endpoint, changes).await?
        }
        (Decision::Replace, Some(found)) => {
            delete_exactly(&api, &found).await?;
            issue(&api, tenant, endpoint, changes).await?
        }
        (Decision::Write(mending), Some(found)) => mend(&api, tenant, &found, *mending, changes).await?,
    };
    changes.healed(Kind::Secret);
    Ok(credentials)
}

async fn mend(
    api: &Api<Secret>,
    tenant: &Tenant,
    found: &Secret,
    mending: Mending,
    changes: &mut Changes,
) -> Result<Credentials> {
    let Mending { credentials, desired, anew, why } = mending;
    if anew {
        delete_exactly(api, found).await?;
        create(api, tenant, desired).await?;
    } else {
        // The resource version makes a write that somebody else did in between a conflict.
        let mut patch = desired;
        patch.metadata.resource_version = found.resource_version();
        api.patch(&tenant.secret_name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&patch))
            .await
            .doing("mend the connection Secret")?;
    }
    let secret = &tenant.secret_name;
    changes.push(match why {
        Why::Rotation => Change::new(
            events::CREDENTIALS_ROTATED,
            format!("Wrote a new password into Secret {secret}, as annotation {ROTATE_CREDENTIALS} asks"),
        ),
        Why::Differs => Change::new(events::CREDENTIALS_REPAIRED, format!("Mended Secret {secret}")),
        Why::Unusable => Change::new(
            events::CREDENTIALS_REPAIRED,
            format!("Mended Secret {secret}, whose password could not be used, with a new password"),
        ),
    });
    Ok(credentials)
}

/// Writes a new Secret with a new password.
async fn issue(api: &Api<Secret>, tenant: &Tenant, endpoint: &Endpoint, changes: &mut Changes) -> Result<Credentials> {
    let credentials = Credentials::generate(tenant, None)?;
    create(api, tenant, desired(tenant, endpoint, &credentials)).await?;
    changes.push(Change::new(
        events::CREDENTIALS_ISSUED,
        format!("Wrote new credentials into Secret {}", tenant.secret_name),
    ));
    Ok(credentials)
}

/// Deletes the Secret of an object that goes away, if it is that object's.
pub async fn remove(context: &Context, namespace: &str, name: &str, uid: &str) -> Result<()> {
    let api = secrets(context, namespace);
    let found = api.get_opt(name).await.doing("read the connection Secret")?;
    match found {
        Some(secret) if is_owned_by(&secret, uid) || is_left_behind(&secret) => delete_exactly(&api, &secret).await,
        _ => Ok(()),
    }
}

fn is_owned_by(secret: &Secret, uid: &str) -> bool {
    secret.owner_references().iter().any(|owner| owner.uid == uid)
}

/// Made by the operator, and nobody's any more: who deletes an object and says that what it owns shall stay has its
/// references taken out by Kubernetes.
fn is_left_behind(secret: &Secret) -> bool {
    let made_here = secret.labels().get(MANAGED_BY.0).is_some_and(|by| by == MANAGED_BY.1);
    made_here && secret.type_.as_deref() == Some(SECRET_TYPE) && secret.owner_references().is_empty()
}

enum Ownership {
    Ours,
    Predecessor,
    SomebodyElse,
}

fn ownership(tenant: &Tenant, secret: &Secret) -> Ownership {
    let wanted = &tenant.owner_reference;
    match secret.owner_references().iter().find(|owner| owner.controller == Some(true)) {
        Some(owner) if owner.uid == wanted.uid => Ownership::Ours,
        Some(owner) if (&owner.kind, &owner.name) == (&wanted.kind, &wanted.name) => Ownership::Predecessor,
        None if is_left_behind(secret) => Ownership::Predecessor,
        _ => Ownership::SomebodyElse,
    }
}

fn desired(tenant: &Tenant, endpoint: &Endpoint, Credentials { password, status }: &Credentials) -> Secret {
    let rotated_at = status.rotated_at.as_ref().map(|time| (ROTATED_AT.to_owned(), time.0.to_string()));
    let rotation = status.rotation.clone().map(|rotation| (ROTATION.to_owned(), rotation));
    let value = |text: &str| ByteString(text.as_bytes().to_vec());
    let uri = endpoint.tenant_uri(&tenant.database, password);
    Secret {
        metadata: ObjectMeta {
            name: Some(tenant.secret_name.clone()),
            namespace: Some(tenant.owner.namespace.clone()),
            labels: Some(
                [MANAGED_BY, PROVISIONED_SERVICE].iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            ),
            annotations: Some(rotated_at.into_iter().chain(rotation).collect()),
            owner_references: Some(vec![tenant.owner_reference.clone()]),
            ..ObjectMeta::default()
        },
        type_: Some(SECRET_TYPE.to_owned()),
        data: Some(BTreeMap::from([
            ("type".to_owned(), value("mongodb")),
            ("provider".to_owned(), value("chakravue")),
            ("host".to_owned(), value(endpoint.host())),
            ("port".to_owned(), value(endpoint.port())),
            ("uri".to_owned(), value(uri.expose_secret())),
            ("username".to_owned(), value(tenant_user(&tenant.database))),
            ("password".to_owned(), value(password.expose_secret())),
            ("database".to_owned(), value(tenant.database.as_str())),
        ])),
        ..Secret::default()
    }
}

/// Whether everything that the operator wants of the Secret is there; what others add may be there too, and applying
/// would not take it away.
fn is_as_desired(found: &Secret, desired: &Secret) -> bool {
    let value = |key| found.data.as_ref().and_then(|data| data.get(key));
    found.type_ == desired.type_
        && desired.data.iter().flatten().all(|(key, wanted)| value(key) == Some(wanted))
        && desired.owner_references().iter().all(|owner| found.owner_references().contains(owner))
        && desired.labels().iter().all(|(key, value)| found.labels().get(key) == Some(value))
        && desired.annotations().iter().all(|(key, value)| found.annotations().get(key) == Some(value))
}

fn rotation_of(secret: &Secret) -> Option<String> {
    secret.annotations().get(ROTATION).cloned()
}

/// The password of a Secret, if the operator made it: a hand-written one may be anything, also guessable.
fn password_of(secret: &Secret) -> Option<SecretString> {
    let bytes = &secret.data.as_ref()?.get("password")?.0;
    let decoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(bytes).ok()?;
    let text = std::str::from_utf8(bytes).ok()?;
    (decoded.len() == PASSWORD_BYTES).then(|| SecretString::from(text))
}

fn generate_password() -> Result<SecretString> {
    let mut bytes = [0_u8; PASSWORD_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| Error::Fault {
        reason: Reason::OperatorMisconfigured,
        message: "The operating system gives no random numbers.".to_owned(),
    })?;
    Ok(SecretString::from(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)))
}

async fn create(api: &Api<Secret>, tenant: &Tenant, secret: Secret) -> Result<()> {
    let parameters = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    match api.create(&parameters, &secret).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            Err(Error::Conflict { what: format!("Secret {}", tenant.secret_name) })
        }
        other => other.map(drop).doing("create the connection Secret"),
    }
}

/// Deletes this very Secret: not one that was changed or made since it was read.
async fn delete_exactly(api: &Api<Secret>, secret: &Secret) -> Result<()> {
    let parameters = DeleteParams {
        preconditions: Some(Preconditions { uid: secret.uid(), resource_version: secret.resource_version() }),
        ..DeleteParams::default()
    };
    match api.delete(&secret.name_any(), &parameters).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => other.map(drop).doing("delete the connection Secret"),
    }
}

fn secrets(context: &Context, namespace: &str) -> Api<Secret> {
    Api::namespaced(context.kube.clone(), namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret_with(password: &[u8]) -> Secret {
        Secret {
            data: Some(BTreeMap::from([("password".to_owned(), ByteString(password.to_vec()))])),
            ..Secret::default()
        }
    }

    #[test]
    fn generated_passwords_are_recognised_and_distinct() {
        let (a, b) = (generate_password().unwrap(), generate_password().unwrap());
        assert_ne!(a.expose_secret(), b.expose_secret());
        let read = password_of(&secret_with(a.expose_secret().as_bytes())).unwrap();
        assert_eq!(read.expose_secret(), a.expose_secret());
    }

    #[test]
    fn hand_written_passwords_are_not_taken() {
        for garbage in [&b""[..], b"secret", b"\xff\xfe", &[b'A'; 64], &[b' '; 43]] {
            assert!(password_of(&secret_with(garbage)).is_none());
        }
        assert!(password_of(&Secret::default()).is_none());
    }

    #[test]
    fn a_password_never_shows_in_debug_output() {
        let password = generate_password().unwrap();
        assert!(!format!("{password:?}").contains(password.expose_secret()));
    }
}
