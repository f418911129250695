//! MongoDB or Kubernetes is away: requests are told so and when to come back, probes say which, and all goes on by itself.

use std::time::{Duration, Instant};

use chakravue_testbed::{ApiClient, ApiOptions};
use futures::{StreamExt as _, stream};
use mongodb::bson::{Document, doc};
use serde_json::json;

use crate::{
    proxied::Proxied,
    support::{PASSWORD, eventually, text, token_in},
};

#[tokio::test]
async fn without_mongodb_requests_are_told_to_come_back_and_nothing_is_lost() {
    let proxied = Proxied::new("outages, mongodb").await;
    let hospital = proxied.hospital("Outage").await;
    let reception = proxied.staff(&hospital, "reception@outage.example", "receptionist").await;
    let patients = hospital.path("/patients");
    let patient = |name: &str| json!({ "name": name, "birth_date": "1980-05-17" });
    reception.post(&patients, &patient("Before")).await.expect(201);

    proxied.mongo_proxy.set_down(true);
    for reply in [reception.get(&patients).await, reception.post(&patients, &patient("Meanwhile")).await] {
        reply.problem(503, "database-unavailable");
        assert!(reply.retry_after().is_some_and(|wait| (1..60).contains(&wait)), "{reply:?}");
    }
    let client = proxied.client();
    assert_eq!(client.get("/healthz").await.status, 200, "a restart would not help");
    let ready =
        eventually("the probe notices", async || Some(client.get("/readyz").await).filter(|r| r.status == 503)).await;
    let problem = ready.problem(503, "not-ready");
    assert_eq!((&problem["mongodb"], &problem["kubernetes"]), (&json!(false), &json!(true)));
    assert!(ready.retry_after().is_some(), "{ready:?}");
    // What needs no database is served all the same.
    client.get("/plans").await.expect(200);

    proxied.mongo_proxy.set_down(false);
    eventually("the probe notices", async || (client.get("/readyz").await.status == 200).then_some(())).await;
    let listed =
        eventually("work goes on", async || Some(reception.get(&patients).await).filter(|r| r.status == 200)).await;
    let names: Vec<_> = listed.json()["items"].as_array().unwrap().iter().map(|p| p["name"].clone()).collect();
    assert_eq!(names, ["Before"], "who was told 503 is not registered behind their back");
    proxied.close().await;
}

#[tokio::test]
async fn without_kubernetes_hospitals_work_on_and_only_changes_of_objects_wait() {
    let proxied = Proxied::new("outages, kubernetes").await;
    let hospital = proxied.hospital("Outage").await;
    proxied.kube_proxy.set_down(true);
    let client = proxied.client();

    hospital.administrator.get(&hospital.path("/patients")).await.expect(200);
    hospital.administrator.get(&hospital.path("/users")).await.expect(200);
    let signup = client.post("/signup", &proxied.signup_request("Meanwhile", "starter")).await;
    signup.problem(503, "kubernetes-unavailable");
    assert!(signup.retry_after().is_some());
    assert_eq!(client.get("/healthz").await.status, 200);
    // Taking the service away from the hospitals would help nobody.
    probe_says(&client, false).await;

    proxied.kube_proxy.set_down(false);
    probe_says(&client, true).await;
    let signup = proxied.signup_request("Afterwards", "starter");
    eventually("signups are taken again", async || (client.post("/signup", &signup).await.status == 201).then_some(()))
        .await;
    proxied.close().await;
}

