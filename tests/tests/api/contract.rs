//! The OpenAPI document is a contract: Schemathesis reads it and sends what it says, and what it says not, to every
//! operation, and whatever the API answers must be in the document too. As nobody, as each role of a hospital, as who signs
//! one up, as the platform's administrator. It keeps a processor busy for minutes, and runs beside tests that mostly wait,
//! because they are run in the order of their names.

use std::{
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use chakravue_testbed::python_with;
use tokio::process::Command;

use crate::{clinic::Clinic, support::Stack};

const REQUIREMENTS: &str = include_str!("../../schemathesis/requirements.txt");
const CONFIGURATION: &str = include_str!("../../schemathesis/schemathesis.toml");

/// What would end the session of the run itself.
const ENDS_SESSIONS: &str = "^/(logout|me/password|me/sessions/{session_id})$";

/// What the setup token of a signup opens.
const SETTING_UP: &str =
    "^/(process-payment|add-user|setup/administrator|organization/{org_id}(/plan|/users|/payments|/provisioning)?)$";

/// Long enough for a busy machine: a run takes a minute or two.
const PATIENCE: Duration = Duration::from_mins(15);

/// Python 3.11 counts the depth of a syntax tree for all threads together, so that a switch to another one while Schemathesis
/// looks at its own source fails now and then ("AST constructor recursion depth mismatch"). This leaves switches to where a
/// thread waits anyway.
const RUN: &str = "import runpy, sys; sys.setswitchinterval(600); runpy.run_module('schemathesis.cli', run_name='__main__', alter_sys=True)";

/// One reader of the document: who it is, what of the paths it looks at, and what it puts into them.
struct Reader<'a> {
    who: &'a str,
    token: Option<&'a str>,
    paths: &'a str,
    known: &'a [(&'a str, &'a str)],
}

async fn run(python: &Path, stack: &Stack, reader: Reader<'_>) {
    let Reader { who, token, paths, known } = reader;
    // What it remembers from one run to the next must not decide what the next one tries.
    let folder = stack.sandbox.folder().join(who);
    std::fs::create_dir(&folder).unwrap();
    let known: String = known.iter().map(|(name, value)| format!("\"path.{name}\" = \"{value}\"\n")).collect();
    std::fs::write(folder.join("schemathesis.toml"), format!("{CONFIGURATION}\n[parameters]\n{known}")).unwrap();
    let mut schemathesis = Command::new(python);
    schemathesis.args(["-c", RUN, "--config-file", "schemathesis.toml", "run", "--no-color"]);
    schemathesis.args(["--include-path-regex", paths]);
    if let Some(token) = token {
        schemathesis.arg("--header").arg(format!("Authorization: Bearer {token}"));
        schemathesis.args(["--exclude-path-regex", ENDS_SESSIONS]);
    }
    schemathesis.arg(format!("{}/openapi.json", stack.api.url()));
    schemathesis.current_dir(&folder).stdin(Stdio::null()).kill_on_drop(true);
    let Output { status, stdout, stderr } =
        tokio::time::timeout(PATIENCE, schemathesis.output()).await.expect("it ends in time").unwrap();
    let [said, complained] = [&stdout, &stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(status.success(), "as {who}:\n{said}\n{complained}");
    println!("as {who}:\n{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_does_what_its_document_says() {
    let python = tokio::task::spawn_blocking(|| python_with("schemathesis", REQUIREMENTS)).await.unwrap().unwrap();
    let clinic = Clinic::new("contract").await;
    let stack = &clinic.stack;
    let platform = stack.platform_administrator().await;
    let unpaid = stack.signup("Unpaid", "starter").await;
    let patient = clinic.patient("Jane Smith").await;
    let hospital = clinic.hospital.organization_id.as_str();
    let read = |who, token, paths, known| run(&python, stack, Reader { who, token, paths, known });
    // Each of the staff looks at what only their role opens, in a record that is there. Before the administrators, who may
    // archive, disable and suspend.
    let inside = [("org_id", hospital), ("patient_id", patient.as_str())];
    let signing_up = [("org_id", unpaid.organization_id.as_str())];
    tokio::join!(
        read("a doctor", Some(clinic.doctor.token()), "/patients/{patient_id}($|/notes|/vitals|/prescr)", &inside),
        read("OPD", Some(clinic.opd.token()), "/(vitals|pharmacy.*|appointments.*)$", &inside),
        read("reception", Some(clinic.reception.token()), "/(patients|patients/{patient_id}|appointments)$", &inside),
        read("who signs up", Some(&unpaid.setup_token), SETTING_UP, &signing_up),
    );
    let inside = [("org_id", hospital)];
    for (who, token) in [
        ("nobody", None),
        ("a hospital's administrator", Some(clinic.admin().token())),
        ("the platform's administrator", Some(platform.token())),
    ] {
        read(who, token, "^/", &inside).await;
    }
    let log = stack.api.log();
    assert!(!log.contains("panicked"), "{log}");
    clinic.stack.close().await;
}
