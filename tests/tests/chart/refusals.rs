//! Values that cannot work are refused before anything is installed, with the value's path or a sentence that says what to do:
//! by the Helm of today and by the one before.

use chakravue_testbed::{Helm, Tool};
use serde_json::Value;

use crate::support::{EVERYTHING, LEAST, ONE_NAMESPACE, WITHOUT_API, every_path, objects, run, template};

/// What somebody sets besides the least, and what they are told.
const WRONG: [(&[&str], &str); 127] = [
    // Misspelt.
    (&["operators.replicas=2"], "'operators' not allowed"),
    (&["operator.replica=2"], "at '/operator': additional properties 'replica' not allowed"),
    (&["api.settings.limits.sign_ins=2"], "at '/api/settings/limits'"),
    (&["api.settings.secret_key=abc"], "at '/api/settings'"),
    (&["monitoring.serviceMonitor.label.a=b"], "at '/monitoring/serviceMonitor'"),
    // Of the wrong type.
    (&["operator.replicas=two"], "at '/operator/replicas': got string, want integer"),
    (&["operator.resyncInterval=10"], "at '/operator/resyncInterval'"),
    (&["operator.resyncInterval=soon"], "at '/operator/resyncInterval'"),
    (&["operator.leaderElection.leaseDuration=1500ms"], "at '/operator/leaderElection/leaseDuration'"),
    (&["image.pullPolicy=Sometimes"], "at '/image/pullPolicy'"),
    (&["operator.resources.limits.memory=much"], "at '/operator/resources/limits/memory'"),
    (&["operator.image.digest=sha256:0"], "at '/operator/image/digest'"),
    (&["networkPolicy.mongodbPorts[0]=mongodb"], "at '/networkPolicy/mongodbPorts/0'"),
    (&["hospitals.namespace=Hospitals"], "at '/hospitals/namespace'"),
    (&["operator.secret.name="], "at '/operator/secret/name'"),
    // Credentials in a place where everybody reads them, an address that browsers do not take passwords to.
    (&["mongodb.tenantUri=mongodb://user:secret@db.example.org"], "at '/mongodb/tenantUri'"),
    (&["api.publicUrl=http://app.example.org"], "at '/api/publicUrl'"),
    (
        &["api.settings.payments.stripe.api_base=http://stripe.example.org"],
        "at '/api/settings/payments/stripe/api_base'",
    ),
    // Of the right type, and out of bounds: a pod would end with it, or nothing could be uninstalled.
    (&["operator.awaitRemovals=0s"], "at '/operator/awaitRemovals'"),
    (&["operator.awaitRemovals=1s 1m"], "at '/operator/awaitRemovals'"),
    (&["operator.leaderElection.leaseDuration=0s"], "at '/operator/leaderElection/leaseDuration'"),
    (&["operator.resyncInterval=1ms"], "at '/operator/resyncInterval'"),
    (&["operator.resyncInterval=999ms"], "at '/operator/resyncInterval'"),
    (&["operator.resyncInterval="], "at '/operator/resyncInterval'"),
    (&["operator.accountsInterval=1ms"], "at '/operator/accountsInterval'"),
    (&["operator.accountsInterval=0m 49ms"], "at '/operator/accountsInterval'"),
    (&["api.settings.sessions.idle=0s"], "at '/api/settings/sessions/idle'"),
    (&["api.settings.hashing.queue_length=0"], "at '/api/settings/hashing/queue_length'"),
    (&["api.settings.hashing.queue_wait=0ms"], "at '/api/settings/hashing/queue_wait'"),
    (&["api.settings.hashing.memory_kib=19455"], "at '/api/settings/hashing/memory_kib'"),
    (&["api.settings.hashing.memory_kib=65537"], "at '/api/settings/hashing/memory_kib'"),
    (&["api.settings.hashing.passes=17"], "at '/api/settings/hashing/passes'"),
    (&["api.settings.hashing.lanes=0"], "at '/api/settings/hashing/lanes'"),
    (&["api.settings.hashing.lanes=17"], "at '/api/settings/hashing/lanes'"),
    (&["api.settings.hashing.passes=1"], "at '/api/settings/hashing/passes'"),
    // Of the right form, and none all the same: the API server would refuse it, or a pod end with it.
    (&["networkPolicy.mongodbCidrs={10.0.0.0}"], "at '/networkPolicy/mongodbCidrs/0'"),
    (&["networkPolicy.mongodbCidrs={10.0.0.0/33}"], "at '/networkPolicy/mongodbCidrs/0'"),
    (&["networkPolicy.mongodbCidrs={fd00::/129}"], "at '/networkPolicy/mongodbCidrs/0'"),
    (&["networkPolicy.mongodbCidrs={1:2:3:4:5:6:7::8/64}"], "at '/networkPolicy/mongodbCidrs/0'"),
    (&["networkPolicy.kubernetesApiCidrs={10.0.0.256/32}"], "at '/networkPolicy/kubernetesApiCidrs/0'"),
    (&["networkPolicy.kubernetesApiCidrs={010.0.0.1/32}"], "at '/networkPolicy/kubernetesApiCidrs/0'"),
    (&["api.settings.trusted_proxies={10.0.0.0/40}"], "at '/api/settings/trusted_proxies/0'"),
    (&["networkPolicy.dnsPorts={0}"], "at '/networkPolicy/dnsPorts/0'"),
    (&["networkPolicy.mailPorts={65536}"], "at '/networkPolicy/mailPorts/0'"),
    (&["networkPolicy.metricsFrom[0].podselector.matchLabels.a=b"], "at '/networkPolicy/metricsFrom/0'"),
    (&["networkPolicy.apiFrom[0].ipBlock.cidr=10.0.0.0"], "at '/networkPolicy/apiFrom/0/ipBlock/cidr'"),
    (
        &["networkPolicy.apiFrom[0].ipBlock.cidr=10.0.0.0/8", "networkPolicy.apiFrom[0].podSelector.matchLabels.a=b"],
        "at '/networkPolicy/apiFrom/0'",
    ),
    (&["networkPolicy.apiExtraEgress[0].ports[0].port=99999"], "at '/networkPolicy/apiExtraEgress/0/ports/0/port'"),
    (
        &["networkPolicy.apiExtraEgress[0].ports[0].protocol=tcp"],
        "at '/networkPolicy/apiExtraEgress/0/ports/0/protocol'",
    ),
    (&["networkPolicy.operatorExtraEgress[0].port=1"], "at '/networkPolicy/operatorExtraEgress/0'"),
    (&["commonLabels.team=a team"], "at '/commonLabels/team'"),
    (&["operator.podAnnotations.a b=x"], "at '/operator/podAnnotations'"),
    (&["operator.nodeSelector.disk=fast disk"], "at '/operator/nodeSelector/disk'"),
    (&["operator.tolerations[0].effect=NoSchedul"], "at '/operator/tolerations/0/effect'"),
    (&["operator.affinity.nodeAfinity.a=b"], "at '/operator/affinity'"),
    (&["operator.resources.limits.memory=1K"], "at '/operator/resources/limits/memory'"),
    (&["operator.resources.limits.memory=1.2.3"], "at '/operator/resources/limits/memory'"),
    (&["operator.resources.limits.mem=1Mi"], "at '/operator/resources/limits'"),
    (&["operator.log=info\\,chakravue_operator=loud"], "at '/operator/log'"),
    (
        &["operator.extraEnv[0].name=A", "operator.extraEnv[0].valueFrom.secretRef.name=a"],
        "at '/operator/extraEnv/0/valueFrom'",
    ),
    (
        &["api.extraEnv[0].name=A", "api.extraEnv[0].value=x", "api.extraEnv[0].valueFrom.fieldRef.fieldPath=a"],
        "at '/api/extraEnv/0'",
    ),
    (&["operator.extraVolumes[0].name=a"], "at '/operator/extraVolumes/0'"),
    (
        &["operator.extraVolumes[0].name=secret", "operator.extraVolumes[0].emptyDir.sizeLimit=1Mi"],
        "at '/operator/extraVolumes/0/name'",
    ),
    (
        &["api.extraVolumeMounts[0].name=a", "api.extraVolumeMounts[0].mountPath=/etc/chakravue/secret"],
        "at '/api/extraVolumeMounts/0/mountPath'",
    ),
    (&["operator.leaderElection.leaseDuration=9999999999s"], "at '/operator/leaderElection/leaseDuration'"),
    (&["operator.resyncInterval=10m "], "at '/operator/resyncInterval'"),
    (&["operator.awaitRemovals=1m "], "at '/operator/awaitRemovals'"),
    (&["operator.capacity.maxTables=99999999999"], "at '/operator/capacity/maxTables'"),
    (&["api.settings.request_timeout=10000000000000h"], "at '/api/settings/request_timeout'"),
    (
        &["api.settings.tenants.connections_per_hospital=4294967296"],
        "at '/api/settings/tenants/connections_per_hospital'",
    ),
    (&["api.settings.mail.from=ChakraVue"], "at '/api/settings/mail/from'"),
    (&["api.publicUrl=https://app example.org"], "at '/api/publicUrl'"),
    (&["api.publicUrl=https://app.example.org:99999"], "at '/api/publicUrl'"),
    (&["api.ingress.hosts={App.example.org}"], "at '/api/ingress/hosts/0'"),
    (&["api.ingress.hosts={10.0.0.1}"], "at '/api/ingress/hosts/0'"),
    (&["api.ingress.className=Nginx"], "at '/api/ingress/className'"),
    (&["api.ingress.tlsSecret=My_Secret"], "at '/api/ingress/tlsSecret'"),
    (&["api.httpRoute.hostnames={a.example.org,a.example.org}"], "at '/api/httpRoute/hostnames'"),
    (&["api.httpRoute.parentRefs[0].nme=public"], "at '/api/httpRoute/parentRefs/0'"),
    (&["api.autoscaling.maxReplicas=99999999999"], "at '/api/autoscaling/maxReplicas'"),
    (&["api.autoscaling.targetCpuUtilization=0"], "at '/api/autoscaling/targetCpuUtilization'"),
    (&["monitoring.serviceMonitor.interval=1.5m"], "at '/monitoring/serviceMonitor/interval'"),
    (&["runAsUser=0"], "at '/runAsUser'"),
    (&["image.registry=https://registry.example.org"], "at '/image/registry'"),
    (&["operator.secret.name=a..b"], "at '/operator/secret/name'"),
    (&["mongodb.tenantUri=mongodb://a b"], "at '/mongodb/tenantUri'"),
    (
        &["operator.resources.limits.memory=32Mi"],
        "operator.resources.requests.memory is 64Mi, more than operator.resources.limits.memory, 32Mi",
    ),
    (&["api.resources.limits.cpu=0.2"], "api.resources.requests.cpu is 250m, more than api.resources.limits.cpu, 0.2"),
    (
        &["api.extraVolumeMounts[0].name=a", "api.extraVolumeMounts[0].mountPath=/etc/a"],
        "api.extraVolumeMounts names the volume a, which is not in api.extraVolumes",
    ),
    (
        &[
            "operator.extraVolumes[0].name=a",
            "operator.extraVolumes[0].secret.secretName=a",
            "operator.extraVolumes[1].name=a",
            "operator.extraVolumes[1].secret.secretName=b",
        ],
        "operator.extraVolumes names a volume twice",
    ),
    // Each alone is right, and together they cannot work.
    (&["api.secret.mailUrlKey=mail"], "api.settings.mail.from"),
    (&["api.publicUrl="], "api.publicUrl is missing"),
    (&["api.settings.payments.provider="], "api.settings.payments.provider is missing"),
    (&["api.settings.payments.provider=stripe"], "needs api.secret.stripeSecretKeyKey"),
    (&["api.ingress.enabled=true"], "api.settings.trusted_proxies"),
    (&["operator.watchNamespace=hospitals"], "operator.watchNamespace needs operator.clusterId"),
    (
        &["operator.watchNamespace=elsewhere", "operator.clusterId=a"],
        "hospitals that sign up are made in hospitals (hospitals.namespace)",
    ),
    (&["operator.leaderElection.enabled=false"], "operator.replicas is more than 1"),
    (&["api.enabled=false", "api.ingress.enabled=true"], "api.ingress.enabled without api.enabled"),
    (&["api.enabled=false", "api.httpRoute.enabled=true"], "api.httpRoute.enabled without api.enabled"),
    (&["api.enabled=false", "api.autoscaling.enabled=true"], "api.autoscaling.enabled without api.enabled"),
    (&["api.ingress.enabled=true"], "api.ingress.enabled without api.ingress.tlsSecret"),
    (
        &["api.ingress.enabled=true", "api.publicUrl=https://localhost"],
        "api.ingress.enabled without api.ingress.tlsSecret",
    ),
    (&["api.ingress.enabled=true", "api.publicUrl=http://127.0.0.1:8008"], "takes a host's name, not an address"),
    (&["api.ingress.enabled=true", "api.publicUrl=https://192.0.2.7"], "takes a host's name, not an address"),
    (&["api.ingress.enabled=true", "api.publicUrl=https://[2001:db8::7]"], "takes a host's name, not an address"),
    (
        &["api.ingress.enabled=true", "api.ingress.hosts={www.example.org,example.org}"],
        "api.ingress leads browsers from www.example.org, example.org, and not from app.example.org",
    ),
    (
        &["api.httpRoute.enabled=true", "api.httpRoute.hostnames={*.example.com}"],
        "api.httpRoute leads browsers from *.example.com, and not from app.example.org",
    ),
    (
        &["api.autoscaling.enabled=true", "api.autoscaling.minReplicas=7"],
        "api.autoscaling.minReplicas is 7, more than api.autoscaling.maxReplicas, 6",
    ),
    (&["api.autoscaling.enabled=true", "api.resources.requests.cpu=null"], "without api.resources.requests.cpu"),
    (&["api.autoscaling.enabled=true", "api.replicas=4"], "api.replicas is 4, and api.autoscaling.enabled decides"),
    (&["api.settings.request_timeout=20s"], "request_timeout would cut off api.settings.payment_wait (30s)"),
    (&["api.settings.signup_wait=1m 500ms"], "request_timeout would cut off api.settings.signup_wait (1m 500ms)"),
    (&["api.settings.sessions.idle=13h"], "api.settings.sessions.idle must not be longer"),
    (&["api.settings.sessions.absolute=10m"], "api.settings.sessions.idle must not be longer"),
    (&["api.secret.uriKey=secret-key"], "api.secret names one key for two things: secret-key"),
    (&["api.secret.name=chakravue-operator-mongodb"], "each program needs a MongoDB login of its own"),
    (&["operator.secret.watchUriKey=uri"], "operator.secret.uriKey and operator.secret.watchUriKey are both uri"),
    (
        &["monitoring.serviceMonitor.enabled=true", "networkPolicy.metricsFrom=null"],
        "nobody in networkPolicy.metricsFrom",
    ),
    // What would come twice, or be another's.
    (&["commonLabels.app\\.kubernetes\\.io/name=mine"], "at '/commonLabels/app.kubernetes.io~1name'"),
    (&["mongodb.masterDatabase=admin"], "at '/mongodb/masterDatabase'"),
    (&["api.secret.name="], "at '/api/secret/name'"),
    (&["operator.awaitMoreRemovals=0s"], "at '/operator/awaitMoreRemovals'"),
    (&["operator.extraEnv[0].name=RUST_LOG", "operator.extraEnv[0].value=debug"], "operator.extraEnv names RUST_LOG"),
    (
        &["api.extraEnv[0].name=CHAKRAVUE_API__PAYMENTS__PROVIDER", "api.extraEnv[0].value=stripe"],
        "api.extraEnv names CHAKRAVUE_API__PAYMENTS__PROVIDER",
    ),
    (
        &["api.extraEnv[0].name=A", "api.extraEnv[0].value=x", "api.extraEnv[1].name=A", "api.extraEnv[1].value=y"],
        "or stands there twice",
    ),
    (&["fullnameOverride=1st"], "objects would be called 1st, which no Service may be"),
];

