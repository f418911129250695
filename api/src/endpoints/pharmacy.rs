//! A hospital's stock of medicines. How much there is changes only by stock changes with a reason, never by overwriting. What
//! is removed is kept, with what the audit log says of it, and only looked at.

mod stock;

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header},
    response::Response,
};
use bson::{DateTime, Document, doc};
use futures::TryStreamExt as _;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access::{identity::Member, permissions::may},
    data::{
        audit::{Entry, Recorded},
        tenant::{Fault, Records, Transaction, ignoring_case, new_id, pharmacy::Medicine},
    },
    http::{
        dates::{Day, Moment},
        extract::{ApiJson, ApiPath, ApiQuery, IfMatch, etag},
        idempotency::{self, Answers, Attempt, Once, Repeatable, Sender},
        merge::{Changes, Patch, never_null},
        paging::{self, Direction, Order, Page, Paged},
        problem::{Answer, Problem},
        search,
        text::Line,
    },
    state::App,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_medicines, add_medicine))
        .routes(routes!(read_medicine, change_medicine, remove_medicine))
        .routes(routes!(restore_medicine))
        .merge(stock::routes())
}

const BY_NAME: Order = Order(&[("medicine", Direction::Ascending), ("_id", Direction::Ascending)]);

/// More than any shelf holds, and far from where numbers end.
const MOST: i64 = 1_000_000_000;

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "medicine": "Ibuprofen 400 mg", "batch": "B-2210", "quantity": 120, "unit": "tablets", "reorder_level": 50, "expires_on": "2027-03-31"
}))]
struct NewMedicine {
    #[garde(dive)]
    #[schema(inline)]
    medicine: Line<200>,
    #[garde(dive)]
    #[schema(inline)]
    batch: Option<Line<64>>,
    #[garde(range(min = 0, max = MOST))]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    quantity: i64,
    #[garde(dive)]
    #[schema(inline)]
    unit: Option<Line<32>>,
    /// With this quantity or less, it is time to order.
    #[garde(range(min = 0, max = MOST))]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    reorder_level: Option<i64>,
    #[garde(skip)]
    #[schema(inline)]
    expires_on: Option<Day>,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reorder_level": 80, "batch": null }))]
struct MedicineChange {
    #[serde(default, deserialize_with = "never_null")]
    #[garde(dive)]
    #[schema(value_type = Line<200>, inline, required = false)]
    medicine: Option<Line<200>>,
    #[serde(default)]
    #[garde(dive)]
    #[schema(value_type = Option<Line<64>>, inline)]
    batch: Patch<Line<64>>,
    #[serde(default)]
    #[garde(dive)]
    #[schema(value_type = Option<Line<32>>, inline)]
    unit: Patch<Line<32>>,
    #[serde(default)]
    #[garde(inner(range(min = 0, max = MOST)))]
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 1_000_000_000)]
    reorder_level: Patch<i64>,
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, format = Date)]
    expires_on: Patch<Day>,
}

impl MedicineChange {
    fn into_changes(self) -> Changes {
        Changes::default()
            .set("medicine", self.medicine)
            .patch("batch", self.batch)
            .patch("unit", self.unit)
            .patch("reorder_level", self.reorder_level)
            .patch("expires_on", self.expires_on)
    }
}

/// A medicine in stock.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Medicine)]
struct MedicineView {
    #[schema(example = "med_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    medicine_id: String,
    #[schema(example = "Ibuprofen 400 mg")]
    medicine: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "B-2210")]
    batch: Option<String>,
    #[schema(example = 120)]
    quantity: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "tablets")]
    unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 50)]
    reorder_level: Option<i64>,
    /// Whether it is time to order.
    #[schema(example = false)]
    low: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    expires_on: Option<Day>,
    /// When it was removed from the stock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    removed_at: Option<Moment>,
    #[schema(inline)]
    created_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    updated_at: Option<Moment>,
    /// The `ETag` without its quotes.
    #[schema(example = 1)]
    version: i64,
}

impl From<Medicine> for MedicineView {
    fn from(medicine: Medicine) -> Self {
        Self {
            low: medicine.reorder_level.is_some_and(|level| medicine.quantity <= level),
            medicine_id: medicine.medicine_id,
            medicine: medicine.medicine,
            batch: medicine.batch,
            quantity: medicine.quantity,
            unit: medicine.unit,
            reorder_level: medicine.reorder_level,
            expires_on: medicine.expires_on,
            removed_at: medicine.deleted_at.map(Moment::from),
            created_at: medicine.created_at.into(),
            updated_at: medicine.updated_at.map(Moment::from),
            version: medicine.version,
        }
    }
}

