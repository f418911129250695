//! What a pipeline can check without a cluster: kubeconform, with the schemas that the definitions bring.

use std::{fs, path::Path, process::Command};

use chakravue_testbed::{Helm, Tool};
use serde_json::{Value, json};

use crate::support::{EVERYTHING, repository, template};

#[tokio::test]
async fn what_is_rendered_and_examples_keep_to_the_schemas_of_their_kinds() {
    let schemas = tempfile::tempdir().unwrap();
    let ours = Helm::chart().join("files/hospitalorganizations.yaml");
    let others = chakravue_testbed::definitions().unwrap_or_else(|error| panic!("{error:#}"));
    for file in others.iter().chain([&ours]) {
        write_schemas(file, schemas.path());
    }
    let examples = fs::read_dir(repository("charts/chakravue/examples")).unwrap().map(|entry| entry.unwrap().path());
    for example in examples.chain([repository("tests/samples/st-marys-hospital.yaml")]) {
        kubeconform(&example, schemas.path()).unwrap_or_else(|error| panic!("{}: {error}", example.display()));
    }

    let everything = schemas.path().join("everything.yaml");
    fs::write(&everything, template(Tool::Helm, EVERYTHING, &[]).await.unwrap()).unwrap();
    kubeconform(&everything, schemas.path()).unwrap_or_else(|error| panic!("everything: {error}"));

    let misspelt = schemas.path().join("misspelt.yaml");
    let sample = fs::read_to_string(repository("tests/samples/st-marys-hospital.yaml")).unwrap();
    for (right, wrong, why) in [
        ("displayName", "dispalyName", "additional properties 'dispalyName' not allowed"),
        ("plan: Professional", "plan: Golden", "at '/spec/plan': value must be one of"),
    ] {
        fs::write(&misspelt, sample.replace(right, wrong)).unwrap();
        let error = kubeconform(&misspelt, schemas.path()).unwrap_err();
        assert!(error.contains("st-marys-hospital is invalid") && error.contains(why), "{error}");
    }
}

/// Kubernetes' own kinds have no definition here; the test that asks an API server has them.
const OF_KUBERNETES: [&str; 16] = [
    "ClusterRole",
    "ClusterRoleBinding",
    "ConfigMap",
    "CustomResourceDefinition",
    "Deployment",
    "HorizontalPodAutoscaler",
    "Ingress",
    "Job",
    "Namespace",
    "NetworkPolicy",
    "Pod",
    "PodDisruptionBudget",
    "Role",
    "RoleBinding",
    "Service",
    "ServiceAccount",
];

fn kubeconform(file: &Path, schemas: &Path) -> Result<(), String> {
    let program = Tool::Kubeconform.path().unwrap_or_else(|error| panic!("{error:#}"));
    let location = format!("{}/{{{{.ResourceKind}}}}_{{{{.ResourceAPIVersion}}}}.json", schemas.display());
    let arguments = ["-schema-location", &location, "-skip", &OF_KUBERNETES.join(",")];
    let output = Command::new(program).args(arguments).arg(file).output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stdout).into_owned()) }
}

/// One file for each version that a resource definition serves.
fn write_schemas(definition: &Path, folder: &Path) {
    let definition: Value = serde_saphyr::from_str(&fs::read_to_string(definition).unwrap()).unwrap();
    let kind = definition["spec"]["names"]["kind"].as_str().unwrap().to_lowercase();
    for version in definition["spec"]["versions"].as_array().unwrap() {
        let mut schema = version["schema"]["openAPIV3Schema"].clone();
        close(&mut schema);
        // What every object has, and a definition need not describe.
        for (name, kind) in [("apiVersion", "string"), ("kind", "string"), ("metadata", "object")] {
            schema["properties"][name] = json!({ "type": kind });
        }
        let name = version["name"].as_str().unwrap();
        fs::write(folder.join(format!("{kind}_{name}.json")), schema.to_string()).unwrap();
    }
}

/// An API server drops fields that it does not know; here they are mistakes.
fn close(schema: &mut Value) {
    if let Some(object) = schema.as_object_mut() {
        let open = object.contains_key("additionalProperties")
            || object.get("x-kubernetes-preserve-unknown-fields").is_some_and(|it| *it == true);
        if object.get("properties").is_some_and(Value::is_object) && !open {
            object.insert("additionalProperties".to_owned(), json!(false));
        }
    }
    let children = match schema {
        Value::Object(object) => object.values_mut().collect(),
        Value::Array(array) => array.iter_mut().collect(),
        _ => Vec::new(),
    };
    children.into_iter().for_each(close);
}