#[tokio::test]
async fn values_that_cannot_work_are_refused_with_their_path() {
    for (values, why) in WRONG {
        let more: Vec<&str> = values.iter().flat_map(|value| ["--set", *value]).collect();
        for tool in [Tool::Helm, Tool::Helm3] {
            let refused = template(tool, LEAST, &more).await;
            let error = refused.err().unwrap_or_else(|| panic!("{tool:?} takes {values:?}"));
            assert!(error.contains(why), "{tool:?} with {values:?}: {error}");
        }
    }
}

/// `null` takes a value away, and with it the default, before the schema is asked: it is refused, or nothing is there instead.
#[tokio::test]
async fn no_value_can_be_taken_away_that_is_needed() {
    let values = std::fs::read_to_string(Helm::chart().join("values.yaml")).unwrap();
    let mut paths = Vec::new();
    every_path("", &serde_saphyr::from_str(&values).unwrap(), &mut paths);
    let (mut taken, mut refused) = (0, 0);
    for path in paths.iter().filter(|path| *path != "api.publicUrl") {
        match template(Tool::Helm, LEAST, &["--set", &format!("{path}=null")]).await {
            Ok(rendered) => {
                let objects = Value::from(objects(&rendered));
                assert_eq!(empty_places("", &objects), [""; 0], "without {path}");
                taken += 1;
            }
            Err(error) => {
                let (above, name) = path.rsplit_once('.').unwrap_or(("", path));
                let above = if above.is_empty() { String::new() } else { format!("/{}", above.replace('.', "/")) };
                let why = format!("at '{above}': missing property '{name}'");
                assert!(error.contains(&why), "{path}: {error}");
                refused += 1;
            }
        }
    }
    assert!(taken > 40 && refused > 60, "{taken} were taken, {refused} refused");
    let error = template(Tool::Helm, LEAST, &["--set", "api.publicUrl=null"]).await.unwrap_err();
    assert!(error.contains("api.publicUrl is missing"), "{error}");
}

