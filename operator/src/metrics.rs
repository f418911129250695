//! Prometheus metrics. Labels are reasons and results, never names of hospitals.

use std::time::Duration;

use chakravue_crds::conditions::{Reason, events};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};

use crate::drift::Source;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct By {
    source: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct For {
    reason: &'static str,
}

pub struct Metrics {
    registry: Registry,
    drift_noticed: Family<By, Counter>,
    drift_healed: Family<For, Counter>,
    full_comparisons: Counter,
    stream_open: Gauge,
    data_loss: Gauge,
    passes: Family<Outcome, Counter>,
    pass_duration: Histogram,
    time_to_ready: Histogram,
    mongodb_usable: Gauge,
    waiting: Gauge,
    objects: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("chakravue_operator");
        let metrics = Self {
            drift_noticed: Family::default(),
            drift_healed: Family::default(),
            full_comparisons: Counter::default(),
            stream_open: Gauge::default(),
            data_loss: Gauge::default(),
            passes: Family::default(),
            pass_duration: Histogram::new(exponential_buckets(0.005, 2.0, 12)),
            time_to_ready: Histogram::new(exponential_buckets(0.05, 2.0, 14)),
            mongodb_usable: Gauge::default(),
            waiting: Gauge::default(),
            objects: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register("reconciles", "Passes over hospitals by result and reason", metrics.passes.clone());
        registry.register_with_unit(
            "reconcile_duration",
            "How long one pass takes",
            Unit::Seconds,
            metrics.pass_duration.clone(),
        );
        registry.register_with_unit(
            "time_to_ready",
            "From the creation of a hospital to its first Ready",
            Unit::Seconds,
            metrics.time_to_ready.clone(),
        );
        registry.register("mongodb_usable", "1 while MongoDB can be used, else 0", metrics.mongodb_usable.clone());
        registry.register("objects_in_backoff", "Hospitals that wait after a failure", metrics.waiting.clone());
        registry.register("objects", "Hospitals that the operator watches", metrics.objects.clone());
        registry.register(
            "drift_noticed",
            "Passes asked for because MongoDB was changed, by how it was noticed: stream or comparison",
            metrics.drift_noticed.clone(),
        );
        registry.register(
            "drift_healed",
            "What was mended on hospitals that were ready, by the reason of its Event",
            metrics.drift_healed.clone(),
        );
        registry.register(
            "full_comparisons",
            "How often every hospital was compared because changes may have been missed",
            metrics.full_comparisons.clone(),
        );
        registry.register(
            "change_stream_open",
            "1 while a change stream shows changes of collections and indexes, 0 while the resync is alone",
            metrics.stream_open.clone(),
        );
        registry.register(
            "data_loss_suspected",
            "Hospitals that lost collections, which nobody has acknowledged",
            metrics.data_loss.clone(),
        );
        registry.register("build", "The version that runs", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        Self { registry, ..metrics }
    }
}

impl Metrics {
    pub fn pass(&self, outcome: Result<(), Reason>, took: Duration) {
        let labels = match outcome {
            Ok(()) => Outcome { result: "success", reason: "" },
            Err(reason) => Outcome { result: "failure", reason: reason.as_str() },
        };
        self.passes.get_or_create(&labels).inc();
        self.pass_duration.observe(took.as_secs_f64());
    }

    pub fn became_ready(&self, after: k8s_openapi::jiff::SignedDuration) {
        self.time_to_ready.observe(after.as_secs_f64().max(0.0));
    }

    pub fn drift_noticed(&self, source: Source) {
        self.drift_noticed.get_or_create(&By { source: source.name() }).inc();
    }

    /// A hospital that was ready was changed, but not because somebody asked for it.
    pub fn mended(&self, reason: &'static str) {
        if !matches!(reason, events::CREDENTIALS_ROTATED | events::DATA_LOSS_ACKNOWLEDGED) {
            self.drift_healed.get_or_create(&For { reason }).inc();
        }
    }

    pub fn compared_all(&self) {
        self.full_comparisons.inc();
    }

    pub fn stream_open(&self, open: bool) {
        self.stream_open.set(open.into());
    }

    /// Everything in the text format, with the gauges that are read at this moment.
    pub fn render(&self, mongodb_usable: bool, waiting: usize, objects: usize, data_loss: usize) -> String {
        self.data_loss.set(i64::try_from(data_loss).unwrap_or(i64::MAX));
        self.mongodb_usable.set(mongodb_usable.into());
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.objects.set(i64::try_from(objects).unwrap_or(i64::MAX));
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
