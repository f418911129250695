//! The OpenAPI document as it is committed, which a check of its own compares with the code: every operation says what it is
//! for, who may call it, and what every parameter and every answer means.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::matrix::{TABLE, operations};

const DOCUMENT: &str = include_str!("../../../api/openapi.json");

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

/// What is said in one place for several.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    value["$ref"].as_str().map_or(value, |reference| document.pointer(reference.trim_start_matches('#')).unwrap())
}

fn says_something(text: &Value) -> bool {
    text.as_str().is_some_and(|text| text.trim().len() > 2)
}

#[test]
fn every_operation_says_what_it_is_for_and_what_goes_in_and_comes_out() {
    let document = document();
    let mut silent = Vec::new();
    for (name, operation) in operations(&document) {
        if !says_something(&operation["summary"]) {
            silent.push(format!("{name} has no summary"));
        }
        if operation["tags"].as_array().is_none_or(|tags| tags.len() != 1) {
            silent.push(format!("{name} stands under no heading of the page, or under several"));
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let parameter_name = parameter["name"].as_str().unwrap();
            if !says_something(&parameter["description"]) {
                silent.push(format!("{name} does not say what {parameter_name} means"));
            }
        }
        let responses = operation["responses"].as_object().unwrap();
        let responses: BTreeMap<&String, &Value> =
            responses.iter().map(|(status, response)| (status, resolved(&document, response))).collect();
        for (status, response) in &responses {
            if !says_something(&response["description"]) {
                silent.push(format!("{name} does not say what {status} means"));
            }
        }
        if !responses.keys().any(|status| status.starts_with('2')) {
            silent.push(format!("{name} never succeeds"));
        }
        // What can go wrong follows from what is wanted; what can with every request is not told anew by each.
        let is_in_path = |parameter: &Value| parameter["in"] == "path";
        let in_path = operation["parameters"].as_array().is_some_and(|all| all.iter().any(is_in_path));
        let if_match = |parameter: &Value| parameter["name"] == "If-Match";
        let is_of_a_version = operation["parameters"].as_array().is_some_and(|all| all.iter().any(if_match));
        let is_read = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].is_string();
        for (status, is_possible) in [
            ("401", !operation["security"].is_null()),
            ("403", !operation["security"].is_null()),
            ("404", in_path),
            ("408", !operation["requestBody"].is_null()),
            ("413", !operation["requestBody"].is_null()),
            ("412", is_of_a_version),
            ("428", is_of_a_version),
            ("415", is_read),
            ("422", is_read),
            ("default", true),
        ] {
            if is_possible && !responses.contains_key(&status.to_owned()) {
                silent.push(format!("{name} does not say that it may answer {status}"));
            }
        }
        for (status, response) in responses {
            let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
            if !status.starts_with(['2', '3']) && schema != "#/components/schemas/Problem" {
                silent.push(format!("{name} does not say that {status} is a problem"));
            }
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

/// Whether somebody who reads the document has something to send as it stands there: an example, or one of each field
/// that is needed.
fn has_example(document: &Value, schema: &Value) -> bool {
    let schema = resolved(document, schema);
    let Some(properties) = schema["properties"].as_object() else {
        return ["example", "examples", "enum"].iter().any(|keyword| schema[keyword] != Value::Null);
    };
    let needed = schema["required"].as_array().cloned().unwrap_or_default();
    match schema["example"].as_object() {
        Some(example) => {
            let is_known = example.keys().all(|name| properties.contains_key(name));
            is_known && needed.iter().all(|name| example.contains_key(name.as_str().unwrap()))
        }
        None => {
            !needed.is_empty() && needed.iter().all(|name| has_example(document, &properties[name.as_str().unwrap()]))
        }
    }
}

#[test]
fn every_body_has_an_example() {
    let document = document();
    let without: Vec<_> = operations(&document)
        .into_iter()
        .filter(|(_, operation)| {
            let contents = operation["requestBody"]["content"].as_object().into_iter().flatten();
            let shows =
                |content: &Value| content["example"] != Value::Null || has_example(&document, &content["schema"]);
            !contents.map(|(_, content)| content).all(shows)
        })
        .map(|(name, _)| name)
        .collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn the_preface_names_each_operation_that_can_be_repeated() {
    let document = document();
    let preface = document["info"]["description"].as_str().unwrap();
    let named = preface.rsplit_once("`POST` ").unwrap().1.matches(", ").count() + 1;
    let mut repeatable = 0;
    for (name, operation) in operations(&document) {
        let mut parameters = operation["parameters"].as_array().into_iter().flatten();
        if parameters.any(|parameter| parameter["name"] == "Idempotency-Key") {
            repeatable += 1;
            let path = name.strip_prefix("POST ").unwrap();
            assert!(preface.contains(&format!("`{path}`")), "{name}");
        }
    }
    assert_eq!(named, repeatable);
}

/// What is checked where a request comes in must not be told of an answer, which has more fields.
#[test]
fn no_answer_is_said_to_have_fields_that_its_schema_forbids() {
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for part in schema["allOf"].as_array().into_iter().flatten() {
            assert_eq!(resolved(&document, part)["additionalProperties"], Value::Null, "{name}");
        }
    }
    let measured = &document["components"]["schemas"]["Measured"];
    assert_eq!((&measured["minProperties"], &measured["additionalProperties"]), (&json!(1), &json!(false)));
    let together = json!({ "systolic_mmhg": ["diastolic_mmhg"], "diastolic_mmhg": ["systolic_mmhg"] });
    assert_eq!(measured["dependentRequired"], together);
}

#[test]
fn every_operation_says_who_may_call_it_as_the_table_does() {
    let document = document();
    assert!(document["security"].is_null(), "an operation that says nothing is open to everybody");
    let schemes: BTreeSet<&str> =
        document["components"]["securitySchemes"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(schemes, BTreeSet::from(["bearer", "cookie", "setup"]));
    let mut wrong = Vec::new();
    for (name, operation) in operations(&document) {
        let row = TABLE.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name} has no row")).1;
        let mut expected = BTreeSet::new();
        // Whoever must be somebody: with a session, in a browser also by a cookie, or with a setup token.
        if row.starts_with('1') {
            expected.insert("bearer");
            if row[1..7].contains('+') {
                expected.insert("cookie");
            }
            if row.ends_with('+') {
                expected.insert("setup");
            }
        }
        let said: BTreeSet<&str> = operation["security"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|one| one.as_object().unwrap().keys().map(String::as_str))
            .collect();
        if said != expected {
            wrong.push(format!("{name} says {said:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_problem_can_be_read_as_the_document_says() {
    let document = document();
    let problem = &document["components"]["schemas"]["Problem"];
    let required: BTreeSet<&str> =
        problem["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(required.is_superset(&BTreeSet::from(["type", "title", "status", "detail"])), "{problem}");
    for member in ["errors", "request_id"] {
        assert!(says_something(&problem["properties"][member]["description"]), "{problem}");
    }
}

/// Programs decide by the code, and so does the front end, which says each in its own languages.
#[test]
fn every_flaw_of_a_field_has_a_code_of_its_own() {
    let document = document();
    let flaws = document["components"]["schemas"]["Flaw"]["oneOf"].as_array().unwrap();
    let codes: Vec<&str> = flaws
        .iter()
        .map(|flaw| {
            assert!(flaw["required"].as_array().unwrap().contains(&json!("code")), "{flaw}");
            flaw["properties"]["code"]["enum"][0].as_str().unwrap()
        })
        .collect();
    let distinct: BTreeSet<&str> = codes.iter().copied().collect();
    assert_eq!(codes.len(), distinct.len());
    assert!(codes.iter().all(|code| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')), "{codes:?}");
    for code in ["required", "too_long", "invalid_email", "payment_failed", "invalid"] {
        assert!(distinct.contains(code), "{code}");
    }
    assert_eq!(document["components"]["schemas"]["FieldError"]["allOf"][0]["$ref"], "#/components/schemas/Flaw");
}
