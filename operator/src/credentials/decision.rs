//! What is to be done about a tenant's Secret, from what was found. Pure.

use chakravue_crds::conditions::{ConditionType, Reason};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use secrecy::SecretString;

use super::secret::{Credentials, desired, is_as_desired, is_left_behind, rotates};
use crate::{
    endpoint::Endpoint,
    error::{Error, Result},
    tenant::Tenant,
};

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
    pub(super) credentials: Credentials,
    pub(super) desired: Secret,
    /// Neither the type nor an immutable Secret can be changed.
    pub(super) anew: bool,
    pub why: Why,
}

impl Mending {
    /// The password that stays.
    pub fn kept(&self) -> Option<&SecretString> {
        (self.why == Why::Differs).then_some(&self.credentials.password)
    }
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
        Ownership::Predecessor => {
            refuse_kept(tenant, found)?;
            return Ok(Decision::Replace);
        }
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
    let asked = rotates(tenant, found);
    let kept = Credentials::of(tenant, found).filter(|_| !asked);
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
    if anew {
        refuse_kept(tenant, found)?;
    }
    Ok(Decision::Write(Box::new(Mending { credentials, desired, anew, why })))
}

/// A Secret that is to be replaced goes only when nobody's finalizer keeps it.
fn refuse_kept(tenant: &Tenant, found: &Secret) -> Result<()> {
    if found.metadata.deletion_timestamp.is_none() || found.finalizers().is_empty() {
        return Ok(());
    }
    Err(Error::refused(
        ConditionType::CredentialsReady,
        Reason::SecretTerminating,
        format!(
            "Secret {} has to be made anew. What is there is being deleted, and kept by {}: have whoever set that let it go, \
             or remove it; the operator goes on by itself.",
            tenant.secret_name,
            match found.finalizers() {
                [one] => format!("finalizer {one}"),
                many => format!("finalizers {}", many.join(", ")),
            }
        ),
    ))
}

/// Whether it was made for this very object, which no Secret is whose claim was never held.
pub fn is_its(tenant: &Tenant, secret: &Secret) -> bool {
    matches!(ownership(tenant, secret), Ownership::Ours)
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

#[cfg(test)]
mod tests {
    use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

    use super::{
        super::secret::{
            SECRET_TYPE,
            tests::{annotated, tenant},
        },
        *,
    };

    #[test]
    fn a_secret_that_must_be_replaced_and_is_kept_is_told_with_who_keeps_it() {
        let endpoint: Endpoint = Endpoint::parse("mongodb://a.example:27017").unwrap();
        let tenant = tenant(None, None);
        let decided = |change: &dyn Fn(&mut Secret)| {
            let mut secret = annotated(&[]);
            secret.metadata.owner_references = Some(vec![tenant.owner_reference.clone()]);
            secret.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
            secret.metadata.finalizers = Some(vec!["a.example/x".to_owned(), "b.example/y".to_owned()]);
            secret.type_ = Some(SECRET_TYPE.to_owned());
            change(&mut secret);
            decide(&tenant, &endpoint, Some(&secret))
        };
        let predecessor = |secret: &mut Secret| {
            secret.metadata.owner_references.as_mut().unwrap()[0].uid = "before".to_owned();
        };
        let in_the_way: [&dyn Fn(&mut Secret); 3] =
            [&|secret| secret.immutable = Some(true), &|secret| secret.type_ = Some("Opaque".to_owned()), &predecessor];
        for change in in_the_way {
            let Err(error) = decided(change) else { panic!("not refused") };
            assert_eq!(error.reason(), Reason::SecretTerminating);
            let message = error.to_string();
            assert!(message.contains(&tenant.secret_name) && message.contains("a.example/x, b.example/y"), "{message}");
        }
        // One that can be mended where it is serves until it goes, and one that nobody keeps is gone in a moment.
        assert!(matches!(decided(&|_| ()), Ok(Decision::Write(_))));
        let free = |secret: &mut Secret| (secret.immutable, secret.metadata.finalizers) = (Some(true), None);
        assert!(matches!(decided(&free), Ok(Decision::Write(_))));
    }
}
