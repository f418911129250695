//! The process: how it starts, says what is wrong, and ends.

use chakravue_testbed::Sandbox;

use crate::support::Stack;

#[tokio::test]
async fn it_starts_and_ends_in_order() {
    let stack = Stack::new("process").await;
    let plans = stack.client().get("/plans").await.expect(200);
    assert_eq!(plans["plans"].as_array().unwrap().len(), 3);
    let status = stack.api.terminate().await;
    assert!(status.success(), "{status}\n{}", stack.api.log());
    stack.close().await;
}

#[tokio::test]
async fn what_is_wrong_with_the_settings_is_said_at_once() {
    let sandbox = Sandbox::new("process, settings").await;
    sandbox.api().run(&["check-config"]).await.expect("the settings of the testbed are right");
    let wrong = sandbox.api().setting("directory", "closed").setting("sessions.idle", "never");
    let said = wrong.run(&["check-config"]).await.unwrap_err();
    assert!(said.contains("directory: ") && said.contains("sessions.idle: "), "{said}");
    sandbox.close().await;
}
