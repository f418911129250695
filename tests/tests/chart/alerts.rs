//! Each alert, evaluated as Prometheus does it: silent while everything is well, and when one thing is not, that alert fires
//! alone and in time.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    process::{Command, Stdio},
};

use chakravue_testbed::{Helm, Tool};

/// A sample every half a minute, for 200 minutes. What goes wrong does so after 100 of them.
const WELL: [&str; 32] = [
    r#"chakravue_operator_leader{namespace="c",pod="a"} 1x400"#,
    r#"chakravue_operator_leader{namespace="c",pod="b"} 0x400"#,
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
    ("ChakravueNoOperatorLeads", &[r#"chakravue_operator_leader{namespace="c",pod="a"} 1x99 0x300"#], 2..=3),
    (
        "ChakravueNoOperatorLeads",
        &[
            r#"chakravue_operator_leader{namespace="c",pod="a"} 1x99 _x300"#,
            r#"chakravue_operator_leader{namespace="c",pod="b"} 0x99 _x300"#,
        ],
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

#[test]
fn each_alert_fires_alone_and_in_time_and_none_while_all_is_well() {
    let name = |series: &str| series.split(' ').next().unwrap().to_owned();
    let with = |ill: &[&str]| -> Vec<String> {
        let instead: Vec<String> = ill.iter().map(|series| name(series)).collect();
        let well = WELL.iter().filter(|series| !instead.contains(&name(series)));
        well.chain(ill).map(|series| (*series).to_owned()).collect()
    };
    let cases: Vec<Vec<String>> = std::iter::once(with(&[])).chain(ILL.iter().map(|(_, ill, _)| with(ill))).collect();
    let (well, answers) = fired(&cases);
    assert!(well.is_empty(), "while all is well: {well:?}");
    let mut wrong = Vec::new();
    for ((alert, ill, minutes), fired) in ILL.iter().zip(answers) {
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

/// For the first case and the others, which alerts fire, and after how many seconds. What Prometheus does not take as a rule
/// ends this.
fn fired(cases: &[Vec<String>]) -> (BTreeMap<String, u64>, Vec<BTreeMap<String, u64>>) {
    let alerts = Tool::Alerts.path().unwrap_or_else(|error| panic!("{error:#}"));
    let mut asked = Command::new(alerts);
    asked.arg(Helm::chart().join("files/alerts.yaml")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut asked = asked.stderr(Stdio::piped()).spawn().unwrap();
    asked.stdin.take().unwrap().write_all(serde_json::to_string(cases).unwrap().as_bytes()).unwrap();
    let output = asked.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut answers: Vec<BTreeMap<String, u64>> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers.len(), cases.len());
    (answers.remove(0), answers)
}
