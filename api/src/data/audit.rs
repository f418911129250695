//! Audit entries and the chain that makes them tamper-evident.
//!
//! Each entry carries the hash of the one before it, and its own: SHA-256 over the canonical JSON (RFC 8785) of all its
//! other fields. Whoever changes, removes or reorders an entry breaks the chain at that place, and [`Verifier`] finds it.
//! The database itself refuses updates and deletions; the chain is for whoever gets around the database.

use std::collections::BTreeMap;

use bson::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::{
    http::problem::{Answer, Problem},
    program::clock::{Clock, from_bson},
};

/// Who did it.
#[derive(Clone, Debug)]
pub struct Actor {
    pub id: String,
    /// The role at that time: of the staff, `PLATFORM_ADMINISTRATOR`, `SETUP` or `SYSTEM`.
    pub role: String,
    pub request_id: Option<String>,
}

impl Actor {
    /// The service itself, in the background.
    #[must_use]
    pub fn system() -> Self {
        Self { id: "chakravue-api".to_owned(), role: "SYSTEM".to_owned(), request_id: None }
    }
}

/// What was done, to what. Details are names of fields and counts, never values of a patient's record.
#[derive(Clone, Debug)]
pub struct Entry {
    action: &'static str,
    target: Option<Target>,
    details: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditTarget)]
pub struct Target {
    /// Such as `patient` or `user`.
    pub r#type: String,
    pub id: String,
}

impl Entry {
    /// `action` is `<thing>.<verb>`, such as `patient.read`.
    #[must_use]
    pub fn new(action: &'static str) -> Self {
        Self { action, target: None, details: BTreeMap::new() }
    }

    #[must_use]
    pub fn target(mut self, type_: &str, id: &str) -> Self {
        self.target = Some(Target { r#type: type_.to_owned(), id: id.to_owned() });
        self
    }

    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// What was done, to what.
    pub(crate) fn identity(&self) -> Option<(&'static str, String)> {
        self.target.as_ref().map(|target| (self.action, target.id.clone()))
    }

    /// A detail that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.details.get(name)?.as_str()
    }

    /// A detail that is a number.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.details.get(name)?.as_i64()
    }

    /// The entry together with what the work answers.
    pub fn answering<T>(self, value: T) -> Recorded<T> {
        Recorded { entry: Some(self), value }
    }
}

/// The outcome of some work, and the entry that records it.
#[derive(Clone, Debug)]
pub struct Recorded<T> {
    pub(crate) entry: Option<Entry>,
    pub(crate) value: T,
}

impl<T> Recorded<T> {
    /// The work found nothing to change, so that nothing is recorded and nothing that it wrote is kept.
    pub fn nothing(value: T) -> Self {
        Self { entry: None, value }
    }
}

/// An entry that has not found its place in the chain yet.
#[derive(Clone, Debug)]
pub struct Pending {
    at: DateTime,
    actor: Actor,
    entry: Entry,
}

impl Actor {
    #[must_use]
    pub fn recording(&self, entry: Entry, clock: &Clock) -> Pending {
        Pending { at: clock.now_bson(), actor: self.clone(), entry }
    }
}

/// An entry as it is stored, in a hospital's database or the master database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    pub sequence: i64,
    pub at: DateTime,
    pub actor_id: String,
    pub actor_role: String,
    pub action: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
    pub previous_hash: String,
    pub hash: String,
}

impl AuditRecord {
    /// What it was done to; nothing has an empty id.
    #[must_use]
    pub fn target_id(&self) -> &str {
        self.target.as_ref().map_or("", |target| &target.id)
    }

    /// The hash that the entry must have.
    fn digest(&self) -> Answer<String> {
        #[derive(Serialize)]
        struct Fields<'a> {
            sequence: i64,
            at: String,
            actor_id: &'a str,
            actor_role: &'a str,
            action: &'a str,
            target: Option<&'a Target>,
            request_id: Option<&'a str>,
            details: &'a Map<String, Value>,
            previous_hash: &'a str,
        }
        let fields = Fields {
            sequence: self.sequence,
            at: from_bson(self.at).to_string(),
            actor_id: &self.actor_id,
            actor_role: &self.actor_role,
            action: &self.action,
            target: self.target.as_ref(),
            request_id: self.request_id.as_deref(),
            details: &self.details,
            previous_hash: &self.previous_hash,
        };
        let canonical = serde_json_canonicalizer::to_vec(&fields).map_err(|error| {
            tracing::error!(%error, "an audit entry cannot be written as JSON");
            Problem::internal()
        })?;
        Ok(hex::encode(Sha256::digest(canonical)))
    }
}

