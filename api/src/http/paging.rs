//! Lists in pages. A cursor names the last record of the page before, so that what is added meanwhile shifts nothing
//! and a late page costs no more than the first.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bson::{Bson, Document, doc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::http::{
    flaw::Flaw,
    problem::{Answer, Problem},
};

/// The most records that one page may have.
pub const MOST: i64 = 100;

/// No cursor is longer, in bytes: it holds what the last record is sorted by, such as a name of 300 characters of any writing.
pub const LONGEST_CURSOR: usize = 4096;

/// Which page of a list is asked for. The query of each list has the two as fields of its own, since serde cannot refuse
/// unknown parameters in a struct that has another one flattened into it:
///
/// ```ignore
/// #[garde(range(min = 1, max = paging::MOST))]
/// #[serde(default = "paging::default_limit")]
/// #[param(minimum = 1, maximum = 100)]
/// limit: i64,
/// #[garde(inner(length(bytes, max = paging::LONGEST_CURSOR)))]
/// cursor: Option<String>,
/// ```
#[derive(Clone, Debug)]
pub struct Page {
    /// How many records to answer, 1 to 100.
    pub limit: i64,
    /// `next_cursor` of the page before, with the same filters.
    pub cursor: Option<String>,
}

#[must_use]
pub fn default_limit() -> i64 {
    25
}

/// One page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Paged<T> {
    pub items: Vec<T>,
    /// Asks for the page after this one; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl<T> Paged<T> {
    pub fn map<U>(self, view: impl FnMut(T) -> U) -> Paged<U> {
        Paged { items: self.items.into_iter().map(view).collect(), next_cursor: self.next_cursor }
    }
}

/// How a list is sorted: by the fields in turn, each ascending or descending. The last must be unique.
#[derive(Clone, Copy, Debug)]
pub struct Order(pub &'static [(&'static str, Direction)]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}

impl Order {
    #[must_use]
    pub fn sort(self) -> Document {
        self.0
            .iter()
            .map(|(field, direction)| {
                (
                    (*field).to_owned(),
                    Bson::from(match direction {
                        Direction::Ascending => 1,
                        Direction::Descending => -1,
                    }),
                )
            })
            .collect()
    }
}

#[derive(Serialize, Deserialize)]
struct Cursor {
    /// Of the filter, since a cursor means nothing in another list.
    list: String,
    /// The last record's values of the order's fields.
    after: Vec<Bson>,
}

impl Page {
    /// The filter of this page: the list's own, and behind the cursor.
    ///
    /// # Errors
    /// When the cursor is not one of this list.
    pub fn filter(&self, filter: &Document, order: Order) -> Answer<Document> {
        let Some(after) = self.after(filter, order)? else { return Ok(filter.clone()) };
        // (a, b) after (x, y): a after x, or a equal to x and b after y.
        let alternatives = (0..order.0.len()).map(|at| {
            let mut condition: Document = order.0[..at]
                .iter()
                .zip(&after)
                .map(|((field, _), value)| ((*field).to_owned(), value.clone()))
                .collect();
            let (field, direction) = order.0[at];
            let operator = if direction == Direction::Ascending { "$gt" } else { "$lt" };
            condition.insert(field, doc! { operator: after[at].clone() });
            Bson::from(condition)
        });
        Ok(doc! { "$and": [filter.clone(), { "$or": alternatives.collect::<Vec<_>>() }] })
    }

    /// What the page before ended with, in the fields of the order; nothing on the first page.
    ///
    /// # Errors
    /// When the cursor is not one of this list.
    pub fn after(&self, filter: &Document, order: Order) -> Answer<Option<Vec<Bson>>> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let unusable = || Problem::invalid_parameter("cursor", Flaw::InvalidCursor);
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| unusable())?;
        let cursor: Cursor = bson::deserialize_from_slice(&bytes).map_err(|_| unusable())?;
        // Only plain values: a document could carry an operator into the filter.
        let plain = cursor.after.iter().all(|value| {
            matches!(
                value,
                Bson::String(_) | Bson::DateTime(_) | Bson::Int32(_) | Bson::Int64(_) | Bson::ObjectId(_) | Bson::Null
            )
        });
        if cursor.list != list_of(filter, order) || cursor.after.len() != order.0.len() || !plain {
            return Err(unusable());
        }
        Ok(Some(cursor.after))
    }

    /// How many records to ask for: one more than the page has, to know whether another follows.
    #[must_use]
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// The page of the records that [`Page::filter`] and [`Page::fetch`] gave.
    ///
    /// # Errors
    /// When a record cannot be written as a document.
    pub fn of<T: Serialize>(&self, mut records: Vec<T>, filter: &Document, order: Order) -> Answer<Paged<T>> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = records.len() > limit;
        records.truncate(limit);
        let last = if more { records.last() } else { None };
        let next_cursor = last.map(|last| cursor_behind(last, filter, order)).transpose()?;
        Ok(Paged { items: records, next_cursor })
    }
}

