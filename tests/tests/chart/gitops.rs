//! The examples for Argo CD and Flux, as their own definitions check them, and what they say about the order of things.

use std::{collections::BTreeMap, fs};

use serde_json::Value;

use crate::support::{
    called, cluster, objects, rendered, repository, restricted_namespace, template, would_take, would_take_the_pods_of,
};

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
            restricted_namespace(kubectl, namespace).await;
        }
        would_take(kubectl, &text, &name).await;
        for deployment in objects(&text).iter().filter(|object| object["kind"] == "Deployment") {
            would_take_the_pods_of(kubectl, deployment, deployment["metadata"]["namespace"].as_str().unwrap()).await;
        }
        kinds.extend(objects(&text).iter().map(|object| object["kind"].as_str().unwrap().to_owned()));
    }
    for kind in ["Application", "Deployment", "HelmRelease", "Kustomization", "HospitalOrganization"] {
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

/// The application finds the hospital beside it by what the operator makes.
#[test]
fn the_application_mounts_the_secret_of_the_hospital() {
    let all = examples();
    let [hospital, application] = ["hospital.yaml", "application.yaml"].map(|name| objects(&all[name]).remove(0));
    let pod = &application["spec"]["template"]["spec"];
    let secret = format!("{}-mongodb", hospital["metadata"]["name"].as_str().unwrap());
    assert_eq!(pod["volumes"][0]["secret"]["secretName"], secret);
    assert_eq!(application["metadata"]["namespace"], hospital["metadata"]["namespace"]);
    let container = &pod["containers"][0];
    let root = container["env"].as_array().unwrap().iter().find(|variable| variable["name"] == "SERVICE_BINDING_ROOT");
    let mounted = container["volumeMounts"][0]["mountPath"].as_str().unwrap();
    assert!(mounted.starts_with(&format!("{}/", root.unwrap()["value"].as_str().unwrap())), "{mounted}");
    assert_eq!(container["volumeMounts"][0]["name"], pod["volumes"][0]["name"]);
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
    // Where no wave tells hospitals from the operator, it lets go of them before it ends, and needs its rights for that.
    let right = |object: &&Value| {
        let kind = object["kind"].as_str().unwrap();
        let is_operators = object["metadata"]["labels"]["app.kubernetes.io/component"] == "operator";
        is_operators && (kind == "ServiceAccount" || kind.contains("Role"))
    };
    let rights = chart.iter().filter(right).map(wave).max().unwrap();
    let all = examples();
    let hospital = objects(&all["hospital.yaml"]).iter().map(wave).min().unwrap();
    let application = objects(&all["application.yaml"]).iter().map(wave).min().unwrap();
    let waves = [definition, rights, deployed, hospital, application];
    assert!(waves.is_sorted_by(|one, next| one < next), "{waves:?}");

    let flux = objects(&all["flux.yaml"]);
    let hospitals = flux.iter().find(|object| called(object) == "Kustomization/hospitals").unwrap();
    assert_eq!(hospitals["spec"]["dependsOn"][0]["name"], "chakravue");
    assert_eq!(hospitals["spec"]["deletionPolicy"], "WaitForTermination");
}
