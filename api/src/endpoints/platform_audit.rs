//! The platform's own audit log for its administrators: who signed up, whose payment was declined, what was done to
//! hospitals, and whether anybody tampered with the log.

use axum::{Json, extract::State};
use futures::TryStreamExt as _;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::audit_log::{AuditEntryView, AuditQuery, NEWEST_FIRST, Part, Verification, verified};
use crate::{
    audit::Entry,
    extract::ApiQuery,
    identity::PlatformAdministrator,
    master::{InTime as _, Store},
    paging::{Page, Paged},
    problem::{Answer, Problem},
    state::App,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_platform_entries)).routes(routes!(verify_platform_log))
}

/// Who did what on the platform, newest first
///
/// Sign-ups, declined payments, hospitals made active, suspended, resumed and given another plan, administrators who sign in.
/// What happens inside a hospital is in the hospital's own log. Reading the log is in the log, too.
#[utoipa::path(
    get, path = "/master/audit-log", tag = "platform", params(AuditQuery),
    responses((status = 200, description = "One page of entries", body = Paged<AuditEntryView>)),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("platform.audit.read"))),
)]
async fn list_platform_entries(
    State(app): State<App>,
    administrator: PlatformAdministrator,
    ApiQuery(query): ApiQuery<AuditQuery>,
) -> Answer<Json<Paged<AuditEntryView>>> {
    let filter = query.filter();
    let page = Page { limit: query.limit, cursor: query.cursor };
    let found = app.platform_audit.log().find(page.filter(&filter, NEWEST_FIRST)?);
    let found = found.sort(NEWEST_FIRST.sort()).limit(page.fetch()).in_time().await?.try_collect().in_time().await?;
    let entries = page.of(found, &filter, NEWEST_FIRST)?;
    let entry = Entry::new("audit.read").detail("count", entries.items.len());
    app.platform_audit.record(&administrator.actor(), entry).await?;
    Ok(Json(entries.map(AuditEntryView::from)))
}

/// Whether the platform's audit log is whole and unchanged
///
/// Follows the chain of hashes from the first entry to the last, in parts where there are more than `limit`. Where the log ended is noted nowhere else, so that entries
/// missing at its end are not found.
#[utoipa::path(
    get, path = "/master/audit-log/verify", tag = "platform",
    params(Part),
    responses(
        (status = 200, description = "What was found", body = Verification),
        (status = 404, description = "There is no entry with the number `after`"),
    ),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("platform.audit.read"))),
)]
async fn verify_platform_log(
    State(app): State<App>,
    administrator: PlatformAdministrator,
    ApiQuery(part): ApiQuery<Part>,
) -> Answer<Json<Verification>> {
    let verification = verified(&app.master.raw(Store::AuditLogs), None, part).await?.ok_or_else(Problem::not_found)?;
    app.platform_audit.record(&administrator.actor(), part.entry(&verification)).await?;
    Ok(Json(verification))
}
