//! What every end-to-end test does: apply a hospital, wait for it, connect as it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use chakravue_crds::{HospitalOrganization, naming::secret_name};
use chakravue_testbed::{OperatorProcess, Sandbox};
use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::{Event, Secret};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
    runtime::wait::{Condition, await_condition},
};
use mongodb::{
    bson::{DateTime, Document, doc},
    error::ErrorKind,
    options::ClientOptions,
};
use serde_json::{Value, json};

/// Long enough for a busy machine: only a failing test waits for it.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Who applies the hospitals in these tests.
pub const USER: &str = "an-end-to-end-test";

/// A sandbox and the two administrators' clients of one test.
pub struct World {
    pub sandbox: Sandbox,
    pub kube: Client,
    pub mongo: mongodb::Client,
}

impl World {
    pub async fn new(label: &str) -> Self {
        Self::in_sandbox(Sandbox::new(label).await).await
    }

    pub async fn in_sandbox(sandbox: Sandbox) -> Self {
        let (kube, mongo) = tokio::join!(sandbox.admin(), sandbox.mongodb());
        Self { sandbox, kube, mongo }
    }

    pub fn hospitals(&self) -> Api<HospitalOrganization> {
        Api::namespaced(self.kube.clone(), self.sandbox.namespace())
    }

