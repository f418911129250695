//! Alerts, Events, conditions and reasons: each has its place in the documentation, and nothing there is made up. The tables
//! of metrics are compared beside the metrics themselves.

use std::collections::BTreeSet;

use chakravue_crds::conditions::{ConditionType, Reason};
use regex::Regex;
use serde_json::Value;

use crate::{
    nothing_wrong,
    pages::{self, Page, Table},
};

const PAGE: &str = "docs/observability.md";

struct Alert {
    name: String,
    severity: String,
    after: String,
    expression: String,
}

fn alerts() -> Vec<Alert> {
    let file: Value = serde_saphyr::from_str(&pages::read("charts/chakravue/files/alerts.yaml")).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rules = file["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
    rules
        .map(|rule| Alert {
            name: text(&rule["alert"]),
            severity: text(&rule["labels"]["severity"]),
            after: text(&rule["for"]),
            expression: text(&rule["expr"]),
        })
        .collect()
}

/// The runbooks: what stands below each heading of an alert.
fn runbooks(page: &Page) -> Vec<(String, String)> {
    let (_, below) = page.text.split_once("\n## Alerts\n").expect("a section of alerts");
    let (section, _) = below.split_once("\n## ").expect("another section below it");
    let parts = section.split("\n### ").skip(1);
    parts
        .map(|part| part.split_once('\n').map(|(name, text)| (name.to_owned(), text.trim().to_owned())).unwrap())
        .collect()
}

#[test]
fn every_alert_has_a_runbook_where_its_link_leads() {
    let (page, alerts) = (pages::page(PAGE), alerts());
    let runbooks = runbooks(&page);
    let names: Vec<&String> = alerts.iter().map(|alert| &alert.name).collect();
    assert!(alerts.len() >= 18, "{names:?}");
    assert_eq!(runbooks.iter().map(|(name, _)| name).collect::<Vec<_>>(), names, "in the order of the file");
    let values: Value = serde_saphyr::from_str(&pages::read("charts/chakravue/values.yaml")).unwrap();
    let link = values["monitoring"]["prometheusRule"]["runbookUrl"].as_str().unwrap();
    assert!(link.ends_with(&format!("/{PAGE}")), "{link}");
    let mut mistakes = Vec::new();
    for (alert, (name, runbook)) in alerts.iter().zip(&runbooks) {
        // The chart makes the link so.
        if !page.anchors.contains(&name.to_lowercase()) {
            mistakes.push(format!("{name}: its link leads nowhere"));
        }
        let begins = format!("*{}, {}", alert.severity, in_words(&alert.after));
        if !runbook.starts_with(&begins) {
            mistakes.push(format!("{name}: begins with {begins:?}"));
        }
        if runbook.len() < 120 {
            mistakes.push(format!("{name}: says too little"));
        }
    }
    nothing_wrong(&mistakes);
}

fn in_words(after: &str) -> String {
    match after {
        "0m" => "at once".to_owned(),
        "1h" => "after an hour".to_owned(),
        minutes => format!("after {} minutes", minutes.trim_end_matches('m')),
    }
}

/// The metrics that the page has a row for.
fn documented() -> BTreeSet<String> {
    let page = pages::page(PAGE);
    let tables = page.tables.iter().filter(|table| table.columns[0] == "metric");
    tables.flat_map(Table::names).collect()
}

/// Those of our metrics that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let metric = Regex::new(r"\bchakravue_(?:operator|api)_[a-z_]+\b").unwrap();
    let parts = ["_bucket", "_sum", "_count"];
    let whole = |name: &str| parts.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name).to_owned();
    metric.find_iter(text).map(|found| whole(found.as_str())).collect()
}

#[test]
fn every_metric_that_is_named_anywhere_exists() {
    let documented = documented();
    assert!(documented.len() >= 35, "{documented:?}");
    let mut texts = vec![("alerts.yaml".to_owned(), alerts().iter().map(|alert| alert.expression.clone()).collect())];
    texts.push(("dashboard.json".to_owned(), pages::read("charts/chakravue/files/dashboard.json")));
    texts.extend(pages::all().into_iter().map(|page| (page.path, page.text)));
    let seen: usize = texts.iter().map(|(_, text)| named(text).len()).sum();
    let mistakes: Vec<String> = texts
        .iter()
        .flat_map(|(at, text)| {
            named(text).into_iter().filter(|name| !documented.contains(name)).map(move |name| format!("{at}: {name}"))
        })
        .collect();
    nothing_wrong(&mistakes);
    assert!(seen >= 50, "only {seen} names were found");
    assert!(!documented.contains("chakravue_operator_nonsense_total"));
}

#[test]
fn every_event_has_a_row() {
    let source = pages::read("crds/src/conditions.rs");
    let (_, events) = source.split_once("pub mod events {").unwrap();
    let (events, _) = events.split_once("\n}\n").unwrap();
    let event = Regex::new(r#"pub const \w+: &str = "(\w+)";"#).unwrap();
    let mut known: Vec<String> = event.captures_iter(events).map(|found| found[1].to_owned()).collect();
    assert!(known.len() >= 14, "{known:?}");
    let page = pages::page(PAGE);
    let table = page.table("Events", &["reason", "type"]);
    let mut documented = table.names();
    documented.sort();
    known.sort();
    assert_eq!(documented, known);
    let types: BTreeSet<&str> = table.rows.iter().map(|row| row[1].text.as_str()).collect();
    assert_eq!(types, BTreeSet::from(["Normal", "Warning"]));
}

#[test]
fn every_condition_and_every_reason_has_a_row() {
    let page = pages::page("docs/operations.md");
    let conditions = page.table("Conditions", &["condition"]).names();
    let known: Vec<&str> = ConditionType::ALL.iter().map(|type_| type_.as_str()).collect();
    assert_eq!(conditions, known, "in the order of the code");
    let reasons = page.table("Conditions", &["reason"]);
    let known: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(reasons.names(), known, "in the order of the code");
    let silent: Vec<String> =
        reasons.rows.iter().filter(|row| row[1].text.is_empty()).map(|row| row[0].text.clone()).collect();
    nothing_wrong(&silent);
}