type WithEtag = ([(HeaderName, String); 1], Json<MedicineView>);

fn answered(medicine: Medicine) -> WithEtag {
    (etag(medicine.version), Json(medicine.into()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct MedicinePath {
    /// The medicine's id.
    #[param(example = "med_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    medicine_id: String,
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct MedicineQuery {
    /// Words of the name, or a batch, in upper or lower case.
    #[garde(inner(custom(search::checked)))]
    #[param(max_length = 100, example = "ibuprofen")]
    q: Option<String>,
    /// `true`: only what it is time to order.
    #[garde(skip)]
    #[serde(default)]
    low: bool,
    /// Only what expires before this day.
    #[garde(skip)]
    #[param(inline, example = "2027-01-01")]
    expiring_before: Option<Day>,
    /// `true`: those that were removed, instead of those in stock.
    #[garde(skip)]
    #[serde(default)]
    removed: bool,
    /// How many the page has at most.
    #[garde(range(min = 1, max = paging::MOST))]
    #[serde(default = "paging::default_limit")]
    #[param(minimum = 1, maximum = 100)]
    limit: i64,
    /// `next_cursor` of the page before, with the same filters.
    #[garde(inner(length(bytes, max = paging::LONGEST_CURSOR)))]
    cursor: Option<String>,
}

impl MedicineQuery {
    fn filter(&self) -> Document {
        let mut filter = search::in_use(!self.removed);
        if let Some(q) = self.q.as_deref().filter(|q| !q.trim().is_empty()) {
            let name: Vec<Document> = search::words("medicine", q).collect();
            filter.insert("$or", vec![search::whole("batch", q), doc! { "$and": name }]);
        }
        if self.low {
            filter.insert("reorder_level", doc! { "$exists": true });
            filter.insert("$expr", doc! { "$lte": ["$quantity", "$reorder_level"] });
        }
        if let Some(day) = self.expiring_before {
            filter.insert("expires_on", doc! { "$lt": day });
        }
        filter
    }
}

/// The medicines in stock, by name
#[utoipa::path(
    get, path = "/organization/{org_id}/pharmacy", tag = "pharmacy",
    params(("org_id" = String, Path, description = "The hospital's id"), MedicineQuery),
    responses((status = 200, description = "One page of medicines", body = Paged<MedicineView>)),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("pharmacy.read"))),
)]
async fn list_medicines(
    member: Member<may::ReadPharmacy>,
    ApiQuery(query): ApiQuery<MedicineQuery>,
) -> Answer<Json<Paged<MedicineView>>> {
    let filter = query.filter();
    let page = Page { limit: query.limit, cursor: query.cursor };
    let condition = page.filter(&filter, BY_NAME)?;
    let found = member.tenant.read(|db| {
        let (condition, fetch) = (condition.clone(), page.fetch());
        async move {
            let medicines = db.collection::<Medicine>(Records::Pharmacy);
            let found = medicines.find(condition).sort(BY_NAME.sort()).collation(ignoring_case()).limit(fetch).await?;
            Ok(found.try_collect().await?)
        }
    });
    Ok(Json(page.of(found.await?, &filter, BY_NAME)?.map(MedicineView::from)))
}

/// Adds a medicine to the stock
#[utoipa::path(
    post, path = "/organization/{org_id}/pharmacy", tag = "pharmacy",
    params(
        ("org_id" = String, Path, description = "The hospital's id"),
        ("Idempotency-Key" = Option<String>, Header, description = idempotency::DESCRIPTION, pattern = "^[!-~]{1,255}$"),
    ),
    request_body = NewMedicine,
    responses((status = 201, description = "The medicine", body = MedicineView, headers(
        ("ETag" = String, description = "For If-Match"), ("Location" = String, description = "Where the medicine is"),
    ))),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("pharmacy.manage"))),
)]
async fn add_medicine(
    State(app): State<App>,
    member: Member<may::ManagePharmacy>,
    Repeatable { body: new, repetition }: Repeatable<NewMedicine>,
) -> Answer<Response> {
    let sender = member.sender();
    let clock = app.clock.clone();
    let medicine = Medicine {
        medicine_id: new_id("med"),
        medicine: new.medicine.into_string(),
        batch: new.batch.map(Line::into_string),
        quantity: new.quantity,
        unit: new.unit.map(Line::into_string),
        reorder_level: new.reorder_level,
        expires_on: new.expires_on,
        deleted_at: None,
        created_at: clock.now_bson(),
        updated_at: None,
        version: 1,
    };
    let work = async move |attempt: Attempt| {
        let (actor, once) = (member.actor(), Once::new(attempt, &member.user_id, clock.now()));
        let added = member.tenant.change(&actor, move |tx| {
            let (medicine, once) = (medicine.clone(), once.clone());
            async move {
                if let Some(made) = once.made(&tx).await? {
                    let known = tx.find_one(Records::Pharmacy, doc! { "_id": made.target_id() }).await?;
                    return Ok(Recorded::nothing(known.ok_or_else(Problem::not_found)?));
                }
                tx.insert(Records::Pharmacy, &medicine).await?;
                let entry = Entry::new("pharmacy.add").target("medicine", &medicine.medicine_id);
                Ok(once.entry(entry.detail("quantity", medicine.quantity)).answering(medicine))
            }
        });
        let medicine = added.await?;
        let location = format!("/organization/{}/pharmacy/{}", member.organization_id, medicine.medicine_id);
        Ok((StatusCode::CREATED, [(header::LOCATION, location)], answered(medicine)))
    };
    app.idempotency.run(repetition, Sender::Known(&sender), "add-medicine", Answers::Kept, work).await
}

