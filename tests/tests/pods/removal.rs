//! What becomes of the hospitals when the release goes: alone, or together with them.

use std::{collections::BTreeMap, time::Duration};

use chakravue_testbed::pods::{Installation, NAMESPACE, Pods, RELEASE};
use k8s_openapi::{
    api::core::v1::{Pod, Secret},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, ResourceExt as _, api::ListParams};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use crate::{
    NEXT,
    clinic::{Clinic, DECLARED, HOSPITALS},
    deaths::SHORT_LEASE,
    support::eventually,
};

/// For everything that is pruned to be gone.
const PATIENCE: Duration = Duration::from_mins(1);
/// Well within `operator.awaitMoreRemovals`.
const A_MOMENT: Duration = Duration::from_secs(4);

pub async fn keeps_the_hospitals(clinic: &Clinic, installation: &Installation<'_>) {
    let before = clinic.hospitals().get(DECLARED).await.unwrap().status.unwrap();
    let uninstall = ["uninstall", RELEASE, "--namespace", NAMESPACE, "--wait", "--timeout", "2m"];
    let said = installation.helm().run(&uninstall, "").await.unwrap_or_else(|error| panic!("{error}"));
    for kept in ["CustomResourceDefinition", "hospitalorganizations.chakravue.io", "Namespace", HOSPITALS] {
        assert!(said.contains(kept), "it does not say that {kept} stays:\n{said}");
    }
    eventually("no pod is left", async || {
        let pods = Api::<Pod>::namespaced(clinic.kube.clone(), NAMESPACE).list(&ListParams::default()).await.unwrap();
        pods.items.is_empty().then_some(())
    })
    .await;

    Api::<CustomResourceDefinition>::all(clinic.kube.clone()).get("hospitalorganizations.chakravue.io").await.unwrap();
    let hospitals = clinic.hospitals().list(&ListParams::default()).await.unwrap();
    assert_eq!(hospitals.items.len(), 2, "{hospitals:#?}");
    let secrets = Api::<Secret>::namespaced(clinic.kube.clone(), HOSPITALS);
    for hospital in &hospitals {
        let status = hospital.status.as_ref().unwrap();
        secrets.get(&status.binding.as_ref().unwrap().name).await.unwrap();
        assert!(
            documents(clinic, status.database_name.as_ref().unwrap()).await > 0,
            "the data of {}",
            hospital.name_any()
        );
    }

    installation.install(NEXT, &[SHORT_LEASE]).await.unwrap_or_else(|error| panic!("{error}"));
    clinic.until_ready(DECLARED).await;
    let after = clinic.hospitals().get(DECLARED).await.unwrap().status.unwrap();
    assert_eq!(before.organization_id, after.organization_id);
}

/// Hospitals and release at the same moment, as Flux does it, and with a MongoDB that answers late: Helm waits until the
/// operator has let go of them.
pub async fn at_once(clinic: &Clinic, pods: &Pods, installation: &Installation<'_>) {
    pods.freeze_mongodb();
    clinic.kubectl(&["-n", HOSPITALS, "delete", "horg", "--all", "--wait=false"]).await;
    let uninstall = ["uninstall", RELEASE, "--namespace", NAMESPACE, "--wait", "--timeout", "2m"];
    let uninstalled = installation.helm().run(&uninstall, "");
    let woken = async {
        helm_waits(clinic).await;
        assert_eq!(clinic.hospitals().list(&ListParams::default()).await.unwrap().items.len(), 2);
        pods.wake_mongodb();
    };
    let (uninstalled, ()) = tokio::join!(uninstalled, woken);
    uninstalled.unwrap_or_else(|error| panic!("{error}"));
    let left = clinic.hospitals().list(&ListParams::default()).await.unwrap();
    assert!(left.items.is_empty(), "{left:#?}");
    assert!(documents(clinic, "st_marys_hospital").await > 0, "its deletionPolicy is Retain");
}

