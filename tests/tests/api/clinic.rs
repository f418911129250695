//! A hospital at work with one user of each role: where the tests of the daily work take place.

use chakravue_testbed::{ApiClient, Reply};
use mongodb::bson::{Document, doc};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Hospital, Stack, Staff, text};

pub struct Clinic {
    pub stack: Stack,
    pub hospital: Hospital,
    pub reception: Staff,
    pub opd: Staff,
    pub doctor: Staff,
}

impl Clinic {
    pub async fn new(label: &str) -> Self {
        Self::on(label, "professional").await
    }

    /// On a plan.
    pub async fn on(label: &str, plan_id: &str) -> Self {
        let stack = Stack::new(label).await;
        let hospital = stack.hospital_on("Clinic", plan_id).await;
        let staff = async |role: &str| stack.staff(&hospital, &format!("{role}@clinic.example"), role).await;
        let (reception, opd, doctor) = (staff("receptionist").await, staff("opd").await, staff("doctor").await);
        Self { reception, opd, doctor, hospital, stack }
    }

    pub fn admin(&self) -> &Staff {
        &self.hospital.administrator
    }

    /// Each role with somebody who has it.
    pub fn staff(&self) -> [(&'static str, &Staff); 4] {
        [("ADMIN", self.admin()), ("RECEPTIONIST", &self.reception), ("OPD", &self.opd), ("DOCTOR", &self.doctor)]
    }

    pub fn path(&self, rest: &str) -> String {
        self.hospital.path(rest)
    }

    /// Registers a patient and answers the id.
    pub async fn patient(&self, name: &str) -> String {
        let body = json!({ "name": name, "birth_date": "1980-05-17" });
        text(&self.reception.post(&self.path("/patients"), &body).await.expect(201), "patient_id")
    }

    /// The audit log as it is stored, in its order.
    pub async fn log(&self) -> Vec<Document> {
        use futures::TryStreamExt as _;
        let log = self.stack.database(&self.hospital).collection::<Document>("audit_logs");
        log.find(doc! {}).sort(doc! { "sequence": 1 }).await.unwrap().try_collect().await.unwrap()
    }

    pub async fn verify(&self) -> Value {
        self.admin().get(&self.path("/audit/verify")).await.expect(200)
    }
}

/// DELETE of the version that `etag` names.
pub async fn delete(client: &ApiClient, path: &str, etag: &str) -> Reply {
    Reply::to(client.request(Method::DELETE, path).header("If-Match", etag)).await
}

/// The pointers of the fields that a problem complains of.
pub fn pointers(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect()
}
