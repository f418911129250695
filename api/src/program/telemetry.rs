//! Logs, for people as text or for log collectors as JSON, and traces over OTLP where a collector is named by
//! `OTEL_EXPORTER_OTLP_ENDPOINT` (or `…_TRACES_ENDPOINT`). What is logged is decided by `RUST_LOG`, but of libraries never
//! more than INFO: below that they show paths, bodies and other servers' messages, which may hold a secret or a patient.
//! Traces have one span per request and what the service itself does below it.

use std::{
    env,
    io::{self, IsTerminal as _},
};

use anyhow::Context as _;
use axum::{
    extract::{MatchedPath, Request},
    http::HeaderMap,
    middleware::Next,
    response::Response,
};
use opentelemetry::{
    propagation::{Extractor, TextMapPropagator as _},
    trace::TracerProvider as _,
};
use opentelemetry_otlp::{OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, SpanExporter};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing::{Instrument as _, Metadata, field::Empty, level_filters::LevelFilter};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{FilterExt as _, filter_fn},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::{http::request_id::RequestId, program::settings::LogFormat};

/// Spans that only traces have: they are named and labelled as OpenTelemetry wants it, and logs have their own.
const TRACED: &str = "otel";

/// Logging and tracing as they run; [`Telemetry::finish`] sends what has not been sent.
#[derive(Debug)]
#[must_use = "spans that were not sent are lost without `finish`"]
pub struct Telemetry(Option<SdkTracerProvider>);

/// # Errors
/// When `RUST_LOG` cannot be understood, or the collector's address.
pub fn start(format: LogFormat) -> anyhow::Result<Telemetry> {
    let wanted = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env()
        .ok()
        .context("RUST_LOG is not a list of log directives; try RUST_LOG=info or RUST_LOG=chakravue_api=debug")?;
    // On stderr: stdout is left for what a command prints as its result.
    let logs = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let colours = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
    let logs = match format {
        LogFormat::Text => logs.with_ansi(colours).boxed(),
        LogFormat::Json => logs.json().boxed(),
    };
    let logs = logs.with_filter(wanted.and(filter_fn(is_logged)));

    let provider = provider()?;
    let traces = provider.as_ref().map(|provider| {
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("chakravue-api"));
        layer.with_location(false).with_threads(false).with_tracked_inactivity(false).with_filter(filter_fn(is_traced))
    });
    tracing_subscriber::registry().with(logs).with(traces).init();
    Ok(Telemetry(provider))
}

impl Telemetry {
    /// Sends the last spans. It waits for the collector, so not on a thread that serves requests.
    pub fn finish(self) {
        if let Some(Err(error)) = self.0.map(|provider| provider.shutdown()) {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// `None` where no collector is named.
fn provider() -> anyhow::Result<Option<SdkTracerProvider>> {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    if !is_set(OTEL_EXPORTER_OTLP_ENDPOINT) && !is_set(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) {
        return Ok(None);
    }
    // It reads the variables of the specification by itself: endpoint, headers, timeout.
    let exporter = SpanExporter::builder()
        .with_http()
        .build()
        .context("the traces cannot be sent; OTEL_EXPORTER_OTLP_ENDPOINT must look like http://collector:4318")?;
    let mut resource = Resource::builder();
    if !is_set("OTEL_SERVICE_NAME") {
        resource = resource.with_service_name("chakravue-api");
    }
    Ok(Some(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build()))
}

fn is_logged(metadata: &Metadata<'_>) -> bool {
    let is_discreet = is_ours(metadata) || *metadata.level() <= tracing::Level::INFO;
    is_discreet && metadata.target() != TRACED
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("chakravue_api")
}

/// The requests' own spans, and what the service does below them; nothing of its libraries.
fn is_traced(metadata: &Metadata<'_>) -> bool {
    let ours = is_ours(metadata) && *metadata.level() <= tracing::Level::INFO;
    // The logs' span of a request says the same as ours.
    metadata.target() == TRACED || (ours && metadata.name() != "request")
}

/// The layer that gives each request its span, below the caller's where a `traceparent` names one.
pub async fn trace(request: Request, next: Next) -> Response {
    // Route and method only: a path names a hospital or a patient, and the rest may hold tokens.
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
    let span = tracing::info_span!(
        target: TRACED,
        "request",
        otel.name = format!("{} {route}", request.method()),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = request.method().as_str(),
        http.route = route,
        http.response.status_code = Empty,
        request.id = request.extensions().get::<RequestId>().map_or("", |id| &id.0),
    );
    if span.is_none() {
        return next.run(request).await;
    }
    let parent = TraceContextPropagator::new().extract(&Headers(request.headers()));
    // It fails only for a span that has begun, which this one has not.
    let _ = span.set_parent(parent);
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    if response.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    response
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}
