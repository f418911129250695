//! Schemathesis reads the OpenAPI document and sends what it says, and what it says not, to every operation: whatever the
//! API answers must be in the document too. As nobody, as a hospital's administrator, as the platform's administrator.

use std::{
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use chakravue_testbed::python_with;
use tokio::process::Command;

use crate::support::Stack;

const REQUIREMENTS: &str = include_str!("../../schemathesis/requirements.txt");
const CONFIGURATION: &str = include_str!("../../schemathesis/schemathesis.toml");

/// What would end the session of the run itself.
const ENDS_SESSIONS: &str = "^/(logout|me/password|me/sessions/{session_id})$";

/// Long enough for a busy machine: a run takes a minute or two.
const PATIENCE: Duration = Duration::from_mins(15);

/// Python 3.11 counts the depth of a syntax tree for all threads together, so that a switch to another one while Schemathesis
/// looks at its own source fails now and then ("AST constructor recursion depth mismatch"). This leaves switches to where a
/// thread waits anyway.
const RUN: &str = "import runpy, sys; sys.setswitchinterval(600); runpy.run_module('schemathesis.cli', run_name='__main__', alter_sys=True)";

async fn run(python: &Path, stack: &Stack, configuration: &Path, who: &str, token: Option<&str>) {
    let mut schemathesis = Command::new(python);
    schemathesis.args(["-c", RUN, "--config-file"]).arg(configuration).args(["run", "--no-color"]);
    if let Some(token) = token {
        schemathesis.arg("--header").arg(format!("Authorization: Bearer {token}"));
        schemathesis.args(["--exclude-path-regex", ENDS_SESSIONS]);
    }
    schemathesis.arg(format!("{}/openapi.json", stack.api.url()));
    // What it remembers from one run to the next must not decide what the next one tries.
    schemathesis.current_dir(stack.sandbox.folder()).stdin(Stdio::null()).kill_on_drop(true);
    let Output { status, stdout, stderr } =
        tokio::time::timeout(PATIENCE, schemathesis.output()).await.expect("it ends in time").unwrap();
    let [said, complained] = [&stdout, &stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(status.success(), "as {who}:\n{said}\n{complained}");
    println!("as {who}:\n{said}");
}

#[tokio::test]
async fn the_api_does_what_its_document_says() {
    let python = tokio::task::spawn_blocking(|| python_with("schemathesis", REQUIREMENTS)).await.unwrap().unwrap();
    let stack = Stack::new("schemathesis").await;
    let hospital = stack.hospital("Fuzzed").await;
    let platform = stack.platform_administrator().await;
    let configuration = stack.sandbox.folder().join("schemathesis.toml");
    let named = format!("{CONFIGURATION}\n[parameters]\n\"path.org_id\" = \"{}\"\n", hospital.organization_id);
    std::fs::write(&configuration, named).unwrap();
    for (who, token) in [
        ("nobody", None),
        ("a hospital's administrator", Some(hospital.administrator.token())),
        ("the platform's administrator", Some(platform.token())),
    ] {
        run(&python, &stack, &configuration, who, token).await;
    }
    let log = stack.api.log();
    assert!(!log.contains("panicked"), "{log}");
    stack.close().await;
}
