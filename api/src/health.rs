//! `GET /healthz`: the process lives and answers. It asks nothing of the database or of Kubernetes, since a
//! restart would not mend those.

use axum::{Router, routing::get};

pub const PATH: &str = "/healthz";

pub fn routes() -> Router {
    Router::new().route(PATH, get(async || "ok\n"))
}
