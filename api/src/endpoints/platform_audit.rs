//! The platform's own audit log for its administrators: who signed up, whose payment was declined, what was done to
//! hospitals, and whether anybody tampered with the log.

use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::audit_log::{
    AuditEntryView, AuditQuery, LOOKED_AT, Reading,
    verify::{Part, Verification, verified},
};
use crate::{
    access::identity::PlatformAdministrator,
    data::{audit::Entry, master::Store},
    http::{
        extract::ApiQuery,
        paging::Paged,
        problem::{Answer, Problem},
    },
    state::App,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_platform_entries)).routes(routes!(verify_platform_log))
}

/// Who did what on the platform, newest first
///
/// Sign-ups, declined payments, hospitals made active, suspended, resumed and given another plan, administrators who sign in.
/// What happens inside a hospital is in the hospital's own log. With filters a page is looked for among at most 20,000 entries,
/// and may have fewer than `limit` or none although the log goes on: only a page without `next_cursor` is the last. Reading
/// the log is in the log, too.
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
    let reading = Reading::new(query, LOOKED_AT)?;
    let entries = reading.page(reading.of(app.platform_audit.log()).await?)?;
    let entry = Entry::new("audit.read").detail("count", entries.items.len());
    app.platform_audit.record(&administrator.actor(), entry).await?;
    Ok(Json(entries))
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
