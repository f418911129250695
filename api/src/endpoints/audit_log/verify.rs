//! Whether anybody tampered with a log: its chain of hashes, from the first entry to the last, and how far it had come.

use axum::{Json, extract::State};
use bson::{Document, doc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access::{identity::Member, permissions::may},
    data::{
        audit::{AuditRecord, Broken, Entry, Head, Verifier},
        tenant::{Records, noted},
        timed::TimedCollection,
    },
    http::{
        extract::ApiQuery,
        problem::{Answer, Problem},
    },
    state::App,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(verify_log))
}

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Verification {
    /// Whether the log is whole and unchanged.
    #[schema(example = true)]
    pub intact: bool,
    /// How many entries hold, from the first; with `after`, those before it are taken to hold.
    #[schema(example = 1204)]
    pub entries: i64,
    /// The log has more entries than were looked at: ask again with this as `after`. Until then nothing is said of the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 250_000)]
    pub continue_after: Option<i64>,
    /// The first place where it does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    broken: Option<Broken>,
}

/// So many entries are looked at by one request, which has a time to end in.
const MOST: i64 = 250_000;

fn most() -> i64 {
    MOST
}

/// The part of a log that is looked at.
#[derive(Clone, Copy, Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Part {
    /// `continue_after` of the part before; without it, from the first entry.
    #[garde(range(min = 0))]
    #[serde(default)]
    #[param(minimum = 0)]
    after: i64,
    /// How many entries are looked at, at most.
    #[garde(range(min = 1, max = MOST))]
    #[serde(default = "most")]
    #[param(minimum = 1, maximum = 250_000)]
    limit: i64,
}

impl Part {
    /// The entry that it follows is looked at once more: its hash is where the chain goes on.
    fn filter(self) -> Document {
        if self.after == 0 {
            return doc! {};
        }
        // Not "at least": what somebody put there instead of a number shall be found, too.
        doc! { "sequence": { "$not": { "$lt": self.after } } }
    }

    fn fetch(self) -> i64 {
        self.limit + i64::from(self.after > 0)
    }

    /// What the log has of a verification.
    pub fn entry(self, found: &Verification) -> Entry {
        let entry = Entry::new("audit.verify").detail("intact", found.intact).detail("entries", found.entries);
        if self.after == 0 { entry } else { entry.detail("after", self.after) }
    }
}

/// The check of a log, entry by entry.
#[derive(Debug)]
struct Check {
    verifier: Verifier,
    /// How far the log had come, as the master database remembers it.
    noted: Option<Head>,
}

impl Check {
    /// Takes the next entry as it is stored.
    fn take(&mut self, stored: Document) -> Result<(), Broken> {
        let sequence = self.verifier.head().sequence + 1;
        let changed = Broken { sequence, reason: "the entry was changed" };
        let record: AuditRecord = bson::deserialize_from_document(stored.clone()).map_err(|_| changed.clone())?;
        self.verifier.take(&record)?;
        // What the hash does not cover must not be there.
        let whole = bson::serialize_to_document(&record).is_ok_and(|written| written == stored);
        let as_noted = self.noted.as_ref().is_none_or(|noted| noted.sequence != sequence || noted.hash == record.hash);
        if !whole {
            return Err(changed);
        }
        if !as_noted {
            return Err(Broken {
                sequence,
                reason: "the entry is not the one that was written: the log was made anew",
            });
        }
        Ok(())
    }

    /// There are no more entries.
    fn end(&self) -> Result<(), Broken> {
        let sequence = self.verifier.head().sequence + 1;
        match &self.noted {
            Some(noted) if noted.sequence >= sequence => {
                Err(Broken { sequence, reason: "the entry is missing: the log was cut off here" })
            }
            _ => Ok(()),
        }
    }

    fn outcome(&self, broken: Option<Broken>) -> Verification {
        Verification { intact: broken.is_none(), entries: self.verifier.head().sequence, continue_after: None, broken }
    }
}

