//! What one size of the fleet came to, as rows, and what each hospital more costs.

use chakravue_testbed::proxy::Traffic;

use crate::{
    drift,
    load::count,
    one_tenant::{TO_FASTEST, TO_SCRIPT, Times},
    report::{Row, Unit},
    statistics::{Summary, percentile, slope},
};

/// What one size of the fleet came to.
pub struct Measured {
    pub made_per_second: f64,
    /// One more, beside the raw driver.
    pub one_more: Times,
    pub drift: drift::Times,
    /// From the operator's start, in milliseconds: until its probe answers 200, several times, and until a hospital is
    /// ready that was applied in that moment.
    pub ready: Vec<f64>,
    pub first_work: f64,
    /// What each of these starts asked of the API server.
    pub start: Vec<Traffic>,
    pub resync: Resync,
    pub memory: f64,
    pub api_memory: f64,
    pub mongodb: MongodbState,
}

/// What so many databases are to MongoDB.
pub struct MongodbState {
    /// In MiB.
    pub memory: f64,
    pub open_files: f64,
    /// In milliseconds: as it does one every minute.
    pub checkpoint: f64,
}

/// Every hospital is looked at once.
pub struct Resync {
    /// The processor time that this took, in milliseconds, and what the API server answered, in KiB.
    pub took: f64,
    pub answered: f64,
    /// To both servers.
    pub writes: f64,
    /// The same of an operator that has nothing to look at in as long a time.
    pub idle: f64,
    pub idle_answered: f64,
    pub idle_writes: f64,
    /// In milliseconds.
    pub spread: f64,
}

impl Measured {
    /// What the API server answered to each start, in KiB.
    fn start_answered(&self) -> Vec<f64> {
        self.start.iter().map(|start| kibibytes(start.bytes)).collect()
    }

    pub fn rows(&self, size: usize, is_last: bool) -> Vec<Row> {
        let rows = |what: &str, unit, values: &[f64]| {
            Some(Row::new(format!("{size} hospitals: {what}"), unit, values)?.of_curve(what, count(size)))
        };
        let row = |what: &str, unit, value: f64| rows(what, unit, &[value]);
        let most_memory = 40.0 + count(size) * 10.0 / 1024.0;
        let Resync { took, answered, writes, idle, idle_answered, idle_writes, spread } = self.resync;
        let start_requests: Vec<f64> = self.start.iter().map(|start| number(start.requests)).collect();
        let drift = self.drift.concat();
        let slowest = percentile(&drift, 0.99).map(|p99| vec![p99]).unwrap_or_default();
        let resync = row("full resync, processor time", Unit::Milliseconds, took);
        [
            row("made, first apply to last Ready", Unit::PerSecond, self.made_per_second),
            rows("one more, apply to Ready", Unit::Milliseconds, &self.one_more.operator),
            rows("one more, operator / raw driver one after another", Unit::Ratio, &self.one_more.beside_script())
                .map(|row| row.at_most(TO_SCRIPT)),
            rows("one more, operator / raw driver in its fastest order", Unit::Ratio, &self.one_more.beside_fastest())
                .map(|row| row.at_most(TO_FASTEST)),
            rows("drift of any kind, until healed", Unit::Milliseconds, &drift),
            rows("drift of any kind, p99", Unit::Milliseconds, &slowest).map(|row| row.at_most(drift::TARGET)),
            rows("operator started anew, until its probe answers", Unit::Milliseconds, &self.ready)
                .map(|row| row.at_most(1000.0)),
            row("the same, until one more hospital is ready", Unit::Milliseconds, self.first_work),
            rows("operator started anew, answered by the API server", Unit::Kibibytes, &self.start_answered()),
            rows("operator started anew, requests to the API server", Unit::Requests, &start_requests),
            if is_last { resync.map(|row| row.at_most(2000.0)) } else { resync },
            Row::new(format!("{size} hospitals: full resync, writes to both servers"), Unit::Writes, &[writes])
                .map(|row| row.at_most(0.0)),
            Row::new(
                format!("{size} hospitals: idle for as long, writes to both servers"),
                Unit::Writes,
                &[idle_writes],
            )
            .map(|row| row.at_most(0.0)),
            row("idle for as long, processor time", Unit::Milliseconds, idle),
            row("both together, processor time", Unit::Milliseconds, took + idle),
            row("full resync, answered by the API server", Unit::Kibibytes, answered),
            row("idle for as long, answered by the API server", Unit::Kibibytes, idle_answered),
            Row::new(format!("{size} hospitals: full resync, spread over"), Unit::Milliseconds, &[spread]),
            row("operator's memory", Unit::Mebibytes, self.memory).map(|row| row.at_most(most_memory)),
            row("API's memory", Unit::Mebibytes, self.api_memory),
            row("MongoDB's memory", Unit::Mebibytes, self.mongodb.memory),
            row("MongoDB's open files", Unit::Files, self.mongodb.open_files),
            row("a checkpoint of MongoDB", Unit::Milliseconds, self.mongodb.checkpoint),
        ]
        .into_iter()
        .flatten()
        .chain(if is_last { drift::rows(&self.drift) } else { Vec::new() })
        .collect()
    }
}

