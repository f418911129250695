//! What the operator tells of itself: metrics on a port of their own, a log level that can be changed, JSON for log
//! collectors, and traces where a collector is named.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use chakravue_crds::{HospitalOrganizationStatus, annotations::ROTATE_CREDENTIALS};
use chakravue_testbed::ApiClient;
use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams},
};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use crate::support::{World, eventually, is};

#[tokio::test(flavor = "multi_thread")]
async fn metrics_have_a_port_of_their_own_and_count_what_happens() {
    let world = World::new("metrics").await;
    let operator = world.sandbox.operator().resync_interval("1s").arg("--metrics-per-hospital").start().await;
    operator.wait_ready().await;
    assert_eq!(operator.status_of("/metrics").await, Some(404), "not beside the probes");
    let name = world.ready_hospital("counted").await.name_any();
    let database = world.mongo.database(&world.sandbox.database_name("counted"));
    database.run_command(doc! { "dropIndexes": "patients", "index": "name_birth_date" }).await.unwrap();
    database.run_command(doc! { "dropUser": database.name() }).await.unwrap();
    let wanted = [
        "hospitals{phase=\"Active\",plan=\"Starter\"} 1".to_owned(),
        "drift_found_total{kind=\"index\"} 1".to_owned(),
        "drift_healed_total{kind=\"index\"} 1".to_owned(),
        "drift_healed_total{kind=\"user\"} 1".to_owned(),
        "drift_healed_total{kind=\"collection\"} 0".to_owned(),
        "time_to_ready_seconds_count 1".to_owned(),
        "leader 1".to_owned(),
        "mongodb_usable 1".to_owned(),
        "capacity_budget{resource=\"tables\"} 100000".to_owned(),
        format!("hospital_ready{{namespace=\"{}\",name=\"{name}\"}} 1", world.sandbox.namespace()),
        "build_info{version=\"0.1.0\",schema_version=\"1\"} 1".to_owned(),
    ];
    for line in wanted {
        let line = format!("chakravue_operator_{line}\n");
        eventually(&line, async || operator.metrics().await.contains(&line).then_some(())).await;
    }
    // What somebody asks for is no drift.
    let rotation = Patch::Merge(json!({ "metadata": { "annotations": { ROTATE_CREDENTIALS: "now" } } }));
    world.hospitals().patch(&name, &PatchParams::default(), &rotation).await.unwrap();
    let rotated = |status: &HospitalOrganizationStatus| {
        status.credentials.as_ref().is_some_and(|credentials| credentials.rotation.as_deref() == Some("now"))
    };
    world.wait(&name, "rotated", |o| o.status.as_ref().is_some_and(rotated)).await;
    for kind in ["secret", "password"] {
        let line = format!("chakravue_operator_drift_healed_total{{kind=\"{kind}\"}} 0\n");
        assert!(operator.metrics().await.contains(&line), "{line}");
    }
    for command in ["createUser", "listCollections", "insert", "commitTransaction", "find"] {
        let line = format!("mongodb_command_duration_seconds_count{{command=\"{command}\",result=\"ok\"}}");
        assert!(operator.metrics().await.contains(&line), "{line}");
    }
    assert!(!operator.metrics().await.contains("command=\"other\""), "{}", operator.metrics().await);
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_level_is_changed_while_the_operator_runs() {
    let world = World::new("log level").await;
    let operator = world.sandbox.operator().resync_interval("1s").rust_log("info").start().await;
    operator.wait_ready().await;
    let http = ApiClient::new(&operator.metrics_url());
    let put = async |directives: &str| {
        let request = http.request(reqwest::Method::PUT, "/log-level").body(directives.to_owned());
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let more = || operator.log().matches("DEBUG").count();
    assert_eq!(http.get("/log-level").await.body, "info\n");
    world.ready_hospital("quiet").await;
    assert_eq!(more(), 0);
    assert_eq!(put("debug").await, (200, "debug\n".to_owned()));
    world.ready_hospital("loud").await;
    eventually("more is logged", async || (more() > 0).then_some(())).await;
    let (status, words) = put("chakravue_operator=loud").await;
    assert!(status == 400 && words.contains("not a list of log directives"), "{status} {words}");
    // Raised, what is no warning is not said any more; a warning still is.
    assert_eq!(put("chakravue_operator=warn").await.0, 200);
    assert_eq!(http.get("/log-level").await.body, "chakravue_operator=warn\n");
    let before = operator.log().lines().count();
    let name = world.ready_hospital("silent").await.name_any();
    let pharmacy = world.mongo.database(&world.sandbox.database_name("silent")).collection::<Document>("pharmacy");
    pharmacy.drop().await.unwrap();
    world.wait(&name, "told of its loss", |o| is(o, "DataLossSuspected", "True")).await;
    let said: Vec<String> = operator.log().lines().skip(before).map(str::to_owned).collect();
    assert!(said.iter().any(|line| line.contains(" WARN ")), "{said:?}");
    for level in [" INFO ", " DEBUG ", " TRACE "] {
        assert!(!said.iter().any(|line| line.contains(level)), "{said:?}");
    }
    // Lowered again, it is.
    assert_eq!(put("info").await.0, 200);
    world.ready_hospital("heard").await;
    eventually("it is said again", async || {
        operator.log().lines().skip(before).any(|line| line.contains(" INFO ")).then_some(())
    })
    .await;
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_is_a_span_with_the_commands_below_it_where_a_collector_is_named() {
    let (collector, sent) = collector().await;
    let world = World::new("traces").await;
    let operator = world.sandbox.operator();
    let operator = operator.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}")).start().await;
    operator.wait_ready().await;
    let name = world.ready_hospital("traced").await.name_any();
    let password = world.secret(&name).await["password"].clone();
    // What has not been sent is sent at the end.
    assert!(operator.terminate().await.success());
    let sent: Vec<u8> = sent.lock().unwrap().concat();
    let has = |text: &str| sent.windows(text.len()).any(|window| window == text.as_bytes());
    for text in ["chakravue-operator", "reconcile HospitalOrganization", &name, "createUser", "commitTransaction"] {
        assert!(has(text), "no {text} in {} bytes", sent.len());
    }
    for secret in [password.as_str(), "mongodb://"] {
        assert!(!has(secret), "a trace tells {secret}");
    }
    world.close().await;
}

/// Somebody who takes traces as a collector does, and keeps them.
async fn collector() -> (SocketAddr, Arc<Mutex<Vec<Vec<u8>>>>) {
    let sent = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let take = async |State(sent): State<Arc<Mutex<Vec<Vec<u8>>>>>, body: Bytes| {
        sent.lock().unwrap().push(body.to_vec());
    };
    let routes = Router::new().route("/v1/traces", post(take)).with_state(sent.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (address, sent)
}

#[tokio::test(flavor = "multi_thread")]
async fn json_logs_are_one_object_a_line() {
    let world = World::new("json logs").await;
    let operator = world.sandbox.operator().log_format("json").start().await;
    operator.wait_ready().await;
    world.ready_hospital("logged").await;
    let log = operator.log();
    operator.terminate().await;
    assert!(log.lines().count() > 3, "{log}");
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["level"].is_string() && line["message"].is_string(), "{line}");
    }
    world.close().await;
}
