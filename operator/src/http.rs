//! Probes and metrics over HTTP. They answer from the first moment, also while MongoDB or the API server is away.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use kube::runtime::reflector::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    echoes::Watched,
    metrics::Metrics,
    mongo::{Health, Mongo},
};

/// The look at MongoDB comes every few seconds; without one for this long, the process is stuck.
const LONGEST_SILENCE: u64 = 60;

/// When something in the process last moved, in Unix seconds.
#[derive(Clone, Default)]
pub struct Heartbeat(Arc<AtomicU64>);

impl Heartbeat {
    pub fn beat(&self) {
        self.0.store(now(), Ordering::Relaxed);
    }

    fn is_alive(&self) -> bool {
        now().saturating_sub(self.0.load(Ordering::Relaxed)) < LONGEST_SILENCE
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default()
}

#[derive(Clone)]
pub struct Probes {
    pub mongo: Mongo,
    pub metrics: Arc<Metrics>,
    pub backoff: Arc<Backoff>,
    pub store: Store<Watched>,
    pub heartbeat: Heartbeat,
}

pub async fn serve(listener: TcpListener, probes: Probes, stop: CancellationToken) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(probes);
    axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn live(State(probes): State<Probes>) -> impl IntoResponse {
    if probes.heartbeat.is_alive() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the operator has not moved for a minute\n")
    }
}

async fn ready(State(probes): State<Probes>) -> impl IntoResponse {
    let mongodb = match &*probes.mongo.health().borrow() {
        Health::Usable(_) => None,
        Health::Unknown => Some("MongoDB was not looked at yet".to_owned()),
        Health::Unusable(error) => Some(error.to_string()),
    };
    let kubernetes = (!has_listed(&probes.store)).then(|| "the hospitals were not listed yet".to_owned());
    let missing: Vec<_> = [kubernetes, mongodb].into_iter().flatten().collect();
    if missing.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n")
    }
}

async fn metrics(State(probes): State<Probes>) -> impl IntoResponse {
    let usable = matches!(*probes.mongo.health().borrow(), Health::Usable(_));
    let hospitals = probes.store.state();
    let lost = |hospital: &&Arc<Watched>| {
        let status = hospital.0.as_ref().ok().and_then(|hospital| hospital.status.as_ref());
        status.is_some_and(|status| status.data_loss.is_some())
    };
    let data_loss = hospitals.iter().filter(lost).count();
    let text = probes.metrics.render(usable, probes.backoff.waiting(), hospitals.len(), data_loss);
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
}

/// Whether the first list has arrived.
pub fn has_listed(store: &Store<Watched>) -> bool {
    use futures::FutureExt as _;
    store.wait_until_ready().now_or_never().is_some_and(|ready| ready.is_ok())
}
