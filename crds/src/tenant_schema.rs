//! The versioned catalogue of what a hospital's database contains: six collections, each with a `$jsonSchema`
//! validator and the indexes that a hospital's real queries need.
//!
//! Validators refuse what would break a reader (a missing key field, a wrong type, an unknown state) and leave room
//! for fields that a later API adds. A change here is additive and raises [`VERSION`]; the operator migrates tenants
//! by comparing, so nothing else has to be written for it. Before the first release it stays 1.

use std::sync::LazyLock;

use bson::{Bson, Document, doc};

use crate::roles::StaffRole;

/// The version of [`TENANT_SCHEMA`]. An operator refuses a database with a higher one.
pub const VERSION: i64 = 1;

/// The collection that holds the hospital's staff.
pub const USERS: &str = "users";

/// Which of them take a seat of the plan: all but the disabled.
#[must_use]
pub fn seated() -> Document {
    doc! { "status": { "$ne": "disabled" } }
}

/// The current catalogue.
pub static TENANT_SCHEMA: LazyLock<TenantSchema> = LazyLock::new(|| TenantSchema {
    version: VERSION,
    collections: vec![users(), patients(), appointments(), pharmacy(), settings(), audit_logs()],
});

#[derive(Clone, Debug, PartialEq)]
pub struct TenantSchema {
    pub version: i64,
    pub collections: Vec<Collection>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Collection {
    pub name: &'static str,
    /// What the hospital's user may do with its documents.
    pub access: Access,
    /// The whole validator: `{$jsonSchema: …}`.
    pub validator: Document,
    pub indexes: Vec<Index>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    ReadWrite,
    /// Documents can be added and read, never changed or removed.
    AppendOnly,
}

impl Access {
    /// The MongoDB actions of the tenant's role on the collection.
    #[must_use]
    pub fn actions(self) -> &'static [&'static str] {
        match self {
            Self::ReadWrite => &["find", "insert", "remove", "update"],
            Self::AppendOnly => &["find", "insert"],
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    pub name: &'static str,
    pub keys: Document,
    pub unique: bool,
    /// Compare text without regard to case (collation en, strength 2). Queries must name the same collation.
    pub case_insensitive: bool,
}

impl Index {
    /// The specification as `createIndexes` takes it.
    #[must_use]
    pub fn specification(&self) -> Document {
        let mut specification = doc! { "name": self.name, "key": self.keys.clone() };
        if self.unique {
            specification.insert("unique", true);
        }
        // Never left out: an index takes the collation of a collection that somebody made with one.
        specification.insert(
            "collation",
            if self.case_insensitive {
                doc! { "locale": "en", "strength": 2 }
            } else {
                doc! { "locale": "simple" }
            },
        );
        specification
    }
}

fn index(name: &'static str, keys: Document) -> Index {
    Index { name, keys, unique: false, case_insensitive: false }
}

fn unique(name: &'static str, keys: Document) -> Index {
    Index { unique: true, ..index(name, keys) }
}

fn validator(required: &[&str], properties: Document) -> Document {
    doc! { "$jsonSchema": { "bsonType": "object", "required": required, "properties": properties } }
}

/// Text of 1 to `max` characters.
fn text(max: i32) -> Document {
    doc! { "bsonType": "string", "minLength": 1, "maxLength": max }
}

fn date() -> Document {
    doc! { "bsonType": "date" }
}

/// A calendar day without a time zone, such as a birth date.
fn day() -> Document {
    doc! { "bsonType": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" }
}

fn count() -> Document {
    doc! { "bsonType": ["int", "long"], "minimum": 0 }
}

fn one_of<T: Into<Bson>>(values: impl IntoIterator<Item = T>) -> Document {
    doc! { "enum": values.into_iter().map(Into::into).collect::<Vec<Bson>>() }
}

/// A SHA-256 digest in hexadecimal.
fn digest() -> Document {
    doc! { "bsonType": "string", "pattern": "^[0-9a-f]{64}$" }
}

fn users() -> Collection {
    Collection {
        name: USERS,
        access: Access::ReadWrite,
        validator: validator(
            &["email", "role", "status", "created_at"],
            doc! {
                // Bounded because the server tells it to whoever watches who comes and goes.
                "_id": { "bsonType": ["objectId", "string", "int", "long", "double"], "maxLength": 128 },
                "email": { "bsonType": "string", "maxLength": 254, "pattern": "^[^@\\s]+@[^@\\s]+$" },
                "name": text(200),
                "role": one_of(StaffRole::ALL.map(StaffRole::name)),
                "status": one_of(["invited", "active", "disabled"]),
                "password_hash": text(512),
                "last_login": date(),
                "created_at": date(),
                "updated_at": date(),
                "version": count(),
            },
        ),
        // Sign-in and invitations look a user up by address, whatever its case.
        indexes: vec![Index { case_insensitive: true, ..unique("email_unique", doc! { "email": 1 }) }],
    }
}

fn patients() -> Collection {
    Collection {
        name: "patients",
        access: Access::ReadWrite,
        validator: validator(
            &["record_number", "name", "birth_date", "created_at"],
            doc! {
                "record_number": text(64),
                "name": text(200),
                "birth_date": day(),
                "sex": one_of(["female", "male", "other", "unknown"]),
                "phone": text(64),
                "email": text(254),
                "address": text(1000),
                "blood_group": text(8),
                "allergies": { "bsonType": "array", "items": text(200) },
                "notes": { "bsonType": "array", "items": { "bsonType": "object" } },
                "vitals": { "bsonType": "array", "items": { "bsonType": "object" } },
                "prescriptions": { "bsonType": "array", "items": { "bsonType": "object" } },
                "deleted_at": date(),
                "created_at": date(),
                "updated_at": date(),
                "version": count(),
            },
        ),
        indexes: vec![
            // The number on the patient's card.
            unique("record_number_unique", doc! { "record_number": 1 }),
            // The reception desk: "Jane Smith, born in May 1980".
            Index { case_insensitive: true, ..index("name_birth_date", doc! { "name": 1, "birth_date": 1 }) },
        ],
    }
}

fn appointments() -> Collection {
    Collection {
        name: "appointments",
        access: Access::ReadWrite,
        validator: validator(
            &["patient_id", "doctor_id", "starts_at", "status", "created_at"],
            doc! {
                "patient_id": text(64),
                "doctor_id": text(64),
                "starts_at": date(),
                "ends_at": date(),
                "status": one_of(["booked", "arrived", "in_progress", "done", "cancelled", "missed"]),
                "reason": text(1000),
                "created_at": date(),
                "updated_at": date(),
                "version": count(),
            },
        ),
        // Lists come in pages: by time, and among equals by `_id`. Without it at the end, each page sorts the whole list.
        indexes: vec![
            // A doctor's day.
            index("doctor_time", doc! { "doctor_id": 1, "starts_at": 1, "_id": 1 }),
            // A patient's history, newest first.
            index("patient_time", doc! { "patient_id": 1, "starts_at": -1, "_id": -1 }),
            // The queue of the whole hospital.
            index("time", doc! { "starts_at": 1, "_id": 1 }),
        ],
    }
}

fn pharmacy() -> Collection {
    Collection {
        name: "pharmacy",
        access: Access::ReadWrite,
        validator: validator(
            &["medicine", "quantity", "created_at"],
            doc! {
                "medicine": text(200),
                "batch": text(64),
                "quantity": count(),
                "unit": text(32),
                "reorder_level": count(),
                "expires_on": day(),
                "created_at": date(),
                "updated_at": date(),
                "version": count(),
            },
        ),
        indexes: vec![
            // The list in pages, as of appointments.
            Index { case_insensitive: true, ..index("medicine", doc! { "medicine": 1, "_id": 1 }) },
            index("expiry", doc! { "expires_on": 1 }),
        ],
    }
}

fn settings() -> Collection {
    Collection {
        name: "settings",
        access: Access::ReadWrite,
        validator: validator(
            &["key", "value"],
            // A setting may have any value, but it must have one.
            doc! { "key": text(128), "value": {}, "updated_at": date(), "version": count() },
        ),
        indexes: vec![unique("key_unique", doc! { "key": 1 })],
    }
}

fn audit_logs() -> Collection {
    Collection {
        name: "audit_logs",
        access: Access::AppendOnly,
        validator: validator(
            &["sequence", "at", "actor_id", "action", "previous_hash", "hash"],
            doc! {
                // The place in the chain, counted from 1 without gaps.
                "sequence": { "bsonType": ["int", "long"], "minimum": 1 },
                "at": date(),
                "actor_id": text(64),
                "actor_role": text(32),
                "action": text(64),
                "target": { "bsonType": "object" },
                "request_id": text(64),
                "details": { "bsonType": "object" },
                // The hash of the entry before; of the first entry, 64 zeros.
                "previous_hash": digest(),
                // Over every other field of this entry, previous_hash included.
                "hash": digest(),
            },
        ),
        indexes: vec![
            // Two entries cannot follow the same one: the chain does not fork.
            unique("sequence_unique", doc! { "sequence": 1 }),
            index("time", doc! { "at": -1 }),
            index("actor_time", doc! { "actor_id": 1, "at": -1 }),
        ],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_catalogue_is_the_six_collections_with_distinct_index_names() {
        let names: Vec<_> = TENANT_SCHEMA.collections.iter().map(|c| c.name).collect();
        assert_eq!(names, ["users", "patients", "appointments", "pharmacy", "settings", "audit_logs"]);
        for collection in &TENANT_SCHEMA.collections {
            let distinct: HashSet<_> = collection.indexes.iter().map(|i| i.name).collect();
            assert_eq!(distinct.len(), collection.indexes.len(), "{}", collection.name);
            assert!(!distinct.is_empty());
        }
    }

    #[test]
    fn required_fields_are_described() {
        for collection in &TENANT_SCHEMA.collections {
            let schema = collection.validator.get_document("$jsonSchema").unwrap();
            let properties = schema.get_document("properties").unwrap();
            for field in schema.get_array("required").unwrap() {
                assert!(properties.contains_key(field.as_str().unwrap()), "{}.{field}", collection.name);
            }
        }
    }

    #[test]
    fn only_the_audit_log_is_append_only() {
        for collection in &TENANT_SCHEMA.collections {
            assert_eq!(collection.access == Access::AppendOnly, collection.name == "audit_logs");
        }
    }
}
