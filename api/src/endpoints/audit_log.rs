//! A hospital's audit log for its administrator: who did what, and whether anybody tampered with the log.

use axum::{Json, extract::State};
use bson::{Document, doc};
use futures::TryStreamExt as _;
use garde::Validate;
use mongodb::Collection;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    audit::{AuditRecord, Broken, Entry, Head, Target, Verifier},
    dates::Moment,
    extract::ApiQuery,
    identity::Member,
    master::InTime as _,
    paging::{self, Direction, Order, Page, Paged},
    permissions::may,
    problem::{Answer, Problem},
    state::App,
    tenant::{Records, noted},
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_entries)).routes(routes!(verify_log))
}

pub(super) const NEWEST_FIRST: Order = Order(&[("sequence", Direction::Descending)]);

/// What somebody did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(super) struct AuditEntryView {
    /// The place in the chain, counted from 1.
    #[schema(example = 42)]
    sequence: i64,
    #[schema(inline)]
    at: Moment,
    #[schema(example = "user_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    actor_id: String,
    /// The role at that time.
    #[schema(example = "DOCTOR")]
    actor_role: String,
    #[schema(example = "patient.read")]
    action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Target>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "req_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    request_id: Option<String>,
    /// Names of fields, ids and counts; never values of a patient's record.
    #[schema(value_type = Object)]
    details: Map<String, Value>,
    /// The hash of the entry before; of the first, 64 zeros.
    previous_hash: String,
    /// SHA-256 over the canonical JSON (RFC 8785) of all other fields.
    hash: String,
}

impl From<AuditRecord> for AuditEntryView {
    fn from(record: AuditRecord) -> Self {
        Self {
            sequence: record.sequence,
            at: record.at.into(),
            actor_id: record.actor_id,
            actor_role: record.actor_role,
            action: record.action,
            target: record.target,
            request_id: record.request_id,
            details: record.details,
            previous_hash: record.previous_hash,
            hash: record.hash,
        }
    }
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// What this user did.
    #[garde(inner(length(chars, max = 64)))]
    #[param(max_length = 64)]
    actor_id: Option<String>,
    /// Only what was done in this way: an entry's `action`.
    #[garde(inner(length(chars, max = 64)))]
    #[param(max_length = 64, example = "patient.read")]
    action: Option<String>,
    /// What was done to this record; of a patient also each list and appointment in which they were seen.
    #[garde(inner(length(chars, max = 64)))]
    #[param(max_length = 64)]
    target_id: Option<String>,
    /// At this time or later.
    #[garde(skip)]
    #[param(inline, example = "2026-11-01T00:00:00Z")]
    since: Option<Moment>,
    /// Before this time.
    #[garde(skip)]
    #[param(inline, example = "2026-12-01T00:00:00Z")]
    until: Option<Moment>,
    /// How many the page has at most.
    #[garde(range(min = 1, max = paging::MOST))]
    #[serde(default = "paging::default_limit")]
    #[param(minimum = 1, maximum = 100)]
    pub(super) limit: i64,
    /// `next_cursor` of the page before, with the same filters.
    #[garde(inner(length(bytes, max = paging::LONGEST_CURSOR)))]
    pub(super) cursor: Option<String>,
}

impl AuditQuery {
    pub(super) fn filter(&self) -> Document {
        let mut filter = Document::new();
        if let Some(actor_id) = &self.actor_id {
            filter.insert("actor_id", actor_id);
        }
        if let Some(action) = &self.action {
            filter.insert("action", action);
        }
        if let Some(id) = &self.target_id {
            let seen = ["target.id", "details.patient_id", "details.patient_ids"].map(|field| doc! { field: id });
            filter.insert("$or", seen.to_vec());
        }
        let bounds = [("$gte", self.since), ("$lt", self.until)];
        let times: Document =
            bounds.into_iter().filter_map(|(bound, at)| Some((bound.to_owned(), at?.into()))).collect();
        if !times.is_empty() {
            filter.insert("at", times);
        }
        filter
    }
}

