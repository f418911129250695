//! The examples for Argo CD and Flux, as their own definitions check them, and what they say about the order of things.

use std::{collections::BTreeMap, fs};

use serde_json::Value;

use crate::support::{called, cluster, objects, rendered, repository, template, would_take};

fn examples() -> BTreeMap<String, String> {
    let folder = repository("charts/chakravue/examples");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_takes_every_example() {
    let Some(cluster) = cluster().await else { return };
    let kubectl = &cluster.kubectl;
    let mut kinds = Vec::new();
    for (name, text) in examples() {
        for namespace in objects(&text).iter().filter_map(|object| object["metadata"]["namespace"].as_str()) {
            let namespace = format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}");
            kubectl.run(&["apply", "-f", "-"], &namespace).await.unwrap();
        }
        would_take(kubectl, &text, &name).await;
        kinds.extend(objects(&text).iter().map(|object| object["kind"].as_str().unwrap().to_owned()));
    }
    for kind in ["Application", "HelmRelease", "Kustomization", "HospitalOrganization"] {
        assert!(kinds.iter().any(|it| it == kind), "no example with a {kind}: {kinds:?}");
    }
    let sample = repository("tests/samples/st-marys-hospital.yaml");
    would_take(kubectl, &fs::read_to_string(sample).unwrap(), "the sample").await;
}

/// The values in the examples are the chart's: misspelt ones would be found only in somebody's cluster.
#[tokio::test]
async fn the_chart_takes_the_values_of_every_example() {
    let manifests: Vec<Value> = examples().values().flat_map(|text| objects(text)).collect();
    let mut found = 0;
    for object in &manifests {
        let values = match object["kind"].as_str().unwrap() {
            "HelmRelease" => &object["spec"]["values"],
            "Application" => &object["spec"]["sources"][0]["helm"]["valuesObject"],
            _ => continue,
        };
        let text = serde_json::to_string(values).unwrap();
        let rendered = template(chakravue_testbed::Tool::Helm, &text, &[]).await;
        rendered.unwrap_or_else(|error| panic!("{}: {error}", called(object)));
        found += 1;
    }
    assert_eq!(found, 2, "Argo CD's Application and Flux' HelmRelease");
}

/// What is pruned is pruned in the order of waves, from the last: hospitals before the operator that takes their finalizers
/// off, and the definition not at all. Flux waits for its dependants in the same way.
#[tokio::test]
async fn hospitals_go_before_the_operator() {
    let wave = |object: &Value| -> i32 {
        let wave = object["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"].as_str();
        wave.map_or(0, |wave| wave.parse().unwrap())
    };
    let chart = rendered(crate::support::LEAST).await;
    let deployed = chart.iter().filter(|object| object["kind"] == "Deployment").map(wave).max().unwrap();
    let definition = chart.iter().find(|object| object["kind"] == "CustomResourceDefinition").map(wave).unwrap();
    let all = examples();
    let hospital = objects(&all["hospital.yaml"]).iter().map(wave).min().unwrap();
    assert!(definition < deployed && deployed < hospital, "{definition} < {deployed} < {hospital}");

    let flux = objects(&all["flux.yaml"]);
    let hospitals = flux.iter().find(|object| called(object) == "Kustomization/hospitals").unwrap();
    assert_eq!(hospitals["spec"]["dependsOn"][0]["name"], "chakravue");
    assert_eq!(hospitals["spec"]["deletionPolicy"], "WaitForTermination");
}
