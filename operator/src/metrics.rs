//! Prometheus metrics; `docs/observability.md` has the table of them. Labels are few and known beforehand: reasons, classes,
//! kinds, phases and plans, and a hospital's name only where somebody asked for that.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chakravue_crds::{
    conditions::{ConditionType, Reason},
    organization::Phase,
    plans::Plan,
    tenant_schema,
};
use k8s_openapi::jiff::SignedDuration;
use kube::ResourceExt as _;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};

use crate::{
    capacity::usage::{Resource, Usage},
    drift::kind::{Kind, Source},
    echoes::Watched,
    orphans::orphan,
    turns::class::{Class, Depth},
};

/// Declares a set of labels that all are names known at compile time.
macro_rules! labels {
    ($($name:ident { $($label:ident),+ })+) => {$(
        #[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
        struct $name { $($label: &'static str),+ }
    )+};
}

labels! {
    Outcome { result, reason }
    BySource { source }
    ByKind { kind }
    ByClass { class }
    ByResource { resource }
    ByCommand { command, result }
    ByPhaseAndPlan { phase, plan }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfHospital {
    namespace: String,
    name: String,
}

/// Makes a histogram from a few milliseconds, or less, to minutes.
#[derive(Clone, Copy)]
struct Buckets {
    first: f64,
    count: u16,
}

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(exponential_buckets(self.first, 2.0, self.count))
    }
}

type Histograms<L> = Family<L, Histogram, Buckets>;

pub struct Metrics {
    registry: Registry,
    passes: Family<Outcome, Counter>,
    pass_duration: Histogram,
    time_to_ready: Histogram,
    queue_depth: Family<ByClass, Gauge>,
    queue_wait: Histograms<ByClass>,
    running: Gauge,
    migrating: Gauge,
    repairs: Gauge,
    waiting: Gauge,
    drift_noticed: Family<BySource, Counter>,
    drift_found: Family<ByKind, Counter>,
    drift_healed: Family<ByKind, Counter>,
    full_comparisons: Counter,
    stream_open: Gauge,
    data_loss: Gauge,
    objects: Gauge,
    hospitals: Family<ByPhaseAndPlan, Gauge>,
    orphans: Family<ByKind, Gauge>,
    capacity_used: Family<ByResource, Gauge>,
    capacity_budget: Family<ByResource, Gauge>,
    refused: Gauge,
    mongodb_usable: Gauge,
    commands: Histograms<ByCommand>,
    leader: Gauge,
    /// Only where somebody asked for a label per hospital.
    per_hospital: Option<PerHospital>,
}

#[derive(Clone, Default)]
struct PerHospital {
    ready: Family<OfHospital, Gauge>,
    users: Family<OfHospital, Gauge>,
}

/// What is looked at when somebody asks for the metrics.
pub struct Now<'a> {
    pub mongodb_usable: bool,
    pub leads: bool,
    pub in_backoff: usize,
    pub queue: Depth,
    pub repairs: usize,
    pub hospitals: &'a [Arc<Watched>],
    pub capacity: Option<Usage>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(false)
    }
}