/// The end of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub sequence: i64,
    pub hash: String,
}

impl Default for Head {
    /// Before the first entry.
    fn default() -> Self {
        Self { sequence: 0, hash: "0".repeat(64) }
    }
}

impl From<&AuditRecord> for Head {
    fn from(record: &AuditRecord) -> Self {
        Self { sequence: record.sequence, hash: record.hash.clone() }
    }
}

impl Head {
    /// The entry in the next place of the chain.
    ///
    /// # Errors
    /// When its details cannot be written as JSON.
    pub fn next(&self, pending: Pending) -> Answer<AuditRecord> {
        let Pending { at, actor, entry } = pending;
        let mut record = AuditRecord {
            sequence: self.sequence + 1,
            at,
            actor_id: actor.id,
            actor_role: actor.role,
            action: entry.action.to_owned(),
            target: entry.target,
            request_id: actor.request_id,
            details: entry.details.into_iter().collect(),
            previous_hash: self.hash.clone(),
            hash: String::new(),
        };
        record.hash = record.digest()?;
        Ok(record)
    }
}

/// Follows a chain, from its first entry or another.
#[derive(Debug, Default)]
pub struct Verifier {
    head: Head,
}

/// The first place where a chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = BrokenLink)]
pub struct Broken {
    /// The place in the chain, counted from 1.
    pub sequence: i64,
    /// What is wrong there.
    pub reason: &'static str,
}

impl Verifier {
    /// Goes on behind what is taken to hold.
    #[must_use]
    pub fn after(head: Head) -> Self {
        Self { head }
    }

    /// Takes the next entry in the order of the chain.
    ///
    /// # Errors
    /// When the entry does not follow the one before.
    pub fn take(&mut self, record: &AuditRecord) -> Result<(), Broken> {
        let sequence = self.head.sequence + 1;
        let broken = |reason| Err(Broken { sequence, reason });
        if record.sequence != sequence {
            return broken("the entry is missing");
        }
        if record.previous_hash != self.head.hash {
            return broken("the entry does not follow the one before it");
        }
        if record.digest().ok().as_deref() != Some(record.hash.as_str()) {
            return broken("the entry was changed");
        }
        self.head = record.into();
        Ok(())
    }

    /// How far the chain holds.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn chain(length: usize) -> Vec<AuditRecord> {
        let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
        let actor = Actor { id: "user_1".into(), role: "ADMIN".into(), request_id: Some("req_1".into()) };
        let mut head = Head::default();
        (0..length)
            .map(|number| {
                let entry = Entry::new("patient.update")
                    .target("patient", "pat_1")
                    .detail("fields", vec!["phone"])
                    .detail("number", number);
                let record = head.next(actor.recording(entry, &clock)).unwrap();
                head = Head::from(&record);
                // As the database gives it back.
                bson::deserialize_from_slice(&bson::serialize_to_vec(&record).unwrap()).unwrap()
            })
            .collect()
    }

    fn verify(records: &[AuditRecord]) -> Result<i64, Broken> {
        let mut verifier = Verifier::default();
        records.iter().try_for_each(|record| verifier.take(record))?;
        Ok(verifier.head().sequence)
    }

    #[test]
    fn an_untouched_chain_holds() {
        assert_eq!(verify(&chain(20)), Ok(20));
        assert_eq!(verify(&[]), Ok(0));
    }

    #[test]
    fn every_way_to_tamper_is_found_at_its_place() {
        let tampered = |tamper: fn(&mut Vec<AuditRecord>)| {
            let mut records = chain(9);
            tamper(&mut records);
            verify(&records).unwrap_err()
        };
        assert_eq!(tampered(|r| r[4].action = "patient.read".into()).sequence, 5);
        assert_eq!(tampered(|r| r[4].actor_id = "user_2".into()).sequence, 5);
        assert_eq!(tampered(|r| drop(r[4].details.insert("number".into(), 7.into()))).sequence, 5);
        assert_eq!(tampered(|r| r[4].at = DateTime::from_millis(1)).sequence, 5);
        assert_eq!(tampered(|r| r[4].target = None).sequence, 5);
        assert_eq!(tampered(|r| drop(r.remove(4))).sequence, 5);
        assert_eq!(tampered(|r| r.swap(4, 5)).sequence, 5);
        // Changed and its own hash put right: the next entry does not follow any more.
        assert_eq!(
            tampered(|r| {
                r[4].action = "patient.read".into();
                r[4].hash = r[4].digest().unwrap();
            })
            .sequence,
            6
        );
    }
}
