//! Probes. `GET /healthz`: the process lives and answers; it asks nothing of the database or of Kubernetes, since a
//! restart would not mend those. `GET /readyz`: requests can be served, or what they would miss.

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::App;

pub const LIVE: &str = "/healthz";
pub const READY: &str = "/readyz";

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_health)).routes(routes!(get_readiness))
}

/// The process lives.
#[utoipa::path(get, path = LIVE, tag = "service", responses((status = 200, description = "It does", body = String, content_type = "text/plain")))]
async fn get_health() -> &'static str {
    "ok\n"
}

#[derive(Serialize, ToSchema)]
struct Readiness {
    ready: bool,
    /// Whether the master database answers and has its indexes.
    mongodb: bool,
    /// Whether the hospitals' objects are known.
    kubernetes: bool,
}

/// Requests can be served.
#[utoipa::path(get, path = READY, tag = "service", responses(
    (status = 200, description = "They can", body = Readiness),
    (status = 503, description = "They cannot; the body says what is missing", body = Readiness),
))]
async fn get_readiness(State(app): State<App>) -> (StatusCode, Json<Readiness>) {
    let mongodb = app.master.is_prepared() && app.master.ping().await.is_ok();
    let kubernetes = app.hospitals.is_ready();
    let ready = mongodb && kubernetes && !app.hospitals.stopping().is_cancelled();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, mongodb, kubernetes }))
}
