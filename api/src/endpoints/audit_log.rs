//! A hospital's audit log for its administrator: who did what, and whether anybody tampered with the log.

pub(super) mod verify;

use axum::Json;
use bson::{Bson, DateTime, Document, doc};
use garde::Validate;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access::{identity::Member, permissions::may},
    data::{
        audit::{AuditRecord, Entry, Target},
        tenant::Records,
        timed::TimedCollection,
    },
    http::{
        dates::{self, Moment},
        extract::ApiQuery,
        paging::{self, Direction, Order, Page, Paged, cursor_behind},
        problem::Answer,
    },
    program::clock::to_bson,
    state::App,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_entries)).merge(verify::routes())
}

const NEWEST_FIRST: Order = Order(&[("sequence", Direction::Descending)]);

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
    #[serde(default, deserialize_with = "dates::bound")]
    #[param(inline, required = false, example = "2026-11-01T00:00:00Z")]
    since: Option<Moment>,
    /// Before this time.
    #[garde(skip)]
    #[serde(default, deserialize_with = "dates::bound")]
    #[param(inline, required = false, example = "2026-12-01T00:00:00Z")]
    until: Option<Moment>,
    /// How many the page has at most.
    #[garde(range(min = 1, max = paging::MOST))]
    #[serde(default = "paging::default_limit")]
    #[param(minimum = 1, maximum = 100)]
    limit: i64,
    /// `next_cursor` of the page before, with the same filters.
    #[garde(inner(length(bytes, max = paging::LONGEST_CURSOR)))]
    cursor: Option<String>,
}

impl AuditQuery {
    fn filter(&self) -> Document {
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

/// So many entries of a log are looked at for one page. What was done to whom stands in no index: a list names the patients
/// that it showed, up to a hundred, which would make every look at patients dearer.
pub(super) const LOOKED_AT: i64 = 20_000;

/// The clocks of all replicas differ by less.
const SKEW: SignedDuration = SignedDuration::from_hours(1);

/// The part of a log, by `sequence`, that a page is looked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    oldest: i64,
    newest: i64,
    /// Whether older entries may match, too.
    goes_on: bool,
}

impl Stretch {
    /// From `newest` backwards, but not to entries older than `floor`.
    fn new(newest: i64, floor: i64, looked_at: i64) -> Self {
        let oldest = newest.saturating_sub(looked_at - 1).max(floor);
        Self { oldest, newest, goes_on: oldest > floor }
    }

    fn filter(self, condition: &Document) -> Document {
        doc! { "$and": [condition.clone(), { "sequence": { "$gte": self.oldest, "$lte": self.newest } }] }
    }
}

/// The place of the first entry in an order.
async fn first(
    log: &TimedCollection<AuditRecord>,
    filter: Document,
    sort: Document,
) -> mongodb::error::Result<Option<i64>> {
    Ok(log.find_one(filter).sort(sort).await?.map(|entry| entry.sequence))
}

fn shifted(moment: Moment, by: SignedDuration) -> DateTime {
    to_bson(moment.at().saturating_add(by).unwrap_or(moment.at()))
}

/// Reads one page of a log, newest first, in a stretch of `looked_at` entries. A page that is not full has a cursor all the
/// same where the log goes on.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    page: Page,
    filter: Document,
    condition: Document,
    /// The last entry of the page before.
    before: Option<i64>,
    since: Option<Moment>,
    until: Option<Moment>,
    looked_at: i64,
}

impl Reading {
    /// # Errors
    /// When the cursor is of another list.
    pub(super) fn new(query: AuditQuery, looked_at: i64) -> Answer<Self> {
        let (filter, since, until) = (query.filter(), query.since, query.until);
        let page = Page { limit: query.limit, cursor: query.cursor };
        let condition = page.filter(&filter, NEWEST_FIRST)?;
        let after = page.after(&filter, NEWEST_FIRST)?;
        let before = after.and_then(|after| after.first().and_then(Bson::as_i64));
        Ok(Self { page, filter, condition, before, since, until, looked_at })
    }

    /// # Errors
    /// When MongoDB is away.
    pub(super) async fn of(
        &self,
        log: &TimedCollection<AuditRecord>,
    ) -> mongodb::error::Result<(Vec<AuditRecord>, Option<i64>)> {
        let stretch = if self.filter.is_empty() { None } else { Some(self.stretch(log).await?) };
        let condition = stretch.map_or_else(|| self.condition.clone(), |stretch| stretch.filter(&self.condition));
        let found = log.find(condition).sort(NEWEST_FIRST.sort()).limit(self.page.fetch()).all().await?;
        let looked_to = stretch.filter(|stretch| stretch.goes_on).map(|stretch| stretch.oldest);
        Ok((found, looked_to))
    }

