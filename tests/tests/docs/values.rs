//! The chart's values, as its schema has them, against what pages say of them.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::{
    nothing_wrong, pages,
    programs::{self, API, OPERATOR},
};

static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&pages::read("charts/chakravue/values.schema.json")).unwrap());

/// The values that the chart does not have.
pub fn unknown(values: &Value) -> Vec<String> {
    below(values, &SCHEMA, "")
}

/// Whether the chart takes this as the value at a path, by itself; `None`: it has no such value.
pub fn takes(path: &str, value: &Value) -> Option<bool> {
    let found = path.split('.').try_fold(&*SCHEMA, |schema, name| referred(schema)["properties"].get(name));
    found.map(|schema| fits(value, schema))
}

fn fits(value: &Value, schema: &Value) -> bool {
    let schema = referred(schema);
    let matches = |pattern: &str| Regex::new(pattern).unwrap().is_match(value.as_str().unwrap_or_default());
    schema["pattern"].as_str().is_none_or(matches)
        && schema["minimum"].as_u64().is_none_or(|least| value.as_u64() >= Some(least))
        && schema["maximum"].as_u64().is_none_or(|most| value.as_u64() <= Some(most))
        && schema["allOf"].as_array().is_none_or(|all| all.iter().all(|schema| fits(value, schema)))
}

fn referred(schema: &Value) -> &Value {
    let reference = schema["$ref"].as_str();
    reference.map_or(schema, |reference| SCHEMA.pointer(reference.trim_start_matches('#')).unwrap())
}

fn below(values: &Value, schema: &Value, path: &str) -> Vec<String> {
    let schema = referred(schema);
    let Some(values) = values.as_object() else { return Vec::new() };
    // Where any name will do, such as below labels.
    let Some(known) = schema["properties"].as_object() else { return Vec::new() };
    values
        .iter()
        .flat_map(|(name, value)| {
            let path = format!("{path}.{name}");
            match known.get(name) {
                Some(schema) => below(value, schema, &path),
                None => vec![format!("the chart has no value {}", path.trim_start_matches('.'))],
            }
        })
        .collect()
}

#[test]
fn every_block_of_values_has_values_of_the_chart() {
    let (mut seen, mut mistakes) = (0, Vec::new());
    for page in pages::all() {
        for block in page.blocks.iter().filter(|block| block.language == "yaml values") {
            let values: Value = serde_saphyr::from_str(&block.text).unwrap();
            seen += 1;
            mistakes.extend(unknown(&values).into_iter().map(|it| format!("{}: {it}", page.path)));
        }
    }
    nothing_wrong(&mistakes);
    assert!(seen >= 2, "only {seen} blocks were found");
}

#[test]
fn a_value_that_does_not_exist_is_noticed() {
    let text = "api:\n  settings:\n    sessions: {idle: 1m, nonsense: 1m}\ncommonLabels: {any: thing}\nnonsense: 1\n";
    let unknown = unknown(&serde_saphyr::from_str(text).unwrap());
    assert_eq!(unknown, ["the chart has no value api.settings.sessions.nonsense", "the chart has no value nonsense"]);
}

/// A duration that a program does not read would end its pods at the start.
#[test]
fn the_chart_takes_the_durations_that_the_programs_take() {
    const DURATIONS: [&str; 26] = [
        "", "soon", "90", "-1s", "0s", "0h 0m 0s", "0ms", "1ms", "49ms", "50ms", "0m 50ms", "99ms", "100ms", "999ms",
        "1000ms", "1s", "0s 1ms", "90s", "10m", "1h 30m", "1h30m", "30m 1h", "1s1s", "1 m", "1m ", " 1m",
    ];
    const OF_THE_OPERATOR: [(&str, &str, &str); 5] = [
        ("operator.resyncInterval", "run", "--resync-interval"),
        ("operator.accountsInterval", "run", "--accounts-interval"),
        ("operator.leaderElection.leaseDuration", "run", "--lease-duration"),
        ("operator.awaitRemovals", "await-removals", "--timeout"),
        ("operator.awaitMoreRemovals", "await-removals", "--silence"),
    ];
    const OF_THE_WEB_SERVICE: [&str; 5] =
        ["signup_wait", "sessions.absolute", "payments.settle_every", "payments.look_up_after", "hashing.queue_wait"];
    let (mut taken, mut mistakes) = (0, Vec::new());
    let mut compare = |path: &str, text: &str, by_the_program: bool| {
        let by_the_chart = takes(path, &text.into()).unwrap_or_else(|| panic!("the chart has no value {path}"));
        // What the program takes and the chart does not can be said in another way; without a duration no removals are awaited.
        let left_out = text.is_empty() && ["operator.awaitRemovals", "operator.awaitMoreRemovals"].contains(&path);
        let wrong = by_the_chart && !by_the_program && !left_out;
        mistakes.extend(wrong.then(|| format!("{path}={text:?} ends the pods")));
        taken += usize::from(by_the_chart && by_the_program);
    };
    for text in DURATIONS {
        for (path, command, flag) in OF_THE_OPERATOR {
            let refused = programs::why_refused(OPERATOR, &[command.to_owned(), format!("{flag}={text}")]);
            compare(path, text, refused.is_none());
        }
        for setting in OF_THE_WEB_SERVICE {
            let long = (programs::variable("request_timeout"), "100h".to_owned());
            let variables = [(programs::variable(setting), text.to_owned()), long];
            let said = String::from_utf8(programs::run(API, &["check-config"], &variables).stderr).unwrap();
            compare(&format!("api.settings.{setting}"), text, !said.contains(&format!("{setting}:")));
        }
    }
    nothing_wrong(&mistakes);
    assert!(taken >= 85, "only {taken} were taken by both");
}
