//! Alerts and dashboard ask for metrics that operator and web service really export, and each alert says what to do.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::{Duration, Instant},
};

use chakravue_testbed::{Helm, Sandbox};
use serde_json::Value;

use crate::support::{EVERYTHING, rendered};

const PATIENCE: Duration = Duration::from_mins(1);

/// What samples are called beside their metric: counters, histograms, and facts.
const SUFFIXES: [&str; 5] = ["_total", "_bucket", "_sum", "_count", "_info"];

#[tokio::test(flavor = "multi_thread")]
async fn alerts_and_dashboard_use_metrics_that_there_are() {
    let sandbox = Sandbox::new("monitoring").await;
    let (operator, api) = tokio::join!(sandbox.operator().start(), sandbox.api().start());
    tokio::join!(operator.wait_ready(), api.wait_ready());
    api.client().get("/plans").await.expect(200);
    let exported = async || -> BTreeSet<String> {
        let texts = [operator.metrics().await, api.metrics().await];
        let types = texts.iter().flat_map(|text| text.lines()).filter_map(|line| line.strip_prefix("# TYPE "));
        types.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    };
    // What is known only after a look at MongoDB.
    let deadline = Instant::now() + PATIENCE;
    while !exported().await.contains("chakravue_operator_capacity_budget") {
        assert!(Instant::now() < deadline, "the operator does not say how much room there is");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let exported = exported().await;
    let mut unknown = BTreeMap::new();
    let mut asked = 0;
    for (where_, expression) in expressions() {
        for name in names(&expression) {
            let metric = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(&name).to_owned();
            asked += 1;
            if !exported.contains(&metric) && !exported.contains(&name) {
                unknown.insert(name, where_.clone());
            }
        }
    }
    assert!(unknown.is_empty(), "nobody exports {unknown:#?}; there are {exported:#?}");
    assert!(asked > 30, "{asked}");
    api.terminate().await;
    operator.terminate().await;
    sandbox.close().await;
}

/// Every expression of alerts and dashboard, with where it stands.
fn expressions() -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let alerts = alerts().into_iter().map(|alert| (text(&alert["alert"]), text(&alert["expr"])));
    let panels = panels().into_iter().flat_map(|panel| {
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        targets.into_iter().map(move |target| (text(&panel["title"]), text(&target["expr"])))
    });
    alerts.chain(panels).collect()
}

fn names(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("chakravue_")).map(str::to_owned).collect()
}

pub fn alerts() -> Vec<Value> {
    let text = fs::read_to_string(Helm::chart().join("files/alerts.yaml")).unwrap();
    let file: Value = serde_saphyr::from_str(&text).unwrap();
    let groups = file["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap()).cloned().collect()
}

fn dashboard() -> Value {
    serde_json::from_str(&fs::read_to_string(Helm::chart().join("files/dashboard.json")).unwrap()).unwrap()
}

fn panels() -> Vec<Value> {
    let panels = dashboard()["panels"].as_array().cloned().unwrap_or_default();
    panels.into_iter().filter(|panel| panel["type"] != "row").collect()
}

#[test]
fn every_panel_says_what_it_shows_and_has_a_place_of_its_own() {
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels() {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "two panels have the id of {title}");
        assert!(places.insert(panel["gridPos"].to_string()), "two panels are where {title} is");
        assert!(!panel["description"].as_str().unwrap_or_default().is_empty(), "{title} does not say what it shows");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title} has no unit");
    }
    assert!(ids.len() >= 15, "{}", ids.len());
}

#[tokio::test]
async fn alerts_say_how_bad_it_is_and_what_to_do() {
    let objects = rendered(EVERYTHING).await;
    let rule = objects.iter().find(|object| object["kind"] == "PrometheusRule").unwrap();
    let rules = rule["spec"]["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
    let rules: Vec<&Value> = rules.collect();
    assert_eq!(rules.len(), alerts().len(), "all of them, as everything is on");
    for rule in rules {
        let name = rule["alert"].as_str().unwrap();
        assert!(["critical", "warning", "info"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{name}");
        let annotations = &rule["annotations"];
        assert!(annotations["summary"].as_str().unwrap().len() > 10, "{name}");
        assert!(annotations["description"].as_str().unwrap().len() > 40, "{name}");
        let anchor = format!("docs/observability.md#{}", name.to_lowercase());
        assert!(annotations["runbook_url"].as_str().unwrap().ends_with(&anchor), "{name}");
    }
}
