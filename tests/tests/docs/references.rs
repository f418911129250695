//! What pages name of the repository is there: files, tests, operations of the API.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::{
    nothing_wrong,
    pages::{self, Page},
};

/// Where a path begins that is one of the repository's.
static PATH: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^(?:(?:api|charts|crds|docs|frontend|operator|tests|chaos|chart|e2e|model|pods|\.ci)/[\w./-]+|Dockerfile|Makefile)$",
    )
    .unwrap()
});

/// A path from the root, or of a test from where tests are.
fn is_there(path: &str) -> bool {
    let root = pages::root();
    root.join(path).exists() || root.join("tests/tests").join(path).exists()
}

#[test]
fn every_path_that_a_page_names_is_there() {
    let (mut seen, mut mistakes) = (0, Vec::new());
    for page in pages::all() {
        for path in page.code.iter().filter(|code| PATH.is_match(code)) {
            seen += 1;
            if !is_there(path) && !is_there(&format!("frontend/{path}")) && !is_made(path) {
                mistakes.push(format!("{}: {path}", page.path));
            }
        }
    }
    nothing_wrong(&mistakes);
    assert!(seen >= 50, "only {seen} paths were found");
    assert!(!is_there("api/src/nonsense.rs") && PATH.is_match("api/src/nonsense.rs"));
}

/// What is there only after somebody has built it.
fn is_made(path: &str) -> bool {
    path.starts_with("frontend/dist") || path.starts_with("frontend/node_modules")
}

/// The rows of the table of threats: what shows that each is held.
fn shown(page: &Page) -> impl Iterator<Item = (&str, Vec<(String, String)>)> {
    page.table("Threats", &["threat", "what holds it", "where", "shown by"]).rows.iter().map(|row| {
        let mut file = String::new();
        let mut tests = Vec::new();
        for code in &row[3].code {
            if code.contains('/') {
                file.clone_from(code);
            } else {
                tests.push((file.clone(), code.clone()));
            }
        }
        (row[0].text.as_str(), tests)
    })
}

#[test]
fn every_test_that_shows_a_threat_is_held_exists() {
    let page = pages::page("docs/security.md");
    let (mut seen, mut mistakes) = (0, Vec::new());
    for (threat, tests) in shown(&page) {
        for (file, test) in tests {
            seen += 1;
            let path = if pages::root().join(&file).is_file() { file.clone() } else { format!("tests/tests/{file}") };
            let source = std::fs::read_to_string(pages::root().join(path)).unwrap_or_default();
            if !source.contains(&format!("fn {test}()")) {
                mistakes.push(format!("{threat}: {file} has no test {test}"));
            }
        }
    }
    nothing_wrong(&mistakes);
    assert!(seen >= 30, "only {seen} tests were found");
}

#[test]
fn every_operation_that_a_page_names_is_one_of_the_api() {
    let document: Value = serde_json::from_str(&pages::read("api/openapi.json")).unwrap();
    let nameless = |path: &str| Regex::new(r"\{[^}]*\}").unwrap().replace_all(path, "{}").into_owned();
    let known: Vec<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path.clone()))
        })
        .map(|(method, path)| (method, nameless(&path)))
        .collect();
    let operation = Regex::new(r"^(GET|POST|PUT|PATCH|DELETE) (/[^ ?]*)").unwrap();
    let is_known =
        |code: &str| operation.captures(code).map(|found| known.contains(&(found[1].to_owned(), nameless(&found[2]))));
    assert_eq!(is_known("GET /organization/{id}/audit/verify"), Some(true));
    assert_eq!(is_known("POST /nonsense"), Some(false));
    let (mut seen, mut mistakes) = (0, Vec::new());
    for page in pages::all() {
        for code in &page.code {
            if let Some(known) = is_known(code) {
                seen += 1;
                mistakes.extend((!known).then(|| format!("{}: {code}", page.path)));
            }
        }
    }
    nothing_wrong(&mistakes);
    assert!(seen >= 20, "only {seen} operations were found");
}