/// The probe tells in time whether Kubernetes answers, and that the service is ready all the same.
#[tokio::test]
async fn one_that_does_not_know_the_hospitals_yet_takes_nobody_for_a_stranger() {
    let mut proxied = Proxied::new("outages, start").await;
    let hospital = proxied.hospital("Outage").await;
    let reception = proxied.staff(&hospital, "reception@outage.example", "receptionist").await;
    let invitation =
        json!({ "email": "new@outage.example", "role": "doctor", "organization_id": hospital.organization_id });
    let invited = hospital.administrator.post("/add-user", &invitation).await.expect(201);
    let link = token_in(&text(&invited, "invitation_url"));

    proxied.kube_proxy.fail("GET", "hospitalorganizations?", 503, "restarting");
    proxied.api.relaunch();
    let client = proxied.client();
    proxied.api.wait_listening().await;
    let knows_mongodb = async || (client.get("/readyz").await.json()["mongodb"] == true).then_some(());
    eventually("it knows MongoDB", knows_mongodb).await;
    let login = json!({ "email": "reception@outage.example", "password": PASSWORD,
        "organization_id": hospital.organization_id });
    let replies = [
        reception.get(&hospital.path("/patients")).await,
        client.post("/organization-login", &login).await,
        client.post("/login", &json!({ "email": login["email"], "password": PASSWORD })).await,
        client.post("/invitations/accept", &json!({ "token": link, "password": PASSWORD })).await,
    ];
    for reply in &replies {
        reply.problem(503, "kubernetes-unavailable");
        assert!(reply.retry_after().is_some(), "{reply:?}");
    }
    proxied.kube_proxy.clear();
    eventually("it works", async || (reception.get(&hospital.path("/patients")).await.status == 200).then_some(()))
        .await;
    proxied.close().await;
}

async fn probe_says(client: &ApiClient, kubernetes: bool) {
    let ready = json!({ "ready": true, "mongodb": true, "kubernetes": kubernetes });
    eventually("the probe notices", async || (client.get("/readyz").await.expect(200) == ready).then_some(())).await;
}

