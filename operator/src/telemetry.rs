//! Logs, for people as text or for log collectors as JSON, at a level that can be changed while the operator runs; and
//! traces over OTLP where a collector is named by `OTEL_EXPORTER_OTLP_ENDPOINT` (or `…_TRACES_ENDPOINT`): one span for
//! each pass. What is logged is decided by `RUST_LOG` at the start.

use std::{
    env,
    io::{self, IsTerminal as _},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use chakravue_crds::conditions::Reason;
use clap::ValueEnum;
use kube::ResourceExt as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, SpanExporter};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing::{Metadata, Span, field::Empty};
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry,
    filter::{FilterExt as _, filter_fn},
    layer::SubscriberExt as _,
    reload,
    util::SubscriberInitExt as _,
};

use crate::echoes::Watched;

/// Spans that only traces have: they are named and labelled as OpenTelemetry wants it, and logs have their own.
const TRACED: &str = "otel";

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// Logging and tracing as they run; [`Telemetry::finish`] sends what has not been sent.
#[must_use = "spans that were not sent are lost without `finish`"]
pub struct Telemetry {
    level: Level,
    provider: Option<SdkTracerProvider>,
}

/// What is logged at the moment. Clones change the same.
#[derive(Clone)]
pub struct Level {
    handle: reload::Handle<EnvFilter, Registry>,
    directives: Arc<Mutex<String>>,
}

impl Level {
    pub fn get(&self) -> String {
        self.directives.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set(&self, directives: &str) -> Result<(), String> {
        let filter = understood(directives)?;
        self.handle.reload(filter).map_err(|error| error.to_string())?;
        directives.clone_into(&mut self.directives.lock().unwrap_or_else(PoisonError::into_inner));
        tracing::info!(directives, "what is logged was changed");
        Ok(())
    }
}

/// A word such as `debug`, or directives as `RUST_LOG` takes them.
fn understood(directives: &str) -> Result<EnvFilter, String> {
    let filter = if directives.is_empty() { None } else { EnvFilter::builder().parse(directives).ok() };
    filter.ok_or_else(|| {
        format!("{directives:?} is not a list of log directives; try info, debug or chakravue_operator=debug")
    })
}

pub fn start(format: LogFormat) -> anyhow::Result<Telemetry> {
    let directives = env::var(EnvFilter::DEFAULT_ENV).ok().filter(|directives| !directives.is_empty());
    let directives = directives.unwrap_or_else(|| "info".to_owned());
    let filter = understood(&directives).map_err(anyhow::Error::msg).context("RUST_LOG cannot be used")?;
    let (filter, handle) = reload::Layer::new(filter);
    // On stderr: stdout is left for what a command prints as its result.
    let logs = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let colours = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
    let logs = match format {
        LogFormat::Text => logs.with_target(false).with_ansi(colours).boxed(),
        LogFormat::Json => logs.json().flatten_event(true).boxed(),
    };
    let logs = logs.with_filter(filter.and(filter_fn(|metadata| metadata.target() != TRACED)));

    let provider = provider()?;
    let traces = provider.as_ref().map(|provider| {
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("chakravue-operator"));
        layer.with_location(false).with_threads(false).with_tracked_inactivity(false).with_filter(filter_fn(is_traced))
    });
    tracing_subscriber::registry().with(logs).with(traces).init();
    let level = Level { handle, directives: Arc::new(Mutex::new(directives)) };
    Ok(Telemetry { level, provider })
}

impl Telemetry {
    pub fn level(&self) -> Level {
        self.level.clone()
    }

    /// Sends the last spans. It waits for the collector, so not on a thread that has other things to do.
    pub fn finish(self) {
        if let Some(Err(error)) = self.provider.map(|provider| provider.shutdown()) {
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
        resource = resource.with_service_name("chakravue-operator");
    }
    Ok(Some(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build()))
}

/// The passes' own spans; nothing of libraries, which would be many times as much.
fn is_traced(metadata: &Metadata<'_>) -> bool {
    metadata.target() == TRACED
}

/// The span of one pass. A trace may name the hospital, as logs do; metrics may not.
pub fn pass_span(object: &Watched) -> Span {
    tracing::info_span!(
        target: TRACED,
        "reconcile",
        otel.name = "reconcile HospitalOrganization",
        otel.kind = "internal",
        otel.status_code = Empty,
        k8s.namespace.name = object.namespace().unwrap_or_default(),
        chakravue.hospital = object.name_any(),
        chakravue.reason = Empty,
    )
}

/// The span of one command of MongoDB, below that of the pass.
pub fn command_span(command: &str) -> Span {
    tracing::info_span!(
        target: TRACED,
        "mongodb",
        otel.name = command,
        otel.kind = "client",
        otel.status_code = Empty,
        db.system.name = "mongodb",
        db.operation.name = command,
    )
}

pub fn pass_ended(span: &Span, outcome: Result<(), Reason>) {
    if let Err(reason) = outcome {
        span.record("otel.status_code", "ERROR");
        span.record("chakravue.reason", reason.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_understood_or_refused() {
        for right in ["info", "debug", "chakravue_operator=trace,kube=info", "off"] {
            assert!(understood(right).is_ok(), "{right}");
        }
        for wrong in ["", "chakravue_operator=loud", "a=b=c"] {
            assert!(understood(wrong).is_err(), "{wrong:?}");
        }
    }
}
