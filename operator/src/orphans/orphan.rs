//! What can be without its counterpart.

use serde::Serialize;

/// What can be without its counterpart; also a label of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Claim,
    Database,
    User,
    Role,
    Secret,
    HospitalWithoutClaim,
    HospitalWithoutDatabase,
    HospitalWithoutUser,
    HospitalWithoutSecret,
}

impl Kind {
    pub const ALL: [Self; 9] = [
        Self::Claim,
        Self::Database,
        Self::User,
        Self::Role,
        Self::Secret,
        Self::HospitalWithoutClaim,
        Self::HospitalWithoutDatabase,
        Self::HospitalWithoutUser,
        Self::HospitalWithoutSecret,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Database => "database",
            Self::User => "user",
            Self::Role => "role",
            Self::Secret => "secret",
            Self::HospitalWithoutClaim => "hospital_without_claim",
            Self::HospitalWithoutDatabase => "hospital_without_database",
            Self::HospitalWithoutUser => "hospital_without_user",
            Self::HospitalWithoutSecret => "hospital_without_secret",
        }
    }
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Orphan {
    pub kind: Kind,
    /// The database of a claim, user or role; the namespace and name of an object or Secret.
    pub name: String,
    /// What it is, and what can be done.
    pub about: String,
}
