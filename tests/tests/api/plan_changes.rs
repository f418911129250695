//! Two changes of a hospital's plan at the same time, or at replicas of which one has not heard of the other: the one that is
//! refused undoes nothing of the one that was answered.

use std::time::Duration;

use chakravue_crds::plans::Plan;
use serde_json::{Value, json};

use crate::{
    proxied::Proxied,
    support::{Hospital, eventually},
};

fn plan(plan_id: &str) -> Value {
    json!({ "plan_id": plan_id })
}

async fn invite(hospital: &Hospital, count: usize) {
    for number in 0..count {
        hospital.invite(&format!("doctor{number}@mercy.example"), "doctor").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_change_leaves_the_plan_that_somebody_else_was_given_meanwhile() {
    let proxied = Proxied::new("plan changes, refused").await;
    let platform = proxied.platform_administrator().await;
    let hospital = proxied.hospital("Mercy").await;
    invite(&hospital, 5).await;

    // Its seats take long to be counted, and then they are too many.
    proxied.mongo_proxy.delay("aggregate", Duration::from_secs(4));
    let before = proxied.kube_proxy.traffic().requests;
    let (administrator, path) = (hospital.administrator.client.clone(), hospital.path("/plan"));
    let smaller = tokio::spawn(async move { administrator.post(&path, &plan("starter")).await });
    eventually("it has seen the present plan", async || (proxied.kube_proxy.traffic().requests > before).then_some(()))
        .await;
    let larger = format!("/master/organizations/{}/plan", hospital.organization_id);
    platform.post(&larger, &plan("enterprise")).await.expect(200);
    smaller.await.unwrap().problem(409, "plan-too-small");
    assert_eq!(proxied.object(&hospital.organization_id).await.spec.plan, Plan::Enterprise);
    proxied.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_has_not_heard_of_a_larger_plan_takes_none_of_its_seats_away() {
    let proxied = Proxied::new("plan changes, stale").await;
    let other = proxied.sandbox.api().start().await;
    other.wait_ready().await;
    let hospital = proxied.hospital_on("Mercy", "starter").await;
    // Its watch breaks off and does not come back; whatever else it asks Kubernetes is answered.
    proxied.kube_proxy.set_down(true);
    proxied.kube_proxy.ignore("GET", "hospitalorganizations?");
    proxied.kube_proxy.set_down(false);
    let at_other = proxied.sign_in_at(&other.client(), &hospital.organization_id, &hospital.administrator.email).await;
    at_other.post(&hospital.path("/plan"), &plan("enterprise")).await.expect(200);
    for number in 0..20 {
        let request = hospital.add_user_request(&format!("doctor{number}@mercy.example"), "doctor");
        at_other.post("/add-user", &request).await.expect(201);
    }

    // Fewer seats than are in use, and more than this replica believes it has.
    let refused = hospital.administrator.post(&hospital.path("/plan"), &plan("professional")).await;
    assert_eq!(refused.problem(409, "plan-too-small")["seats"], json!({ "used": 21, "limit": 20 }));
    assert_eq!(proxied.object(&hospital.organization_id).await.spec.plan, Plan::Enterprise);
    proxied.close().await;
}
