//! The process: how it starts, says what is wrong, and ends.

use std::time::{Duration, Instant};

use chakravue_testbed::Sandbox;
use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams},
};
use mongodb::bson::{Document, doc};
use serde_json::json;

use crate::{
    proxied::Proxied,
    support::{CARD, Stack, eventually},
};

#[tokio::test]
async fn it_starts_and_ends_in_order() {
    let stack = Stack::new("process").await;
    let plans = stack.client().get("/plans").await.expect(200);
    assert_eq!(plans["plans"].as_array().unwrap().len(), 3);
    let status = stack.api.terminate().await;
    assert!(status.success(), "{status}\n{}", stack.api.log());
    stack.close().await;
}

#[tokio::test]
async fn a_payment_under_way_is_answered_before_the_end() {
    let stack = Stack::new("process, payment").await;
    let (soon, late) = tokio::join!(stack.signup("Soon", "starter"), stack.signup("Late", "starter"));
    let paused = async |organization_id: &str, paused: bool| {
        let name = stack.object(organization_id).await.name_any();
        let patch = json!({ "metadata": { "annotations": { "chakravue.io/paused": paused.then_some("true") } } });
        stack.hospitals().patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    };
    tokio::join!(paused(&soon.organization_id, true), paused(&late.organization_id, true));
    let pay = async |signup: &crate::support::Signup| {
        let client = stack.client().bearer(&signup.setup_token);
        (client.post("/process-payment", &signup.payment(CARD)).await, Instant::now())
    };
    let stop = async {
        let master = stack.mongo.database(stack.sandbox.master_database());
        let paid = doc! { "status": "succeeded" };
        eventually("both have paid", async || {
            let paid = master.collection::<Document>("payments").count_documents(paid.clone()).await.unwrap();
            (paid == 2).then_some(())
        })
        .await;
        let (status, ()) = tokio::join!(stack.api.terminate(), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            paused(&soon.organization_id, false).await;
        });
        (status, Instant::now())
    };
    let ((soon, _), (late, answered), (status, ended)) = tokio::join!(pay(&soon), pay(&late), stop);
    // The operator's answer is still heard, and who would have to wait for longer is told where to look.
    assert_eq!(soon.expect(200)["status"], "active");
    assert_eq!(late.status, 202);
    assert!(status.success() && answered <= ended, "{status}\n{}", stack.api.log());
    stack.operator.terminate().await;
    stack.sandbox.close().await;
}

#[tokio::test]
async fn what_a_client_asked_for_and_left_is_finished_before_the_end() {
    let proxied = Proxied::new("process, left").await;
    let hospital = proxied.hospital("Left").await;
    let administrator = hospital.administrator.clone();
    let invitation =
        json!({ "email": "late@left.example", "role": "doctor", "organization_id": hospital.organization_id });
    let log = proxied.mongo.database(&hospital.database_name).collection::<Document>("audit_logs");
    let invited = async || log.count_documents(doc! { "action": "user.invite" }).await.unwrap();
    let before = invited().await;
    // Longer than the service takes to end when it has nothing to do.
    proxied.mongo_proxy.delay("insert", Duration::from_secs(2));
    let client = tokio::spawn(async move { administrator.post("/add-user", &invitation).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    let status = proxied.api.terminate().await;
    assert!(status.success(), "{status}\n{}", proxied.api.log());
    assert_eq!(invited().await, before + 1, "{}", proxied.api.log());
    proxied.stack.operator.terminate().await;
    proxied.stack.sandbox.close().await;
}

#[tokio::test]
async fn what_is_wrong_with_the_settings_is_said_at_once() {
    let sandbox = Sandbox::new("process, settings").await;
    sandbox.api().run(&["check-config"]).await.expect("the settings of the testbed are right");
    let wrong = sandbox.api().setting("directory", "closed").setting("sessions.idle", "never");
    let said = wrong.run(&["check-config"]).await.unwrap_err();
    assert!(said.contains("directory: ") && said.contains("sessions.idle: "), "{said}");
    sandbox.close().await;
}
