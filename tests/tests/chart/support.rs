//! Helm, with values as somebody writes them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use chakravue_testbed::{Helm, Kubectl, Testbed, Tool};
use serde_json::{Value, json};

/// The least that somebody has to say.
pub const LEAST: &str = "api: {publicUrl: 'https://app.example.org', settings: {payments: {provider: test}}}";

/// Everything that can be switched on, and a value other than the default for what can be named.
pub const EVERYTHING: &str = include_str!("everything.yaml");

/// For somebody with rights in one namespace only.
pub const ONE_NAMESPACE: &str = "
crds: {install: false}
rbac: {aggregate: false}
hospitals: {namespace: clinics, createNamespace: false}
operator: {watchNamespace: clinics, clusterId: a-test}
api: {publicUrl: 'https://app.example.org', settings: {payments: {provider: test}}}
";

/// Hospitals are declared, and nobody signs up.
pub const WITHOUT_API: &str = "api: {enabled: false}";

/// A file or folder of this repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}

/// Runs a tool without a cluster.
pub async fn run(tool: Tool, arguments: &[&str], values: &str) -> Result<String, String> {
    let home = tempfile::tempdir().unwrap();
    Helm::new(tool, None, home.path()).await.unwrap().run(arguments, values).await
}

/// What the chart makes of these values, in namespace `system`.
pub async fn template(tool: Tool, values: &str, more: &[&str]) -> Result<String, String> {
    let chart = Helm::chart().display().to_string();
    let template = ["template", "chakravue", &chart, "--namespace", "system", "--values", "-"];
    // Helm's own idea of a cluster depends on how it was built.
    let arguments = [&["--kube-version", "1.37"], &template[..], more].concat();
    run(tool, &arguments, values).await
}

/// The paths of all values, such as `api.image.repository`, and of the sections that they are in; `above` ends with a dot.
pub fn every_path(above: &str, values: &Value, paths: &mut Vec<String>) {
    for (name, value) in values.as_object().into_iter().flatten() {
        let path = format!("{above}{name}");
        every_path(&format!("{path}."), value, paths);
        paths.push(path);
    }
}

/// The objects of a rendering.
pub fn objects(rendered: &str) -> Vec<Value> {
    let found: Vec<Value> = serde_saphyr::from_multiple(rendered).unwrap();
    found.into_iter().filter(|object| !object.is_null()).collect()
}

pub async fn rendered(values: &str) -> Vec<Value> {
    objects(&template(Tool::Helm, values, &[]).await.unwrap())
}

/// `Deployment/chakravue-api`
pub fn called(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("{}/{}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

/// A cluster that is ours alone, and for one test at a time, because each may change what all share.
pub struct Cluster {
    pub testbed: &'static Testbed,
    pub kubectl: Kubectl,
    _alone: tokio::sync::MutexGuard<'static, ()>,
}

/// The cluster, which also knows the kinds of others that the chart and its examples use. None where the environment names
/// one to use: it would be left with them.
pub async fn cluster() -> Option<Cluster> {
    static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    static KINDS: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    let testbed = tokio::task::spawn_blocking(Testbed::apart).await.unwrap()?;
    let cluster = Cluster { testbed, kubectl: testbed.kubectl(), _alone: ALONE.lock().await };
    KINDS.get_or_init(async || others_kinds(&cluster.kubectl).await).await;
    Some(cluster)
}

/// Makes them known, once more where somebody took them away.
pub async fn others_kinds(kubectl: &Kubectl) {
    let files = tokio::task::spawn_blocking(chakravue_testbed::definitions).await.unwrap();
    for file in files.unwrap_or_else(|error| panic!("{error:#}")) {
        let file = file.display().to_string();
        kubectl.run(&["apply", "--server-side", "-f", &file], "").await.unwrap();
    }
    let established = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=1m"];
    kubectl.run(&established, "").await.unwrap();
}

/// Asks the API server whether it would take this, strictly: an unknown field is a mistake.
pub async fn would_take(kubectl: &Kubectl, manifests: &str, named: &str) {
    let dry = [
        "apply",
        "--server-side",
        "--field-manager=a-person",
        "--force-conflicts",
        "--dry-run=server",
        "--validate=strict",
        "-f",
        "-",
    ];
    kubectl.run(&dry, manifests).await.unwrap_or_else(|error| panic!("{named}: {error}"));
}

/// A namespace under the strictest standard there is: pods that need more are refused.
pub async fn restricted_namespace(kubectl: &Kubectl, name: &str) {
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": name, "labels": { "pod-security.kubernetes.io/enforce": "restricted" },
    } });
    kubectl.run(&["apply", "-f", "-"], &namespace.to_string()).await.unwrap();
    kubectl.run(&["-n", name, "wait", "--for=create", "sa/default", "--timeout=1m"], "").await.unwrap();
}

/// A Deployment is taken whatever its pods are, so the API server is asked about one of them too.
pub async fn would_take_the_pods_of(kubectl: &Kubectl, deployment: &Value, namespace: &str) {
    let template = &deployment["spec"]["template"];
    let mut pod = json!({ "apiVersion": "v1", "kind": "Pod" });
    pod["metadata"] = template["metadata"].clone();
    pod["metadata"]["name"] = json!("a-pod");
    pod["metadata"]["namespace"] = json!(namespace);
    pod["spec"] = template["spec"].clone();
    // Nobody made the account, and nothing but the pod is asked about.
    pod["spec"]["serviceAccountName"] = json!("default");
    would_take(kubectl, &pod.to_string(), &called(deployment)).await;
}

/// A program to its end: its standard output.
pub fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
