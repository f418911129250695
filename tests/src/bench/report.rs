//! What a run measured and under which conditions: a table for people, JSON for comparing runs.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use crate::statistics::Summary;

#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub conditions: Conditions,
    pub scenarios: Vec<Scenario>,
}

/// What the figures depend on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Conditions {
    pub operator: String,
    pub kubernetes: String,
    pub mongodb: String,
    /// Whether writes to Kubernetes wait for the disk.
    pub etcd: String,
    pub cores: usize,
    /// The system's load average over a minute: whatever else runs on the machine disturbs the figures.
    pub load_at_start: String,
    pub load_at_end: String,
    /// What ran, when, on what; an earlier report may not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
}

/// One run of the benchmark.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// The commit, with `-dirty` behind it where the tree had changes that are in none.
    pub commit: String,
    /// How everything was compiled.
    pub profile: String,
    /// Whether it only looked if all of it works.
    pub quick: bool,
    /// In UTC.
    pub began: String,
    pub processor: String,
    pub kernel: String,
    pub memory_mib: u64,
    /// What one password hash took at the start and at the end, in milliseconds: how fast the machine was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<[f64; 2]>,
    /// The scenarios that ended in an error, and so are missing or lack some of their figures.
    pub failed: Vec<String>,
}

impl Conditions {
    /// Whether more was waiting for a processor when it began than there are processors.
    fn is_busy(&self) -> bool {
        let cores = u32::try_from(self.cores).unwrap_or(u32::MAX);
        self.load_at_start.parse::<f64>().is_ok_and(|load| load > f64::from(cores))
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Scenario {
    pub name: String,
    /// In words: what was done, how often.
    pub method: String,
    pub rows: Vec<Row>,
    /// What else is worth knowing; printed under the table.
    pub notes: Vec<String>,
    /// The error that it ended with, where not all of it could be measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_early: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Row {
    pub what: String,
    pub unit: Unit,
    pub summary: Summary,
    /// In the order in which they were measured.
    pub values: Vec<f64>,
    pub target: Option<Target>,
    pub met: Option<bool>,
    /// Of a figure that grows with the fleet: which, and where on its curve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<Point>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Point {
    pub curve: String,
    pub hospitals: f64,
}

/// What the median should be.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    AtMost(f64),
    AtLeast(f64),
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Unit {
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "µs")]
    Microseconds,
    #[serde(rename = "/s")]
    PerSecond,
    #[serde(rename = "%")]
    Percent,
    #[serde(rename = "ratio")]
    Ratio,
    #[serde(rename = "KiB")]
    Kibibytes,
    #[serde(rename = "MiB")]
    Mebibytes,
    /// Of a thousand bytes, in which the budgets of the front end are.
    #[serde(rename = "kB")]
    Kilobytes,
    #[serde(rename = "requests")]
    Requests,
    #[serde(rename = "writes")]
    Writes,
    #[serde(rename = "files")]
    Files,
    #[serde(rename = "hospitals")]
    Hospitals,
}

impl Row {
    /// `None` when nothing was measured.
    pub fn new(what: impl Into<String>, unit: Unit, values: &[f64]) -> Option<Self> {
        Some(Self {
            what: what.into(),
            unit,
            summary: Summary::of(values)?,
            values: values.to_vec(),
            target: None,
            met: None,
            point: None,
        })
    }

    pub fn at_most(self, target: f64) -> Self {
        let met = self.summary.median <= target;
        Self { target: Some(Target::AtMost(target)), met: Some(met), ..self }
    }

    /// Nothing where there is none.
    pub fn shown_target(&self) -> String {
        match self.target {
            Some(Target::AtMost(most)) => format!("≤ {}", self.unit.show(most)),
            Some(Target::AtLeast(least)) => format!("≥ {}", self.unit.show(least)),
            None => String::new(),
        }
    }

    pub fn verdict(&self) -> &'static str {
        match self.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        }
    }

    pub fn of_curve(self, curve: &str, hospitals: f64) -> Self {
        Self { point: Some(Point { curve: curve.to_owned(), hospitals }), ..self }
    }

    pub fn at_least(self, target: f64) -> Self {
        let met = self.summary.median >= target;
        Self { target: Some(Target::AtLeast(target)), met: Some(met), ..self }
    }
}

/// In one line, for who looks on while more is measured.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.unit.show(self.summary.median))
    }
}

