//! The database is the perimeter: no hospital's login reaches another's data, and the API's own reaches no hospital's.

use chakravue_testbed::Reply;
use futures::TryStreamExt as _;
use mongodb::bson::{Document, doc};
use reqwest::Method;
use serde_json::json;

use crate::{
    clinic::Clinic,
    support::{Hospital, PASSWORD, Stack, eventually, samples, text},
};

#[tokio::test]
async fn no_request_and_no_login_reaches_another_hospital() {
    let clinic = Clinic::new("isolation").await;
    let other = clinic.stack.hospital("Other").await;
    let intruder = &other.administrator;
    let patient = clinic.patient("Jane Smith").await;
    let body =
        json!({ "patient_id": patient, "doctor_id": clinic.doctor.user_id, "starts_at": "2030-01-07T09:00:00Z" });
    let appointment =
        text(&clinic.reception.post(&clinic.path("/appointments"), &body).await.expect(201), "appointment_id");
    let medicine = json!({ "medicine": "Aspirin", "quantity": 10 });
    let medicine = text(&clinic.opd.post(&clinic.path("/pharmacy"), &medicine).await.expect(201), "medicine_id");

    // By the hospital's id in the path, and by its records' ids below the own hospital.
    for rest in [
        "/patients".to_owned(),
        format!("/patients/{patient}"),
        "/appointments".to_owned(),
        format!("/appointments/{appointment}"),
        "/pharmacy".to_owned(),
        format!("/pharmacy/{medicine}"),
        "/settings".to_owned(),
        "/settings/language".to_owned(),
        "/audit".to_owned(),
        "/audit/verify".to_owned(),
        "/users".to_owned(),
        String::new(),
    ] {
        intruder.get(&clinic.path(&rest)).await.problem(404, "not-found");
        if rest.contains("_01")
            || rest.matches('/').count() == 2 && !rest.contains("settings") && !rest.contains("audit")
        {
            intruder.get(&other.path(&rest)).await.problem(404, "not-found");
        }
    }
    let change = json!({ "name": "Taken Over" });
    for path in [clinic.path(&format!("/patients/{patient}")), other.path(&format!("/patients/{patient}"))] {
        intruder.patch(&path, "\"1\"", &change).await.problem(404, "not-found");
        let archive = intruder.request(Method::DELETE, &path).header("If-Match", "\"1\"");
        Reply::to(archive).await.problem(404, "not-found");
    }
    let booking =
        json!({ "patient_id": patient, "doctor_id": clinic.doctor.user_id, "starts_at": "2030-01-07T10:00:00Z" });
    intruder.post(&other.path("/appointments"), &booking).await.problem(422, "invalid");
    let unchanged = clinic.reception.get(&clinic.path(&format!("/patients/{patient}"))).await;
    assert_eq!((unchanged.etag().as_str(), &unchanged.expect(200)["name"]), ("\"1\"", &json!("Jane Smith")));

    // MongoDB itself refuses (13, Unauthorized), whatever the API would ask.
    let theirs = clinic.stack.tenant(&other.organization_id).await;
    let own = theirs.database(&other.database_name).collection::<Document>("users");
    assert_eq!(own.count_documents(doc! {}).await.unwrap(), 1, "the login works at home");
    let reached = async |client: &mongodb::Client, database: &str, collection: &str| {
        let collection = client.database(database).collection::<Document>(collection);
        let read = collection.find_one(doc! {}).await.map(drop);
        let written = collection.insert_one(doc! { "name": "Mallory" }).await.map(drop);
        [read, written].map(|result| result.map_err(|error| code(&error)))
    };
    let tenant_collections = ["users", "patients", "appointments", "pharmacy", "settings", "audit_logs"];
    for collection in tenant_collections {
        let clinics = reached(&theirs, &clinic.hospital.database_name, collection).await;
        assert_eq!(clinics, [Err(13), Err(13)], "another hospital's {collection}");
    }
    let master = clinic.stack.sandbox.master_database();
    for collection in ["organizations", "organization_users", "sessions", "payments", "audit_logs", "audit_anchors"] {
        assert_eq!(
            reached(&theirs, master, collection).await,
            [Err(13), Err(13)],
            "the master database's {collection}"
        );
    }
    assert!(theirs.list_database_names().await.unwrap().iter().all(|name| *name == other.database_name));

    // The API's own login reaches the master database, and there not what is the operator's to write.
    let api = mongodb::Client::with_uri_str(clinic.stack.sandbox.api_mongodb_uri()).await.unwrap();
    for hospital in [&clinic.hospital, &other] {
        for collection in tenant_collections {
            assert_eq!(reached(&api, &hospital.database_name, collection).await, [Err(13), Err(13)], "{collection}");
        }
    }
    assert_eq!(reached(&api, master, "organizations").await, [Ok(()), Err(13)]);
    // The platform's own log only grows, whoever has the API's login.
    let entries = api.database(master).collection::<Document>("audit_logs");
    let log = clinic.stack.master().collection::<Document>("audit_logs");
    let stored = async || -> Vec<Document> {
        log.find(doc! {}).sort(doc! { "sequence": 1 }).await.unwrap().try_collect().await.unwrap()
    };
    let before = stored().await;
    assert!(before.len() > 1, "there is something to change: {before:?}");
    let one = doc! { "sequence": 1 };
    let set = doc! { "$set": { "action": "organization.resume" } };
    let elsewhere =
        [doc! { "$match": &one }, doc! { "$set": { "actor_id": "nobody" } }, doc! { "$merge": "audit_logs" }];
    let upsert = entries.update_one(doc! { "sequence": 1_000_000 }, set.clone()).upsert(true);
    for (how, answer) in [
        ("delete", entries.delete_one(one.clone()).await.map(drop)),
        ("delete all", entries.delete_many(doc! {}).await.map(drop)),
        ("delete what was found", entries.find_one_and_delete(one.clone()).await.map(drop)),
        ("update", entries.update_one(one.clone(), set.clone()).await.map(drop)),
        ("update all", entries.update_many(doc! {}, set.clone()).await.map(drop)),
        ("update what was found", entries.find_one_and_update(one.clone(), set.clone()).await.map(drop)),
        ("insert by an update", upsert.await.map(drop)),
        ("replace", entries.replace_one(one.clone(), doc! { "sequence": 1 }).await.map(drop)),
        ("replace what was found", entries.find_one_and_replace(one.clone(), doc! { "sequence": 1 }).await.map(drop)),
        ("merge", entries.aggregate(elsewhere).await.map(drop)),
        ("drop", entries.drop().await),
        ("drop the database", api.database(master).drop().await),
    ] {
        assert_eq!(answer.map_err(|error| code(&error)), Err(13), "{how}");
    }
    assert_eq!(stored().await, before);

    // The same address and password at both hospitals are two people.
    let namesake = clinic.stack.staff(&other, "doctor@clinic.example", "DOCTOR").await;
    assert_ne!(namesake.user_id, clinic.doctor.user_id);
    let here = clinic.stack.try_sign_in(&other.organization_id, "opd@clinic.example", PASSWORD).await;
    here.problem(401, "invalid-credentials");
    clinic.stack.close().await;
}