/// Whether the hospital's audit log is whole and unchanged
///
/// Follows the chain of hashes from the first entry to the last, and compares with how far the log had come. A log of more
/// entries than `limit` is looked at in parts.
#[utoipa::path(
    get, path = "/organization/{org_id}/audit/verify", tag = "audit",
    params(("org_id" = String, Path, description = "The hospital's id"), Part),
    responses(
        (status = 200, description = "What was found", body = Verification),
        (status = 404, description = "There is no such hospital, or no entry with the number `after`"),
    ),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("audit.read"))),
)]
async fn verify_log(
    State(app): State<App>,
    member: Member<may::ReadAudit>,
    ApiQuery(part): ApiQuery<Part>,
) -> Answer<Json<Verification>> {
    // Before the log, which has at least these entries then.
    let noted = noted(&app.master, &member.organization_id).await?;
    let verification = member.tenant.read(|db| {
        let noted = noted.clone();
        async move { Ok(verified(&db.collection(Records::AuditLogs).into(), noted, part).await?) }
    });
    let verification = verification.await?.ok_or_else(Problem::not_found)?;
    member.tenant.record(&member.actor(), part.entry(&verification)).await?;
    Ok(Json(verification))
}

/// Checks a part of a log, of which `noted` is remembered elsewhere. Nothing where the log never came so far.
///
/// # Errors
/// When MongoDB is away.
pub async fn verified(
    log: &TimedCollection<Document>,
    noted: Option<Head>,
    part: Part,
) -> mongodb::error::Result<Option<Verification>> {
    let found = log.find(part.filter()).projection(doc! { "_id": 0 }).sort(doc! { "sequence": 1 });
    let mut entries = found.limit(part.fetch()).cursor().await?;
    let mut check = Check { verifier: Verifier::default(), noted };
    let mut looked_at = 0;
    while let Some(entry) = entries.next().await? {
        if looked_at == 0 && part.after > 0 {
            let before = entry.get_str("previous_hash").unwrap_or_default().to_owned();
            check.verifier = Verifier::after(Head { sequence: part.after - 1, hash: before });
        }
        looked_at += 1;
        if let Err(broken) = check.take(entry) {
            return Ok(Some(check.outcome(Some(broken))));
        }
    }
    if looked_at == 0 && part.after > 0 {
        // Either the log never came so far, or it was cut off between two parts.
        check.verifier = Verifier::after(Head { sequence: part.after - 1, ..Head::default() });
        return Ok(check.end().err().map(|broken| check.outcome(Some(broken))));
    }
    if looked_at == part.fetch() {
        let continue_after = Some(check.verifier.head().sequence);
        return Ok(Some(Verification { continue_after, ..check.outcome(None) }));
    }
    Ok(Some(check.outcome(check.end().err())))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::log, *};

    fn head_of(entry: &Document) -> Head {
        Head { sequence: entry.get_i64("sequence").unwrap(), hash: entry.get_str("hash").unwrap().to_owned() }
    }

    fn checked(log: &[Document], noted: Option<Head>) -> Verification {
        let mut check = Check { verifier: Verifier::default(), noted };
        let result = log.iter().try_for_each(|entry| check.take(entry.clone())).and_then(|()| check.end());
        check.outcome(result.err())
    }

    #[test]
    fn a_whole_log_is_intact() {
        let log = log(5);
        for noted in [None, Some(head_of(&log[2])), Some(head_of(&log[4]))] {
            assert_eq!(
                checked(&log, noted),
                Verification { intact: true, entries: 5, continue_after: None, broken: None }
            );
        }
    }

    #[test]
    fn what_the_hash_does_not_cover_must_not_be_there() {
        let broken_at = |tamper: fn(&mut Document)| {
            let mut log = log(5);
            tamper(&mut log[2]);
            checked(&log, None).broken.unwrap().sequence
        };
        assert_eq!(broken_at(|entry| drop(entry.insert("approved_by", "user_2"))), 3);
        assert_eq!(broken_at(|entry| drop(entry.insert("target", doc! { "type": "patient", "id": "pat_2" }))), 3);
        assert_eq!(broken_at(|entry| drop(entry.insert("at", "yesterday"))), 3);
        assert_eq!(broken_at(|entry| drop(entry.remove("hash"))), 3);
        assert_eq!(broken_at(|entry| drop(entry.remove("sequence"))), 3);
    }

    #[test]
    fn a_log_that_was_cut_off_or_made_anew_is_found_by_what_was_noted() {
        let whole = log(5);
        let found = checked(&whole[..3], Some(head_of(&whole[4])));
        assert_eq!((found.entries, found.broken.unwrap().sequence), (3, 4));
        let mut noted = head_of(&whole[3]);
        noted.hash = "f".repeat(64);
        let found = checked(&whole, Some(noted));
        assert_eq!(found.broken.unwrap().sequence, 4);
        assert!(!checked(&[], Some(head_of(&whole[0]))).intact);
    }
}
