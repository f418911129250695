//! Each alert as the chart makes it, evaluated as Prometheus does it: silent while everything is well, and when one thing is not,
//! that alert fires alone and in time, whatever the series of other releases say.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    process::{Command, Stdio},
};

use chakravue_testbed::Tool;
use serde_json::Value;

use crate::support::{EVERYTHING, rendered};

/// The release whose alerts are tried: its namespace, and what its objects' names begin with.
const OURS: Release = ("system", "chakravue");
/// Others that the same Prometheus watches: of our name in another namespace, and in ours with a name of its own.
const OTHERS: [Release; 2] = [("elsewhere", "chakravue"), ("system", "second-chakravue")];

type Release = (&'static str, &'static str);

/// A sample every half a minute, for 200 minutes. What goes wrong does so after 100 of them.
const WELL: [&str; 32] = [
    r#"chakravue_operator_leader{pod="a"} 1x400"#,
    r#"chakravue_operator_leader{pod="b"} 0x400"#,
    r#"chakravue_operator_mongodb_usable{pod="a"} 1x400"#,
    r#"chakravue_operator_mongodb_usable{pod="b"} 1x400"#,
    r#"chakravue_operator_data_loss_suspected{pod="a"} 0x400"#,
    r#"chakravue_operator_hospitals{phase="Ready",plan="Basic"} 5x400"#,
    r#"chakravue_operator_hospitals{phase="Failed",plan="Basic"} 0x400"#,
    r#"chakravue_operator_time_to_ready_seconds_bucket{le="2"} 0+1x400"#,
    r#"chakravue_operator_time_to_ready_seconds_bucket{le="60"} 0+1x400"#,
    r#"chakravue_operator_time_to_ready_seconds_bucket{le="+Inf"} 0+1x400"#,
    r#"chakravue_operator_reconciles_total{result="success"} 0+10x400"#,
    r#"chakravue_operator_reconciles_total{result="failure",reason="MongoUnavailable"} 0+1x400"#,
    r#"chakravue_operator_capacity_refused{pod="a"} 0x400"#,
    r#"chakravue_operator_capacity_used{resource="tables"} 79x400"#,
    r#"chakravue_operator_capacity_budget{resource="tables"} 100x400"#,
    r#"chakravue_operator_drift_found_total{kind="index"} 0x50 5x350"#,
    r#"chakravue_operator_drift_healed_total{kind="index"} 0x50 5x350"#,
    r#"chakravue_operator_change_stream_open{pod="a"} 1x400"#,
    r#"chakravue_operator_orphans{kind="user"} 0x400"#,
    r#"chakravue_api_build_info{version="1.0.0"} 1x400"#,
    r#"chakravue_api_http_requests_total{route="/patients",status="2xx"} 0+100x400"#,
    r#"chakravue_api_http_requests_total{route="/patients",status="5xx"} 0+1x400"#,
    r#"chakravue_api_http_request_duration_seconds_bucket{route="/patients",le="0.5"} 0+100x400"#,
    r#"chakravue_api_http_request_duration_seconds_bucket{route="/patients",le="5"} 0+100x400"#,
    r#"chakravue_api_http_request_duration_seconds_bucket{route="/patients",le="+Inf"} 0+100x400"#,
    // What waits for a hospital or hashes a password may take its time.
    r#"chakravue_api_http_request_duration_seconds_bucket{route="/signup",le="0.5"} 0x400"#,
    r#"chakravue_api_http_request_duration_seconds_bucket{route="/signup",le="5"} 0x400"#,
    r#"chakravue_api_http_request_duration_seconds_bucket{route="/signup",le="+Inf"} 0+100x400"#,
    r#"chakravue_api_sign_ins_total{outcome="shed"} 0x400"#,
    r#"chakravue_api_sign_ins_total{outcome="refused"} 0+2x400"#,
    r#"chakravue_api_sign_ins_total{outcome="succeeded"} 0+10x400"#,
    r#"chakravue_api_payments_total{outcome="failed"} 0x250 2x150"#,
];

