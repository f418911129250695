//! The operator is told to end while hospitals wait for it, as where everything is deleted at once.

use std::time::{Duration, Instant};

use futures::future::join_all;
use kube::{ResourceExt as _, api::ListParams};

use super::with_policy;
use crate::{
    proxied::Proxied,
    support::{condition, eventually},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_ends_lets_go_of_all_that_wait_for_it() {
    const HOSPITALS: usize = 6;
    let proxied = Proxied::new("departure").await;
    let world = &proxied.world;
    let operator = proxied.operator().arg("--workers").arg("1").start().await;
    let mut names = Vec::new();
    for n in 0..HOSPITALS {
        names.push(world.apply(&with_policy(world, &format!("d{n}"), "Delete")).await.name_any());
    }
    join_all(names.iter().map(|name| world.wait_ready(name))).await;

    // Slow enough that most of them wait for their turn when it is told.
    proxied.mongo.delay("dropDatabase", Duration::from_millis(300));
    join_all(names.iter().map(|name| world.delete(name))).await;
    let left = async || world.hospitals().list(&ListParams::default()).await.unwrap().items.len();
    let waiting = eventually("it has begun", async || Some(left().await).filter(|left| *left < HOSPITALS)).await;
    assert!(waiting > 2, "only {waiting} wait for it");
    assert!(operator.terminate().await.success());
    assert_eq!(left().await, 0);
    for n in 0..HOSPITALS {
        let database = world.sandbox.database_name(&format!("d{n}"));
        assert_eq!(world.remains(&database).await, Vec::<String>::new(), "{database}");
    }
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_let_go_keeps_no_operator_from_ending() {
    let proxied = Proxied::new("departure held").await;
    let world = &proxied.world;
    let operator = proxied.operator().start().await;
    let name = world.ready_hospital("held").await.name_any();
    proxied.mongo.fail_all_writes(14031, "OutOfDiskSpace", "no space left on device");
    world.delete(&name).await;
    world.wait(&name, "held", |o| condition(o, "Ready").is_some_and(|c| c.reason == "MongoDbDiskFull")).await;
    let told = Instant::now();
    assert!(operator.terminate().await.success());
    assert!(told.elapsed() < Duration::from_secs(10), "the next operator waited for {:?}", told.elapsed());

    proxied.mongo.clear();
    let operator = proxied.operator().start().await;
    world.wait_gone(&name).await;
    operator.terminate().await;
    proxied.world.close().await;
}