    async fn stretch(&self, log: &TimedCollection<AuditRecord>) -> mongodb::error::Result<Stretch> {
        let newest = match (self.before, self.until) {
            (Some(before), _) => Some(before),
            (None, Some(until)) => {
                first(log, doc! { "at": { "$gte": shifted(until, SKEW) } }, doc! { "at": 1 }).await?
            }
            (None, None) => None,
        };
        let newest = match newest {
            Some(behind) => behind - 1,
            None => first(log, doc! {}, NEWEST_FIRST.sort()).await?.unwrap_or_default(),
        };
        let before = match self.since {
            Some(since) => first(log, doc! { "at": { "$lt": shifted(since, -SKEW) } }, doc! { "at": -1 }).await?,
            None => None,
        };
        Ok(Stretch::new(newest, before.unwrap_or_default() + 1, self.looked_at))
    }

    /// # Errors
    /// When a cursor cannot be written.
    pub(super) fn page(&self, (found, looked_to): (Vec<AuditRecord>, Option<i64>)) -> Answer<Paged<AuditEntryView>> {
        let mut paged = self.page.of(found, &self.filter, NEWEST_FIRST)?;
        if let (None, Some(sequence)) = (&paged.next_cursor, looked_to) {
            let behind = doc! { "sequence": sequence };
            paged.next_cursor = Some(cursor_behind(&behind, &self.filter, NEWEST_FIRST)?);
        }
        Ok(paged.map(AuditEntryView::from))
    }
}

/// Who did what in the hospital, newest first
///
/// With filters a page is looked for among at most 20,000 entries, and may have fewer than `limit` or none although the log
/// goes on: only a page without `next_cursor` is the last. Reading the log is in the log, too.
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
    let reading = Reading::new(query, LOOKED_AT)?;
    let found = member.tenant.read(|db| {
        let reading = reading.clone();
        async move { Ok(reading.of(&db.collection(Records::AuditLogs).into()).await?) }
    });
    let entries = reading.page(found.await?)?;
    member.tenant.record(&member.actor(), Entry::new("audit.read").detail("count", entries.items.len())).await?;
    Ok(Json(entries))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        data::audit::{Actor, Head},
        program::clock::Clock,
    };

    pub(super) fn log(length: usize) -> Vec<Document> {
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

    #[test]
    fn a_stretch_ends_where_enough_was_looked_at_or_the_log_begins() {
        let stretch = |newest, floor, looked_at| {
            let Stretch { oldest, newest, goes_on } = Stretch::new(newest, floor, looked_at);
            (oldest, newest, goes_on)
        };
        assert_eq!(stretch(50, 1, 20), (31, 50, true));
        assert_eq!(stretch(30, 1, 20), (11, 30, true));
        assert_eq!(stretch(20, 1, 20), (1, 20, false));
        assert_eq!(stretch(10, 1, 20), (1, 10, false));
        assert_eq!(stretch(50, 40, 20), (40, 50, false), "nothing older was done since");
        assert_eq!(stretch(0, 1, 20), (1, 0, false), "an empty log");
    }

    #[test]
    fn a_page_without_anything_found_has_a_cursor_while_the_log_goes_on() {
        let query = |cursor: Option<String>| AuditQuery {
            actor_id: None,
            action: None,
            target_id: Some("pat_1".into()),
            since: None,
            until: None,
            limit: 2,
            cursor,
        };
        let first = Reading::new(query(None), 20).unwrap();
        let empty = first.page((vec![], Some(31))).unwrap();
        let second = Reading::new(query(empty.next_cursor), 20).unwrap();
        assert_eq!(second.before, Some(31));
        assert_eq!(second.page((vec![], None)).unwrap().next_cursor, None, "the log ends");
        // A page that is full ends with its own last entry, however far was looked.
        let records = |from: i64| -> Vec<AuditRecord> {
            let read = |entry: &Document| bson::deserialize_from_document(entry.clone()).unwrap();
            log(usize::try_from(from).unwrap()).iter().rev().take(3).map(read).collect()
        };
        let full = first.page((records(45), Some(31))).unwrap();
        assert_eq!(Reading::new(query(full.next_cursor), 20).unwrap().before, Some(44));
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