#[tokio::test]
async fn a_kubernetes_that_does_not_answer_is_not_waited_for_without_end() {
    let proxied = Proxied::new("outages, silent kubernetes").await;
    let (client, signup) = (proxied.client(), proxied.signup_request("Silence", "starter"));
    let key = "outages-silent-kubernetes";
    proxied.kube_proxy.ignore("PATCH", "/hospitalorganizations/");
    let reply = client.post_once("/signup", key, &signup).await;
    reply.problem(503, "kubernetes-unavailable");
    assert!(reply.retry_after().is_some());
    proxied.kube_proxy.ignore("GET", "/hospitalorganizations/");
    probe_says(&client, false).await;
    proxied.kube_proxy.clear();
    probe_says(&client, true).await;
    client.post_once("/signup", key, &signup).await.expect(201);
    proxied.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_mongodb_makes_more_signups_than_it_has_connections_wait_but_none_stand_still() {
    let patient = |api: ApiOptions| api.setting("request_timeout", "90s");
    let proxied = Proxied::with("outages, slow mongodb", patient).await;
    // So long that each signup, while it has a connection, also wants one to say that it is still at work.
    proxied.mongo_proxy.delay("find", Duration::from_millis(2500));
    let (client, request) = (proxied.client(), proxied.signup_request("Slow", "starter"));
    let replies: Vec<_> = stream::iter(0..80)
        .map(async |number| client.post_once("/signup", &format!("outages-slow-mongodb-{number}"), &request).await)
        .buffer_unordered(80)
        .collect()
        .await;
    let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses, [201; 80]);
    proxied.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mongodb_that_hangs_keeps_nobody_waiting_for_a_session() {
    let proxied = Proxied::new("outages, hanging mongodb").await;
    let hospital = proxied.hospital("Outage").await;
    proxied.mongo_proxy.delay("find", Duration::from_mins(5));
    let asked = (0..3).map(|_| hospital.administrator.get("/me"));
    for reply in futures::future::join_all(asked).await {
        reply.problem(503, "database-unavailable");
        assert!(reply.retry_after().is_some_and(|wait| (1..60).contains(&wait)), "{reply:?}");
    }
    proxied.mongo_proxy.clear();
    eventually("work goes on", async || (hospital.administrator.get("/me").await.status == 200).then_some(())).await;
    proxied.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_on_the_platforms_database_that_hangs_is_given_up() {
    let proxied = Proxied::new("outages, hanging platform").await;
    let platform = proxied.platform_administrator().await;
    proxied.mongo_proxy.delay("aggregate", Duration::from_mins(5));
    let asked = Instant::now();
    platform.get("/master/metrics").await.problem(503, "database-unavailable");
    assert!(asked.elapsed() < Duration::from_secs(40), "the request's own time was awaited: {:?}", asked.elapsed());
    proxied.mongo_proxy.clear();
    platform.get("/master/metrics").await.expect(200);
    proxied.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mongodb_that_hangs_keeps_no_hospital_waiting_and_does_nothing_behind_anybodys_back() {
    let proxied = Proxied::new("outages, hanging hospital").await;
    let hospital = proxied.hospital("Outage").await;
    let reception = proxied.staff(&hospital, "reception@outage.example", "receptionist").await;
    let patients = hospital.path("/patients");
    let patient = |name: &str| json!({ "name": name, "birth_date": "1980-05-17" });
    reception.post(&patients, &patient("Before")).await.expect(201);

    // It finds patients, and can neither record that nor add any.
    proxied.mongo_proxy.delay("insert", Duration::from_mins(5));
    let (first, second) = (patient("First"), patient("Second"));
    let reads = futures::future::join_all((0..3).map(|_| reception.get(&patients)));
    let writes = futures::future::join_all([&first, &second].map(|body| reception.post(&patients, body)));
    let (reads, writes) = tokio::join!(reads, writes);
    for reply in reads.iter().chain(&writes) {
        reply.problem(503, "database-unavailable");
        assert!(reply.retry_after().is_some_and(|wait| (1..60).contains(&wait)), "{reply:?}");
    }
    proxied.mongo_proxy.clear();
    let after = async || Some(reception.post(&patients, &patient("After")).await).filter(|r| r.status == 201);
    eventually("work goes on", after).await;
    let listed = reception.get(&patients).await.expect(200);
    let mut names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|p| text(p, "name")).collect();
    names.sort();
    assert_eq!(names, ["After", "Before"]);
    proxied.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_not_answered_is_not_said_to_have_failed() {
    let proxied = Proxied::new("outages, hanging commit").await;
    let hospital = proxied.hospital("Outage").await;
    proxied.mongo_proxy.delay("commitTransaction", Duration::from_secs(20));
    let patient = json!({ "name": "Maybe", "birth_date": "1980-05-17" });
    let patients = hospital.path("/patients");
    let problem = hospital.administrator.post(&patients, &patient).await.problem(503, "database-unavailable");
    assert!(text(&problem, "detail").contains("does not say whether"), "{problem}");
    // It was on its way. Nobody asks meanwhile, who would end what seems abandoned.
    let stored = proxied.database(&hospital).collection::<Document>("patients");
    let is_made = async || (stored.count_documents(doc! {}).await.unwrap() == 1).then_some(());
    eventually("it was made", is_made).await;
    proxied.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hospital_that_hangs_keeps_nobody_from_another_and_shows_nobody_by_address() {
    let proxied = Proxied::new("outages, sign-in").await;
    let (hanging, other) = tokio::join!(proxied.hospital("Hanging"), proxied.hospital("Other"));
    for hospital in [&hanging, &other] {
        proxied.staff(hospital, "locum@outage.example", "doctor").await;
    }
    proxied.staff(&hanging, "known@outage.example", "doctor").await;
    proxied.mongo_proxy.hold(&hanging.database_name);
    let client = proxied.client();
    let login = async |email: &str| client.post("/login", &json!({ "email": email, "password": PASSWORD })).await;
    let signed_in = login("locum@outage.example").await.expect(200);
    assert_eq!(signed_in["user"]["organization_id"], other.organization_id.as_str());
    for email in ["known@outage.example", "nobody@outage.example"] {
        let asked = Instant::now();
        login(email).await.problem(401, "invalid-credentials");
        assert!(asked.elapsed() >= Duration::from_millis(1500), "{email}: {:?}", asked.elapsed());
    }
    proxied.mongo_proxy.clear();
    proxied.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_told_to_try_again_finds_nothing_done() {
    let impatient = |api: ApiOptions| {
        api.setting("signup_wait", "5s").setting("payment_wait", "5s").setting("request_timeout", "6s")
    };
    let proxied = Proxied::with("outages, too late", impatient).await;
    let hospital = proxied.hospital("Outage").await;
    let patients = hospital.path("/patients");
    let patient = |name: &str| json!({ "name": name, "birth_date": "1980-05-17" });
    proxied.mongo_proxy.delay("insert", Duration::from_secs(7));
    hospital.administrator.post(&patients, &patient("Too late")).await.problem(503, "overloaded");
    proxied.mongo_proxy.clear();
    // Its turn comes when the other's is over.
    hospital.administrator.post(&patients, &patient("In time")).await.expect(201);
    let listed = hospital.administrator.get(&patients).await.expect(200);
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|p| text(p, "name")).collect();
    assert_eq!(names, ["In time"]);
    proxied.close().await;
}