    pub fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.kube.clone(), self.sandbox.namespace())
    }

    /// An active hospital; `name` gets the sandbox's prefix, and so has its database.
    pub fn hospital(&self, name: &str) -> Value {
        json!({
            "apiVersion": "chakravue.io/v1alpha1",
            "kind": "HospitalOrganization",
            "metadata": { "name": self.sandbox.object_name(name), "namespace": self.sandbox.namespace() },
            "spec": {
                "displayName": format!("Hospital {name}"),
                "contact": { "email": "admin@hospital.example" },
                "plan": "Starter",
                "subscription": "Active",
            },
        })
    }

    /// Applies an object as a person would, by server-side apply.
    pub async fn apply(&self, object: &Value) -> HospitalOrganization {
        self.try_apply(object).await.unwrap()
    }

    pub async fn try_apply(&self, object: &Value) -> kube::Result<HospitalOrganization> {
        let name = object["metadata"]["name"].as_str().unwrap();
        self.hospitals().patch(name, &PatchParams::apply(USER).force(), &Patch::Apply(object)).await
    }

    /// Applies an active hospital and waits until it is ready.
    pub async fn ready_hospital(&self, name: &str) -> HospitalOrganization {
        let applied = self.apply(&self.hospital(name)).await;
        self.wait_ready(&applied.name_any()).await
    }

    pub async fn wait_ready(&self, name: &str) -> HospitalOrganization {
        self.wait(name, "Ready=True", |object: &HospitalOrganization| is(object, "Ready", "True")).await
    }

    /// Waits until the object (at its newest generation) fulfils `wanted`; `what` says it in the failure.
    pub async fn wait(
        &self,
        name: &str,
        what: &str,
        wanted: impl Fn(&HospitalOrganization) -> bool,
    ) -> HospitalOrganization {
        let current = |object: Option<&HospitalOrganization>| {
            object.is_some_and(|object| {
                let seen = object.status.as_ref().and_then(|status| status.observed_generation);
                seen == object.metadata.generation && wanted(object)
            })
        };
        match self.watch_until(name, current).await {
            Ok(object) => object.unwrap(),
            Err(last) => panic!("{name} was not {what} in time; its status: {last}"),
        }
    }

    pub async fn wait_gone(&self, name: &str) {
        if let Err(last) = self.watch_until(name, |object: Option<&HospitalOrganization>| object.is_none()).await {
            panic!("{name} was not gone in time; its status: {last}");
        }
    }

    async fn watch_until(
        &self,
        name: &str,
        condition: impl Condition<HospitalOrganization>,
    ) -> Result<Option<HospitalOrganization>, String> {
        if let Ok(object) = tokio::time::timeout(PATIENCE, await_condition(self.hospitals(), name, condition)).await {
            return Ok(object.unwrap());
        }
        let last = self.hospitals().get_opt(name).await.unwrap();
        Err(serde_json::to_string_pretty(&last.and_then(|object| object.status)).unwrap())
    }

    /// Changes a hospital as a person with kubectl does.
    pub async fn change(&self, name: &str, change: Value) {
        let by = PatchParams { field_manager: Some(USER.to_owned()), ..PatchParams::default() };
        self.hospitals().patch(name, &by, &Patch::Merge(&change)).await.unwrap();
    }

    pub async fn annotate(&self, name: &str, annotation: &str, value: &str) {
        self.change(name, json!({ "metadata": { "annotations": { annotation: value } } })).await;
    }

    pub async fn delete(&self, name: &str) {
        self.hospitals().delete(name, &DeleteParams::default()).await.unwrap();
    }

    pub async fn delete_and_wait(&self, name: &str) {
        self.delete(name).await;
        self.wait_gone(name).await;
    }

    /// The decoded connection Secret of a hospital.
    pub async fn secret(&self, name: &str) -> BTreeMap<String, String> {
        let secret = self.secrets().get(&secret_name(name)).await.unwrap();
        let decode = |value: k8s_openapi::ByteString| String::from_utf8(value.0).unwrap();
        secret.data.unwrap().into_iter().map(|(key, value)| (key, decode(value))).collect()
    }

    /// A client that is logged in with the hospital's own Secret.
    pub async fn tenant(&self, name: &str) -> mongodb::Client {
        client(&self.secret(name).await["uri"]).await
    }

    /// The document in the master database that claims a database.
    pub async fn claim_on(&self, database: &str) -> Option<Document> {
        let master = self.mongo.database(self.sandbox.master_database());
        master.collection("organizations").find_one(doc! { "database_name": database }).await.unwrap()
    }

    /// The patients of a hospital, for the administrator.
    pub fn patients(&self, database: &str) -> mongodb::Collection<Document> {
        self.mongo.database(database).collection("patients")
    }

    /// Every document of a database, by collection; collections without any are left out.
    pub async fn documents(&self, database: &str) -> BTreeMap<String, Vec<Document>> {
        let mut documents = BTreeMap::new();
        for name in self.collection_names(database).await {
            let collection = self.mongo.database(database).collection::<Document>(&name);
            let all = collection.find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap();
            let all: Vec<_> = all.try_collect().await.unwrap();
            if !all.is_empty() {
                documents.insert(name, all);
            }
        }
        documents
    }

    /// Everything that a hospital has, to be compared before and after.
    pub async fn belongings(&self, name: &str, database: &str) -> BTreeMap<&'static str, Value> {
        let handle = self.mongo.database(database);
        let users = handle.run_command(doc! { "usersInfo": 1, "showCredentials": true }).await.unwrap();
        let roles = handle.run_command(doc! { "rolesInfo": 1, "showPrivileges": true }).await.unwrap();
        BTreeMap::from([
            ("users", json!(users.get_array("users").unwrap())),
            ("roles", json!(roles.get_array("roles").unwrap())),
            ("documents", json!(self.documents(database).await)),
            ("claim", json!(self.claim_on(database).await)),
            ("Secret", json!(self.secrets().get_opt(&secret_name(name)).await.unwrap())),
        ])
    }

    /// What the Events of a hospital say.
    pub async fn events(&self, name: &str) -> Vec<String> {
        self.events_of_type(name, None).await
    }

    /// What those of its Events say that are warnings.
    pub async fn warnings(&self, name: &str) -> Vec<String> {
        self.events_of_type(name, Some("Warning")).await
    }

    async fn events_of_type(&self, name: &str, wanted: Option<&str>) -> Vec<String> {
        let of_it = ListParams::default().fields(&format!("involvedObject.name={name}"));
        let events = Api::<Event>::namespaced(self.kube.clone(), self.sandbox.namespace()).list(&of_it).await;
        let events = events.unwrap().into_iter();
        let events = events.filter(|event| wanted.is_none() || event.type_.as_deref() == wanted);
        events.filter_map(|event| event.message).collect()
    }

    pub async fn collection_names(&self, database: &str) -> Vec<String> {
        let mut names = self.mongo.database(database).list_collection_names().await.unwrap();
        names.sort();
        names
    }

    /// The names of the users and roles that live in a database.
    pub async fn users_and_roles(&self, database: &str) -> (Vec<String>, Vec<String>) {
        let database = self.mongo.database(database);
        let names = |answer: Document, list: &str, key: &str| -> Vec<String> {
            let rows = answer.get_array(list).unwrap().clone();
            rows.iter().map(|row| row.as_document().unwrap().get_str(key).unwrap().to_owned()).collect()
        };
        let users = database.run_command(doc! { "usersInfo": 1 }).await.unwrap();
        let roles = database.run_command(doc! { "rolesInfo": 1 }).await.unwrap();
        (names(users, "users", "user"), names(roles, "roles", "role"))
    }

    pub async fn indexes(&self, database: &str, collection: &str) -> Vec<Document> {
        let cursor = self.mongo.database(database).run_cursor_command(doc! { "listIndexes": collection }).await;
        cursor.unwrap().try_collect().await.unwrap()
    }

    pub async fn close(self) {
        self.sandbox.close().await;
    }
}

