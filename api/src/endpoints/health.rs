//! Probes. `GET /healthz`: the process lives and answers; it asks nothing of the database or of Kubernetes, since a
//! restart would not mend those. `GET /readyz`: requests can be served, and what some of them would miss.

use std::{borrow::Cow, time::Duration};

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    http::problem::{Answer, Kind, Problem},
    state::App,
};

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
    /// Whether the master database answers, has its indexes, and lets the service do all that it needs.
    mongodb: bool,
    /// Whether the hospitals' objects are known and Kubernetes answers. Once they are known, hospitals work on without it, and
    /// the service stays ready.
    kubernetes: bool,
}

/// Requests can be served.
#[utoipa::path(get, path = READY, tag = "service", responses(
    (status = 200, description = "They can", body = Readiness),
    (status = 503, description = "They cannot (`not-ready`); `mongodb` and `kubernetes` say what answers",
        headers(("Retry-After" = u64, description = "Seconds until it is worth asking again"))),
))]
async fn get_readiness(State(app): State<App>) -> Answer<Json<Readiness>> {
    let unlisted = app.hospitals.unlisted();
    let kubernetes = async { unlisted.is_none() && app.hospitals.answers().await };
    let (usable, kubernetes) = tokio::join!(app.master.usable(), kubernetes);
    let mongodb = usable.is_ok();
    let missing: Cow<'static, str> = if app.hospitals.stopping().is_cancelled() {
        "The service is stopping.".into()
    } else if let Err(why) = usable {
        why.to_string().into()
    } else if let Some(why) = unlisted {
        format!("The hospitals of namespace {} are not known yet: {why}.", app.hospitals.namespace()).into()
    } else {
        return Ok(Json(Readiness { ready: true, mongodb, kubernetes }));
    };
    let problem = Problem::new(Kind::NotReady, missing).retry_after(Duration::from_secs(2));
    Err(problem.with("ready", false).with("mongodb", mongodb).with("kubernetes", kubernetes))
}
