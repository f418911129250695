//! The chart's values, as its schema has them, against what pages say of them.

use std::sync::LazyLock;

use serde_json::Value;

use crate::{nothing_wrong, pages};

static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&pages::read("charts/chakravue/values.schema.json")).unwrap());

/// The values that the chart does not have.
pub fn unknown(values: &Value) -> Vec<String> {
    below(values, &SCHEMA, "")
}

fn below(values: &Value, schema: &Value, path: &str) -> Vec<String> {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => SCHEMA.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    };
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
