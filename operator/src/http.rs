//! HTTP: probes on one port; metrics and the log level on another. They answer from the first moment, also while MongoDB or
//! the API server is away, and on an operator that stands by.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use axum::{
    Router,
    extract::{self, ConnectInfo},
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use kube::runtime::reflector::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    capacity::Capacity,
    echoes::Watched,
    leader::Leadership,
    metrics::{Metrics, Now},
    mongo::{Health, Mongo},
    reach::Reach,
    schema::repairs::Repairs,
    telemetry::Level,
    turns::Turns,
};

/// The look at MongoDB comes every few seconds; without one for this long, the process is stuck.
const LONGEST_SILENCE: u64 = 60;

/// When something in the process last moved, by a clock that nobody sets.
#[derive(Clone)]
pub struct Heartbeat {
    begin: Instant,
    seconds: Arc<AtomicU64>,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self { begin: Instant::now(), seconds: Arc::default() }
    }
}

impl Heartbeat {
    pub fn beat(&self) {
        self.seconds.store(self.begin.elapsed().as_secs(), Ordering::Relaxed);
    }

    fn is_alive(&self) -> bool {
        self.begin.elapsed().as_secs().saturating_sub(self.seconds.load(Ordering::Relaxed)) < LONGEST_SILENCE
    }
}

#[derive(Clone)]
pub struct State {
    pub mongo: Mongo,
    pub metrics: Arc<Metrics>,
    pub backoff: Arc<Backoff>,
    pub turns: Turns,
    pub capacity: Arc<Capacity>,
    pub repairs: Repairs,
    pub reach: Reach,
    pub leadership: Leadership,
    /// Whether this process may be one that waits for its turn to lead.
    pub stands_by: bool,
    pub store: Store<Watched>,
    pub heartbeat: Heartbeat,
    pub level: Level,
}

pub async fn serve(
    probes: TcpListener,
    metrics: TcpListener,
    state: State,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let probe_routes = Router::new().route("/livez", get(live)).route("/readyz", get(ready)).with_state(state.clone());
    let metric_routes = Router::new()
        .route("/metrics", get(render))
        .route("/log-level", get(level).put(set_level))
        .with_state(state)
        .into_make_service_with_connect_info::<SocketAddr>();
    let probes = axum::serve(probes, probe_routes).with_graceful_shutdown(stop.clone().cancelled_owned());
    let metrics = axum::serve(metrics, metric_routes).with_graceful_shutdown(stop.cancelled_owned());
    tokio::try_join!(probes.into_future(), metrics.into_future()).map(drop)
}

async fn live(extract::State(state): extract::State<State>) -> impl IntoResponse {
    if state.heartbeat.is_alive() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the operator has not moved for a minute\n")
    }
}

async fn ready(extract::State(state): extract::State<State>) -> impl IntoResponse {
    let mongodb = match &*state.mongo.health().borrow() {
        Health::Usable(_) => None,
        Health::Unknown => Some("MongoDB was not looked at yet".to_owned()),
        Health::Unusable(error) => Some(error.to_string()),
    };
    // One that stands by has no list, and is ready to take over once Kubernetes has answered all that it needs for that.
    let waits = state.stands_by && !state.leadership.holds();
    let kubernetes = state
        .reach
        .hindrance()
        .or_else(|| (!waits && !has_listed(&state.store)).then(|| "the hospitals were not listed yet".to_owned()));
    let missing: Vec<_> = [kubernetes, mongodb].into_iter().flatten().collect();
    if missing.is_empty() {
        (StatusCode::OK, if waits { "ok, standing by\n".to_owned() } else { "ok\n".to_owned() })
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n")
    }
}

async fn render(extract::State(state): extract::State<State>) -> impl IntoResponse {
    let hospitals = state.store.state();
    let now = Now {
        mongodb_usable: state.mongo.is_usable(),
        leads: state.leadership.holds(),
        in_backoff: state.backoff.waiting(),
        queue: state.turns.depth(),
        repairs: state.repairs.under_way(),
        hospitals: &hospitals,
        capacity: state.capacity.usage(),
    };
    let text = state.metrics.render(&now);
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
}

async fn level(
    extract::State(state): extract::State<State>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
) -> impl IntoResponse {
    if !peer.ip().to_canonical().is_loopback() {
        return only_from_here();
    }
    (StatusCode::OK, state.level.get() + "\n")
}

/// More is logged from now on, or less: a directive as in `RUST_LOG`. Only from the same machine or pod (`kubectl
/// port-forward` counts as that), because who turns everything on can fill a disk.
async fn set_level(
    extract::State(state): extract::State<State>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    directives: String,
) -> impl IntoResponse {
    if !peer.ip().to_canonical().is_loopback() {
        return only_from_here();
    }
    match state.level.set(directives.trim()) {
        Ok(()) => (StatusCode::OK, state.level.get() + "\n"),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")),
    }
}

fn only_from_here() -> (StatusCode, String) {
    (StatusCode::FORBIDDEN, "only from the operator's own machine or pod, such as by kubectl port-forward\n".to_owned())
}

/// Whether the first list has arrived.
pub fn has_listed(store: &Store<Watched>) -> bool {
    use futures::FutureExt as _;
    store.wait_until_ready().now_or_never().is_some_and(|ready| ready.is_ok())
}
