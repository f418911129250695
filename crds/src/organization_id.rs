//! The stable id of a tenant: `org_` and a ULID in lower case. Eighty of its bits are random, because knowing the id
//! of a retained hospital is what allows its adoption from elsewhere.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// `org_01jd…`: made once, with the claim, and kept for the life of the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrganizationId(String);

/// Without the text, which goes into answers and logs: somebody may have put a password into the wrong field.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be org_ followed by 26 characters of a lower-case ULID")]
pub struct InvalidOrganizationId;

impl OrganizationId {
    #[must_use]
    pub fn generate() -> Self {
        Self(format!("org_{}", Ulid::generate().to_string().to_ascii_lowercase()))
    }

    /// An id that no tenant has, because it is of a time before all of them.
    #[must_use]
    pub fn of_nobody() -> Self {
        Self(format!("org_{}", Ulid::nil().to_string().to_ascii_lowercase()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OrganizationId {
    type Err = InvalidOrganizationId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = text
            .strip_prefix("org_")
            .is_some_and(|ulid| Ulid::from_string(ulid).is_ok_and(|u| u.to_string().to_ascii_lowercase() == ulid));
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidOrganizationId) }
    }
}

impl TryFrom<String> for OrganizationId {
    type Error = InvalidOrganizationId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<OrganizationId> for String {
    fn from(id: OrganizationId) -> Self {
        id.0
    }
}

impl fmt::Display for OrganizationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_distinct_and_read_back() {
        let (a, b) = (OrganizationId::generate(), OrganizationId::generate());
        assert_ne!(a, b);
        assert_eq!(a.as_str().parse::<OrganizationId>().unwrap(), a);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "org_", "org_1702000000000", "01jd0000000000000000000000", "org_01JD0000000000000000000000"] {
            assert!(text.parse::<OrganizationId>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_is_refused_is_not_repeated() {
        let error = "marker-value".parse::<OrganizationId>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("marker-value"));
    }

    #[test]
    fn the_id_of_nobody_is_an_id() {
        assert!(OrganizationId::of_nobody().as_str().parse::<OrganizationId>().is_ok());
    }
}
