//! The driver does not send a write again by itself, for nobody would ask then whether this operator still leads: the
//! pass fails, and the next one looks first.

use chakravue_testbed::{OperatorProcess, proxy::Server};
use serde_json::json;

use crate::{
    proxied::Proxied,
    support::{eventually, metric},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_in_a_way_that_invites_trying_again_is_sent_once_in_its_pass() {
    let proxied = Proxied::new("once").await;
    let world = &proxied.world;
    // Nor does it if the URI asks for it, as the one does that Atlas hands out.
    let uri = proxied.mongodb_uri();
    let uri = format!("{uri}{}retryWrites=true", if uri.contains('?') { "&" } else { "?" });
    let operator = proxied.operator().mongodb_uri(uri).start().await;
    operator.wait_ready().await;
    let organizations = format!("{}.organizations", world.sandbox.master_database());

    // To each of these a driver that tries again answers with the same write, before anybody hears of the error.
    for (code, name, reason) in
        [(6, "HostUnreachable", "MongoDbError"), (10107, "NotWritablePrimary", "MongoDbNotWritable")]
    {
        let mut object = world.hospital(&format!("once-{code}"));
        object["spec"]["deletionPolicy"] = json!("Delete");
        let hospital = object["metadata"]["name"].as_str().unwrap().to_owned();
        for command in ["insert", "update", "delete"] {
            let write = format!("{command} {organizations}");
            let before = failed(&operator, reason).await;
            proxied.log.settled().await;
            proxied.log.clear();
            proxied.mongo.fail_once(command, code, name, "try again");
            match command {
                "insert" => drop(world.apply(&object).await),
                "update" => {
                    object["spec"]["plan"] = json!("Enterprise");
                    world.apply(&object).await;
                }
                _ => world.delete(&hospital).await,
            }
            eventually(&format!("{write} was refused with {code} and then done"), async || {
                let done = proxied.log.writes().iter().any(|done| done.what == write);
                (done && proxied.log.refused().iter().any(|refused| refused.injected)).then_some(())
            })
            .await;
            match command {
                "delete" => world.wait_gone(&hospital).await,
                _ => drop(world.wait_ready(&hospital).await),
            }
            // A pass that still sees the hospital of before asks Kubernetes for one that is gone.
            let mut refused = proxied.log.refused();
            refused.retain(|refusal| (refusal.server, refusal.code) != (Server::Kubernetes, 404));
            let refused: Vec<_> = refused.iter().map(|refusal| (refusal.what.as_str(), refusal.code)).collect();
            assert_eq!(refused, [(write.as_str(), code)], "{command}, {code}");
            // So what was sent the second time was sent by another pass: within one there is nothing to fail after it.
            assert_eq!(failed(&operator, reason).await, before + 1, "passes that failed with {reason} by {command}");
        }
    }
    operator.terminate().await;
    proxied.world.close().await;
}

/// How many passes have failed for this reason.
async fn failed(operator: &OperatorProcess, reason: &str) -> u64 {
    metric(operator, &format!("reconciles_total{{result=\"failure\",reason=\"{reason}\"}}")).await
}
