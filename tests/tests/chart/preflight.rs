//! What Helm is told by a look into the cluster, before it changes anything: Secrets that are not there, a release that works on
//! the same hospitals, a resource definition that is missing, old or somebody's, namespaces and kinds; and what somebody with rights in one namespace can do.
//! It takes the definition away, and leaves it there at the end.

use chakravue_testbed::{Helm, Kubectl, Tool};
use serde_json::{Value, json};

use crate::support::{LEAST, ONE_NAMESPACE, cluster, others_kinds};

/// The definition is somebody else's business.
const WITHOUT_DEFINITION: &str = "
crds: {install: false}
hospitals: {namespace: patients}
api: {publicUrl: 'https://app.example.org', settings: {payments: {provider: test}}}
";

struct Person {
    kubectl: Kubectl,
    helm: Helm,
}

impl Person {
    async fn install(&self, namespace: &str, values: &str, more: &[&str]) -> Result<String, String> {
        let chart = Helm::chart().display().to_string();
        let install = ["install", "chakravue", &chart, "--namespace", namespace, "--values", "-"];
        self.helm.run(&[&install, more].concat(), values).await
    }

    /// Without hooks, for there is no node that would run their pods.
    async fn uninstall(&self, namespace: &str) -> String {
        let uninstall = ["uninstall", "chakravue", "--namespace", namespace, "--no-hooks"];
        self.helm.run(&uninstall, "").await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Only asks, and is refused.
    async fn refused(&self, namespace: &str, values: &str) -> String {
        let asked = self.install(namespace, values, &["--dry-run=server"]).await;
        asked.err().unwrap_or_else(|| panic!("it is taken in {namespace}:\n{values}"))
    }

    async fn apply(&self, object: &Value) {
        self.kubectl.run(&["apply", "--server-side", "-f", "-"], &object.to_string()).await.unwrap();
    }

    async fn namespace(&self, name: &str) {
        self.apply(&json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } })).await;
    }

    async fn secret(&self, namespace: &str, name: &str, keys: &[&str]) {
        let data: serde_json::Map<String, Value> = keys.iter().map(|key| ((*key).to_owned(), json!("x"))).collect();
        self.apply(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name, "namespace": namespace }, "stringData": data,
        }))
        .await;
    }

    async fn secrets(&self, namespace: &str) {
        self.secret(namespace, "chakravue-operator-mongodb", &["uri"]).await;
        self.secret(namespace, "chakravue-api", &["uri", "secret-key"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_in_a_cluster_is_told_before_anything_is_changed() {
    let Some(cluster) = cluster().await else { return };
    let home = tempfile::tempdir().unwrap();
    let helm = Helm::new(Tool::Helm, Some(cluster.testbed.kubeconfig()), home.path()).await.unwrap();
    let person = Person { kubectl: cluster.kubectl.clone(), helm };
    let said = async |values: &str| person.refused("first", values).await;

    person.namespace("first").await;
    let error = said(WITHOUT_DEFINITION).await;
    for missing in
        ["no Secret chakravue-operator-mongodb in namespace first", "no Secret chakravue-api in namespace first"]
    {
        assert!(error.contains(missing), "{error}");
    }
    person.secret("first", "chakravue-operator-mongodb", &["url"]).await;
    let error = said(WITHOUT_DEFINITION).await;
    assert!(error.contains("Secret chakravue-operator-mongodb in namespace first has no key uri"), "{error}");
    person.secrets("first").await;
    person.install("first", WITHOUT_DEFINITION, &["--dry-run=server"]).await.unwrap();
    // Who knows better, such as where Secrets come later, is let do.
    person
        .install("second", WITHOUT_DEFINITION, &["--dry-run=server", "--set", "preflight.enabled=false"])
        .await
        .unwrap();

    let definition = "crd/hospitalorganizations.chakravue.io";
    let get = ["get", definition, "-o", "json", "--show-managed-fields=false"];
    let original = person.kubectl.run(&get, "").await.unwrap();
    person.kubectl.run(&["annotate", definition, "chakravue.io/version=0.0.1", "--overwrite"], "").await.unwrap();
    let error = said(WITHOUT_DEFINITION).await;
    assert!(error.contains("definition is of version 0.0.1, and this chart needs"), "{error}");
    assert!(error.contains("kubectl apply --server-side -f files/hospitalorganizations.yaml"), "{error}");
    let other = ["annotate", definition, &*this_version(&original), "chakravue.io/schema-digest=0", "--overwrite"];
    person.kubectl.run(&other, "").await.unwrap();
    let error = said(WITHOUT_DEFINITION).await;
    assert!(error.contains("as this chart's, and yet another one: kubectl apply"), "{error}");
    // A newer one is taken, whatever it says.
    person.kubectl.run(&["annotate", definition, "chakravue.io/version=99.0.0", "--overwrite"], "").await.unwrap();
    person.install("first", WITHOUT_DEFINITION, &["--dry-run=server"]).await.unwrap();
    handed_over(&person).await;
    namespaces_and_kinds(&person).await;
    person.kubectl.run(&["delete", definition, "--wait"], "").await.unwrap();
    let error = said(WITHOUT_DEFINITION).await;
    assert!(error.contains("the cluster has no HospitalOrganization definition"), "{error}");
    // Whoever may look into one namespace alone is told the same.
    let error = said(ONE_NAMESPACE).await;
    assert!(error.contains("the cluster has no HospitalOrganization definition"), "{error}");

    // Now it comes with the release, and stays when that goes.
    let without_waiting = ["--wait=hookOnly", "--set", "hospitals.namespace=patients"];
    person.install("first", LEAST, &without_waiting).await.unwrap();
    person.namespace("second").await;
    person.secrets("second").await;
    let error = person.refused("second", WITHOUT_DEFINITION).await;
    assert!(error.contains("the release chakravue in namespace first works on this cluster's hospitals"), "{error}");
    assert!(error.contains("operator.watchNamespace"), "{error}");
    two_releases(&person).await;
    let gone = person.uninstall("first").await;
    assert!(gone.contains("hospitalorganizations.chakravue.io"), "{gone}");
    person.kubectl.run(&["get", definition], "").await.unwrap();
    assert!(original.contains("chakravue.io/version"), "{original}");

    rights_in_one_namespace(&person).await;
}

/// `chakravue.io/version=…` of a definition as kubectl shows it.
fn this_version(definition: &str) -> String {
    let definition: Value = serde_json::from_str(definition).unwrap();
    format!("chakravue.io/version={}", definition["metadata"]["annotations"]["chakravue.io/version"].as_str().unwrap())
}

/// A definition and a namespace that were applied by hand become the release's by what it is told to type.
async fn handed_over(person: &Person) {
    person.namespace("by-hand").await;
    let values = format!("{LEAST}\nhospitals: {{namespace: by-hand}}");
    let error = person.refused("first", &values).await;
    for (told, object) in [
        ("hospitals.createNamespace: the namespace by-hand is there already", "namespace by-hand"),
        (
            "crds.install: the HospitalOrganization definition is there already and does not belong to this release",
            "crd hospitalorganizations.chakravue.io",
        ),
    ] {
        assert!(error.contains(told), "{error}");
        assert!(!error.contains("invalid ownership metadata"), "{error}");
        let label = format!("label {object} app.kubernetes.io/managed-by=Helm --overwrite");
        let annotate = format!(
            "annotate {object} meta.helm.sh/release-name=chakravue meta.helm.sh/release-namespace=first --overwrite"
        );
        let both = format!("kubectl {label} && kubectl {annotate}, and then helm install with --force-conflicts");
        assert!(error.contains(&both), "{error}");
        for command in [label, annotate] {
            let arguments: Vec<&str> = command.split(' ').collect();
            person.kubectl.run(&arguments, "").await.unwrap();
        }
    }
    person.install("first", &values, &["--wait=hookOnly", "--force-conflicts"]).await.unwrap();
    person.uninstall("first").await;
}

/// What Helm would only find out with half of the release in the cluster.
async fn namespaces_and_kinds(person: &Person) {
    let said = async |values: &str| person.refused("first", values).await;
    let nowhere = WITHOUT_DEFINITION.replace("namespace: patients", "namespace: nowhere, createNamespace: false");
    let error = said(&nowhere).await;
    let told = "hospitals.namespace: there is no namespace nowhere: kubectl create namespace nowhere, or set hospitals.createNamespace";
    assert!(error.contains(told), "{error}");
    let watched = "
crds: {install: false}
hospitals: {createNamespace: false}
operator: {watchNamespace: nowhere, clusterId: a-test}
api: {enabled: false}";
    let error = said(watched).await;
    assert!(error.contains("operator.watchNamespace: there is no namespace nowhere: kubectl create"), "{error}");
    // Without a web service nobody needs the other one.
    assert!(!error.contains("hospitals.namespace"), "{error}");

    let kinds = [
        "servicemonitors.monitoring.coreos.com",
        "prometheusrules.monitoring.coreos.com",
        "httproutes.gateway.networking.k8s.io",
    ];
    let delete = [&["delete", "crd", "--wait"][..], &kinds].concat();
    person.kubectl.run(&delete, "").await.unwrap();
    let with_all = "
crds: {install: false}
hospitals: {namespace: patients}
networkPolicy: {metricsFrom: [{namespaceSelector: {}}]}
monitoring: {serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}}
api:
  publicUrl: https://app.example.org
  settings: {payments: {provider: test}, trusted_proxies: [10.0.0.0/8]}
  httpRoute: {enabled: true, parentRefs: [{name: public}]}";
    let error = said(with_all).await;
    for told in [
        "monitoring.serviceMonitor.enabled: the cluster has no kind monitoring.coreos.com/v1/ServiceMonitor: install the Prometheus Operator first",
        "monitoring.prometheusRule.enabled: the cluster has no kind monitoring.coreos.com/v1/PrometheusRule",
        "api.httpRoute.enabled: the cluster has no kind gateway.networking.k8s.io/v1/HTTPRoute: install the Gateway API first",
    ] {
        assert!(error.contains(told), "{error}");
    }
    others_kinds(&person.kubectl).await;
    person.install("first", with_all, &["--dry-run=server"]).await.unwrap();
}

/// Beside one that works on all hospitals, and owns the definition, there can be no other one, as far as that can be seen.
async fn two_releases(person: &Person) {
    let in_one = |namespace: &str, definition: bool| {
        format!(
            "
crds: {{install: {definition}}}
rbac: {{aggregate: false}}
hospitals: {{namespace: {namespace}, createNamespace: false}}
operator: {{watchNamespace: {namespace}, clusterId: a-test}}
api: {{publicUrl: 'https://app.example.org', settings: {{payments: {{provider: test}}}}}}
"
        )
    };
    let error = person.refused("second", &in_one("wards", true)).await;
    assert!(
        error.contains("the HospitalOrganization definition belongs to the release chakravue in namespace first"),
        "{error}"
    );
    assert!(error.contains("set crds.install to false"), "{error}");
    // That the first one works on these hospitals too nobody can know with rights in namespaces; the documentation says so.
    person.namespace("wards").await;
    person.install("second", &in_one("wards", false), &["--wait=hookOnly"]).await.unwrap();

    person.namespace("third").await;
    person.secrets("third").await;
    let error = person.refused("third", &in_one("wards", false)).await;
    assert!(
        error.contains("the release chakravue in namespace second works on the hospitals in wards already"),
        "{error}"
    );
    person.namespace("theatres").await;
    person.install("third", &in_one("theatres", false), &["--dry-run=server"]).await.unwrap();
    // It is no other one to itself.
    let chart = Helm::chart().display().to_string();
    let upgrade = ["upgrade", "chakravue", &chart, "--namespace", "second", "--values", "-", "--dry-run=server"];
    person.helm.run(&upgrade, &in_one("wards", false)).await.unwrap();
    person.uninstall("second").await;
}

/// Somebody may grant only the rights that they have. With all rights in the namespace the release can be installed there;
/// with those of an `admin`, who may not write a hospital's status, the API server says which right is missing.
async fn rights_in_one_namespace(person: &Person) {
    person.namespace("clinics").await;
    person.secrets("clinics").await;
    for (user, role) in [("an-admin", "admin"), ("an-owner", "cluster-admin")] {
        person
            .apply(&json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": { "name": user, "namespace": "clinics" },
                "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
                "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user }],
            }))
            .await;
    }
    let install = async |user: &str, values: &str| {
        person.install("clinics", values, &["--wait=hookOnly", "--kube-as-user", user]).await
    };
    let error = install("an-admin", ONE_NAMESPACE).await.unwrap_err();
    assert!(error.contains("attempting to grant RBAC permissions not currently held"), "{error}");
    assert!(error.contains("hospitalorganizations"), "{error}");
    person.uninstall("clinics").await;
    let error = install("an-owner", LEAST).await.unwrap_err();
    assert!(error.contains("forbidden") && error.contains("an-owner"), "{error}");
    // Which version the definition has nobody can see with these rights; the documentation says what follows.
    let definition = "crd/hospitalorganizations.chakravue.io";
    let version = ["get", definition, "-o", "jsonpath={.metadata.annotations.chakravue\\.io/version}"];
    let version = person.kubectl.run(&version, "").await.unwrap();
    let annotate = async |version: &str| {
        let version = format!("chakravue.io/version={version}");
        person.kubectl.run(&["annotate", definition, &version, "--overwrite"], "").await.unwrap()
    };
    annotate("0.0.1").await;
    install("an-owner", ONE_NAMESPACE).await.unwrap();
    annotate(&version).await;
    person.uninstall("clinics").await;
    definitions_besides(person).await;
}

