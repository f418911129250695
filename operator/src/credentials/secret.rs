//! A password and the Secret that holds it: how it is written, and how it is read back. Pure, but for the time and for what
//! is random.

use std::collections::BTreeMap;

use base64::Engine as _;
use chakravue_crds::{conditions::Reason, naming::tenant_user, organization::CredentialsStatus};
use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use kube::{ResourceExt as _, api::ObjectMeta};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    endpoint::Endpoint,
    error::{Error, Result},
    tenant::{self, Tenant},
};

pub const SECRET_TYPE: &str = "servicebinding.io/mongodb";
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "chakravue-operator");
const PROVISIONED_SERVICE: (&str, &str) = ("servicebinding.io/provisioned-service", "true");

/// Annotations of the Secret: when its password was made, and for which value of the hospital's annotation.
const ROTATED_AT: &str = "chakravue.io/rotated-at";
const ROTATION: &str = "chakravue.io/rotation";

/// When the password may have been made at the earliest: in the year 2000. Before that there was no operator, and the API
/// server takes not every year.
const EARLIEST: i64 = 946_684_800;

/// By how many seconds clocks may differ.
const CLOCKS_DIFFER: i64 = 60;

/// 32 random bytes in URL-safe base64 without padding.
const PASSWORD_BYTES: usize = 32;

/// A password, and when and for which request it was made. The request stands in the Secret itself, so that password
/// and answer to the request are one write: a rotation is carried out once, whatever crashes or is edited.
pub struct Credentials {
    pub password: SecretString,
    pub status: CredentialsStatus,
}

impl Credentials {
    /// A new password, that answers what the tenant asks for.
    pub fn generate(tenant: &Tenant, before: Option<&Secret>) -> Result<Self> {
        let rotation = tenant.rotation.clone().or_else(|| before.and_then(|secret| rotation_of(tenant, secret)));
        let status = CredentialsStatus { rotated_at: moment(Timestamp::now()), rotation };
        Ok(Self { password: generate_password()?, status })
    }

    /// Those of a Secret whose password can be used.
    pub fn of(tenant: &Tenant, secret: &Secret) -> Option<Self> {
        let password = password_of(secret)?;
        let rotated_at = made_at(secret).or_else(|| told_at(told(tenant, secret)?));
        let rotated_at = rotated_at.or_else(|| secret.creation_timestamp());
        Some(Self { password, status: CredentialsStatus { rotated_at, rotation: rotation_of(tenant, secret) } })
    }
}

pub fn is_owned_by(secret: &Secret, uid: &str) -> bool {
    secret.owner_references().iter().any(|owner| owner.uid == uid)
}

/// Made by the operator, and nobody's any more: who deletes an object and says that what it owns shall stay has its
/// references taken out by Kubernetes.
pub fn is_left_behind(secret: &Secret) -> bool {
    let made_here = secret.labels().get(MANAGED_BY.0).is_some_and(|by| by == MANAGED_BY.1);
    made_here && secret.type_.as_deref() == Some(SECRET_TYPE) && secret.owner_references().is_empty()
}

pub fn desired(tenant: &Tenant, endpoint: &Endpoint, Credentials { password, status }: &Credentials) -> Secret {
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
pub fn is_as_desired(found: &Secret, desired: &Secret) -> bool {
    let value = |key| found.data.as_ref().and_then(|data| data.get(key));
    found.type_ == desired.type_
        && desired.data.iter().flatten().all(|(key, wanted)| value(key) == Some(wanted))
        && desired.owner_references().iter().all(|owner| found.owner_references().contains(owner))
        && desired.labels().iter().all(|(key, value)| found.labels().get(key) == Some(value))
        && desired.annotations().iter().all(|(key, value)| found.annotations().get(key) == Some(value))
}

/// Whether an annotation asks for a new password that the Secret does not have yet.
pub fn rotates(tenant: &Tenant, found: &Secret) -> bool {
    tenant.rotation.is_some() && tenant.rotation != rotation_of(tenant, found)
}

/// For which request the password was made.
fn rotation_of(tenant: &Tenant, secret: &Secret) -> Option<String> {
    let here = secret.annotations().get(ROTATION).and_then(|value| tenant::rotation(value));
    // The status is believed only of what is asked for now, or whatever somebody wrote into it would stay.
    let is_carried_out = || told(tenant, secret).is_some_and(|told| told.rotation == tenant.rotation);
    here.or_else(|| tenant.rotation.clone().filter(|_| is_carried_out()))
}

/// What the object's status tells of the Secret's password, for where somebody took the annotations off. What is here counts
/// first: it was written with the password, and the status afterwards. So one that tells of another time tells of another
/// password. Edited by hand, it can make the operator take a request for carried out, once, and no more than that.
fn told<'a>(tenant: &'a Tenant, secret: &Secret) -> Option<&'a CredentialsStatus> {
    password_of(secret)?;
    let made_at = made_at(secret);
    tenant.credentials.as_ref().filter(|told| made_at.is_none() || told_at(told) == made_at)
}

fn told_at(told: &CredentialsStatus) -> Option<Time> {
    moment(told.rotated_at.as_ref()?.0)
}