/// In the order that Flux may take: the release goes, and the hospitals are told to a moment after Helm began to wait.
pub async fn the_operator_first(clinic: &Clinic, installation: &Installation<'_>) {
    installation.install(NEXT, &[SHORT_LEASE]).await.unwrap_or_else(|error| panic!("{error}"));
    installation.first_hospital().await.unwrap_or_else(|error| panic!("{error:#}"));
    let uninstall = ["uninstall", RELEASE, "--namespace", NAMESPACE, "--wait", "--timeout", "2m"];
    let uninstalled = installation.helm().run(&uninstall, "");
    let deleted = async {
        helm_waits(clinic).await;
        tokio::time::sleep(A_MOMENT).await;
        clinic.kubectl(&["-n", HOSPITALS, "delete", "horg", "--all", "--wait=false"]).await;
    };
    let (uninstalled, ()) = tokio::join!(uninstalled, deleted);
    uninstalled.unwrap_or_else(|error| panic!("{error}"));
    let left = clinic.hospitals().list(&ListParams::default()).await.unwrap();
    assert!(left.items.is_empty(), "{left:#?}");
}

/// Installed again for one namespace, without a right in the cluster: everything works there, and goes again.
pub async fn in_one_namespace(clinic: &Clinic, installation: &Installation<'_>) {
    // The claims are this cluster's, whose name an operator without that right has to be told.
    let cluster = clinic.kubectl(&["get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"]).await;
    let (cluster, watched) = (format!("operator.clusterId={cluster}"), format!("operator.watchNamespace={HOSPITALS}"));
    let nothing_cluster_wide = ["crds.install=false", "rbac.aggregate=false", "hospitals.createNamespace=false"];
    let values = [&nothing_cluster_wide[..], &[SHORT_LEASE, &cluster, &watched]].concat();
    installation.install(NEXT, &values).await.unwrap_or_else(|error| panic!("{error}"));
    let ours = format!("app.kubernetes.io/instance={RELEASE}");
    let held = clinic.kubectl(&["get", "clusterroles,clusterrolebindings", "-l", &ours, "-o", "name"]).await;
    assert_eq!(held.trim(), "");
    installation.first_hospital().await.unwrap_or_else(|error| panic!("{error:#}"));
    clinic.helm_test(installation).await;
    clinic.kubectl(&["-n", HOSPITALS, "delete", "horg", "--all", "--wait", "--timeout=1m"]).await;
    let uninstall = ["uninstall", RELEASE, "--namespace", NAMESPACE, "--wait", "--timeout", "2m"];
    installation.helm().run(&uninstall, "").await.unwrap_or_else(|error| panic!("{error}"));
}

async fn helm_waits(clinic: &Clinic) {
    eventually("Helm waits for the hospitals", async || {
        let job = ListParams::default().labels("app.kubernetes.io/component=departure");
        let pods = Api::<Pod>::namespaced(clinic.kube.clone(), NAMESPACE).list(&job).await.unwrap();
        let runs = |pod: &Pod| pod.status.as_ref().is_some_and(|it| it.phase.as_deref() == Some("Running"));
        pods.items.iter().any(runs).then_some(())
    })
    .await;
}

/// As Argo CD prunes: by waves from the last to the first, each of which has to be gone before the next one goes; what says
/// `Delete=false` stays. The hospitals are in the wave that the chart's documentation gives them, after the operator.
pub async fn by_a_prune(clinic: &Clinic, installation: &Installation<'_>) {
    installation.install(NEXT, &[SHORT_LEASE]).await.unwrap_or_else(|error| panic!("{error}"));
    installation.first_hospital().await.unwrap_or_else(|error| panic!("{error:#}"));
    prune(clinic, 1).await;
}