/// Where a field has no value, which an API server takes for one that was left out.
fn empty_places(path: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Null => vec![path.to_owned()],
        Value::Object(fields) => {
            fields.iter().flat_map(|(name, value)| empty_places(&format!("{path}.{name}"), value)).collect()
        }
        Value::Array(items) => items.iter().flat_map(|item| empty_places(path, item)).collect(),
        _ => Vec::new(),
    }
}

/// Close to what is refused, and right.
#[tokio::test]
async fn values_that_go_together_are_taken() {
    const TLS: &str = "api.ingress.tlsElsewhere=true";
    const PROXIES: &str = "api.settings.trusted_proxies={10.0.0.0/8}";
    const GATEWAY: &str = "api.httpRoute.parentRefs[0].name=public";
    for values in [
        &["api.ingress.enabled=true", TLS, PROXIES][..],
        &["api.ingress.enabled=true", TLS, PROXIES, "api.ingress.hosts={*.example.org,example.org}"],
        &["api.ingress.enabled=true", TLS, PROXIES, "api.publicUrl=https://app.example.org:8443"],
        // A cluster on one's own machine with a mapped port.
        &["api.ingress.enabled=true", PROXIES, "api.publicUrl=http://localhost:8080"],
        &["api.httpRoute.enabled=true", GATEWAY, PROXIES, "api.publicUrl=http://localhost:8080"],
        &["api.autoscaling.enabled=true", "api.autoscaling.minReplicas=6"],
        &["api.replicas=4"],
        &["api.replicas=0", "operator.replicas=0"],
        &["operator.replicas=1", "operator.leaderElection.enabled=false"],
        &["api.settings.request_timeout=30s 1ms"],
        &["api.settings.sessions.idle=720m"],
        &["api.secret.name=one", "operator.secret.name=one", "api.secret.uriKey=api-uri"],
        &["operator.awaitRemovals="],
        &["operator.awaitMoreRemovals="],
        &["monitoring.serviceMonitor.enabled=true", "networkPolicy.metricsFrom=null", "networkPolicy.enabled=false"],
        &["commonLabels.example\\.org/team=platform"],
        &[
            "networkPolicy.mongodbCidrs={10.0.0.1/32,0.0.0.0/0,fd00::/8,::1/128,1:2:3:4:5:6:7:8/128,1:2:3:4:5:6:7::/112}",
        ],
        &["operator.log=warn\\,chakravue_operator=debug\\,kube[request]=trace"],
        &["operator.resources.limits.memory=0.1Gi", "api.resources.requests.cpu=1e-1", "api.resources.limits.cpu=100m"],
        &["api.publicUrl=https://[2001:db8::7]:65535/"],
        &["image.registry=registry.example.org:5000/team/chakravue"],
        &["runAsUser=null"],
    ] {
        let more: Vec<&str> = values.iter().flat_map(|value| ["--set", *value]).collect();
        for tool in [Tool::Helm, Tool::Helm3] {
            template(tool, LEAST, &more).await.unwrap_or_else(|error| panic!("{tool:?} refuses {values:?}: {error}"));
        }
    }
}