impl Unit {
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Microseconds => "µs",
            Self::PerSecond => "per second",
            Self::Percent => "%",
            Self::Ratio => "×",
            Self::Kibibytes => "KiB",
            Self::Mebibytes => "MiB",
            Self::Kilobytes => "kB",
            Self::Requests => "requests",
            Self::Writes => "writes",
            Self::Files => "files",
            Self::Hospitals => "hospitals",
        }
    }

    pub fn show(self, value: f64) -> String {
        let symbol = self.symbol();
        match self {
            Self::PerSecond => format!("{value:.1}/s"),
            Self::Microseconds | Self::Requests | Self::Writes | Self::Files | Self::Hospitals => {
                format!("{value:.0} {symbol}")
            }
            Self::Ratio => format!("{value:.2} {symbol}"),
            Self::Milliseconds | Self::Percent | Self::Kibibytes | Self::Mebibytes | Self::Kilobytes => {
                format!("{value:.1} {symbol}")
            }
        }
    }
}

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operator, kubernetes, mongodb, etcd, cores, load_at_start, load_at_end, run } = self;
        writeln!(f, "ChakraVue {operator}, Kubernetes {kubernetes} ({etcd}), MongoDB {mongodb}")?;
        writeln!(f, "{cores} cores; load average {load_at_start} at the start, {load_at_end} at the end")?;
        if let Some(run) = run {
            let Run { commit, profile, quick, began, processor, kernel, memory_mib, hash, failed } = run;
            writeln!(
                f,
                "commit {commit}, {profile} profile, begun {began}; {processor}, {memory_mib} MiB, Linux {kernel}"
            )?;
            if let Some([start, end]) = hash {
                writeln!(
                    f,
                    "One password hash (argon2id, 19 MiB, two passes) took {start:.1} ms at the start, {end:.1} ms at the end: so \
                     fast was one core"
                )?;
            }
            if *quick {
                writeln!(f, "A quick run: whether everything works, not how fast it is.")?;
            }
            if !failed.is_empty() {
                writeln!(f, "Not measured, or not all of it, because of an error: {}", failed.join(", "))?;
            }
        }
        if self.is_busy() {
            writeln!(
                f,
                "The machine had other work to do: these figures decide nothing; measure again when it is idle."
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.conditions)?;
        self.scenarios.iter().try_for_each(|scenario| write!(f, "\n{scenario}"))
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.name, self.method)?;
        let columns = ["", "median", "min", "quartile", "quartile", "max", "target", ""].map(str::to_owned);
        let mut lines = vec![columns];
        lines.extend(self.rows.iter().map(|row| {
            let Summary { median, min, first_quartile, third_quartile, max, .. } = row.summary;
            let [median, min, first, third, max] =
                [median, min, first_quartile, third_quartile, max].map(|value| row.unit.show(value));
            [row.what.clone(), median, min, first, third, max, row.shown_target(), row.verdict().to_owned()]
        }));
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
        let widths: [usize; 8] = std::array::from_fn(width);
        for line in &lines {
            let mut text = String::new();
            for (column, (cell, width)) in line.iter().zip(widths).enumerate() {
                if column == 0 || column == 7 {
                    write!(text, "  {cell:<width$}")?;
                } else {
                    write!(text, "  {cell:>width$}")?;
                }
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        if let Some(error) = &self.ended_early {
            writeln!(f, "  It ended before everything was measured: {error}")?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "  {note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_whether_its_target_is_met() {
        let row = |values: &[f64]| Row::new("x", Unit::Ratio, values).unwrap().at_most(1.0).met;
        assert_eq!(row(&[0.9, 1.0, 9.0]), Some(true));
        assert_eq!(row(&[0.9, 1.1, 1.2]), Some(false));
        let at_least = |values: &[f64]| Row::new("x", Unit::Ratio, values).unwrap().at_least(1.0).met;
        assert_eq!(at_least(&[0.9, 1.1, 1.2]), Some(true));
        assert_eq!(at_least(&[0.1, 0.9, 1.2]), Some(false));
        assert!(Row::new("nothing", Unit::Ratio, &[]).is_none());
    }

    #[test]
    fn columns_stand_under_each_other() {
        let rows = [("short", 1.0), ("much longer", 1000.0)]
            .map(|(what, value)| Row::new(what, Unit::Milliseconds, &[value]).unwrap())
            .into();
        let scenario = Scenario {
            name: "x".to_owned(),
            method: "y".to_owned(),
            rows,
            notes: vec!["z".to_owned()],
            ended_early: None,
        };
        let text = scenario.to_string();
        let ends: Vec<_> = text.lines().skip(1).take(3).map(|line| line.chars().count()).collect();
        assert_eq!(ends[1], ends[2], "{text}");
    }
}
