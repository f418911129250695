//! The chart's README is what its values say, and no value is without a word.

use std::{fs, process::Command};

use chakravue_testbed::{Helm, Tool};

use crate::support::{objects, output, repository};

/// What the chart runs are the images of this workspace's programs, and the examples fetch the chart of this version.
#[test]
fn chart_programs_and_examples_are_of_one_version() {
    let version = env!("CARGO_PKG_VERSION");
    let read = |file: &str| fs::read_to_string(Helm::chart().join(file)).unwrap();
    let chart: serde_json::Value = serde_saphyr::from_str(&read("Chart.yaml")).unwrap();
    assert_eq!(chart["appVersion"], version, "Chart.yaml: the default tag of the images");
    assert_eq!(chart["version"], version, "Chart.yaml");
    let frontend = fs::read_to_string(repository("frontend/package.json")).unwrap();
    let frontend: serde_json::Value = serde_json::from_str(&frontend).unwrap();
    assert_eq!(frontend["version"], version, "frontend/package.json");
    let tag = format!("v{version}");
    let argocd = objects(&read("examples/argocd.yaml"));
    let source = argocd.iter().find(|object| object["kind"] == "Application").unwrap()["spec"]["sources"][0].clone();
    assert_eq!(source["targetRevision"], tag, "examples/argocd.yaml");
    let flux = objects(&read("examples/flux.yaml"));
    let source = flux.iter().find(|object| object["spec"]["ref"]["tag"].is_string()).unwrap();
    assert_eq!(source["spec"]["ref"]["tag"], tag, "examples/flux.yaml");
}

#[test]
fn the_readme_is_what_the_values_say() {
    let helm_docs = Tool::HelmDocs.path().unwrap_or_else(|error| panic!("{error:#}"));
    let chart = Helm::chart();
    let mut documentation = Command::new(helm_docs);
    documentation.args(["--dry-run", "--log-level", "warning", "--sort-values-order", "file", "--chart-search-root"]);
    let wanted = output(documentation.arg(&chart).current_dir(&chart));
    let readme = fs::read_to_string(chart.join("README.md")).unwrap();
    assert_eq!(wanted.trim(), readme.trim(), "run: make generate");
    let table = readme.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Key"));
    let unexplained: Vec<&str> = table.clone().filter(|line| line.trim_end().ends_with("|  |")).collect();
    assert!(unexplained.is_empty(), "values without a word in values.yaml: {unexplained:#?}");
    assert!(table.count() > 100);
}

/// The schema knows every value, so that a misspelt one is refused; and there is a default for every one that it knows.
#[test]
fn schema_and_values_know_the_same() {
    let read = |file: &str| fs::read_to_string(Helm::chart().join(file)).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    let values: serde_json::Value = serde_saphyr::from_str(&read("values.yaml")).unwrap();
    let mut differences = Vec::new();
    compare("", &schema["properties"], &values, &mut differences);
    assert!(differences.is_empty(), "{differences:#?}");
}

/// Where the schema closes an object, it and the values name the same.
fn compare(path: &str, properties: &serde_json::Value, values: &serde_json::Value, differences: &mut Vec<String>) {
    let (Some(properties), Some(values)) = (properties.as_object(), values.as_object()) else { return };
    for name in properties.keys().filter(|name| !values.contains_key(*name) && *name != "global") {
        differences.push(format!("{path}.{name} is in the schema alone"));
    }
    for (name, value) in values {
        match properties.get(name) {
            None => differences.push(format!("{path}.{name} is in the values alone")),
            Some(property) => compare(&format!("{path}.{name}"), &property["properties"], value, differences),
        }
    }
}