/// One medicine
///
/// Also one that was removed, which has `removed_at`.
#[utoipa::path(
    get, path = "/organization/{org_id}/pharmacy/{medicine_id}", tag = "pharmacy",
    params(("org_id" = String, Path, description = "The hospital's id"), MedicinePath),
    responses((status = 200, description = "The medicine", body = MedicineView, headers(("ETag" = String, description = "For If-Match")))),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("pharmacy.read"))),
)]
async fn read_medicine(
    member: Member<may::ReadPharmacy>,
    ApiPath(MedicinePath { medicine_id }): ApiPath<MedicinePath>,
) -> Answer<WithEtag> {
    let found = member.tenant.read(|db| {
        let id = doc! { "_id": &medicine_id };
        async move { Ok(db.collection::<Medicine>(Records::Pharmacy).find_one(id).await?) }
    });
    found.await?.map(answered).ok_or_else(Problem::not_found)
}

/// Changes what is known of a medicine
///
/// Fields that are absent stay as they are; `null` clears a field. The quantity changes by stock changes alone.
#[utoipa::path(
    patch, path = "/organization/{org_id}/pharmacy/{medicine_id}", tag = "pharmacy",
    params(
        ("org_id" = String, Path, description = "The hospital's id"), MedicinePath,
        ("If-Match" = String, Header, description = "The ETag of the medicine that was read", example = "\"1\"", pattern = "^\"[0-9]{1,18}\"$"),
    ),
    request_body = MedicineChange,
    responses((status = 200, description = "The medicine as it is now", body = MedicineView, headers(("ETag" = String, description = "For If-Match")))),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("pharmacy.manage"))),
)]
async fn change_medicine(
    State(app): State<App>,
    member: Member<may::ManagePharmacy>,
    ApiPath(MedicinePath { medicine_id }): ApiPath<MedicinePath>,
    if_match: IfMatch,
    ApiJson(change): ApiJson<MedicineChange>,
) -> Answer<WithEtag> {
    let changes = change.into_changes();
    let now = app.clock.now_bson();
    let actor = member.actor();
    let done = member.tenant.change(&actor, move |tx| {
        let (medicine_id, changes) = (medicine_id.clone(), changes.clone());
        async move {
            let medicine = in_stock(&tx, &medicine_id).await?;
            if_match.check(medicine.version)?;
            if changes.is_empty() {
                return Ok(Recorded::nothing(medicine));
            }
            let updated = tx.update(Records::Pharmacy, doc! { "_id": &medicine_id }, changes.update(now)).await?;
            let updated: Medicine = updated.ok_or_else(Problem::not_found)?;
            let entry = Entry::new("pharmacy.update").target("medicine", &medicine_id);
            Ok(entry.detail("fields", changes.fields()).answering(updated))
        }
    });
    done.await.map(answered)
}

/// A medicine that was not removed.
async fn in_stock(tx: &Transaction, medicine_id: &str) -> Result<Medicine, Fault> {
    let filter = doc! { "_id": medicine_id, "deleted_at": null };
    Ok(tx.find_one(Records::Pharmacy, filter).await?.ok_or_else(Problem::not_found)?)
}

