//! The story that the README tells with curl, word for word.

use std::{process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::support::Stack;

const README: &str = include_str!("../../../README.md");

/// What stands in the README directly before the block.
const MARK: &str = "<!-- tests/tests/api/readme.rs runs this block word for word. -->\n\n```bash\n";

fn story() -> &'static str {
    let (_, story) = README.split_once(MARK).expect("the README marks the story");
    story.split_once("\n```\n").expect("the story ends").0
}

#[tokio::test]
async fn the_story_with_curl_runs_word_for_word() {
    let stack = Stack::new("readme").await;
    let mut bash = Command::new("bash")
        // A step that fails ends it.
        .args(["-euo", "pipefail", "-s"])
        .env("CHAKRAVUE_API_URL", stack.api.url())
        // So that the sandbox finds its database again.
        .env("HOSPITAL", stack.name("City Care Clinic"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    bash.stdin.take().unwrap().write_all(story().as_bytes()).await.unwrap();
    let output = tokio::time::timeout(Duration::from_mins(2), bash.wait_with_output()).await.unwrap().unwrap();
    let [said, complained] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success(), "{}\n{said}\n{complained}", output.status);
    assert_eq!(complained, "", "curl and Python had nothing to complain of");

    let answers: Vec<Value> = serde_json::Deserializer::from_str(&said).into_iter().map(Result::unwrap).collect();
    let [signup, payment, doctor, opd, receptionist, accepted, login, patient] = answers.as_slice() else {
        panic!("eight answers, one after the other:\n{said}");
    };
    assert_eq!(signup["status"], "pending_payment");
    assert_eq!((&payment["status"], &payment["database_name"]), (&"active".into(), &signup["database_name"]));
    for (user, role) in [(doctor, "DOCTOR"), (opd, "OPD"), (receptionist, "RECEPTIONIST")] {
        assert_eq!((&user["role"], &user["status"]), (&role.into(), &"invited".into()));
    }
    assert_eq!(accepted["user"]["user_id"], receptionist["user_id"]);
    assert_eq!(login["user"]["organization_id"], signup["organization_id"]);
    assert_eq!(patient["name"], "Jane Smith");
    stack.close().await;
}