impl Stack {
    /// How many connections MongoDB has that are logged in as the hospital.
    async fn connections(&self, hospital: &Hospital) -> usize {
        let binding = self.object(&hospital.organization_id).await.status.unwrap().binding.unwrap();
        let secret = self.secrets().get(&binding.name).await.unwrap();
        let user = String::from_utf8(secret.data.unwrap()["username"].0.clone()).unwrap();
        let stages = [
            doc! { "$currentOp": { "allUsers": true, "idleConnections": true } },
            doc! { "$match": { "effectiveUsers.user": user } },
        ];
        let found = self.mongo.database("admin").aggregate(stages).await.unwrap();
        found.try_collect::<Vec<Document>>().await.unwrap().len()
    }
}

#[tokio::test]
async fn a_hospital_that_nobody_works_in_is_disconnected() {
    let stack = Stack::with("isolation, idle", |api| {
        api.setting("tenants.connected_hospitals", "2").setting("tenants.idle_seconds", "3")
    })
    .await;
    let hospitals = [stack.hospital("One").await, stack.hospital("Two").await, stack.hospital("Three").await];
    for hospital in &hospitals {
        hospital.administrator.get(&hospital.path("/patients")).await.expect(200);
        assert!(stack.connections(hospital).await > 0, "the connections are found");
    }
    // Nobody asks anything from now on.
    eventually("nobody is connected", async || {
        let metrics = stack.api.metrics().await;
        (samples(&metrics, "chakravue_api_tenant_clients").get("") == Some(&0.0)).then_some(())
    })
    .await;
    for hospital in &hospitals {
        eventually("MongoDB has no connection", async || (stack.connections(hospital).await == 0).then_some(())).await;
    }
    for hospital in &hospitals {
        hospital.administrator.get(&hospital.path("/patients")).await.expect(200);
    }
    stack.close().await;
}

fn code(error: &mongodb::error::Error) -> i32 {
    use mongodb::error::{ErrorKind, WriteFailure};
    match &*error.kind {
        ErrorKind::Command(command) => command.code,
        ErrorKind::Write(WriteFailure::WriteError(write)) => write.code,
        other => panic!("{other:?}"),
    }
}