/// With the right to make definitions besides, and none to look into other namespaces: whose the definition is can be seen, and
/// not that the one is gone.
async fn definitions_besides(person: &Person) {
    let bound = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "definitions" });
    for object in [
        json!({
            "kind": "ClusterRole", "metadata": { "name": "definitions" },
            "rules": [{
                "apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"],
                "verbs": ["get", "create", "patch", "update"],
            }],
        }),
        json!({
            "kind": "ClusterRoleBinding", "metadata": { "name": "definitions" }, "roleRef": bound,
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "an-owner" }],
        }),
    ] {
        let mut object = object;
        object["apiVersion"] = json!("rbac.authorization.k8s.io/v1");
        person.apply(&object).await;
    }
    let install = async |more: &[&str]| {
        let with_definition = ["--wait=hookOnly", "--kube-as-user", "an-owner", "--set", "crds.install=true"];
        person.install("clinics", ONE_NAMESPACE, &[&with_definition, more].concat()).await
    };
    let error = install(&[]).await.unwrap_err();
    assert!(
        error.contains("definition belongs to the release chakravue in namespace first: set crds.install"),
        "{error}"
    );
    assert!(!error.contains("forbidden"), "{error}");
    install(&["--take-ownership", "--set", "preflight.enabled=false"]).await.unwrap();
    person.uninstall("clinics").await;
    // Its own again: nothing is to be said any more.
    install(&[]).await.unwrap();
    person.uninstall("clinics").await;
}
