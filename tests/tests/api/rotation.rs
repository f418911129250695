//! A hospital's credentials are rotated, or their Secret is deleted, while people work: nobody notices.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use chakravue_testbed::ApiClient;
use kube::{ResourceExt as _, api::PostParams};
use serde_json::json;

use crate::support::{Hospital, PASSWORD, Stack, Staff, eventually};

const ROTATIONS: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_credentials_are_rotated() {
    let stack = Stack::new("rotation").await;
    let hospital = stack.hospital("Rotation").await;
    let reception = stack.staff(&hospital, "reception@rotation.example", "receptionist").await;

    let working = Arc::new(AtomicBool::new(true));
    let answered = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let work = work(worker, hospital.clone(), reception.clone(), working.clone(), answered.clone());
            tokio::spawn(work)
        })
        .collect();

    let signing_in = tokio::spawn(sign_in(stack.client(), hospital.organization_id.clone(), working.clone()));

    let object = stack.object(&hospital.organization_id).await;
    let secret = chakravue_crds::naming::secret_name(&object.name_any());
    let mut passwords = vec![password(&stack, &secret).await];
    for _ in 0..ROTATIONS {
        // Work goes on with the present credentials before they are rotated again.
        let before = answered.load(Ordering::Relaxed);
        eventually("requests are answered", async || (answered.load(Ordering::Relaxed) > before + 20).then_some(()))
            .await;
        stack.delete_secret(&hospital.organization_id).await;
        let new = eventually("there are new credentials", async || {
            let new = stack.secrets().get_opt(&secret).await.unwrap()?;
            let new = String::from_utf8(new.data.unwrap()["password"].0.clone()).unwrap();
            (passwords.last() != Some(&new)).then_some(new)
        })
        .await;
        passwords.push(new);
    }
    let before = answered.load(Ordering::Relaxed);
    eventually("requests are answered", async || (answered.load(Ordering::Relaxed) > before + 20).then_some(())).await;
    working.store(false, Ordering::Relaxed);
    let registered: usize = futures::future::try_join_all(workers).await.unwrap().into_iter().sum();
    let signed_in = signing_in.await.unwrap();
    assert!(signed_in > ROTATIONS, "{signed_in} sign-ins");
    println!("{} requests answered, {signed_in} signed in, {ROTATIONS} rotations", answered.load(Ordering::Relaxed));

    // Each patient that was registered is there once.
    let patients = stack.database(&hospital).collection::<mongodb::bson::Document>("patients");
    assert_eq!(patients.count_documents(mongodb::bson::doc! {}).await.unwrap(), registered as u64);
    stack.close().await;
}

#[tokio::test]
async fn a_request_that_finds_the_secret_deleted_waits_for_it() {
    let mut stack = Stack::new("rotation, no Secret").await;
    let hospital = stack.hospital("Rotation").await;
    stack.operator.killer()();
    let name = chakravue_crds::naming::secret_name(&stack.object(&hospital.organization_id).await.name_any());
    let mut secret = stack.secrets().get(&name).await.unwrap();
    stack.delete_secret(&hospital.organization_id).await;
    // Not connected to any hospital yet.
    stack.api.restart().await;

    let patients = hospital.path("/patients");
    let mut waiting = std::pin::pin!(hospital.administrator.get(&patients));
    tokio::time::timeout(Duration::from_millis(500), &mut waiting).await.expect_err("it waits");
    secret.metadata.resource_version = None;
    stack.secrets().create(&PostParams::default(), &secret).await.unwrap();
    waiting.await.expect(200);

    // Without end it does not.
    stack.delete_secret(&hospital.organization_id).await;
    stack.api.restart().await;
    let refused = hospital.administrator.get(&patients).await;
    refused.problem(503, "database-unavailable");
    assert!(refused.retry_after().is_some());

    stack.operator = stack.sandbox.operator().start().await;
    stack.operator.wait_ready().await;
    eventually("the operator makes a new one", async || {
        (hospital.administrator.get(&patients).await.status == 200).then_some(())
    })
    .await;
    stack.close().await;
}

async fn password(stack: &Stack, secret: &str) -> String {
    let secret = stack.secrets().get(secret).await.unwrap();
    String::from_utf8(secret.data.unwrap()["password"].0.clone()).unwrap()
}

/// Signs in at the hospital; everybody must get in. Answers how often.
async fn sign_in(client: ApiClient, organization_id: String, working: Arc<AtomicBool>) -> usize {
    let login =
        json!({ "organization_id": organization_id, "email": "reception@rotation.example", "password": PASSWORD });
    let mut signed_in = 0;
    while working.load(Ordering::Relaxed) {
        client.post("/organization-login", &login).await.expect(200);
        signed_in += 1;
    }
    signed_in
}

/// Registers and lists patients; every answer must be a good one. Answers how many it registered.
async fn work(
    worker: usize,
    hospital: Hospital,
    reception: Staff,
    working: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
) -> usize {
    let mut registered = 0;
    while working.load(Ordering::Relaxed) {
        let patient = json!({ "name": format!("Patient {worker}-{registered}"), "birth_date": "1980-05-17" });
        reception.post(&hospital.path("/patients"), &patient).await.expect(201);
        registered += 1;
        reception.get(&hospital.path("/patients?limit=5")).await.expect(200);
        answered.fetch_add(2, Ordering::Relaxed);
    }
    registered
}
