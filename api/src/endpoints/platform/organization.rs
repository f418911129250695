//! One organization: what it is and has paid, and suspending, resuming and changing its plan.

use axum::{Json, extract::State};
use bson::doc;
use chakravue_crds::{OrganizationId, organization::Subscription};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access::identity::PlatformAdministrator,
    endpoints::organizations::{Organization, PlanChangeRequest},
    http::{
        extract::{ApiJson, ApiPath},
        problem::Answer,
    },
    program::clock::from_bson,
    state::{App, AppState},
    subscription::{
        payments::ledger::{Payment, PaymentStatus},
        plan_change, suspension,
    },
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_any_organization))
        .routes(routes!(suspend_organization))
        .routes(routes!(resume_organization))
        .routes(routes!(change_any_plan))
}

/// An organization with what the operator says of it and what it has paid.
#[derive(Debug, Serialize, ToSchema)]
struct OrganizationDetails {
    #[serde(flatten)]
    organization: Organization,
    payments: PaymentsSummary,
}

#[derive(Debug, Serialize, ToSchema)]
struct PaymentsSummary {
    /// Payments that succeeded.
    #[schema(example = 1)]
    succeeded: i64,
    /// Their sum, in US dollars.
    #[schema(example = 299)]
    total: i64,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_at: Option<Timestamp>,
}

/// One organization.
#[utoipa::path(
    get, path = "/master/organizations/{org_id}", tag = "platform",
    params(("org_id" = String, Path, description = "The organization")),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("platform.hospitals.read"))),
    responses((status = 200, description = "The organization", body = OrganizationDetails)),
)]
async fn get_any_organization(
    State(app): State<App>,
    _: PlatformAdministrator,
    ApiPath(id): ApiPath<OrganizationId>,
) -> Answer<Json<OrganizationDetails>> {
    details(&app, &id).await.map(Json)
}

async fn details(app: &AppState, id: &OrganizationId) -> Answer<OrganizationDetails> {
    let hospital = app.hospitals.find(id)?;
    let (organization, payments) = tokio::join!(Organization::of(app, &hospital, true), payments_of(app, id));
    Ok(OrganizationDetails { organization, payments: payments? })
}

async fn payments_of(app: &AppState, id: &OrganizationId) -> Answer<PaymentsSummary> {
    let filter = doc! { "organization_id": id.as_str(), "status": PaymentStatus::Succeeded.name() };
    let found = app.master.of::<Payment>().find(filter).all().await?;
    Ok(PaymentsSummary {
        succeeded: i64::try_from(found.len()).unwrap_or(i64::MAX),
        total: found.iter().map(|payment| payment.amount).sum(),
        last_at: found.iter().filter_map(|payment| payment.succeeded_at).max().map(from_bson),
    })
}

/// Suspend a hospital: its data stays, nobody reaches it, its sessions end.
#[utoipa::path(
    post, path = "/master/organizations/{org_id}/suspend", tag = "platform",
    params(("org_id" = String, Path, description = "The organization")),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("platform.hospitals.manage"))),
    responses(
        (status = 200, description = "The organization", body = OrganizationDetails),
        (status = 409, description = "It has not paid yet, or its subscription is managed elsewhere (`managed-elsewhere`, with `managers`)"),
    ),
)]
async fn suspend_organization(
    State(app): State<App>,
    administrator: PlatformAdministrator,
    ApiPath(id): ApiPath<OrganizationId>,
) -> Answer<Json<OrganizationDetails>> {
    suspension::set(&app, &id, Subscription::Suspended, administrator.actor()).await?;
    details(&app, &id).await.map(Json)
}

/// Give a suspended hospital its access back.
#[utoipa::path(
    post, path = "/master/organizations/{org_id}/resume", tag = "platform",
    params(("org_id" = String, Path, description = "The organization")),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("platform.hospitals.manage"))),
    responses(
        (status = 200, description = "The organization", body = OrganizationDetails),
        (status = 409, description = "It has not paid yet, or its subscription is managed elsewhere (`managed-elsewhere`, with `managers`)"),
    ),
)]
async fn resume_organization(
    State(app): State<App>,
    administrator: PlatformAdministrator,
    ApiPath(id): ApiPath<OrganizationId>,
) -> Answer<Json<OrganizationDetails>> {
    suspension::set(&app, &id, Subscription::Active, administrator.actor()).await?;
    details(&app, &id).await.map(Json)
}

/// Change a hospital's plan.
#[utoipa::path(
    post, path = "/master/organizations/{org_id}/plan", tag = "platform", request_body = PlanChangeRequest,
    params(("org_id" = String, Path, description = "The organization")),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("platform.hospitals.manage"))),
    responses(
        (status = 200, description = "The organization", body = OrganizationDetails),
        (status = 409, description = "The plan has fewer seats than are in use (`plan-too-small`, with `seats`), it is managed elsewhere (`managed-elsewhere`, with `managers`), or a suspended hospital should get a smaller one"),
        (status = 503, description = "The seats in use cannot be counted, so that the hospital gets no smaller plan"),
    ),
)]
async fn change_any_plan(
    State(app): State<App>,
    administrator: PlatformAdministrator,
    ApiPath(id): ApiPath<OrganizationId>,
    ApiJson(request): ApiJson<PlanChangeRequest>,
) -> Answer<Json<OrganizationDetails>> {
    let plan = request.plan()?;
    let entry = plan_change::entry(&id, plan);
    plan_change::run(&app, &id, plan, plan_change::Record::Platform(administrator.actor(), entry)).await?;
    details(&app, &id).await.map(Json)
}