/// When the password was made, as far as the Secret says so.
fn made_at(secret: &Secret) -> Option<Time> {
    moment(secret.annotations().get(ROTATED_AT)?.parse().ok()?)
}

/// A time at which a password can have been made, in whole seconds, as Kubernetes writes times.
fn moment(time: Timestamp) -> Option<Time> {
    let second = time.as_second();
    let is_possible = (EARLIEST..=Timestamp::now().as_second() + CLOCKS_DIFFER).contains(&second);
    Timestamp::from_second(second).ok().filter(|_| is_possible).map(Time)
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

#[cfg(test)]
pub mod tests {
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

    /// A hospital with an annotation that asks for a rotation, and a status that tells of an earlier one.
    pub fn tenant(asks: Option<&str>, told: Option<(i64, &str)>) -> Tenant {
        let object = serde_json::json!({
            "apiVersion": "chakravue.io/v1alpha1", "kind": "HospitalOrganization",
            "metadata": { "name": "a", "namespace": "n", "uid": "u" },
            "spec": { "displayName": "A", "contact": { "email": "a@b.example" }, "plan": "Starter" },
        });
        let mut tenant = Tenant::of(&serde_json::from_value(object).unwrap(), "cluster", "master").unwrap();
        tenant.rotation = asks.map(str::to_owned);
        tenant.credentials = told.map(|(second, rotation)| CredentialsStatus {
            rotated_at: Timestamp::from_second(second).ok().map(Time),
            rotation: Some(rotation.to_owned()),
        });
        tenant
    }

    pub fn annotated(annotations: &[(&str, &str)]) -> Secret {
        let annotations = annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let mut secret = secret_with(generate_password().unwrap().expose_secret().as_bytes());
        secret.metadata.annotations = Some(annotations);
        secret.metadata.creation_timestamp = Some(Time(Timestamp::from_second(1_600_000_000).unwrap()));
        secret
    }

    fn at(secret: &Secret, tenant: &Tenant) -> Option<String> {
        Credentials::of(tenant, secret).unwrap().status.rotated_at.map(|time| time.0.to_string())
    }

    #[test]
    fn a_rotation_is_carried_out_once_also_where_the_secret_forgot_it() {
        let (time, text) = (1_700_000_000, "2023-11-14T22:13:20Z");
        let (bare, timed) = (annotated(&[]), annotated(&[(ROTATED_AT, text)]));
        let told = tenant(Some("1"), Some((time, "1")));
        assert!(!rotates(&told, &bare) && !rotates(&told, &timed));
        assert_eq!(at(&bare, &told).as_deref(), Some(text));
        // The status is of another password than the Secret, which is newer: a crash came between the two.
        assert!(rotates(&told, &annotated(&[(ROTATED_AT, "2023-11-14T22:13:21Z")])));
        // What the Secret says counts, and only of what is asked for the status is believed.
        assert!(rotates(&told, &annotated(&[(ROTATION, "2")])));
        assert!(!rotates(&tenant(Some("2"), Some((time, "1"))), &annotated(&[(ROTATION, "2")])));
        assert!(rotates(&tenant(Some("2"), Some((time, "1"))), &bare));
        let kept = Credentials::of(&tenant(None, Some((time, "1"))), &timed).unwrap();
        assert_eq!(kept.status.rotation, None);
        // A password that nobody generated is not what the status tells of.
        let mut other = secret_with(b"secret");
        other.metadata.annotations = bare.metadata.annotations.clone();
        assert!(rotates(&told, &other));
    }

    #[test]
    fn of_what_stands_in_the_secret_as_much_counts_as_of_the_objects_annotation() {
        let long = "x".repeat(100_000);
        for value in [" 1\u{7f}\n", &long] {
            let asks = tenant::rotation(value).unwrap();
            let tenant = tenant(Some(&asks), None);
            let secret = annotated(&[(ROTATION, value)]);
            assert!(!rotates(&tenant, &secret));
            assert_eq!(Credentials::of(&tenant, &secret).unwrap().status.rotation, Some(asks));
        }
    }

    #[test]
    fn a_time_that_cannot_be_counts_as_none() {
        let (nothing, created) = (tenant(None, None), "2020-09-13T12:26:40Z");
        for time in [
            "2126-01-01T00:00:00Z",
            "1999-12-31T23:59:59Z",
            "-000001-01-01T00:00:00Z",
            "9999-12-30T00:00:00Z",
            "soon",
            "",
        ] {
            assert_eq!(at(&annotated(&[(ROTATED_AT, time)]), &nothing).as_deref(), Some(created), "{time:?}");
        }
        for time in ["2024-02-29T12:00:00.999999999Z", "2024-02-29T13:00:00+01:00"] {
            assert_eq!(at(&annotated(&[(ROTATED_AT, time)]), &nothing).as_deref(), Some("2024-02-29T12:00:00Z"));
        }
        // Neither is the status believed more.
        for second in [4_900_000_000, 0, -100_000_000_000] {
            assert_eq!(at(&annotated(&[]), &tenant(None, Some((second, "1")))).as_deref(), Some(created), "{second}");
        }
    }

    #[test]
    fn a_password_never_shows_in_debug_output() {
        let password = generate_password().unwrap();
        assert!(!format!("{password:?}").contains(password.expose_secret()));
    }
}