fn median(values: &[f64]) -> f64 {
    Summary::of(values).map_or(0.0, |values| values.median)
}

/// What each hospital more costs, by the line that fits all sizes best.
pub fn slopes(sizes: &[usize], measured: &[Measured]) -> Vec<Row> {
    let per_hospital = |what: &str, unit, factor: f64, of: fn(&Measured) -> f64| {
        let points: Vec<(f64, f64)> =
            sizes.iter().zip(measured).map(|(&size, measured)| (count(size), of(measured))).collect();
        Row::new(what, unit, &[slope(&points)? * factor])
    };
    [
        per_hospital("each hospital more: one more, apply to Ready", Unit::Microseconds, 1000.0, |measured| {
            median(&measured.one_more.operator)
        }),
        per_hospital("each hospital more: drift until healed", Unit::Microseconds, 1000.0, |measured| {
            median(&measured.drift.concat())
        }),
        // What it may be is bounded together with that of no hospital.
        per_hospital("each hospital more: memory", Unit::Kibibytes, 1024.0, |measured| measured.memory),
        per_hospital("each hospital more: API's memory", Unit::Kibibytes, 1024.0, |measured| measured.api_memory),
        per_hospital("each hospital more: a resync, answered by the API server", Unit::Kibibytes, 1.0, |measured| {
            measured.resync.answered
        }),
        per_hospital("each hospital more: processor time of a resync", Unit::Microseconds, 1000.0, |measured| {
            measured.resync.took
        }),
        per_hospital("each hospital more: processor time of as long a time", Unit::Microseconds, 1000.0, |measured| {
            measured.resync.idle
        }),
        per_hospital("each hospital more: start until ready", Unit::Microseconds, 1000.0, |measured| {
            median(&measured.ready)
        }),
        per_hospital("each hospital more: start until one more is ready", Unit::Microseconds, 1000.0, |measured| {
            measured.first_work
        }),
        per_hospital("each hospital more: a start, answered by the API server", Unit::Kibibytes, 1.0, |measured| {
            median(&measured.start_answered())
        }),
        per_hospital("each hospital more: MongoDB's memory", Unit::Kibibytes, 1024.0, |measured| {
            measured.mongodb.memory
        }),
        per_hospital("each hospital more: MongoDB's open files", Unit::Files, 1.0, |measured| {
            measured.mongodb.open_files
        }),
        per_hospital("each hospital more: a checkpoint of MongoDB", Unit::Microseconds, 1000.0, |measured| {
            measured.mongodb.checkpoint
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub fn number(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

pub fn kibibytes(bytes: u64) -> f64 {
    number(bytes) / 1024.0
}
