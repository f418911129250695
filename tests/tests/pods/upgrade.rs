//! The next version and back again and there once more, with hospitals at work; and one that cannot work.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use chakravue_crds::HospitalOrganizationStatus;
use chakravue_testbed::{
    ApiClient, Helm,
    pods::{Installation, NAMESPACE, RELEASE},
};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use mongodb::{
    Collection,
    bson::{Document, doc},
};
use serde_json::json;

use crate::{
    NEXT, NOW,
    clinic::{Clinic, DECLARED, HOSPITALS},
    deaths::SHORT_LEASE,
    support::eventually,
    traffic::Traffic,
};

/// Of the next version's chart: what its operator is told of collections.
const SCHEMA_TEMPLATE: &str = r#"apiVersion: v1
kind: ConfigMap
metadata:
  name: tenant-schema
  namespace: {{ .Release.Namespace }}
  labels:
    {{- include "chakravue.labels" (list . "operator") | nindent 4 }}
data:
  second.json: {{ .Files.Get "files/second.json" | quote }}
"#;

/// The chart of the next version: its definition has a field that this one lacks, and its operator a newer tenant schema.
pub async fn next_chart(clinic: &Clinic, folder: &Path) -> PathBuf {
    let chart = folder.join("next-chart");
    let copied = Command::new("cp").arg("-r").arg(Helm::chart()).arg(&chart).status().unwrap();
    assert!(copied.success());
    let change = |file: &str, changes: &[(&str, &str)]| {
        let text = fs::read_to_string(chart.join(file)).unwrap();
        let changed = changes.iter().fold(text, |text, (from, to)| {
            assert!(text.contains(from), "{from:?} is not in {file}");
            text.replacen(from, to, 1)
        });
        fs::write(chart.join(file), changed).unwrap();
    };
    let version = [("ersion: 0.1.0\n", "ersion: 0.2.0\n"); 2];
    change("Chart.yaml", &version);
    let fax = "                  fax:\n                    type: string\n                  phone:\n";
    let definition =
        [("chakravue.io/version: \"0.1.0\"", "chakravue.io/version: \"0.2.0\""), ("                  phone:\n", fax)];
    change("files/hospitalorganizations.yaml", &definition);
    // The operator's come first.
    let schema = [
        ("extraEnv: []", "extraEnv: [{name: TENANT_SCHEMA, value: /etc/chakravue/tenant-schema/second.json}]"),
        ("extraVolumes: []", "extraVolumes: [{name: tenant-schema, configMap: {name: tenant-schema}}]"),
        (
            "extraVolumeMounts: []",
            "extraVolumeMounts: [{name: tenant-schema, mountPath: /etc/chakravue/tenant-schema}]",
        ),
    ];
    change("values.yaml", &schema);
    fs::write(chart.join("templates/operator/tenant-schema.yaml"), SCHEMA_TEMPLATE).unwrap();
    let first = ["-n", NAMESPACE, "exec", "deploy/chakravue-operator", "--", "/chakravue-operator", "tenant-schema"];
    // A document keeps the order of its fields, which is what tells one index from another.
    let mut schema: Document = serde_json::from_str(&clinic.kubectl(&first).await).unwrap();
    schema.insert("version", 2);
    let validator = doc! { "$jsonSchema": { "bsonType": "object", "required": ["name"] } };
    let index = doc! { "name": "name_unique", "keys": { "name": 1 }, "unique": true, "case_insensitive": false };
    let wards = doc! { "name": "wards", "append_only": false, "validator": validator, "indexes": [index] };
    schema.get_array_mut("collections").unwrap().push(wards.into());
    fs::write(chart.join("files/second.json"), serde_json::to_string(&schema).unwrap()).unwrap();
    chart
}

