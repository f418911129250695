//! What there is in the cluster when the story begins: a hospital that was declared and has an application beside it, and one
//! that signed up through the Service and has somebody at its reception.

use std::{collections::BTreeSet, path::PathBuf};

use chakravue_crds::HospitalOrganization;
use chakravue_testbed::{
    ApiClient, Kubectl,
    pods::{AUTHORITY_IN_PODS, Installation, NAMESPACE, Pods, RELEASE},
};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::{Api, Client, api::ListParams, runtime::wait::await_condition};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use crate::support::{CARD, Hospital, PASSWORD, PATIENCE, Signup, Staff, eventually, text};

/// Where hospitals are.
pub const HOSPITALS: &str = "hospitals";
/// The one that was declared.
pub const DECLARED: &str = "st-marys-hospital";
/// The image of its application.
pub const APPLICATION: &str = "localhost/application:1";

pub struct Clinic {
    pub audit_log: PathBuf,
    pub nodes: Vec<String>,
    pub kube: Client,
    pub kubectl: Kubectl,
    pub mongo: mongodb::Client,
    pub hospital: Hospital,
    pub reception: Staff,
    url: String,
}

impl Clinic {
    pub async fn open(pods: &Pods) -> Self {
        let (kube, mongo, kubectl) = (pods.admin().await, pods.mongodb().await, pods.kubectl());
        let service = Api::<Service>::namespaced(kube.clone(), NAMESPACE).get("chakravue-api").await.unwrap();
        let url = format!("http://{}:8008", service.spec.unwrap().cluster_ip.unwrap());
        let client = ApiClient::new(&url);
        let hospital = sign_up(&client).await;
        let invited = hospital.invite("reception@clinic.example", "receptionist").await;
        let accepted = json!({ "token": invited.token, "password": PASSWORD, "name": "Reception" });
        let accepted = client.post("/invitations/accept", &accepted).await.expect(200);
        let reception = Staff::signed_in(&client, &accepted);
        let clinic = Self {
            audit_log: pods.audit_log().to_owned(),
            nodes: pods.nodes(),
            kube,
            kubectl,
            mongo,
            hospital,
            reception,
            url,
        };
        clinic.bind_an_application(pods).await;
        clinic
    }

