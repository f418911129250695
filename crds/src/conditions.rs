//! Condition types and reasons, and how a condition changes. Reasons are few and stable: people write alerts on them.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

/// Defines a set of names that appear in the API and can be listed in documentation and tests.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$member_doc:meta])* $member:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$member_doc])* $member),+ }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$member),+];

            /// The name as it stands in the object.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$member => stringify!($member)),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

names! {
    /// The types of `.status.conditions`.
    ConditionType {
        /// The hospital can be used: claim, credentials and schema are in place and the subscription is active.
        Ready,
        /// The operator is working towards the spec (kstatus: in progress). Present only while it is.
        Reconciling,
        /// The operator cannot go on until somebody changes something (kstatus: failed). Present only while so.
        Stalled,
        /// The organization holds the claim on its database.
        ClaimHeld,
        /// Secret, database user and database role are in place and agree.
        CredentialsReady,
        /// Collections, validators and indexes are those of the catalogue.
        SchemaReady,
        /// The subscription gives access to the data.
        SubscriptionActive,
        /// The operator leaves the hospital as it is, as an annotation asks. Present only while so; what the other
        /// conditions say is from before.
        Paused,
        /// Collections that the hospital had were dropped or replaced behind the operator's back. Present only until
        /// somebody acknowledges it.
        DataLossSuspected,
        /// The hospital has more users than its plan has seats. Nothing is cut off; it can add none. Present only while so.
        SeatsExceeded,
        /// An annotation of the operator's has a value that means nothing, so that what somebody wanted is not done. Present
        /// only while so.
        AnnotationIgnored,
    }
}

names! {
    /// Why a condition is as it is; also the reason of Events and the label of metrics.
    Reason {
        /// The operator has not looked at the object yet.
        Pending,
        /// Everything is as declared.
        AsDeclared,
        /// The first pass is under way.
        Provisioning,
        /// Something differed from the declaration and is being put right.
        Repairing,
        /// The hospital has not paid yet; nothing is made for it.
        PendingPayment,
        /// The subscription is suspended: data stays, access is taken away.
        Suspended,
        /// An annotation asks the operator to leave the hospital as it is.
        Paused,
        /// The object is being deleted.
        Terminating,
        /// The object does not fit the current resource definition.
        InvalidSpec,
        /// Another object holds the claim on the database name.
        DatabaseNameTaken,
        /// The database exists and was not made for any organization.
        DatabaseNotOurs,
        /// The database was retained for another object and needs an explicit adoption.
        AdoptionRequired,
        /// An adoption was asked for that cannot be granted.
        AdoptionRefused,
        /// The hospital had a database, and MongoDB knows nothing of its claim any more.
        ClaimLost,
        /// A Secret of the needed name belongs to somebody else.
        SecretNotOurs,
        /// The Secret has to be made anew, and what is there is being deleted and kept by somebody's finalizers.
        SecretTerminating,
        /// Existing documents do not fit a validator or a unique index.
        DocumentsViolateSchema,
        /// A view, time series or capped collection stands where a collection belongs, or an index that cannot be replaced.
        SchemaConflict,
        /// Collections that the hospital had were dropped or replaced; they exist again, empty.
        CollectionsLost,
        /// The database has a newer schema than this operator knows.
        SchemaTooNew,
        /// MongoDB has no room for one more hospital: tables, file descriptors or users would come over their budget.
        CapacityExhausted,
        /// The hospital has more users than its plan has seats.
        SeatsExceeded,
        /// An annotation has a value that means nothing.
        AnnotationIgnored,
        /// MongoDB does not answer.
        MongoDbUnavailable,
        /// MongoDB answers, but has no primary that takes writes.
        MongoDbNotWritable,
        /// MongoDB refuses the operator's user name or password.
        MongoDbAuthenticationFailed,
        /// The operator's MongoDB user lacks a right.
        MongoDbPrivilegesMissing,
        /// MongoDB has no disk space left.
        MongoDbDiskFull,
        /// MongoDB answered with another error.
        MongoDbError,
        /// The Kubernetes API answered with an error or not at all.
        KubernetesError,
        /// The connection from the operator's own configuration cannot be used for tenants.
        OperatorMisconfigured,
    }
}

/// Why an Event was published for something that the operator did.
pub mod events {
    pub const CLAIMED: &str = "DatabaseClaimed";
    pub const ADOPTED: &str = "DatabaseAdopted";
    pub const CREDENTIALS_ISSUED: &str = "CredentialsIssued";
    pub const CREDENTIALS_REPAIRED: &str = "CredentialsRepaired";
    pub const CREDENTIALS_ROTATED: &str = "CredentialsRotated";
    pub const ACCESS_GRANTED: &str = "AccessGranted";
    pub const ACCESS_REVOKED: &str = "AccessRevoked";
    pub const SCHEMA_APPLIED: &str = "SchemaApplied";
    pub const DATA_LOSS_SUSPECTED: &str = "DataLossSuspected";
    pub const DATA_LOSS_ACKNOWLEDGED: &str = "DataLossAcknowledged";
    pub const DATABASE_DROPPED: &str = "DatabaseDropped";
    pub const DATABASE_RETAINED: &str = "DatabaseRetained";
    pub const CLAIM_RELEASED: &str = "ClaimReleased";
    pub const FORCE_RELEASED: &str = "ForceReleased";
}

/// True, False or Unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    True,
    False,
    Unknown,
}

impl Truth {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// A condition of an object at `generation`. `lastTransitionTime` moves only when the truth differs from `before`.
#[must_use]
pub fn condition(
    type_: ConditionType,
    truth: Truth,
    reason: Reason,
    message: impl Into<String>,
    generation: Option<i64>,
    before: &[Condition],
    now: Timestamp,
) -> Condition {
    let since = before
        .iter()
        .find(|old| old.type_ == type_.as_str() && old.status == truth.as_str())
        .map_or(Time(now), |old| old.last_transition_time.clone());
    Condition {
        type_: type_.as_str().to_owned(),
        status: truth.as_str().to_owned(),
        reason: reason.as_str().to_owned(),
        message: message.into(),
        observed_generation: generation,
        last_transition_time: since,
    }
}

/// Whether the condition of this type is there and true.
#[must_use]
pub fn holds(conditions: &[Condition], type_: ConditionType) -> bool {
    conditions.iter().any(|known| known.type_ == type_.as_str() && known.status == Truth::True.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transition_time_moves_only_with_the_truth() {
        let (early, late) = (Timestamp::from_second(100).unwrap(), Timestamp::from_second(200).unwrap());
        let make = |truth, reason, before: &[Condition], now| {
            condition(ConditionType::Ready, truth, reason, "m", Some(1), before, now)
        };
        let first = make(Truth::False, Reason::Provisioning, &[], early);
        let same = make(Truth::False, Reason::Repairing, std::slice::from_ref(&first), late);
        assert_eq!(same.last_transition_time.0, early);
        let flipped = make(Truth::True, Reason::AsDeclared, &[same], late);
        assert_eq!(flipped.last_transition_time.0, late);
    }
}
