//! `POST …/pharmacy/{medicine_id}/stock`: how much comes in or goes out, and why.

use axum::{extract::State, response::Response};
use bson::doc;
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{MOST, MedicinePath, MedicineView, answered, in_stock};
use crate::{
    access::{identity::Member, permissions::may},
    data::{
        audit::{Entry, Recorded},
        tenant::{
            Records,
            pharmacy::{Medicine, StockReason},
        },
    },
    http::{
        extract::ApiPath,
        flaw::Flaw,
        idempotency::{self, Answers, Attempt, Once, Repeatable, Sender},
        merge::Changes,
        problem::{Answer, Kind, Problem},
    },
    program::clock::to_bson,
    state::App,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(change_stock))
}

#[derive(Clone, Copy, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "change": -20, "reason": "dispensed" }))]
struct StockChange {
    /// How much comes in, or with a minus sign goes out.
    #[garde(range(min = -MOST, max = MOST))]
    #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000)]
    change: i64,
    #[garde(skip)]
    reason: StockReason,
}

impl StockChange {
    fn check(self) -> Answer<Self> {
        if self.reason.explains(self.change) {
            return Ok(self);
        }
        let flaw = match self.reason {
            StockReason::Received | StockReason::Returned => Flaw::NotPositive,
            StockReason::Dispensed | StockReason::Expired | StockReason::Damaged => Flaw::NotNegative,
            StockReason::Counted => Flaw::Zero,
        };
        Err(Problem::invalid("/change", flaw))
    }

    /// How much there is afterwards.
    fn of(self, quantity: i64) -> Answer<i64> {
        let after = quantity.saturating_add(self.change);
        if after < 0 {
            let detail = format!("There are {quantity}, so {} cannot be taken away.", -self.change);
            return Err(Problem::new(Kind::StockTooLow, detail).with("quantity", quantity).with("change", self.change));
        }
        if after > MOST {
            return Err(Problem::invalid("/change", Flaw::StockTooHigh { max: MOST }));
        }
        Ok(after)
    }
}

/// Adds to a medicine's stock, or takes away from it
///
/// Needs no If-Match: changes add up in any order, and never below 0. With an Idempotency-Key a change that is sent again
/// counts once.
#[utoipa::path(
    post, path = "/organization/{org_id}/pharmacy/{medicine_id}/stock", tag = "pharmacy",
    params(
        ("org_id" = String, Path, description = "The hospital's id"), MedicinePath,
        ("Idempotency-Key" = Option<String>, Header, description = idempotency::DESCRIPTION, pattern = "^[!-~]{1,255}$"),
    ),
    request_body = StockChange,
    responses(
        (status = 200, description = "The medicine as it is now", body = MedicineView, headers(("ETag" = String, description = "For If-Match"))),
        (status = 409, description = "There is not that much", body = crate::http::problem::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("pharmacy.manage"))),
)]
async fn change_stock(
    State(app): State<App>,
    member: Member<may::ManagePharmacy>,
    ApiPath(MedicinePath { medicine_id }): ApiPath<MedicinePath>,
    Repeatable { body, repetition }: Repeatable<StockChange>,
) -> Answer<Response> {
    let change = body.check()?;
    // The body does not say which medicine: the same key for another is another request.
    let sender = format!("{} {medicine_id}", member.sender());
    let clock = app.clock.clone();
    let work = async move |attempt: Attempt| {
        let (actor, now) = (member.actor(), clock.now());
        let once = Once::new(attempt, &member.user_id, now);
        let changed = member.tenant.change(&actor, move |tx| {
            let (medicine_id, once) = (medicine_id.clone(), once.clone());
            async move {
                if once.made(&tx).await?.is_some() {
                    // Also of one that was removed since: the change was made.
                    let known = tx.find_one(Records::Pharmacy, doc! { "_id": &medicine_id }).await?;
                    return Ok(Recorded::nothing(known.ok_or_else(Problem::not_found)?));
                }
                let medicine = in_stock(&tx, &medicine_id).await?;
                let quantity = change.of(medicine.quantity)?;
                let update = Changes::default().set("quantity", Some(quantity)).update(to_bson(now));
                let changed = tx.update(Records::Pharmacy, doc! { "_id": &medicine_id }, update).await?;
                let changed: Medicine = changed.ok_or_else(Problem::not_found)?;
                let entry = Entry::new("pharmacy.stock").target("medicine", &medicine_id);
                let entry = entry.detail("change", change.change).detail("reason", change.reason.name());
                Ok(once.entry(entry.detail("quantity", quantity)).answering(changed))
            }
        });
        changed.await.map(answered)
    };
    app.idempotency.run(repetition, Sender::Known(&sender), "change-stock", Answers::Kept, work).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::extract;

    #[test]
    fn a_reason_has_its_direction() {
        let right = |change, reason: &str| {
            let body = json!({ "change": change, "reason": reason }).to_string();
            extract::parse::<StockChange>(body.as_bytes()).and_then(StockChange::check).is_ok()
        };
        for (reason, in_, out) in [
            ("received", true, false),
            ("returned", true, false),
            ("dispensed", false, true),
            ("expired", false, true),
            ("damaged", false, true),
            ("counted", true, true),
        ] {
            assert_eq!((right(5, reason), right(-5, reason), right(0, reason)), (in_, out, false), "{reason}");
        }
        assert!(!right(1, "because") && !right(MOST + 1, "received"));
    }

    #[test]
    fn a_stock_never_goes_below_nothing() {
        let change = |change| StockChange { change, reason: StockReason::Counted };
        assert_eq!(change(-20).of(20).unwrap(), 0);
        let problem = change(-21).of(20).unwrap_err();
        assert_eq!(problem.kind(), Kind::StockTooLow);
        assert!(format!("{problem:?}").contains("There are 20, so 21 cannot be taken away."));
        assert_eq!(change(1).of(MOST).unwrap_err().kind(), Kind::Invalid);
    }
}
