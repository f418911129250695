//! Validate: from an object as somebody wrote it to a tenant that the other steps can rely on.

use chakravue_crds::{
    HospitalOrganization, annotations,
    conditions::{ConditionType, Reason},
    master::Owner,
    naming::{DatabaseName, secret_name},
    organization::{CredentialsStatus, DeletionPolicy, Subscription},
    plans::Plan,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::{Resource as _, ResourceExt as _};

use crate::error::{Error, Result};

/// Who a hospital is and what is wanted for it.
#[derive(Clone, Debug)]
pub struct Tenant {
    pub owner: Owner,
    /// Whether the object is in Kubernetes; `false` for one that is only planned.
    pub exists: bool,
    pub database: DatabaseName,
    pub display_name: String,
    pub plan: Plan,
    pub subscription: Subscription,
    pub secret_name: String,
    pub owner_reference: OwnerReference,
    /// The value of the annotation that asks for a retained organization.
    pub adopt_organization: Option<String>,
    /// Whether the object asks for a database that has no claim.
    pub adopt_database: bool,
    /// The value of the annotation that asks for a new password, as far as it counts.
    pub rotation: Option<String>,
    /// What the object's status tells of its password. Anybody may have written that who may write a status.
    pub credentials: Option<CredentialsStatus>,
    /// The organization that the object's status tells of, if its database was made.
    pub was: Option<String>,
    /// The value of the annotation that confirms a loss of data.
    pub acknowledged_loss: Option<String>,
}

impl Tenant {
    pub fn of(object: &HospitalOrganization, cluster: &str, master: &str) -> Result<Self> {
        let invalid = |message: String| Error::refused(ConditionType::ClaimHeld, Reason::InvalidSpec, message);
        let database = object
            .wanted_database()
            .map_err(|error| invalid(format!("{error}. Set spec.databaseName to another name.")))?;
        if database.as_str().eq_ignore_ascii_case(master) {
            return Err(invalid(format!(
                "{database:?} is the operator's own database. Set spec.databaseName to another name."
            )));
        }
        let owner = owner_of(&object.metadata, cluster)
            .ok_or_else(|| invalid("the object has no namespace, name or UID".to_owned()))?;
        let annotation = |name: &str| object.annotations().get(name).cloned();
        Ok(Self {
            exists: true,
            database,
            display_name: object.spec.display_name.clone(),
            plan: object.spec.plan,
            subscription: object.spec.subscription,
            secret_name: secret_name(&owner.name),
            owner_reference: object
                .controller_owner_ref(&())
                .ok_or_else(|| invalid("the object has no name or UID".to_owned()))?,
            adopt_organization: annotation(annotations::ADOPT_ORGANIZATION),
            adopt_database: annotation(annotations::ADOPT_DATABASE).as_deref() == Some("true"),
            rotation: annotation(annotations::ROTATE_CREDENTIALS).as_deref().and_then(rotation),
            credentials: object.status.as_ref().and_then(|status| status.credentials.clone()),
            was: object
                .status
                .as_ref()
                .filter(|status| status.binding.is_some())
                .and_then(|status| status.organization_id.clone()),
            acknowledged_loss: annotation(annotations::ACKNOWLEDGE_DATA_LOSS).map(|value| value.trim().to_owned()),
            owner,
        })
    }
}

/// What counts of a value that may be anything, of any length. What counts of that is the same again, or a hospital would be
/// rotated for it at every pass.
pub fn rotation(value: &str) -> Option<String> {
    let value: String = value.chars().filter(|c| is_plain(*c)).collect();
    let value: String = value.trim().chars().take(annotations::LONGEST_ROTATION).collect();
    let value = value.trim_end();
    (!value.is_empty()).then(|| value.to_owned())
}

/// Whether the API server takes a character in every kind of write, and leaves it and those beside it as they are. What is
/// applied it reads as YAML, which refuses control characters and folds lines.
pub fn is_plain(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// What has to be known of an object to remove it: much less than to make it, so that no spec can block its deletion.
#[derive(Clone, Debug)]
pub struct Departing {
    pub owner: Owner,
    pub deletion_policy: DeletionPolicy,
    pub secret_name: String,
    /// The value of the annotation that lets the object go although MongoDB is away.
    pub force_release: Option<String>,
}

impl Departing {
    pub fn of(meta: &ObjectMeta, cluster: &str, deletion_policy: DeletionPolicy) -> Option<Self> {
        let owner = owner_of(meta, cluster)?;
        Some(Self {
            deletion_policy,
            secret_name: secret_name(&owner.name),
            force_release: meta.annotations.as_ref().and_then(|all| all.get(annotations::FORCE_RELEASE)).cloned(),
            owner,
        })
    }
}

fn owner_of(meta: &ObjectMeta, cluster: &str) -> Option<Owner> {
    Some(Owner {
        cluster: cluster.to_owned(),
        namespace: meta.namespace.clone()?,
        name: meta.name.clone()?,
        uid: meta.uid.clone()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_may_be_asked_for_with_anything_but_nothing() {
        assert_eq!(rotation(" 2026-11-23 "), Some("2026-11-23".to_owned()));
        assert_eq!(rotation(" \n"), None);
        assert_eq!(rotation("a\u{7f}\u{ffff}b\u{1}"), Some("ab".to_owned()));
        assert_eq!(rotation(&"ä".repeat(100_000)), Some("ä".repeat(annotations::LONGEST_ROTATION)));
    }

    #[test]
    fn what_counts_of_a_rotation_counts_again_as_the_same() {
        let cut = format!("{} b", "x".repeat(annotations::LONGEST_ROTATION - 1));
        for value in ["a", "\u{7f} a", " \u{2028} a \u{2029} b \u{85}", "\u{feff}\t a \u{a0}", &cut] {
            let counts = rotation(value).unwrap();
            assert_eq!(rotation(&counts).as_ref(), Some(&counts), "{value:?}");
            assert!(counts.chars().all(is_plain), "{value:?}");
        }
    }
}
