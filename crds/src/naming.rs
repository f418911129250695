//! Every name that is derived from a `HospitalOrganization`. The rules are total over what the resource's schema
//! admits (no admitted object lacks a name) and injective (two objects never share one by derivation).

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest `metadata.name`: a database name has at most 63 bytes, and so has a label value.
pub const MAX_OBJECT_NAME: usize = 63;

/// What a database may be called. Lower case only, because MongoDB refuses names that differ only in case.
pub const DATABASE_NAME_PATTERN: &str = "^[a-z][a-z0-9_]{0,62}$";

/// What `metadata.name` must look like where the database is named after it.
pub const DERIVABLE_NAME_PATTERN: &str = "^[a-z][a-z0-9-]{0,62}$";

/// Databases that belong to MongoDB itself.
pub const SYSTEM_DATABASES: [&str; 3] = ["admin", "local", "config"];

/// Databases that belong to ChakraVue itself start with this.
pub const RESERVED_PREFIX: &str = "chakravue_";

/// The name of a tenant's database, checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DatabaseName(String);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidDatabaseName {
    #[error(
        "{0:?} cannot be a database name: use 1 to 63 lower-case letters, digits and underscores, starting with a letter"
    )]
    Malformed(String),
    #[error("{0:?} is reserved: admin, local, config and names that start with chakravue_ cannot be a hospital's")]
    Reserved(String),
}

impl DatabaseName {
    /// Checks a name that somebody chose.
    ///
    /// # Errors
    /// When the name does not match [`DATABASE_NAME_PATTERN`] or is reserved.
    pub fn new(name: &str) -> Result<Self, InvalidDatabaseName> {
        let mut bytes = name.bytes();
        let well_formed = name.len() <= MAX_OBJECT_NAME
            && bytes.next().is_some_and(|b| b.is_ascii_lowercase())
            && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !well_formed {
            Err(InvalidDatabaseName::Malformed(name.to_owned()))
        } else if SYSTEM_DATABASES.contains(&name) || name.starts_with(RESERVED_PREFIX) {
            Err(InvalidDatabaseName::Reserved(name.to_owned()))
        } else {
            Ok(Self(name.to_owned()))
        }
    }

    /// Derives the name from `metadata.name`: `-` becomes `_`. Object names have no `_`, so no two of them collide.
    ///
    /// # Errors
    /// When no database name can be made of it (a dot, a leading digit, too long, reserved).
    pub fn derive(object_name: &str) -> Result<Self, InvalidDatabaseName> {
        if object_name.contains('_') {
            return Err(InvalidDatabaseName::Malformed(object_name.to_owned()));
        }
        Self::new(&object_name.replace('-', "_"))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for DatabaseName {
    type Error = InvalidDatabaseName;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name)
    }
}

impl From<DatabaseName> for String {
    fn from(name: DatabaseName) -> Self {
        name.0
    }
}

/// The database role that holds a tenant's rights. It lives in the tenant's database, as does the user.
pub const TENANT_ROLE: &str = "tenant";

/// The user of a tenant: named like its database, so that MongoDB's logs say whose connection it is.
#[must_use]
pub fn tenant_user(database: &DatabaseName) -> &str {
    database.as_str()
}

/// The connection Secret, in the object's namespace; also `.status.binding.name`.
#[must_use]
pub fn secret_name(object_name: &str) -> String {
    format!("{object_name}{SECRET_SUFFIX}")
}

/// The object whose connection Secret would have this name.
#[must_use]
pub fn object_of_secret(secret_name: &str) -> Option<&str> {
    secret_name.strip_suffix(SECRET_SUFFIX).filter(|object| !object.is_empty())
}

const SECRET_SUFFIX: &str = "-mongodb";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reserved_and_malformed_names_are_refused() {
        for name in ["admin", "local", "config", "chakravue_master", "chakravue_"] {
            assert_eq!(DatabaseName::new(name), Err(InvalidDatabaseName::Reserved(name.into())));
        }
        for name in ["", "1a", "_a", "A", "a-b", "a.b", "a b", "ä", &"a".repeat(64)] {
            assert_eq!(DatabaseName::new(name), Err(InvalidDatabaseName::Malformed(name.into())));
        }
        assert_eq!(DatabaseName::derive("chakravue-x"), Err(InvalidDatabaseName::Reserved("chakravue_x".into())));
    }

    #[test]
    fn the_sample_hospital_gets_the_name_that_everybody_expects() {
        assert_eq!(DatabaseName::derive("st-marys-hospital").unwrap().as_str(), "st_marys_hospital");
        assert_eq!(secret_name("st-marys-hospital"), "st-marys-hospital-mongodb");
    }

    fn admitted_object_name() -> impl Strategy<Value = String> {
        // What the resource's rules leave when spec.databaseName is not set (RFC 1123, no dot, not reserved).
        "[a-z]([a-z0-9-]{0,61}[a-z0-9])?".prop_filter("reserved", |n| {
            !SYSTEM_DATABASES.contains(&n.as_str()) && !n.replace('-', "_").starts_with(RESERVED_PREFIX)
        })
    }

    proptest! {
        #[test]
        fn derivation_is_total(name in admitted_object_name()) {
            let database = DatabaseName::derive(&name).unwrap();
            prop_assert!(database.as_str().len() < 64);
            prop_assert!(secret_name(&name).len() <= 253);
        }

        #[test]
        fn derivation_is_injective(a in admitted_object_name(), b in admitted_object_name()) {
            let same = DatabaseName::derive(&a).unwrap() == DatabaseName::derive(&b).unwrap();
            prop_assert_eq!(same, a == b);
            prop_assert_eq!(secret_name(&a) == secret_name(&b), a == b);
        }

        #[test]
        fn an_explicit_name_is_taken_as_it_is(name in "[a-z][a-z0-9_]{0,62}") {
            if let Ok(database) = DatabaseName::new(&name) {
                prop_assert_eq!(database.as_str(), name.as_str());
                prop_assert_eq!(tenant_user(&database), name.as_str());
            } else {
                prop_assert!(SYSTEM_DATABASES.contains(&name.as_str()) || name.starts_with(RESERVED_PREFIX));
            }
        }

        #[test]
        fn no_input_panics(name in "\\PC{0,80}") {
            let _ = DatabaseName::new(&name);
            let _ = DatabaseName::derive(&name);
        }
    }
}