/// The same with hospitals that nobody gave a wave, and an operator that is told to end while most of them wait for it.
pub async fn together_with_the_operator(clinic: &Clinic, installation: &Installation<'_>) {
    // Helm's record of the release is nothing that Argo CD makes, or prunes.
    clinic.kubectl(&["-n", NAMESPACE, "delete", "secrets", "-l", "owner=helm"]).await;
    let one_by_one = [SHORT_LEASE, "operator.workers=1"];
    installation.install(NEXT, &one_by_one).await.unwrap_or_else(|error| panic!("{error}"));
    installation.first_hospital().await.unwrap_or_else(|error| panic!("{error:#}"));
    let names: Vec<String> = (1..=6).map(|number| format!("pruned-{number}")).collect();
    for name in &names {
        clinic
            .apply(&json!({
                "apiVersion": "chakravue.io/v1alpha1", "kind": "HospitalOrganization",
                "metadata": { "name": name, "namespace": HOSPITALS },
                "spec": {
                    "displayName": name, "contact": { "email": "admin@hospital.example" }, "plan": "Starter",
                    "subscription": "Active", "deletionPolicy": "Delete",
                },
            }))
            .await;
    }
    for name in &names {
        clinic.until_ready(name).await;
    }
    prune(clinic, 0).await;
    let remove_namespaces = ["delete", "namespace", NAMESPACE, HOSPITALS, "--wait", "--timeout=1m"];
    clinic.kubectl(&remove_namespaces).await;
}

async fn prune(clinic: &Clinic, wave_of_hospitals: i32) {
    let declared = clinic.hospitals().get(DECLARED).await.unwrap();
    let database = declared.status.unwrap().database_name.unwrap();
    let mut waves: BTreeMap<i32, Vec<Value>> = BTreeMap::new();
    for object in everything(clinic, wave_of_hospitals).await {
        let annotation = |name: &str| object["metadata"]["annotations"][name].as_str().unwrap_or_default().to_owned();
        if !annotation("argocd.argoproj.io/sync-options").contains("Delete=false") {
            waves.entry(annotation("argocd.argoproj.io/sync-wave").parse().unwrap_or(0)).or_default().push(object);
        }
    }
    assert!(waves.len() > 1, "one wave alone would take the operator's rights away from it");
    for (wave, objects) in waves.iter().rev() {
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
        let timeout = format!("--timeout={}s", PATIENCE.as_secs());
        let deleted = clinic.kubectl.run(&["delete", "--wait", &timeout, "-f", "-"], &list.to_string()).await;
        deleted.unwrap_or_else(|error| panic!("wave {wave} hangs: {error}"));
    }
    assert!(clinic.hospitals().list(&ListParams::default()).await.unwrap().items.is_empty());
    assert!(documents(clinic, &database).await > 0, "its deletionPolicy is Retain");
}

/// What the release consists of, and the hospitals with the wave that GitOps gives them.
async fn everything(clinic: &Clinic, wave_of_hospitals: i32) -> Vec<Value> {
    let ours = format!("app.kubernetes.io/instance={RELEASE},app.kubernetes.io/managed-by=Helm");
    let kinds = "deployments,services,configmaps,serviceaccounts,poddisruptionbudgets,networkpolicies,roles,rolebindings,\
        clusterroles,clusterrolebindings,customresourcedefinitions,namespaces";
    let release = clinic.kubectl(&["get", kinds, "--all-namespaces", "-l", &ours, "-o", "json"]).await;
    let hospitals = clinic.kubectl(&["-n", HOSPITALS, "get", "horg", "-o", "json"]).await;
    let items = |listed: &str| serde_json::from_str::<Value>(listed).unwrap()["items"].as_array().unwrap().clone();
    let mut hospitals = items(&hospitals);
    for hospital in &mut hospitals {
        hospital["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] = json!(wave_of_hospitals.to_string());
    }
    hospitals.into_iter().chain(items(&release)).collect()
}

async fn documents(clinic: &Clinic, database: &str) -> u64 {
    let database = clinic.mongo.database(database);
    let mut documents = 0;
    for collection in database.list_collection_names().await.unwrap() {
        documents += database.collection::<Document>(&collection).count_documents(doc! {}).await.unwrap();
    }
    documents
}
