//! Finds what belongs to an e-mail address without storing the address: HMAC-SHA-256 under a key that the database does
//! not have. Whoever reads the master database can neither read addresses in it nor try a list of them.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{access::tokens::Home, program::secret_key::SecretKey};

/// What stands in the place of an e-mail address, or of an address at one hospital.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Index(String);

impl Index {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&Index> for bson::Bson {
    fn from(index: &Index) -> Self {
        Self::String(index.0.clone())
    }
}

#[derive(Clone)]
pub struct BlindIndex(Hmac<Sha256>);

impl fmt::Debug for BlindIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlindIndex([REDACTED])")
    }
}

impl BlindIndex {
    /// # Panics
    /// Never: HMAC takes keys of every length.
    #[must_use]
    pub fn new(key: &SecretKey) -> Self {
        let key = key.derive("blind index");
        Self(Hmac::new_from_slice(key.as_slice()).expect("HMAC takes keys of every length"))
    }

    /// An e-mail address, wherever it is used.
    #[must_use]
    pub fn of_email(&self, email: &str) -> Index {
        self.of(&["e-mail", &normal(email)])
    }

    /// An e-mail address at one hospital, or among the platform administrators.
    #[must_use]
    pub fn of_account(&self, home: &Home, email: &str) -> Index {
        let home = match home {
            Home::Hospital(id) => id.as_str(),
            Home::Platform => "platform",
        };
        self.of(&["account", home, &normal(email)])
    }

    /// What somebody signs up with. No part has a control character.
    #[must_use]
    pub fn of_signup(&self, [name, email, phone, plan]: [&str; 4]) -> Index {
        self.of(&["signup", name, email, phone, plan])
    }

    fn of(&self, parts: &[&str]) -> Index {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part.as_bytes());
            // In no part, so that parts cannot run into each other.
            mac.update(&[0]);
        }
        Index(hex::encode(mac.finalize().into_bytes()))
    }
}

/// Addresses that differ only in case are one.
#[must_use]
pub fn normal(email: &str) -> String {
    email.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use chakravue_crds::organization_id::OrganizationId;

    use super::*;

    fn index(key: &str) -> BlindIndex {
        BlindIndex::new(&SecretKey::parse(key).unwrap())
    }

    #[test]
    fn an_address_has_one_index_whatever_its_case() {
        let ours = index("0123456789 abcdefghij klmnopqrst");
        assert_eq!(ours.of_email("Jane@StMarys.com"), ours.of_email(" jane@stmarys.com"));
        assert_ne!(ours.of_email("jane@stmarys.com"), ours.of_email("john@stmarys.com"));
        assert!(!ours.of_email("jane@stmarys.com").as_str().contains("jane"));
    }

    #[test]
    fn hospitals_purposes_and_keys_are_kept_apart() {
        let ours = index("0123456789 abcdefghij klmnopqrst");
        let homes =
            [Home::Hospital(OrganizationId::generate()), Home::Hospital(OrganizationId::generate()), Home::Platform];
        let mut indexes: Vec<_> = homes.iter().map(|home| ours.of_account(home, "jane@stmarys.com")).collect();
        indexes.push(ours.of_email("jane@stmarys.com"));
        indexes.push(index("another 0123456789 abcdefghij kl").of_email("jane@stmarys.com"));
        for (at, index) in indexes.iter().enumerate() {
            assert!(!indexes[at + 1..].contains(index));
        }
    }
}
