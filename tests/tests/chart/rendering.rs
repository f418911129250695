//! What the chart makes of values: objects that an API server takes, and that keep to rules of ours.

use std::collections::{BTreeMap, BTreeSet};

use chakravue_testbed::{Helm, Tool};
use serde_json::{Value, json};

use crate::support::{
    EVERYTHING, LEAST, ONE_NAMESPACE, WITHOUT_API, called, cluster, every_path, objects, rendered,
    restricted_namespace, run, template, would_take, would_take_the_pods_of,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_takes_everything_that_is_rendered() {
    let Some(cluster) = cluster().await else { return };
    let kubectl = &cluster.kubectl;
    for namespace in ["system", "hospitals", "clinics"] {
        restricted_namespace(kubectl, namespace).await;
    }
    for (name, values) in
        [("least", LEAST), ("everything", EVERYTHING), ("one namespace", ONE_NAMESPACE), ("without api", WITHOUT_API)]
    {
        let manifests = template(Tool::Helm, values, &[]).await.unwrap();
        would_take(kubectl, &manifests, name).await;
        for deployment in objects(&manifests).iter().filter(|it| it["kind"] == "Deployment") {
            would_take_the_pods_of(kubectl, deployment, "system").await;
        }
    }
}

/// A number that Helm applied once and leaves out falls to the API server's default, which is one.
#[tokio::test(flavor = "multi_thread")]
async fn switching_the_autoscaler_on_takes_no_pod_away() {
    let Some(cluster) = cluster().await else { return };
    restricted_namespace(&cluster.kubectl, "scaled").await;
    let home = tempfile::tempdir().unwrap();
    let chart = Helm::chart().display().to_string();
    let values = ONE_NAMESPACE.replace("clinics", "scaled");
    let deployment = ["-n", "scaled", "get", "deployment", "chakravue-api", "-o", "jsonpath={.spec.replicas}"];
    let running = async || cluster.kubectl.run(&deployment, "").await.unwrap();
    let scale = ["-n", "scaled", "scale", "deployment/chakravue-api", "--replicas=5"];
    for tool in [Tool::Helm, Tool::Helm3] {
        let helm = Helm::new(tool, Some(cluster.testbed.kubeconfig()), home.path()).await.unwrap();
        let deploy = async |command: &str, more: &[&str]| {
            let fixed = [command, "chakravue", &chart, "--namespace", "scaled", "--values", "-"];
            let without_asking = ["--set", "preflight.enabled=false"];
            helm.run(&[&fixed, &without_asking[..], more].concat(), &values).await.unwrap()
        };
        deploy("install", &["--set", "api.replicas=4"]).await;
        let on = ["--set", "api.autoscaling.enabled=true"];
        deploy("upgrade", &on).await;
        assert_eq!(running().await, "4", "{tool:?}: switched on");
        // As the autoscaler decides it.
        cluster.kubectl.run(&scale, "").await.unwrap();
        deploy("upgrade", &on).await;
        assert_eq!(running().await, "5", "{tool:?}: upgraded");
        helm.run(&["uninstall", "chakravue", "--namespace", "scaled", "--no-hooks"], "").await.unwrap();
    }
}

#[tokio::test]
async fn every_container_has_the_least_rights_and_says_what_it_takes() {
    for values in [LEAST, EVERYTHING] {
        let objects = rendered(values).await;
        let specs = objects.iter().filter_map(|object| match object["kind"].as_str() {
            Some("Deployment" | "Job") => Some((object, &object["spec"]["template"]["spec"])),
            Some("Pod") => Some((object, &object["spec"])),
            _ => None,
        });
        let mut seen = 0;
        for (object, spec) in specs {
            let name = called(object);
            assert_eq!(spec["securityContext"]["runAsNonRoot"], true, "{name}");
            assert_eq!(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{name}");
            for container in spec["containers"].as_array().unwrap() {
                let context = &container["securityContext"];
                assert_eq!(context["readOnlyRootFilesystem"], true, "{name}");
                assert_eq!(context["allowPrivilegeEscalation"], false, "{name}");
                assert_eq!(context["capabilities"], json!({ "drop": ["ALL"] }), "{name}");
                assert!(container["resources"]["requests"]["memory"].is_string(), "{name}");
                assert!(container["resources"]["limits"]["memory"].is_string(), "{name}");
                // Passwords are in files: an environment is readable by every process of the pod and shown by debuggers.
                for variable in container["env"].as_array().into_iter().flatten() {
                    assert!(variable["valueFrom"]["secretKeyRef"].is_null(), "{name}: {variable}");
                }
                seen += 1;
            }
        }
        assert_eq!(seen, 5, "operator, web service, what is run before uninstalling, and two that test");
    }
}

/// `helm test` asks the operator's readiness and who leads, and the web service where there is one, past every policy.
#[tokio::test]
async fn the_test_asks_whatever_is_installed() {
    for (values, wanted) in [(LEAST, &["operator", "api"][..]), (WITHOUT_API, &["operator"])] {
        let objects = rendered(values).await;
        let find =
            |name: &str| objects.iter().find(|object| called(object) == name).unwrap_or_else(|| panic!("no {name}"));
        let pod = find("Pod/chakravue-test");
        assert_eq!(pod["metadata"]["annotations"]["helm.sh/hook"], "test");
        let containers = pod["spec"]["containers"].as_array().unwrap();
        let names: Vec<&str> = containers.iter().map(|container| container["name"].as_str().unwrap()).collect();
        assert_eq!(names, wanted);
        for (container, of) in containers.iter().zip(wanted) {
            let deployment = find(&format!("Deployment/chakravue-{of}"));
            assert_eq!(container["image"], deployment["spec"]["template"]["spec"]["containers"][0]["image"]);
        }
        let args = json!(["check-operators", "chakravue-operator-metrics"]);
        assert_eq!(containers[0]["args"], args);
        // Each pod's own address, also of one that is not ready: that is what is to be told.
        assert_eq!(find("Service/chakravue-operator-metrics")["spec"]["clusterIP"], "None");
        assert_eq!(find("Service/chakravue-operator-metrics")["spec"]["publishNotReadyAddresses"], true);

        let ports = |rules: &Value| -> BTreeSet<String> {
            let rules = rules.as_array().into_iter().flatten();
            let ports = rules.flat_map(|rule| rule["ports"].as_array().into_iter().flatten());
            ports.map(|port| port["port"].to_string().replace('"', "")).collect()
        };
        let out = ports(&find("NetworkPolicy/chakravue-test")["spec"]["egress"]);
        assert!(out.is_superset(&["8080", "9090"].map(str::to_owned).into()), "{out:?}");
        assert_eq!(out.contains("8008"), wanted.contains(&"api"));
        let into = ports(&find("NetworkPolicy/chakravue-operator")["spec"]["ingress"]);
        assert_eq!(into, ["probes", "metrics"].map(str::to_owned).into());
        let notes = helm_notes(values).await;
        assert!(notes.contains("helm test chakravue -n system"), "{notes}");
    }
}

/// What is told at the end of `helm install`.
async fn helm_notes(values: &str) -> String {
    let chart = Helm::chart().display().to_string();
    let install = ["install", "chakravue", &chart, "--namespace", "system", "--values", "-", "--dry-run=client"];
    run(Tool::Helm, &install, values).await.unwrap()
}

#[tokio::test]
async fn selectors_meet_their_own_pods_and_no_others() {
    let objects = rendered(EVERYTHING).await;
    let pods: BTreeMap<&str, &Value> = objects
        .iter()
        .filter_map(|object| match object["kind"].as_str()? {
            "Deployment" | "Job" => Some(&object["spec"]["template"]["metadata"]["labels"]),
            "Pod" => Some(&object["metadata"]["labels"]),
            _ => None,
        })
        .map(|labels| (labels["app.kubernetes.io/component"].as_str().unwrap(), labels))
        .collect();
    let chosen = |selector: &Value| -> BTreeSet<&str> {
        let matches = |labels: &Value| selector.as_object().unwrap().iter().all(|(key, value)| labels[key] == *value);
        pods.iter().filter(|(_, labels)| matches(labels)).map(|(component, _)| *component).collect()
    };
    let (mut checked, mut kept_in) = (0, BTreeSet::new());
    for object in &objects {
        let selector = match object["kind"].as_str().unwrap() {
            "Service" => &object["spec"]["selector"],
            "PodDisruptionBudget" | "Deployment" => &object["spec"]["selector"]["matchLabels"],
            "NetworkPolicy" => &object["spec"]["podSelector"]["matchLabels"],
            _ => continue,
        };
        let component = &object["metadata"]["labels"]["app.kubernetes.io/component"];
        assert_eq!(chosen(selector), BTreeSet::from([component.as_str().unwrap()]), "{}", called(object));
        if object["kind"] == "NetworkPolicy" {
            kept_in.extend(chosen(selector));
        }
        checked += 1;
    }
    assert_eq!(checked, 11, "two Deployments, three Services, two budgets, four policies");
    // Where a namespace lets nothing out by itself, a pod without a policy of its own reaches nobody.
    assert_eq!(kept_in, pods.keys().copied().collect());
}

#[tokio::test]
async fn values_arrive_where_they_belong() {
    let objects = rendered(EVERYTHING).await;
    let find = |name: &str| objects.iter().find(|object| called(object) == name).unwrap_or_else(|| panic!("no {name}"));
    let container = |name: &str| &find(name)["spec"]["template"]["spec"]["containers"][0];
    let variables = |name: &str| -> BTreeMap<String, String> {
        let all = container(name)["env"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        all.iter().map(|variable| (text(&variable["name"]), text(&variable["value"]))).collect()
    };

    let operator = variables("Deployment/chakravue-operator");
    for (name, value) in [
        ("MASTER_DATABASE", "master"),
        ("TENANT_MONGODB_URI", "mongodb://a.example.org,b.example.org/?replicaSet=rs0"),
        ("CLUSTER_ID", "production"),
        ("ALLOW_DATABASE_ADOPTION", "true"),
        ("WORKERS", "4"),
        ("RESYNC_INTERVAL", "30m"),
        ("LEASE_DURATION", "30s"),
        // Not 2e+06, which is what numbers of this size become on their way through YAML.
        ("MAX_TABLES", "2000000"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
    ] {
        assert_eq!(operator.get(name).map(String::as_str), Some(value), "{name}");
    }
    let api = variables("Deployment/chakravue-api");
    for (name, value) in [
        ("HOSPITALS_NAMESPACE", "clinics"),
        ("CHAKRAVUE_API__PUBLIC_URL", "https://app.example.org"),
        ("CHAKRAVUE_API__PAYMENTS__PROVIDER", "stripe"),
        ("CHAKRAVUE_API__TRUSTED_PROXIES", "10.0.0.0/8,192.168.0.0/16"),
        ("CHAKRAVUE_API__BODY_LIMIT", "1048576"),
        ("CHAKRAVUE_API__SESSIONS__IDLE", "1h 30m"),
    ] {
        assert_eq!(api.get(name).map(String::as_str), Some(value), "{name}");
    }
    let digest = "registry.example.org/hospitals/chakravue-operator@sha256:\
        0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    assert_eq!(container("Deployment/chakravue-operator")["image"], digest);
    assert_eq!(container("Deployment/chakravue-api")["image"], "registry.example.org/hospitals/chakravue-api:1.2.3");
    // The autoscaler decides, and what is only rendered must not.
    assert!(find("Deployment/chakravue-api")["spec"]["replicas"].is_null());
    for name in ["Deployment/chakravue-operator", "Deployment/chakravue-api"] {
        let volumes = find(name)["spec"]["template"]["spec"]["volumes"].as_array().unwrap();
        let secret =
            json!({ "name": "mongodb-client", "secret": { "secretName": "mongodb-client", "defaultMode": 0o440 } });
        assert!(volumes.contains(&secret), "{name}: {volumes:#?}");
        let mounts = container(name)["volumeMounts"].as_array().unwrap();
        let mount = json!({ "name": "mongodb-client", "mountPath": "/etc/chakravue/mongodb-client", "readOnly": true });
        assert!(mounts.contains(&mount), "{name}: {mounts:#?}");
    }
    assert_eq!(find("Ingress/chakravue-api")["spec"]["rules"][0]["host"], "app.example.org");
    assert_eq!(find("HTTPRoute/chakravue-api")["spec"]["hostnames"], json!(["app.example.org"]));
}

/// What is tried with everything is everything that can be switched on.
#[tokio::test]
async fn everything_is_switched_on() {
    let defaults = std::fs::read_to_string(Helm::chart().join("values.yaml")).unwrap();
    let [defaults, values]: [Value; 2] = [&*defaults, EVERYTHING].map(|text| serde_saphyr::from_str(text).unwrap());
    let mut paths = Vec::new();
    every_path("", &defaults, &mut paths);
    let at = |values: &Value, path: &str| values.pointer(&format!("/{}", path.replace('.', "/"))).cloned();
    for path in paths.iter().filter(|path| path.ends_with(".enabled")) {
        assert_eq!(at(&values, path).or_else(|| at(&defaults, path)), Some(json!(true)), "{path}");
    }
    let objects = rendered(EVERYTHING).await;
    let kinds: BTreeSet<&str> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    let optional = ["HTTPRoute", "HorizontalPodAutoscaler", "Ingress", "PrometheusRule", "ServiceMonitor"];
    assert!(kinds.is_superset(&optional.into()), "{kinds:?}");
}

/// As `OpenShift` gives each namespace users of its own, and refuses others.
#[tokio::test]
async fn the_cluster_can_choose_the_user() {
    for (value, user) in [("65532", json!(65532)), ("1000680000", json!(1_000_680_000)), ("null", Value::Null)] {
        let rendered = template(Tool::Helm, EVERYTHING, &["--set", &format!("runAsUser={value}")]).await.unwrap();
        let objects = objects(&rendered);
        let mut seen = 0;
        for object in &objects {
            let spec = if object["kind"] == "Pod" { &object["spec"] } else { &object["spec"]["template"]["spec"] };
            let context = &spec["securityContext"];
            if context.is_object() {
                for field in ["runAsUser", "runAsGroup", "fsGroup"] {
                    assert_eq!(context[field], user, "{field} of {}", called(object));
                }
                assert_eq!(context["runAsNonRoot"], true);
                seen += 1;
            }
        }
        assert_eq!(seen, 4, "operator, web service, what is run before uninstalling, and the test");
    }
}

/// Argo CD, which compares with what the API server has, shows for good as a difference what that fills in within a list.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_adds_nothing_to_the_route() {
    let parents = r#"api.httpRoute.parentRefs=[{"name":"public","namespace":"gateways"},{"group":"","kind":"Service","name":"mesh"}]"#;
    let objects = objects(&template(Tool::Helm, EVERYTHING, &["--set-json", parents]).await.unwrap());
    let route = objects.iter().find(|object| object["kind"] == "HTTPRoute").unwrap();
    let written = json!({
        "hostnames": ["app.example.org"],
        "parentRefs": [
            { "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public", "namespace": "gateways" },
            { "group": "", "kind": "Service", "name": "mesh" },
        ],
        "rules": [{
            "matches": [{ "path": { "type": "PathPrefix", "value": "/" } }],
            "backendRefs": [{ "group": "", "kind": "Service", "name": "chakravue-api", "port": 80, "weight": 1 }],
        }],
    });
    assert_eq!(route["spec"], written);

    let Some(cluster) = cluster().await else { return };
    let mut alone = route.clone();
    alone["metadata"]["namespace"] = json!("default");
    let asked = ["apply", "--server-side", "--dry-run=server", "-o", "json", "-f", "-"];
    let taken: Value = serde_json::from_str(&cluster.kubectl.run(&asked, &alone.to_string()).await.unwrap()).unwrap();
    assert_eq!(taken["spec"], written);
}

/// Every right has its reason above it, also in what the cluster tells of a release (`helm get manifest`).
#[tokio::test]
async fn every_rule_has_its_reason() {
    let manifests = template(Tool::Helm, LEAST, &[]).await.unwrap();
    let lines: Vec<&str> = manifests.lines().collect();
    let rules = lines.windows(2).filter(|lines| lines[1].starts_with("  - apiGroups"));
    let (explained, unexplained): (Vec<_>, Vec<_>) = rules.partition(|lines| lines[0].starts_with("  # "));
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    assert!(explained.len() >= 10, "{explained:#?}");
}

#[tokio::test]
async fn one_namespace_takes_no_right_in_the_cluster() {
    let cluster_wide = ["ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "Namespace"];
    for object in rendered(ONE_NAMESPACE).await {
        let kind = object["kind"].as_str().unwrap();
        assert!(!cluster_wide.contains(&kind), "{}", called(&object));
    }
    let kinds: BTreeSet<String> =
        rendered(LEAST).await.iter().map(|object| object["kind"].as_str().unwrap().to_owned()).collect();
    assert!(cluster_wide.iter().all(|kind| kinds.contains(*kind)), "{kinds:?}");
}

#[tokio::test]
async fn who_is_told_the_clusters_id_may_not_read_it() {
    for (values, reads) in [(LEAST, true), (EVERYTHING, false), (ONE_NAMESPACE, false)] {
        let objects = rendered(values).await;
        let rules = objects.iter().flat_map(|object| object["rules"].as_array().into_iter().flatten());
        let namespaces = rules.filter(|rule| rule["resources"] == json!(["namespaces"])).count();
        assert_eq!(namespaces > 0, reads, "{values}");
    }
}

#[tokio::test]
async fn nothing_stands_twice_and_no_rule_lets_everything_out() {
    let values = "
        api: {publicUrl: 'https://App.Example.org', settings: {payments: {provider: test}, trusted_proxies: [10.0.0.0/8]},
          podAnnotations: {kubectl.kubernetes.io/default-container: sidecar}, ingress: {enabled: true, tlsSecret: tls}}
        commonLabels: {release: prom}
        networkPolicy: {dnsPorts: null, mailPorts: null, mongodbPorts: null, kubernetesApiPorts: null}
        monitoring:
          serviceMonitor: {enabled: true, labels: {release: other}}
          prometheusRule: {enabled: true, labels: {release: other}}
          dashboard: {enabled: true, labels: {grafana_dashboard: null, release: other}}";
    // What stands twice is no YAML to this reader.
    let objects = rendered(values).await;
    for object in &objects {
        let is_monitored = ["ServiceMonitor", "PrometheusRule"].iter().any(|kind| object["kind"] == *kind);
        let wanted = if is_monitored { "other" } else { "prom" };
        if !called(object).ends_with("-dashboard") {
            assert_eq!(object["metadata"]["labels"]["release"], wanted, "{}", called(object));
        }
        for rule in object["spec"]["egress"].as_array().into_iter().flatten() {
            assert!(rule["ports"].as_array().is_some_and(|ports| !ports.is_empty()), "{}: {rule}", called(object));
        }
    }
    let ingress = objects.iter().find(|object| object["kind"] == "Ingress").unwrap();
    assert_eq!(ingress["spec"]["rules"][0]["host"], "app.example.org");
}

/// Where a value has a number.
fn numbers(path: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| numbers(&format!("{path}.{key}"), value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| numbers(path, item, found)),
        Value::Number(_) => found.push(path.to_owned()),
        _ => {}
    }
}

/// Names that YAML takes for numbers.
#[tokio::test]
async fn names_are_text() {
    let values = "
        fullnameOverride: app
        nameOverride: '2024'
        operator: {clusterId: '7', secret: {uriKey: '1', watchUriKey: '2'}}
        api: {publicUrl: 'https://app.example.org', settings: {payments: {provider: test}}}";
    for object in rendered(values).await {
        let mut found = Vec::new();
        numbers("", &object["metadata"], &mut found);
        numbers("", &object["subjects"], &mut found);
        numbers("", &object["spec"]["selector"], &mut found);
        numbers("", &object["spec"]["template"]["spec"]["volumes"], &mut found);
        found.retain(|path| !path.ends_with("defaultMode"));
        assert_eq!(found, [""; 0], "{}", called(&object));
    }
}

#[tokio::test]
async fn what_holds_hospitals_stays() {
    let objects = rendered(LEAST).await;
    let kept = objects.iter().filter(|object| object["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep");
    let kept: Vec<&Value> = kept.collect();
    let names: BTreeSet<String> = kept.iter().map(|object| called(object)).collect();
    let expected = ["CustomResourceDefinition/hospitalorganizations.chakravue.io", "Namespace/hospitals"];
    assert_eq!(names, expected.map(str::to_owned).into());
    for object in kept {
        let options = object["metadata"]["annotations"]["argocd.argoproj.io/sync-options"].as_str().unwrap();
        assert!(options.contains("Prune=false") && options.contains("Delete=false"), "{options}");
    }
}
