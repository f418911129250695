//! The next version and back again, with hospitals at work.

use chakravue_testbed::pods::{Installation, NAMESPACE, RELEASE};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use serde_json::json;

use crate::{
    NEXT, NOW,
    clinic::{Clinic, DECLARED},
    deaths::SHORT_LEASE,
    traffic::Traffic,
};

pub async fn there_and_back(clinic: &Clinic, installation: &Installation<'_>) {
    let before = clinic.hospitals().get(DECLARED).await.unwrap();
    let traffic = Traffic::start(clinic).await;
    installation.upgrade(NEXT, &[SHORT_LEASE]).await.unwrap_or_else(|error| panic!("{error}"));
    all_run(clinic, NEXT).await;
    let back = ["rollback", RELEASE, "1", "--namespace", NAMESPACE, "--wait", "--timeout", "3m"];
    installation.helm().run(&back, "").await.unwrap_or_else(|error| panic!("{error}"));
    all_run(clinic, NOW).await;
    traffic.stop_without_a_gap(clinic).await;

    // Neither was anything of the hospitals written: no migration, no drift that somebody would see in Git.
    let after = clinic.hospitals().get(DECLARED).await.unwrap();
    assert_eq!(before.spec, after.spec);
    assert_eq!(before.metadata.generation, after.metadata.generation);
    assert_eq!((before.labels(), before.annotations()), (after.labels(), after.annotations()));
    clinic.until_ready(DECLARED).await;
}

/// To a MongoDB that is not there: the old pods stay and work on, and Helm says which Deployment does not get ready.
pub async fn that_cannot_work(clinic: &Clinic, installation: &Installation<'_>) {
    let uri = "mongodb://u:p@127.0.0.1:1/?serverSelectionTimeoutMS=500";
    let nowhere = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "nowhere", "namespace": NAMESPACE },
        "stringData": { "uri": uri, "watch-uri": uri },
    });
    installation.apply(&nowhere.to_string()).await.unwrap();
    let traffic = Traffic::start(clinic).await;
    let wrong = [SHORT_LEASE, "operator.secret.name=nowhere"];
    let error = installation.upgrade_within("10s", NOW, &wrong).await.expect_err("it cannot get ready");
    assert!(error.contains("chakravue-operator"), "{error}");
    let ready = clinic.pods_of("operator").await.into_iter().filter(is_ready).count();
    assert_eq!(ready, 2, "the operators of before work on");
    let back = ["rollback", RELEASE, "--namespace", NAMESPACE, "--wait", "--timeout", "3m"];
    installation.helm().run(&back, "").await.unwrap_or_else(|error| panic!("{error}"));
    traffic.stop_without_a_gap(clinic).await;
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

async fn all_run(clinic: &Clinic, tag: &str) {
    for component in ["operator", "api"] {
        for pod in clinic.pods_of(component).await {
            let image = pod.spec.as_ref().unwrap().containers[0].image.clone();
            assert_eq!(
                image.as_deref(),
                Some(&*format!("localhost/chakravue-{component}:{tag}")),
                "{}",
                pod.name_any()
            );
        }
    }
}