/// An alert, the series that make it fire, and how many minutes after that at least and at most.
const ILL: [(&str, &[&str], std::ops::RangeInclusive<u64>); 21] = [
    ("ChakravueNoOperatorLeads", &[r#"chakravue_operator_leader{pod="a"} 1x99 0x300"#], 2..=3),
    (
        "ChakravueNoOperatorLeads",
        &[r#"chakravue_operator_leader{pod="a"} 1x99 _x300"#, r#"chakravue_operator_leader{pod="b"} 0x99 _x300"#],
        // Prometheus believes in the last sample for five minutes where the target does not tell that it is gone.
        6..=8,
    ),
    ("ChakravueMongodbUnusable", &[r#"chakravue_operator_mongodb_usable{pod="b"} 1x99 0x300"#], 2..=3),
    ("ChakravueDataLossSuspected", &[r#"chakravue_operator_data_loss_suspected{pod="a"} 0x99 1x300"#], 0..=1),
    ("ChakravueHospitalsFailed", &[r#"chakravue_operator_hospitals{phase="Failed",plan="Basic"} 0x99 1x300"#], 15..=16),
    (
        "ChakravueHospitalsSlowToReady",
        &[r#"chakravue_operator_time_to_ready_seconds_bucket{le="2"} 0+1x99 99x300"#],
        // Until a tenth of those of the last half an hour are slow.
        16..=25,
    ),
    (
        "ChakravuePassesFail",
        &[r#"chakravue_operator_reconciles_total{result="failure",reason="MongoUnavailable"} 0+1x99 109+10x300"#],
        16..=25,
    ),
    ("ChakravueCapacityRefused", &[r#"chakravue_operator_capacity_refused{pod="a"} 0x99 1x300"#], 5..=6),
    ("ChakravueCapacityShort", &[r#"chakravue_operator_capacity_used{resource="tables"} 79x99 81x300"#], 30..=31),
    (
        "ChakravueDriftRepeats",
        &[
            r#"chakravue_operator_drift_found_total{kind="index"} 0x99 1+1x300"#,
            r#"chakravue_operator_drift_healed_total{kind="index"} 0x99 1+1x300"#,
        ],
        20..=22,
    ),
    ("ChakravueDriftNotHealed", &[r#"chakravue_operator_drift_found_total{kind="index"} 0x50 5x49 6x300"#], 15..=16),
    ("ChakravueChangesUnwatched", &[r#"chakravue_operator_change_stream_open{pod="a"} 1x99 0x300"#], 15..=16),
    ("ChakravueOrphans", &[r#"chakravue_operator_orphans{kind="user"} 0x99 1x300"#], 60..=61),
    ("ChakravueApiDown", &[r#"chakravue_api_build_info{version="1.0.0"} 1x99 _x300"#], 6..=8),
    (
        "ChakravueApiErrors",
        &[r#"chakravue_api_http_requests_total{route="/patients",status="5xx"} 0+1x99 109+10x300"#],
        10..=15,
    ),
    (
        "ChakravueApiSlow",
        &[r#"chakravue_api_http_request_duration_seconds_bucket{route="/patients",le="0.5"} 0+100x99 9900+90x300"#],
        15..=20,
    ),
    ("ChakravueSignInsShed", &[r#"chakravue_api_sign_ins_total{outcome="shed"} 0x99 1+1x300"#], 5..=7),
    ("ChakravueSignInsRefused", &[r#"chakravue_api_sign_ins_total{outcome="refused"} 0+2x99 398+200x300"#], 16..=32),
    ("ChakravueSignInsRefused", &[r#"chakravue_api_sign_ins_total{outcome="limited"} 0x99 200+200x300"#], 16..=32),
    ("ChakravuePaymentsFail", &[r#"chakravue_api_payments_total{outcome="failed"} 0x99 1+1x300"#], 6..=8),
    ("ChakravuePaymentsFail", &[r#"chakravue_api_payments_total{outcome="failed"} 0x99 5x300"#], 5..=6),
];

#[tokio::test]
async fn each_alert_fires_alone_and_in_time_and_none_while_all_is_well_here() {
    let name = |series: &str| series.split(' ').next().unwrap().to_owned();
    let with = |ill: &[&'static str]| -> Vec<&'static str> {
        let instead: Vec<String> = ill.iter().map(|series| name(series)).collect();
        let well = WELL.into_iter().filter(|series| !instead.contains(&name(series)));
        well.chain(ill.iter().copied()).collect()
    };
    // Everything that Prometheus has while one release is ill, and the others are well.
    let case = |whose: Release, ill: &[&'static str]| -> Vec<String> {
        let all = [OURS].into_iter().chain(OTHERS);
        all.flat_map(|release| {
            with(if release == whose { ill } else { &[] }).into_iter().map(move |it| of(release, it))
        })
        .collect()
    };
    let well = std::iter::once(case(OURS, &[]));
    let theirs = OTHERS.iter().flat_map(|other| ILL.iter().map(|(_, ill, _)| case(*other, ill)));
    let silent: Vec<Vec<String>> = well.chain(theirs).collect();
    let ours: Vec<Vec<String>> = ILL.iter().map(|(_, ill, _)| case(OURS, ill)).collect();
    let rules = rules().await;
    let mut answers = fired(&rules, &[&*silent, &*ours].concat());
    let ours = answers.split_off(silent.len());
    for (case, fired) in silent.iter().zip(answers) {
        assert!(fired.is_empty(), "while all is well here: {fired:?} of {case:#?}");
    }
    let mut wrong = Vec::new();
    for ((alert, ill, minutes), fired) in ILL.iter().zip(ours) {
        let after = fired.get(*alert).map(|second| second.saturating_sub(100 * 30));
        let in_time = after.is_some_and(|after| (minutes.start() * 60..=minutes.end() * 60).contains(&after));
        if !in_time || fired.len() != 1 {
            wrong.push(format!("{alert} with {ill:?} after {after:?} s; {fired:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let tried: BTreeSet<&str> = ILL.iter().map(|(alert, ..)| *alert).collect();
    let all = crate::monitoring::alerts();
    let all: BTreeSet<&str> = all.iter().map(|alert| alert["alert"].as_str().unwrap()).collect();
    assert_eq!(tried, all);
}

/// A series as Prometheus has it of a release's pod.
fn of((namespace, release): Release, series: &str) -> String {
    let (metric, rest) = series.split_once('{').unwrap();
    let component = if metric.starts_with("chakravue_api_") { "api" } else { "operator" };
    let pod = format!("pod=\"{release}-{component}-7d9f5c6b8-");
    let rest = if rest.contains("pod=\"") { rest.replace("pod=\"", &pod) } else { format!("{pod}a\",{rest}") };
    format!("{metric}{{namespace=\"{namespace}\",{rest}")
}

/// As they are in the `PrometheusRule`, which is what Prometheus reads from a file, too.
async fn rules() -> Value {
    let objects = rendered(EVERYTHING).await;
    let rule = objects.into_iter().find(|object| object["kind"] == "PrometheusRule").unwrap();
    assert_eq!(rule["metadata"]["namespace"], OURS.0);
    // Which release it is about whoever is woken has to see.
    for rule in rule["spec"]["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap()) {
        assert_eq!(
            (&rule["labels"]["namespace"], &rule["labels"]["release"]),
            (&OURS.0.into(), &OURS.1.into()),
            "{rule}"
        );
        assert!(!rule["expr"].as_str().unwrap().contains("release="), "{rule}");
    }
    rule["spec"].clone()
}

/// For each case which alerts fire, and after how many seconds. What Prometheus does not take as a rule ends this.
fn fired(rules: &Value, cases: &[Vec<String>]) -> Vec<BTreeMap<String, u64>> {
    let alerts = Tool::Alerts.path().unwrap_or_else(|error| panic!("{error:#}"));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(rules.to_string().as_bytes()).unwrap();
    let mut asked = Command::new(alerts);
    asked.arg(file.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut asked = asked.stderr(Stdio::piped()).spawn().unwrap();
    asked.stdin.take().unwrap().write_all(serde_json::to_string(cases).unwrap().as_bytes()).unwrap();
    let output = asked.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers: Vec<BTreeMap<String, u64>> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers.len(), cases.len());
    answers
}