/// Asks for the page behind this record.
///
/// # Errors
/// When the record cannot be written as a document.
pub fn cursor_behind<T: Serialize>(last: &T, filter: &Document, order: Order) -> Answer<String> {
    let unwritable = |error: bson::error::Error| {
        tracing::error!(%error, "a record cannot be written as a document");
        Problem::internal()
    };
    let record = bson::serialize_to_document(last).map_err(unwritable)?;
    let after = order.0.iter().map(|(field, _)| record.get(*field).cloned().unwrap_or(Bson::Null)).collect();
    let cursor = Cursor { list: list_of(filter, order), after };
    Ok(URL_SAFE_NO_PAD.encode(bson::serialize_to_vec(&cursor).map_err(unwritable)?))
}

fn list_of(filter: &Document, order: Order) -> String {
    let digest = Sha256::digest(format!("{filter:?}{order:?}"));
    URL_SAFE_NO_PAD.encode(&digest[..12])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_behind_the_longest_name_is_one_that_is_taken() {
        const BY_NAME: Order = Order(&[("display_name", Direction::Ascending), ("_id", Direction::Ascending)]);
        let record = doc! { "display_name": "🏥".repeat(300), "_id": "x".repeat(64) };
        let page = Page { limit: 1, cursor: None };
        let next = page.of(vec![record.clone(), record], &doc! {}, BY_NAME).unwrap().next_cursor.unwrap();
        assert!((1025..=LONGEST_CURSOR).contains(&next.len()), "{}", next.len());
        assert!(Page { cursor: Some(next), ..page }.filter(&doc! {}, BY_NAME).is_ok());
    }

    const ORDER: Order = Order(&[("created_at", Direction::Descending), ("_id", Direction::Ascending)]);

    fn record(at: i64, id: &str) -> Document {
        doc! { "created_at": at, "_id": id }
    }

    #[test]
    fn the_next_page_begins_behind_the_last_record() {
        let filter = doc! { "status": "active" };
        let first = Page { limit: 2, cursor: None };
        let records = vec![record(9, "a"), record(8, "b"), record(7, "c")];
        let page = first.of(records, &filter, ORDER).unwrap();
        assert_eq!(page.items.len(), 2);
        let second = Page { limit: 2, cursor: page.next_cursor };
        let condition = second.filter(&filter, ORDER).unwrap();
        assert_eq!(
            condition,
            doc! { "$and": [{ "status": "active" }, { "$or": [
                { "created_at": { "$lt": 8_i64 } },
                { "created_at": 8_i64, "_id": { "$gt": "b" } },
            ] }] }
        );
        assert!(second.of(vec![record(7, "c")], &filter, ORDER).unwrap().next_cursor.is_none());
    }

    #[test]
    fn a_cursor_of_another_list_or_a_made_up_one_is_refused() {
        let filter = doc! { "status": "active" };
        let page = Page { limit: 1, cursor: None };
        let cursor = page.of(vec![record(1, "a"), record(0, "b")], &filter, ORDER).unwrap().next_cursor;
        let with = |cursor: Option<String>| Page { limit: 1, cursor };
        assert!(with(cursor.clone()).filter(&doc! { "status": "suspended" }, ORDER).is_err());
        assert!(with(Some("nonsense".into())).filter(&filter, ORDER).is_err());
        let forged = Cursor { list: list_of(&filter, ORDER), after: vec![doc! { "$ne": 1 }.into(), "a".into()] };
        let forged = URL_SAFE_NO_PAD.encode(bson::serialize_to_vec(&forged).unwrap());
        assert!(with(Some(forged)).filter(&filter, ORDER).is_err());
    }
}