impl Metrics {
    pub fn new(per_hospital: bool) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("chakravue_operator"),
            passes: Family::default(),
            pass_duration: Buckets { first: 0.005, count: 12 }.new_metric(),
            time_to_ready: Buckets { first: 0.05, count: 14 }.new_metric(),
            queue_depth: Family::default(),
            queue_wait: Family::new_with_constructor(Buckets { first: 0.001, count: 16 }),
            running: Gauge::default(),
            migrating: Gauge::default(),
            repairs: Gauge::default(),
            waiting: Gauge::default(),
            drift_noticed: Family::default(),
            drift_found: Family::default(),
            drift_healed: Family::default(),
            full_comparisons: Counter::default(),
            stream_open: Gauge::default(),
            data_loss: Gauge::default(),
            objects: Gauge::default(),
            hospitals: Family::default(),
            orphans: Family::default(),
            capacity_used: Family::default(),
            capacity_budget: Family::default(),
            refused: Gauge::default(),
            mongodb_usable: Gauge::default(),
            commands: Family::new_with_constructor(Buckets { first: 0.0005, count: 15 }),
            leader: Gauge::default(),
            per_hospital: per_hospital.then(PerHospital::default),
        };
        metrics.register();
        metrics.begin_at_zero();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("reconciles", "Passes over hospitals by result and reason", self.passes.clone());
        let duration = self.pass_duration.clone();
        r.register_with_unit("reconcile_duration", "How long one pass takes", Unit::Seconds, duration);
        let ready = self.time_to_ready.clone();
        r.register_with_unit("time_to_ready", "From a hospital's creation to its first Ready", Unit::Seconds, ready);
        r.register("queue_depth", "Hospitals that wait for their pass, by why", self.queue_depth.clone());
        let wait = self.queue_wait.clone();
        r.register_with_unit("queue_wait", "How long a hospital waited for its pass, by why", Unit::Seconds, wait);
        r.register("reconciles_running", "Passes that run now", self.running.clone());
        r.register("migrations_running", "Databases that are being migrated now", self.migrating.clone());
        r.register("repairs_running", "Indexes and validators that are being mended now", self.repairs.clone());
        r.register("objects_in_backoff", "Hospitals that wait after a failure", self.waiting.clone());
        r.register("drift_noticed", "Passes asked for because MongoDB was changed", self.drift_noticed.clone());
        r.register("drift_found", "What differed on hospitals that were ready, by kind", self.drift_found.clone());
        r.register("drift_healed", "What was mended on hospitals that were ready, by kind", self.drift_healed.clone());
        let comparisons = self.full_comparisons.clone();
        r.register("full_comparisons", "How often every hospital was compared, as changes may be missed", comparisons);
        r.register(
            "change_stream_open",
            "1 while a change stream shows changes of structure",
            self.stream_open.clone(),
        );
        r.register("data_loss_suspected", "Hospitals with a loss that nobody has acknowledged", self.data_loss.clone());
        r.register("objects", "Hospitals that the operator watches", self.objects.clone());
        r.register("hospitals", "Hospitals by phase and plan", self.hospitals.clone());
        r.register("orphans", "What has lost its counterpart, by kind, at the last look", self.orphans.clone());
        r.register("capacity_used", "What MongoDB has in use of a resource", self.capacity_used.clone());
        r.register("capacity_budget", "How much of a resource may be in use", self.capacity_budget.clone());
        r.register("capacity_refused", "Hospitals that wait for room in MongoDB", self.refused.clone());
        r.register("mongodb_usable", "1 while MongoDB can be used, else 0", self.mongodb_usable.clone());
        let commands = self.commands.clone();
        r.register_with_unit("mongodb_command_duration", "How long MongoDB takes to answer", Unit::Seconds, commands);
        r.register("leader", "1 while this process does the work, 0 while it stands by", self.leader.clone());
        let schema = tenant_schema::VERSION.to_string();
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION").to_owned()), ("schema_version", schema)]);
        r.register("build", "The version that runs, and of the tenant schema that it brings", build);
        if let Some(per_hospital) = &self.per_hospital {
            r.register("hospital_ready", "1 while the hospital is ready, else 0", per_hospital.ready.clone());
            r.register("hospital_users", "Users with a seat at the last look", per_hospital.users.clone());
        }
    }

    /// What has not happened yet is there all the same, so that an alert on it knows its name.
    fn begin_at_zero(&self) {
        let _ = self.passes.get_or_create(&Outcome { result: "success", reason: "" });
        for class in Class::ALL.map(|class| ByClass { class: class.name() }) {
            let _ = self.queue_depth.get_or_create(&class);
            let _ = self.queue_wait.get_or_create(&class);
        }
        for source in [Source::Stream, Source::Comparison].map(|source| BySource { source: source.name() }) {
            let _ = self.drift_noticed.get_or_create(&source);
        }
        for kind in Kind::ALL.map(|kind| ByKind { kind: kind.name() }) {
            let _ = self.drift_found.get_or_create(&kind);
            let _ = self.drift_healed.get_or_create(&kind);
        }
        for kind in orphan::Kind::ALL.map(|kind| ByKind { kind: kind.name() }) {
            let _ = self.orphans.get_or_create(&kind);
        }
        for resource in Resource::ALL.map(|resource| ByResource { resource: resource.name() }) {
            let _ = self.capacity_used.get_or_create(&resource);
        }
        let _ = self.commands.get_or_create(&ByCommand { command: "hello", result: "ok" });
    }

    pub fn pass(&self, outcome: Result<(), Reason>, took: Duration) {
        let labels = match outcome {
            Ok(()) => Outcome { result: "success", reason: "" },
            Err(reason) => Outcome { result: "failure", reason: reason.as_str() },
        };
        self.passes.get_or_create(&labels).inc();
        self.pass_duration.observe(took.as_secs_f64());
    }

    pub fn waited(&self, class: Class, took: Duration) {
        self.queue_wait.get_or_create(&ByClass { class: class.name() }).observe(took.as_secs_f64());
    }

    pub fn became_ready(&self, after: SignedDuration) {
        self.time_to_ready.observe(after.as_secs_f64().max(0.0));
    }

    pub fn drift_noticed(&self, source: Source) {
        self.drift_noticed.get_or_create(&BySource { source: source.name() }).inc();
    }

    pub fn drift_found(&self, kind: Kind) {
        self.drift_found.get_or_create(&ByKind { kind: kind.name() }).inc();
    }

    pub fn drift_healed(&self, kind: Kind) {
        self.drift_healed.get_or_create(&ByKind { kind: kind.name() }).inc();
    }

    pub fn compared_all(&self) {
        self.full_comparisons.inc();
    }

    pub fn stream_open(&self, open: bool) {
        self.stream_open.set(open.into());
    }

    pub fn answered(&self, command: &'static str, ok: bool, took: Duration) {
        let result = if ok { "ok" } else { "error" };
        self.commands.get_or_create(&ByCommand { command, result }).observe(took.as_secs_f64());
    }

    pub fn orphans(&self, counts: &HashMap<orphan::Kind, usize>) {
        for kind in orphan::Kind::ALL {
            let count = counts.get(&kind).copied().unwrap_or_default();
            self.orphans.get_or_create(&ByKind { kind: kind.name() }).set(whole(count));
        }
    }

    /// Everything in the text format, with what is looked at at this moment.
    pub fn render(&self, now: &Now<'_>) -> String {
        self.mongodb_usable.set(now.mongodb_usable.into());
        self.leader.set(now.leads.into());
        self.waiting.set(whole(now.in_backoff));
        for class in Class::ALL {
            let depth = now.queue.waiting.get(&class).copied().unwrap_or_default();
            self.queue_depth.get_or_create(&ByClass { class: class.name() }).set(whole(depth));
        }
        self.running.set(whole(now.queue.running));
        self.migrating.set(whole(now.queue.migrating));
        self.repairs.set(whole(now.repairs));
        if let Some(usage) = &now.capacity {
            for (resource, used, budget) in usage.rows() {
                let resource = ByResource { resource: resource.name() };
                self.capacity_used.get_or_create(&resource).set(used);
                if let Some(budget) = budget {
                    self.capacity_budget.get_or_create(&resource).set(budget);
                } else {
                    self.capacity_budget.remove(&resource);
                }
            }
        }
        self.count(now.hospitals);
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    fn count(&self, hospitals: &[Arc<Watched>]) {
        let mut counts: HashMap<ByPhaseAndPlan, usize> = HashMap::new();
        let (mut lost, mut refused) = (0_usize, 0_usize);
        if let Some(per_hospital) = &self.per_hospital {
            per_hospital.ready.clear();
            per_hospital.users.clear();
        }
        for hospital in hospitals {
            let Ok(hospital) = &hospital.0 else {
                *counts.entry(ByPhaseAndPlan { phase: Phase::Failed.as_str(), plan: "" }).or_default() += 1;
                continue;
            };
            let status = hospital.status.as_ref();
            let ready = status.and_then(|status| {
                status.conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str())
            });
            let phase = status.and_then(|status| status.phase).map_or("", Phase::as_str);
            *counts.entry(ByPhaseAndPlan { phase, plan: hospital.spec.plan.name() }).or_default() += 1;
            lost += usize::from(status.is_some_and(|status| status.data_loss.is_some()));
            refused += usize::from(ready.is_some_and(|ready| ready.reason == Reason::CapacityExhausted.as_str()));
            if let Some(per_hospital) = &self.per_hospital {
                let of = OfHospital { namespace: hospital.namespace().unwrap_or_default(), name: hospital.name_any() };
                let users = status.and_then(|status| status.users.as_ref()).map_or(0, |users| users.current);
                per_hospital.users.get_or_create(&of).set(users);
                per_hospital.ready.get_or_create(&of).set(ready.is_some_and(|ready| ready.status == "True").into());
            }
        }
        self.objects.set(whole(hospitals.len()));
        self.data_loss.set(whole(lost));
        self.refused.set(whole(refused));
        self.hospitals.clear();
        for plan in Plan::ALL {
            counts.entry(ByPhaseAndPlan { phase: Phase::Active.as_str(), plan: plan.name() }).or_default();
        }
        for (labels, count) in counts {
            self.hospitals.get_or_create(&labels).set(whole(count));
        }
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Everything that can be exported, with a hospital of its own.
    fn exported(metrics: &Metrics) -> String {
        metrics.pass(Err(Reason::MongoDbError), Duration::ZERO);
        render(metrics, &[hospital()], Some(Usage::limited()))
    }

    fn render(metrics: &Metrics, hospitals: &[Arc<Watched>], capacity: Option<Usage>) -> String {
        let queue = Depth::default();
        metrics.render(&Now {
            mongodb_usable: true,
            leads: true,
            in_backoff: 0,
            queue,
            repairs: 0,
            hospitals,
            capacity,
        })
    }

    fn hospital() -> Arc<Watched> {
        let hospital = serde_json::from_value(serde_json::json!({
            "apiVersion": "chakravue.io/v1alpha1", "kind": "HospitalOrganization",
            "metadata": { "name": "st-marys", "namespace": "wards", "uid": "u" },
            "spec": { "displayName": "A", "contact": { "email": "a@b.example" }, "plan": "Starter" },
            "status": { "phase": "Active", "users": { "current": 7, "seats": "7/20" } },
        }));
        Arc::new(kube::core::DeserializeGuard(Ok(hospital.unwrap())))
    }

    const DOCUMENTATION: &str = include_str!("../../docs/observability.md");

    /// The rows of the table: name, type, labels, meaning. The table of alerts beside it has expressions and no types.
    fn documented() -> Vec<[&'static str; 4]> {
        let rows = DOCUMENTATION.lines().filter(|line| line.starts_with("| `chakravue_operator_"));
        let cells = rows.map(|row| row.trim_matches('|').splitn(4, '|').map(str::trim).collect::<Vec<_>>());
        let rows = cells.filter_map(|cells| <[&str; 4]>::try_from(cells).ok());
        rows.filter(|[_, type_, ..]| ["counter", "gauge", "histogram", "info"].contains(type_)).collect()
    }

    /// The words that stand in backticks.
    fn words(cell: &str) -> BTreeSet<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    /// Every metric, as Prometheus knows it, with its type.
    fn names(text: &str) -> BTreeSet<(String, String)> {
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let named = types.map(|line| line.split_once(' ').unwrap());
        named.map(|(name, type_)| (format!("{name}{}", suffix(type_)), type_.to_owned())).collect()
    }

    fn suffix(type_: &str) -> &'static str {
        match type_ {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        }
    }

    #[test]
    fn the_table_in_the_documentation_is_what_is_exported() {
        let exported = names(&exported(&Metrics::new(true)));
        let documented =
            documented().into_iter().map(|[name, type_, ..]| (name.trim_matches('`').to_owned(), type_.to_owned()));
        assert_eq!(documented.collect::<BTreeSet<_>>(), exported);
    }

    #[test]
    fn labels_in_the_documentation_are_what_is_exported_and_their_values_are_told() {
        // What says itself, is a name, or stands in a table of its own.
        const TOLD_ELSEWHERE: [&str; 8] =
            ["reason", "phase", "plan", "command", "version", "schema_version", "namespace", "name"];
        let text = exported(&Metrics::new(true));
        let mut labels: HashMap<&str, BTreeSet<String>> = HashMap::new();
        let mut values: HashMap<&str, BTreeSet<String>> = HashMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, of) =
                line.split_once(' ').unwrap().0.split_once('{').unwrap_or((line.split_once(' ').unwrap().0, ""));
            let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
            let name = histogram.unwrap_or(name);
            for (label, value) in of.trim_end_matches('}').split(',').filter_map(|label| label.split_once('=')) {
                let value = value.trim_matches('"');
                if label != "le" {
                    labels.entry(name).or_default().insert(label.to_owned());
                }
                if label != "le" && !TOLD_ELSEWHERE.contains(&label) {
                    values.entry(name).or_default().insert(value.to_owned());
                }
            }
        }
        for [name, _, its, meaning] in documented() {
            let name = name.trim_matches('`');
            assert_eq!(words(its), labels.remove(name).unwrap_or_default(), "labels of {name}");
            let told = words(meaning);
            let values = values.remove(name).unwrap_or_default();
            // The same words as in the row that it refers to.
            if !["queue_wait_seconds", "drift_healed_total", "capacity_budget"]
                .iter()
                .any(|other| name.ends_with(other))
            {
                assert!(values.is_subset(&told), "values of {name}: {values:?}, of which the table tells {told:?}");
            }
        }
        assert!(labels.is_empty(), "{labels:?}");
    }

    #[test]
    fn no_label_names_a_hospital_unless_somebody_asked_for_it() {
        for (asked, named) in [(false, false), (true, true)] {
            let text = render(&Metrics::new(asked), &[hospital()], None);
            assert_eq!(text.contains("st-marys"), named, "{text}");
            assert!(text.contains("chakravue_operator_hospitals{phase=\"Active\",plan=\"Starter\"} 1"), "{text}");
        }
    }
}