/// Who did what in the hospital, newest first
///
/// Reading the log is in the log, too.
#[utoipa::path(
    get, path = "/organization/{org_id}/audit", tag = "audit",
    params(("org_id" = String, Path, description = "The hospital's id"), AuditQuery),
    responses((status = 200, description = "One page of entries", body = Paged<AuditEntryView>)),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("audit.read"))),
)]
async fn list_entries(
    member: Member<may::ReadAudit>,
    ApiQuery(query): ApiQuery<AuditQuery>,
) -> Answer<Json<Paged<AuditEntryView>>> {
    let filter = query.filter();
    let page = Page { limit: query.limit, cursor: query.cursor };
    let condition = page.filter(&filter, NEWEST_FIRST)?;
    let found = member.tenant.read(|db| {
        let (condition, fetch) = (condition.clone(), page.fetch());
        async move {
            let log = db.collection::<AuditRecord>(Records::AuditLogs);
            Ok(log.find(condition).sort(NEWEST_FIRST.sort()).limit(fetch).await?.try_collect().await?)
        }
    });
    let entries = page.of(found.await?, &filter, NEWEST_FIRST)?;
    member.tenant.record(&member.actor(), Entry::new("audit.read").detail("count", entries.items.len())).await?;
    Ok(Json(entries.map(AuditEntryView::from)))
}

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Verification {
    /// Whether the log is whole and unchanged.
    #[schema(example = true)]
    pub(super) intact: bool,
    /// How many entries hold, from the first; with `after`, those before it are taken to hold.
    #[schema(example = 1204)]
    pub(super) entries: i64,
    /// The log has more entries than were looked at: ask again with this as `after`. Until then nothing is said of the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 250_000)]
    pub(super) continue_after: Option<i64>,
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
pub(super) struct Part {
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
    pub(super) fn entry(self, found: &Verification) -> Entry {
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
        async move { Ok(verified(&db.collection(Records::AuditLogs), noted, part).await?) }
    });
    let verification = verification.await?.ok_or_else(Problem::not_found)?;
    member.tenant.record(&member.actor(), part.entry(&verification)).await?;
    Ok(Json(verification))
}

/// Checks a part of a log, of which `noted` is remembered elsewhere. Nothing where the log never came so far.
///
/// # Errors
/// When MongoDB is away.
pub(super) async fn verified(
    log: &Collection<Document>,
    noted: Option<Head>,
    part: Part,
) -> mongodb::error::Result<Option<Verification>> {
    let found = log.find(part.filter()).projection(doc! { "_id": 0 }).sort(doc! { "sequence": 1 });
    let mut entries = found.limit(part.fetch()).in_time().await?;
    let mut check = Check { verifier: Verifier::default(), noted };
    let mut looked_at = 0;
    while let Some(entry) = entries.try_next().in_time().await? {
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
    use jiff::Timestamp;

    use super::*;
    use crate::{audit::Actor, clock::Clock};

    fn log(length: usize) -> Vec<Document> {
        let actor = Actor { id: "user_1".into(), role: "DOCTOR".into(), request_id: Some("req_1".into()) };
        let mut head = Head::default();
        (0..length)
            .map(|count| {
                let entry = Entry::new("patient.list").detail("count", count).detail("patient_ids", vec!["pat_1"]);
                let record = head.next(actor.recording(entry, &Clock::fixed(Timestamp::UNIX_EPOCH))).unwrap();
                head = Head::from(&record);
                bson::serialize_to_document(&record).unwrap()
            })
            .collect()
    }

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

    #[test]
    fn whoever_looks_for_a_patient_finds_lists_too() {
        let uri = "/?target_id=pat_1&since=2026-11-01T00:00:00Z".parse().unwrap();
        let axum::extract::Query(query) = axum::extract::Query::<AuditQuery>::try_from_uri(&uri).unwrap();
        let filter = query.filter();
        assert_eq!(filter.get_array("$or").unwrap().len(), 3);
        assert!(filter.get_document("at").unwrap().contains_key("$gte"));
    }
}