/// Every request is answered, and nothing of what was written on the way is lost: by whom a field of the newer definition
/// means something, and in the newer collections.
pub async fn there_and_back_and_there(clinic: &Clinic, now: &Installation<'_>, next: &Installation<'_>) {
    let before = clinic.hospitals().get(DECLARED).await.unwrap();
    declare_fax(clinic).await;
    assert_eq!(fax(clinic).await, "", "a definition that lacks a field does not keep it");
    let traffic = Traffic::start(clinic).await;

    next.upgrade(NEXT, &[SHORT_LEASE]).await.unwrap_or_else(|error| panic!("{error}"));
    all_run(clinic, NEXT).await;
    declare_fax(clinic).await;
    all_are_migrated(clinic).await;
    assert_eq!(fax(clinic).await, FAX);
    traffic.until_more().await;
    for database in databases(clinic).await {
        wards(clinic, &database).insert_one(doc! { "name": "A1" }).await.unwrap();
    }

    let back = ["rollback", RELEASE, "1", "--namespace", NAMESPACE, "--wait", "--timeout", "3m"];
    now.helm().run(&back, "").await.unwrap_or_else(|error| panic!("{error}"));
    all_run(clinic, NOW).await;
    until_all(clinic, "left alone", |status| {
        status.conditions.iter().any(|it| it.type_ == "Ready" && it.reason == "SchemaTooNew")
    })
    .await;
    // People work on, and find their hospital, whatever its object says.
    traffic.until_more().await;
    let found = ApiClient::new(&clinic.url("")).get("/organizations?q=Clinic").await.expect(200);
    assert_eq!(found["items"][0]["organization_id"], clinic.hospital.organization_id.as_str(), "{found}");
    // The definition went back too; the field is declared again when there is one for it.
    assert_eq!(fax(clinic).await, "");

    next.upgrade(NEXT, &[SHORT_LEASE]).await.unwrap_or_else(|error| panic!("{error}"));
    all_run(clinic, NEXT).await;
    declare_fax(clinic).await;
    all_are_migrated(clinic).await;
    traffic.stop_without_a_gap(clinic).await;
    for database in databases(clinic).await {
        assert_eq!(wards(clinic, &database).count_documents(doc! {}).await.unwrap(), 1, "{database}");
    }
    assert_eq!(fax(clinic).await, FAX);

    // Nor did anybody else write into the declaration: there is no drift that somebody would see in Git.
    let after = clinic.hospitals().get(DECLARED).await.unwrap();
    assert_eq!(before.spec, after.spec);
    assert_eq!((before.labels(), before.annotations()), (after.labels(), after.annotations()));
}

/// A field that only the next version's definition has.
const FAX: &str = "+1-555-0009";

async fn declare_fax(clinic: &Clinic) {
    let change = Patch::Merge(json!({ "spec": { "contact": { "fax": FAX } } }));
    clinic.hospitals().patch(DECLARED, &PatchParams::default(), &change).await.unwrap();
}

async fn fax(clinic: &Clinic) -> String {
    clinic.kubectl(&["-n", HOSPITALS, "get", "horg", DECLARED, "-o", "jsonpath={.spec.contact.fax}"]).await
}

/// Every hospital is ready with the second version.
async fn all_are_migrated(clinic: &Clinic) {
    until_all(clinic, "migrated", |status| {
        let ready = status.conditions.iter().any(|it| it.type_ == "Ready" && it.status == "True");
        ready && status.schema_version == Some(2)
    })
    .await;
}

async fn until_all(clinic: &Clinic, what: &str, is: impl Fn(&HospitalOrganizationStatus) -> bool) {
    eventually(what, async || {
        let all = clinic.hospitals().list(&ListParams::default()).await.unwrap();
        assert_eq!(all.items.len(), 2);
        all.iter().all(|hospital| hospital.status.as_ref().is_some_and(&is)).then_some(())
    })
    .await;
}

async fn databases(clinic: &Clinic) -> Vec<String> {
    let all = clinic.hospitals().list(&ListParams::default()).await.unwrap();
    all.into_iter().map(|hospital| hospital.status.unwrap().database_name.unwrap()).collect()
}

/// The collection that the second version has more.
fn wards(clinic: &Clinic, database: &str) -> Collection<Document> {
    clinic.mongo.database(database).collection("wards")
}

/// To a MongoDB that is not there: the old pods stay and work on, and Helm says which Deployment does not get ready.
pub async fn that_cannot_work(clinic: &Clinic, next: &Installation<'_>) {
    let uri = "mongodb://u:p@127.0.0.1:1/?serverSelectionTimeoutMS=500";
    let nowhere = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "nowhere", "namespace": NAMESPACE },
        "stringData": { "uri": uri, "watch-uri": uri },
    });
    next.apply(&nowhere.to_string()).await.unwrap();
    let traffic = Traffic::start(clinic).await;
    let wrong = [SHORT_LEASE, "operator.secret.name=nowhere"];
    let error = next.upgrade_within("10s", NEXT, &wrong).await.expect_err("it cannot get ready");
    assert!(error.contains("chakravue-operator"), "{error}");
    let ready = clinic.pods_of("operator").await.into_iter().filter(is_ready).count();
    assert_eq!(ready, 2, "the operators of before work on");
    let back = ["rollback", RELEASE, "--namespace", NAMESPACE, "--wait", "--timeout", "3m"];
    next.helm().run(&back, "").await.unwrap_or_else(|error| panic!("{error}"));
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
