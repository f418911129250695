//! Payments: taking one and waiting for the hospital, what the provider tells of it afterwards, and the lists that show what
//! was paid.

mod process;
mod stripe_events;

use axum::{Json, extract::State};
use bson::{Document, doc};
use chakravue_crds::organization_id::OrganizationId;
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::plans::PlanView;
use crate::{
    access::{
        identity::{MemberOrSetup, PlatformAdministrator},
        permissions::may,
    },
    http::{
        extract::ApiQuery,
        paging::{self, Page, Paged},
        problem::Answer,
    },
    program::clock::from_bson,
    state::App,
    subscription::payments::{
        cards::CardSummary,
        failure::Failure,
        ledger::{Payment, PaymentStatus},
    },
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(process::routes())
        .merge(stripe_events::routes())
        .routes(routes!(list_payments))
        .routes(routes!(list_all_payments))
}

/// A payment as lists show it.
#[derive(Serialize, ToSchema)]
#[schema(as = Payment)]
pub struct PaymentView {
    #[schema(example = "pay_01jd0000000000000000000000")]
    payment_id: String,
    #[schema(value_type = String)]
    organization_id: OrganizationId,
    plan: PlanView,
    /// Whole units of the currency.
    amount: i64,
    #[schema(example = "USD")]
    currency: String,
    status: PaymentStatus,
    /// `test` or `stripe`.
    provider: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<CardSummary>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    succeeded_at: Option<Timestamp>,
    /// When the hospital was made active with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    activated_at: Option<Timestamp>,
}

impl From<Payment> for PaymentView {
    fn from(payment: Payment) -> Self {
        Self {
            payment_id: payment.id.to_string(),
            organization_id: payment.organization_id,
            plan: payment.plan.into(),
            amount: payment.amount,
            currency: payment.currency,
            status: payment.status,
            provider: payment.provider,
            card: payment.card,
            failure: payment.failure,
            created_at: from_bson(payment.created_at),
            succeeded_at: payment.succeeded_at.map(from_bson),
            activated_at: payment.activated_at.map(from_bson),
        }
    }
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
#[into_params(parameter_in = Query)]
struct PaymentsQuery {
    /// How many payments to answer.
    #[garde(range(min = 1, max = paging::MOST))]
    #[serde(default = "paging::default_limit")]
    #[param(minimum = 1, maximum = 100, default = 25)]
    limit: i64,
    /// `next_cursor` of the page before.
    #[garde(inner(length(bytes, max = paging::LONGEST_CURSOR)))]
    cursor: Option<String>,
}

/// The hospital's payments.
///
/// The newest first, those that failed too.
#[utoipa::path(
    get, path = "/organization/{org_id}/payments", tag = "organization",
    security(("bearer" = []), ("cookie" = []), ("setup" = [])),
    params(("org_id" = String, Path, description = "The hospital's id"), PaymentsQuery),
    responses((status = 200, description = "A page of payments", body = Paged<PaymentView>)),
    extensions(("x-permission" = json!("subscription.manage"))),
)]
async fn list_payments(
    State(app): State<App>,
    payer: MemberOrSetup<may::ManageSubscription>,
    ApiQuery(query): ApiQuery<PaymentsQuery>,
) -> Answer<Json<Paged<PaymentView>>> {
    let filter = doc! { "organization_id": payer.organization_id.as_str() };
    let page = Page { limit: query.limit, cursor: query.cursor };
    Ok(Json(app.payments.ledger().list(&filter, &page).await?.map(PaymentView::from)))
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
#[into_params(parameter_in = Query)]
struct AllPaymentsQuery {
    /// Only payments of this hospital.
    #[garde(inner(length(bytes, max = 64)))]
    organization_id: Option<String>,
    /// Only payments in this state.
    status: Option<PaymentStatus>,
    /// How many payments to answer.
    #[garde(range(min = 1, max = paging::MOST))]
    #[serde(default = "paging::default_limit")]
    #[param(minimum = 1, maximum = 100, default = 25)]
    limit: i64,
    /// `next_cursor` of the page before, with the same filters.
    #[garde(inner(length(bytes, max = paging::LONGEST_CURSOR)))]
    cursor: Option<String>,
}

/// The payments of all hospitals.
///
/// The newest first.
#[utoipa::path(
    get, path = "/master/payments", tag = "platform",
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("platform.payments.read"))),
    params(AllPaymentsQuery),
    responses((status = 200, description = "A page of payments", body = Paged<PaymentView>))
)]
async fn list_all_payments(
    State(app): State<App>,
    _: PlatformAdministrator,
    ApiQuery(query): ApiQuery<AllPaymentsQuery>,
) -> Answer<Json<Paged<PaymentView>>> {
    let mut filter = Document::new();
    if let Some(organization) = query.organization_id {
        filter.insert("organization_id", organization);
    }
    if let Some(status) = query.status {
        filter.insert("status", status.name());
    }
    let page = Page { limit: query.limit, cursor: query.cursor };
    Ok(Json(app.payments.ledger().list(&filter, &page).await?.map(PaymentView::from)))
}
