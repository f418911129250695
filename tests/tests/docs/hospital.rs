//! The `HospitalOrganization`, as its definition has it, against what pages say of its fields and annotations.

use chakravue_crds::annotations;
use regex::Regex;
use serde_json::Value;

use crate::{nothing_wrong, pages};

pub const ANNOTATIONS: [&str; 6] = [
    annotations::ACKNOWLEDGE_DATA_LOSS,
    annotations::ADOPT_DATABASE,
    annotations::ADOPT_ORGANIZATION,
    annotations::FORCE_RELEASE,
    annotations::PAUSED,
    annotations::ROTATE_CREDENTIALS,
];

/// The schema of the definition.
fn definition() -> Value {
    let definition: Value =
        serde_saphyr::from_str(&pages::read("charts/chakravue/files/hospitalorganizations.yaml")).unwrap();
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// Whether a path such as `status.binding.name` leads to a field, and the field can have the value.
pub fn field(path: &str, value: Option<&str>) -> Result<(), String> {
    let mut schema = definition();
    for name in path.split('.') {
        let next = schema["properties"][name].take();
        schema = if next["items"].is_object() { next["items"].clone() } else { next };
        if schema.is_null() {
            return Err(format!("a hospital has no {path}"));
        }
    }
    match (value, schema["enum"].as_array()) {
        (Some(value), Some(allowed)) if !allowed.iter().any(|known| known == value) => {
            Err(format!("{path} cannot be {value}"))
        }
        _ => Ok(()),
    }
}

/// What a hospital, or a patch of one, says that the definition does not have or allow.
pub fn misfits(hospital: &Value) -> Vec<String> {
    let named = hospital["metadata"]["annotations"].as_object().into_iter().flatten().map(|(name, _)| name);
    let unknown = named.filter(|name| !ANNOTATIONS.contains(&name.as_str()));
    let mut mistakes: Vec<String> = unknown.map(|name| format!("there is no annotation {name}")).collect();
    mistakes.extend(below(&hospital["spec"], &definition()["properties"]["spec"], "spec"));
    mistakes
}

fn below(value: &Value, schema: &Value, path: &str) -> Vec<String> {
    if let Some(allowed) = schema["enum"].as_array() {
        return if allowed.contains(value) { Vec::new() } else { vec![format!("{path} cannot be {value}")] };
    }
    let Some(fields) = value.as_object() else { return Vec::new() };
    let found = fields.iter().flat_map(|(name, value)| match &schema["properties"][name] {
        Value::Null => vec![format!("a hospital has no {path}.{name}")],
        schema => below(value, schema, &format!("{path}.{name}")),
    });
    found.collect()
}

#[test]
fn every_hospital_in_a_block_fits_the_definition() {
    let (mut seen, mut mistakes) = (0, Vec::new());
    for page in pages::all() {
        for block in page.blocks.iter().filter(|block| block.language == "yaml" && block.text.contains("\nkind: Hosp"))
        {
            let hospital: Value = serde_saphyr::from_str(&block.text).unwrap();
            seen += 1;
            mistakes.extend(misfits(&hospital).into_iter().map(|mistake| format!("{}: {mistake}", page.path)));
        }
    }
    nothing_wrong(&mistakes);
    assert!(seen >= 1, "no hospital was found");
}

#[test]
fn every_path_into_a_hospital_leads_to_a_field() {
    let path = Regex::new(r"^\.?((?:spec|status)(?:\.[a-z][A-Za-z]*)+)(?:(?:: |=)(\w+))?$").unwrap();
    let (mut seen, mut mistakes) = (0, Vec::new());
    for page in pages::all().iter().filter(|page| !page.path.starts_with("frontend/")) {
        for code in &page.code {
            let Some(found) = path.captures(code) else { continue };
            seen += 1;
            if let Err(why) = field(&found[1], found.get(2).map(|value| value.as_str())) {
                mistakes.push(format!("{}: `{code}`: {why}", page.path));
            }
        }
    }
    nothing_wrong(&mistakes);
    assert!(seen >= 12, "only {seen} paths were found");
}