/// A patient with this record number, as any hospital may have.
pub fn patient(record_number: &str) -> Document {
    doc! { "record_number": record_number, "name": "Jane Smith", "birth_date": "1980-05-17", "created_at": DateTime::now() }
}

pub async fn client(uri: &str) -> mongodb::Client {
    let mut options = ClientOptions::parse(uri).await.unwrap();
    options.server_selection_timeout = Some(Duration::from_secs(5));
    mongodb::Client::with_options(options).unwrap()
}

/// Whether a condition of the object has this status.
pub fn is(object: &HospitalOrganization, type_: &str, status: &str) -> bool {
    condition(object, type_).is_some_and(|condition| condition.status == status)
}

pub fn condition<'a>(
    object: &'a HospitalOrganization,
    type_: &str,
) -> Option<&'a k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition> {
    object.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == type_)
}

/// The code with which MongoDB refused, or 0 if it did not.
pub fn code<T>(outcome: &mongodb::error::Result<T>) -> i32 {
    match outcome {
        Ok(_) => 0,
        Err(error) => code_of(error),
    }
}

fn code_of(error: &mongodb::error::Error) -> i32 {
    use mongodb::error::WriteFailure;
    match &*error.kind {
        ErrorKind::Command(e) => e.code,
        ErrorKind::Write(WriteFailure::WriteError(e)) => e.code,
        ErrorKind::Write(WriteFailure::WriteConcernError(e)) => e.code,
        ErrorKind::Authentication { .. } => 18,
        other => panic!("no answer of a server: {other}"),
    }
}

/// Looks again and again until `done` answers something; for what cannot be watched.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut done: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = done().await {
            return value;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Returns when MongoDB refuses a hospital's login what it has just been allowed, on the connection that it has.
pub async fn loses_access(collection: &mongodb::Collection<Document>) {
    let is_refused = async || (code(&collection.find_one(doc! {}).await) == 13).then_some(());
    eventually("the hospital has no access", is_refused).await;
}

/// A number among the operator's metrics, by its name behind the prefix and its labels; 0 where it was never touched.
pub async fn metric(operator: &OperatorProcess, name: &str) -> u64 {
    let (metrics, start) = (operator.metrics().await, format!("chakravue_operator_{name} "));
    metrics.lines().find_map(|line| line.strip_prefix(&start)).map_or(0, |value| value.parse().unwrap())
}

/// How many passes have succeeded.
pub async fn passes(operator: &OperatorProcess) -> u64 {
    metric(operator, "reconciles_total{result=\"success\",reason=\"\"}").await
}

/// How many passes have succeeded when no more follow.
pub async fn passes_in_the_end(operator: &OperatorProcess) -> u64 {
    eventually("the passes come to an end", async || {
        let before = passes(operator).await;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        (passes(operator).await == before).then_some(before)
    })
    .await
}