    /// Of the web service, through its Service.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub fn hospitals(&self) -> Api<HospitalOrganization> {
        Api::namespaced(self.kube.clone(), HOSPITALS)
    }

    pub async fn kubectl(&self, arguments: &[&str]) -> String {
        self.kubectl.run(arguments, "").await.unwrap_or_else(|error| panic!("kubectl {arguments:?}: {error}"))
    }

    pub async fn apply(&self, object: &Value) {
        let apply = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
        self.kubectl.run(&apply, &object.to_string()).await.unwrap_or_else(|error| panic!("{object}: {error}"));
    }

    /// The pods of `operator` or `api` that are not about to go.
    pub async fn pods_of(&self, component: &str) -> Vec<Pod> {
        let ours = ListParams::default().labels(&format!("app.kubernetes.io/component={component}"));
        let pods = Api::<Pod>::namespaced(self.kube.clone(), NAMESPACE).list(&ours).await.unwrap();
        pods.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect()
    }

    /// Returns when a hospital is ready as it is declared now.
    pub async fn until_ready(&self, name: &str) {
        let ready = await_condition(self.hospitals(), name, |hospital: Option<&HospitalOrganization>| {
            let status = hospital.and_then(|hospital| hospital.status.as_ref().map(|status| (hospital, status)));
            status.is_some_and(|(hospital, status)| {
                let ready = status.conditions.iter().any(|it| it.type_ == "Ready" && it.status == "True");
                ready && status.observed_generation == hospital.metadata.generation
            })
        });
        tokio::time::timeout(PATIENCE, ready).await.unwrap_or_else(|_| panic!("{name} is not ready in time")).unwrap();
    }

    /// Everybody in the hospital's list of patients.
    pub async fn still_has(&self, registered: &BTreeSet<String>) {
        let mut found = BTreeSet::new();
        let mut cursor = String::new();
        loop {
            let path = self.hospital.path(&format!("/patients?limit=100{cursor}"));
            let page = self.reception.get(&path).await.expect(200);
            found.extend(page["items"].as_array().unwrap().iter().map(|patient| text(patient, "patient_id")));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let lost: Vec<_> = registered.difference(&found).collect();
        assert!(lost.is_empty(), "{} of {} patients are lost: {lost:?}", lost.len(), registered.len());
    }

    /// `helm test`.
    pub async fn helm_test(&self, installation: &Installation<'_>) {
        let test = ["test", RELEASE, "--namespace", NAMESPACE, "--timeout", "1m"];
        installation.helm().run(&test, "").await.unwrap_or_else(|error| panic!("{error}"));
    }

    /// `helm test` of an operator that has just been told of a MongoDB that is not there.
    pub async fn helm_test_fails(&self, installation: &Installation<'_>, tag: &str, value: &str) {
        let uri = "mongodb://u:p@127.0.0.1:1/?serverSelectionTimeoutMS=500";
        let wrong = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "wrong", "namespace": NAMESPACE },
            "stringData": { "uri": uri, "watch-uri": uri },
        });
        self.apply(&wrong).await;
        let values = [value, "operator.secret.name=wrong"];
        installation.upgrade_within("1s", tag, &values).await.expect_err("it cannot get ready");
        let test = ["test", RELEASE, "--namespace", NAMESPACE, "--timeout", "1m", "--logs"];
        let error = installation.helm().run(&test, "").await.expect_err("an operator is not ready");
        assert!(error.contains("is not ready"), "{error}");
        let back = ["rollback", RELEASE, "1", "--namespace", NAMESPACE, "--wait", "--timeout", "3m"];
        installation.helm().run(&back, "").await.unwrap_or_else(|error| panic!("{error}"));
        self.kubectl(&["-n", NAMESPACE, "delete", "secret", "wrong"]).await;
    }

    /// As a customer would: a pod that mounts the hospital's Secret as the Service Binding specification says.
    async fn bind_an_application(&self, pods: &Pods) {
        let authority = std::fs::read_to_string(pods.authority()).unwrap();
        let folder = PathBuf::from(AUTHORITY_IN_PODS).parent().unwrap().display().to_string();
        let binding = self.hospitals().get(DECLARED).await.unwrap().status.unwrap().binding.unwrap().name;
        self.apply(&json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "mongodb-ca", "namespace": HOSPITALS },
            "data": { "ca.crt": authority },
        }))
        .await;
        self.apply(&json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "application", "namespace": HOSPITALS },
            "spec": {
                // The other node is drained.
                "nodeName": self.nodes[0],
                "automountServiceAccountToken": false, "restartPolicy": "Never",
                "securityContext": {
                    "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
                    "seccompProfile": { "type": "RuntimeDefault" },
                },
                "containers": [{
                    "name": "application", "image": APPLICATION, "imagePullPolicy": "Never", "args": ["application"],
                    "env": [
                        { "name": "SERVICE_BINDING_ROOT", "value": "/bindings" },
                        { "name": "MONGODB_CA_FILE", "value": AUTHORITY_IN_PODS },
                    ],
                    "securityContext": {
                        "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                        "capabilities": { "drop": ["ALL"] },
                    },
                    "volumeMounts": [
                        { "name": "binding", "mountPath": "/bindings/st-marys", "readOnly": true },
                        { "name": "authority", "mountPath": folder, "readOnly": true },
                    ],
                }],
                "volumes": [
                    { "name": "binding", "secret": { "secretName": binding, "defaultMode": 0o440 } },
                    { "name": "authority", "configMap": { "name": "mongodb-ca" } },
                ],
            },
        }))
        .await;
        eventually("the application works", async || {
            self.application_log().await.contains("bound to st_marys_hospital").then_some(())
        })
        .await;
    }

    async fn application_log(&self) -> String {
        self.kubectl.run(&["-n", HOSPITALS, "logs", "application"], "").await.unwrap_or_else(|error| error)
    }

    /// It has written all the time, and nothing failed.
    pub async fn application_never_noticed(&self) {
        let log = self.application_log().await;
        assert!(!log.contains("failed"), "{log}");
        let pharmacy = self.mongo.database("st_marys_hospital").collection::<Document>("pharmacy");
        let written = pharmacy.count_documents(doc! { "medicine": "Paracetamol" }).await.unwrap();
        eventually("the application writes on", async || {
            let now = pharmacy.count_documents(doc! { "medicine": "Paracetamol" }).await.unwrap();
            (now > written).then_some(())
        })
        .await;
        self.kubectl(&["-n", HOSPITALS, "delete", "pod", "application", "--wait"]).await;
    }
}

/// Through the wizard's own requests, up to an administrator who is signed in.
async fn sign_up(client: &ApiClient) -> Hospital {
    let request = json!({
        "organization_name": "Clinic", "organization_email": "admin@clinic.example",
        "organization_phone": "+1-555-0000", "plan": { "plan_id": "professional" },
    });
    let signup = Signup::of(&client.post("/signup", &request).await.expect(201));
    let setup = client.bearer(&signup.setup_token);
    let paid = setup.post("/process-payment", &signup.payment(CARD)).await;
    assert!([200, 202].contains(&paid.status), "{paid:?}");
    eventually("the clinic is active", async || {
        (setup.get(&signup.path("/provisioning")).await.expect(200)["status"] == "active").then_some(())
    })
    .await;
    let administrator = setup.post("/setup/administrator", &json!({ "password": PASSWORD })).await.expect(200);
    Hospital { signup, administrator: Staff::signed_in(client, &administrator) }
}
