//! What the process tells about itself: traces, logs, metrics. None of it names a hospital's path or holds a header.

use chakravue_testbed::Sandbox;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{
    collector::Collector,
    support::{Stack, samples},
};

fn holds(haystack: &[u8], needle: impl AsRef<[u8]>) -> bool {
    haystack.windows(needle.as_ref().len()).any(|window| window == needle.as_ref())
}

#[tokio::test]
async fn requests_are_traced_below_their_callers_span() {
    let mut collector = Collector::start().await;
    let address = collector.address.clone();
    let stack = Stack::with("traces", |api| api.env("OTEL_EXPORTER_OTLP_ENDPOINT", &address)).await;
    let trace: [u8; 16] = *b"sixteen bytes id";
    let id = hex::encode(trace);
    let request = stack.client().bearer("chs_marker_token").request(reqwest::Method::GET, "/plans?marker=query");
    let reply = request.header("traceparent", format!("00-{id}-00f067aa0ba902b7-01")).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    stack.client().get("/organization/org_marker_path").await;
    // The last spans are sent at the end.
    assert!(stack.api.terminate().await.success());
    let spans = collector.all();
    for expected in ["chakravue-api", "GET /plans", "http.route", "GET /organization/{org_id}"] {
        assert!(holds(&spans, expected), "{expected} is in no span");
    }
    assert!(holds(&spans, trace), "the caller's trace goes on");
    assert!(!holds(&spans, "marker"), "a path, a query or a header got into a span");
    stack.close().await;
}

#[tokio::test]
async fn a_collector_that_is_away_disturbs_nothing() {
    let stack = Stack::with("traces, away", |api| api.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")).await;
    stack.client().get("/plans").await.expect(200).as_object().unwrap();
    assert!(stack.api.terminate().await.success());
    stack.close().await;
}

#[tokio::test]
async fn json_logs_are_json_and_name_the_request() {
    let stack = Stack::with("logs", |api| api.setting("log_format", "json")).await;
    let reply = stack.client().get("/nothing-here?marker=query").await;
    reply.problem(404, "not-found");
    let log = stack.api.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let answered = lines.iter().find(|line| line["fields"]["message"] == "answered").unwrap();
    assert_eq!(answered["span"]["id"], reply.header("x-request-id").unwrap(), "{answered}");
    assert!(!log.contains("marker") && !log.contains("nothing-here"), "{log}");
    stack.close().await;
}

#[tokio::test]
async fn metrics_have_a_port_of_their_own_and_count_by_route() {
    let stack = Stack::new("metrics").await;
    assert_eq!(stack.client().get("/metrics").await.status, 404);
    stack.client().get("/organization/org_marker_path").await;
    let metrics = stack.api.metrics().await;
    let requests = samples(&metrics, "chakravue_api_http_requests_total");
    let label = r#"{method="GET",route="/organization/{org_id}",status="4xx"}"#;
    assert_eq!(requests.get(label), Some(&1.0), "{metrics}");
    assert!(metrics.contains("chakravue_api_build_info") && metrics.ends_with("# EOF\n"), "{metrics}");
    assert!(!metrics.contains("marker"), "{metrics}");
    stack.close().await;
}

#[tokio::test]
async fn metrics_count_the_audit_entries_of_readings() {
    let stack = Stack::new("metrics, audit").await;
    let hospital = stack.hospital("Counted Hospital").await;
    let written = async || {
        let metrics = stack.api.metrics().await;
        samples(&metrics, "chakravue_api_audit_batch_entries_sum").get("").copied().expect("the metric is there")
    };
    let before = written().await;
    for _ in 0..3 {
        hospital.administrator.get(&hospital.path("/patients")).await.expect(200);
    }
    assert!((written().await - before - 3.0).abs() < f64::EPSILON);
    stack.close().await;
}

#[tokio::test]
async fn a_metrics_port_in_use_is_said_before_anything_serves() {
    let sandbox = Sandbox::new("metrics, port in use").await;
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let api = sandbox.api().setting("metrics_listen", &address).start().await;
    assert!(!api.wait_exit().await.success());
    assert!(api.log().contains("--metrics-listen"), "{}", api.log());
    sandbox.close().await;
}