/// Removes a medicine from the stock
///
/// Nothing is deleted: it can be read, listed with `removed=true`, and restored.
#[utoipa::path(
    delete, path = "/organization/{org_id}/pharmacy/{medicine_id}", tag = "pharmacy",
    params(
        ("org_id" = String, Path, description = "The hospital's id"), MedicinePath,
        ("If-Match" = String, Header, description = "The ETag of the medicine that was read", example = "\"1\"", pattern = "^\"[0-9]{1,18}\"$"),
    ),
    responses((status = 204, description = "It is removed")),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("pharmacy.manage"))),
)]
async fn remove_medicine(
    State(app): State<App>,
    member: Member<may::ManagePharmacy>,
    ApiPath(MedicinePath { medicine_id }): ApiPath<MedicinePath>,
    if_match: IfMatch,
) -> Answer<StatusCode> {
    let now = app.clock.now_bson();
    let actor = member.actor();
    let removed = member.tenant.change(&actor, move |tx| {
        let medicine_id = medicine_id.clone();
        async move {
            let medicine = in_stock(&tx, &medicine_id).await?;
            if_match.check(medicine.version)?;
            let changes = Changes::default().set("deleted_at", Some(now));
            tx.update::<Medicine>(Records::Pharmacy, doc! { "_id": &medicine_id }, changes.update(now)).await?;
            let entry = Entry::new("pharmacy.remove").target("medicine", &medicine_id);
            Ok(entry.detail("quantity", medicine.quantity).answering(()))
        }
    });
    removed.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a removed medicine into the stock again
///
/// With the quantity that it had. One that is in the stock stays as it is.
#[utoipa::path(
    post, path = "/organization/{org_id}/pharmacy/{medicine_id}/restore", tag = "pharmacy",
    params(("org_id" = String, Path, description = "The hospital's id"), MedicinePath),
    responses((status = 200, description = "The medicine as it is now", body = MedicineView, headers(("ETag" = String, description = "For If-Match")))),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("pharmacy.manage"))),
)]
async fn restore_medicine(
    State(app): State<App>,
    member: Member<may::ManagePharmacy>,
    ApiPath(MedicinePath { medicine_id }): ApiPath<MedicinePath>,
) -> Answer<WithEtag> {
    let now = app.clock.now_bson();
    let actor = member.actor();
    let medicine = member.tenant.change(&actor, move |tx| {
        let medicine_id = medicine_id.clone();
        async move {
            let by_id = doc! { "_id": &medicine_id };
            let medicine: Option<Medicine> = tx.find_one(Records::Pharmacy, by_id.clone()).await?;
            let medicine = medicine.ok_or_else(Problem::not_found)?;
            if medicine.deleted_at.is_none() {
                return Ok(Recorded::nothing(medicine));
            }
            let changes = Changes::default().patch("deleted_at", Patch::<DateTime>::Clear);
            let restored = tx.update(Records::Pharmacy, by_id, changes.update(now)).await?;
            let restored: Medicine = restored.ok_or_else(Problem::not_found)?;
            let entry = Entry::new("pharmacy.restore").target("medicine", &medicine_id);
            Ok(entry.detail("quantity", restored.quantity).answering(restored))
        }
    });
    medicine.await.map(answered)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::http::extract;

    #[test]
    fn the_quantity_is_not_overwritten() {
        let parsed = |body: Value| extract::parse::<MedicineChange>(body.to_string().as_bytes());
        let problem = parsed(json!({ "quantity": 5 })).unwrap_err();
        assert_eq!(problem.errors()[0].pointer.as_deref(), Some("/quantity"));
        assert_eq!(
            parsed(json!({ "reorder_level": -1 })).unwrap_err().errors()[0].pointer.as_deref(),
            Some("/reorder_level")
        );
        let changes = parsed(json!({ "reorder_level": 5, "expires_on": null })).unwrap().into_changes();
        assert_eq!(changes.fields(), ["expires_on", "reorder_level"]);
    }

    #[test]
    fn a_list_shows_what_is_asked_for() {
        let filter = |query: &str| {
            let uri = format!("/?{query}").parse().unwrap();
            let axum::extract::Query(query) = axum::extract::Query::<MedicineQuery>::try_from_uri(&uri).unwrap();
            query.filter()
        };
        assert_eq!(filter(""), doc! { "deleted_at": null });
        assert_eq!(filter("removed=true"), doc! { "deleted_at": { "$ne": null } });
        assert_eq!(
            filter("low=true&expiring_before=2027-01-01"),
            doc! {
                "deleted_at": null,
                "reorder_level": { "$exists": true },
                "$expr": { "$lte": ["$quantity", "$reorder_level"] },
                "expires_on": { "$lt": "2027-01-01" },
            }
        );
    }
}
