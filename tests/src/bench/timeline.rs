//! Where the time of one hospital goes, told by the servers themselves: mongod's log of every command, with its
//! duration, and the API server's audit log of every write. The operator runs unchanged and without a proxy.

use std::{fmt, path::Path, time::Duration};

use anyhow::Context as _;
use k8s_openapi::jiff::{Timestamp, Unit};
use mongodb::{Client, bson::doc};
use serde_json::Value;

/// Whatever a server did meanwhile, in order of its start.
pub struct Timeline {
    entries: Vec<Entry>,
    ready: Duration,
}

struct Entry {
    start: f64,
    took: f64,
    server: &'static str,
    what: String,
}

impl Timeline {
    /// Records what happens during `work`, which makes the hospital `name` and answers how long that took.
    pub async fn record(
        mongodb: &Client,
        audit_log: Option<&Path>,
        name: &str,
        work: impl Future<Output = anyhow::Result<Duration>>,
    ) -> anyhow::Result<Self> {
        let admin = mongodb.database("admin");
        // Below zero: every command is slow. Nothing is written into any database.
        let before = admin.run_command(doc! { "profile": 0, "slowms": -1 }).await.context("log every command")?;
        let start = Timestamp::now();
        let ready = work.await;
        admin.run_command(doc! { "profile": 0, "slowms": before.get_i32("slowms").unwrap_or(100) }).await?;
        let ready = ready?;

        let window = |at: &f64| (0.0..=ready.as_secs_f64() * 1e3 + 50.0).contains(at);
        let log = admin.run_command(doc! { "getLog": "global" }).await.context("read mongod's log")?;
        let lines = log.get_array("log").context("mongod gives no log")?.iter().filter_map(|line| line.as_str());
        let mut entries: Vec<Entry> = lines.filter_map(|line| of_mongod(line, start)).collect();
        if let Some(path) = audit_log {
            let lines = tokio::fs::read_to_string(path).await.context("read the audit log")?;
            entries.extend(lines.lines().filter(|line| line.contains(name)).filter_map(|line| of_audit(line, start)));
        }
        entries.retain(|entry| window(&entry.start));
        entries.sort_by(|a, b| a.start.total_cmp(&b.start));
        Ok(Self { entries, ready })
    }
}

fn of_mongod(text: &str, start: Timestamp) -> Option<Entry> {
    let line: Value = serde_json::from_str(text).ok()?;
    let attributes = &line["attr"];
    if attributes["appName"] != "chakravue-operator" {
        return None;
    }
    let took = attributes["durationMillis"].as_f64()?;
    let end = since(start, line["t"]["$date"].as_str()?)?;
    // A command's name is its first field, and the parser does not keep the order of fields.
    let (_, command) = text.split_once("\"command\":{\"")?;
    let (name, _) = command.split_once('"')?;
    let target = match attributes["command"][name].as_str() {
        Some(collection) => collection,
        None => attributes["ns"].as_str()?,
    };
    Some(Entry { start: end - took, took, server: "mongodb", what: format!("{name} {target}") })
}

fn of_audit(line: &str, start: Timestamp) -> Option<Entry> {
    let line: Value = serde_json::from_str(line).ok()?;
    let begun = since(start, line["requestReceivedTimestamp"].as_str()?)?;
    let ended = since(start, line["stageTimestamp"].as_str()?)?;
    let object = &line["objectRef"];
    let part = |name: &str| object[name].as_str().map(|part| format!("/{part}")).unwrap_or_default();
    let what = format!("{} {}{}", line["verb"].as_str()?, object["resource"].as_str()?, part("subresource"));
    Some(Entry { start: begun, took: ended - begun, server: "kubernetes", what })
}

/// Milliseconds from `start` to a time as the servers write it.
fn since(start: Timestamp, time: &str) -> Option<f64> {
    let time: Timestamp = time.parse().ok()?;
    time.since(start).ok()?.total(Unit::Millisecond).ok()
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Entry { start, took, server, what } in &self.entries {
            writeln!(f, "    {start:>7.1} ms {took:>7.1} ms  {server:<10}  {what}")?;
        }
        write!(f, "    {:>7.1} ms             the watch showed Ready", self.ready.as_secs_f64() * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_mongods_log() {
        let line = r#"{"t":{"$date":"2025-01-01T00:00:00.050+00:00"},"msg":"Slow query","attr":{"type":"command",
            "ns":"a.patients","appName":"chakravue-operator","command":{"create":"patients","$db":"a"},"durationMillis":7}}"#;
        let entry = of_mongod(line, "2025-01-01T00:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(entry.what, "create patients");
        assert!((entry.start - 43.0).abs() < 0.001, "{}", entry.start);
    }

    #[test]
    fn a_line_of_the_audit_log() {
        let line = r#"{"verb":"patch","objectRef":{"resource":"hospitalorganizations","name":"x","subresource":"status"},
            "requestReceivedTimestamp":"2025-01-01T00:00:00.001000Z","stageTimestamp":"2025-01-01T00:00:00.003500Z"}"#;
        let entry = of_audit(line, "2025-01-01T00:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(entry.what, "patch hospitalorganizations/status");
        assert!((entry.took - 2.5).abs() < 0.001, "{}", entry.took);
    }
}