/// One of the two may be a default, which nobody wrote.
#[tokio::test]
async fn removals_that_have_not_begun_are_awaited_for_no_longer_than_all() {
    for (value, silence) in [
        ("operator.awaitRemovals=5s", Some("5s")),
        ("operator.awaitRemovals=1m 5s", Some("10s")),
        ("operator.awaitMoreRemovals=61s", Some("1m")),
        ("operator.awaitMoreRemovals=59s", Some("59s")),
        ("operator.awaitMoreRemovals=", None),
    ] {
        for tool in [Tool::Helm, Tool::Helm3] {
            let rendered = template(tool, LEAST, &["--set", value]).await.unwrap();
            let passed = rendered.lines().find_map(|line| line.trim().strip_prefix("- --silence="));
            assert_eq!(passed, silence, "{tool:?} with {value}");
        }
    }
}

#[tokio::test]
async fn a_cluster_that_is_too_old_is_refused() {
    let error = template(Tool::Helm, LEAST, &["--kube-version", "1.32"]).await.unwrap_err();
    assert!(error.contains("chart requires kubeVersion: >=1.33.0-0"), "{error}");
}

#[tokio::test]
async fn values_that_work_are_taken_by_both_versions_of_helm() {
    let chart = Helm::chart().display().to_string();
    for values in [LEAST, EVERYTHING, ONE_NAMESPACE, WITHOUT_API] {
        let [new, old] = [Tool::Helm, Tool::Helm3].map(|tool| template(tool, values, &[]));
        let (new, old) = (new.await.unwrap(), old.await.unwrap());
        assert_eq!(objects(&new), objects(&old));
        run(Tool::Helm, &["lint", "--strict", &chart, "--values", "-"], values).await.unwrap();
    }
}
