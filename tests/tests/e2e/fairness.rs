//! Who goes first when there is more to do than can be done: what is new before what is only looked at again, and one
//! that always fails keeps nobody waiting.

use std::time::Duration;

use chakravue_testbed::OperatorProcess;
use futures::future::join_all;
use kube::ResourceExt as _;
use serde_json::json;

use crate::{
    proxied::Proxied,
    support::{condition, eventually, is},
};

const HOSPITALS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn one_that_always_fails_among_two_hundred_slows_nobody_and_what_is_new_goes_first() {
    let proxied = Proxied::new("fairness").await;
    let world = &proxied.world;
    let operator = proxied.operator().start().await;
    operator.wait_ready().await;
    // Unpaid ones are looked at like any other, and quickly made.
    let apply = async |n: usize| {
        let mut object = world.hospital(&format!("f{n:03}"));
        object["spec"]["subscription"] = json!("PendingPayment");
        world.apply(&object).await.name_any()
    };
    let mut names = Vec::new();
    for chunk in (0..HOSPITALS).collect::<Vec<_>>().chunks(20) {
        names.extend(join_all(chunk.iter().map(|n| apply(*n))).await);
    }
    for name in &names {
        world.wait(name, "claimed", |o| is(o, "ClaimHeld", "True")).await;
    }
    operator.terminate().await;

    // One worker, passes of at least twenty milliseconds, and two hundred of them due each second: there is always somebody
    // who waits.
    proxied.mongo.delay("find", Duration::from_millis(20));
    let broken = world.sandbox.object_name("broken");
    proxied.kube.fail("GET", &format!("/secrets/{broken}-mongodb"), 500, "etcd is tired");
    let operator = proxied.operator().resync_interval("1s").arg("--workers").arg("1").start().await;
    operator.wait_ready().await;
    world.apply(&world.hospital("broken")).await;
    world.wait(&broken, "broken", |o| condition(o, "Ready").is_some_and(|c| c.reason == "KubernetesError")).await;
    eventually("nearly all of them wait", async || {
        (value(&operator, "queue_depth{class=\"resync\"}").await > 100.0).then_some(())
    })
    .await;

    let before = failures(&operator).await;
    let (change, resync) = (Waited::now(&operator, "change").await, Waited::now(&operator, "resync").await);
    let began = tokio::time::Instant::now();
    for n in 0..10 {
        world.apply(&world.hospital(&format!("new{n}"))).await;
        world.wait_ready(&world.sandbox.object_name(&format!("new{n}"))).await;
        // Somebody of the others has a turn before the next one is made, or there would be nothing to compare with.
        let turns = async || value(&operator, "queue_wait_seconds_count{class=\"resync\"}").await;
        let before = turns().await;
        eventually("another one is looked at again", async || (turns().await > before).then_some(())).await;
    }
    let took = began.elapsed();
    let failed = failures(&operator).await - before;
    // Its pauses double from half a second: it cannot have been tried more often than that.
    let most = 2.0 + took.as_secs_f64() / 0.25;
    assert!(failed <= most.min(24.0), "{failed} attempts in {took:?}");
    assert!(value(&operator, "objects_in_backoff").await >= 1.0);
    assert!(value(&operator, "reconciles_running").await <= 1.0);

    let (new, resync) = (change.mean_since(&operator).await, resync.mean_since(&operator).await);
    println!("waited for a turn: {new:?} what is new, {resync:?} what is looked at again; 10 new ones took {took:?}");
    assert!(new < resync / 4, "{new:?} and {resync:?}");

    // The resync is only slower, it does not starve.
    proxied.mongo.clear();
    let looked = value(&operator, "queue_wait_seconds_count{class=\"resync\"}").await;
    eventually("the others are looked at again and again", async || {
        (value(&operator, "queue_wait_seconds_count{class=\"resync\"}").await > looked + 2.0 * 200.0).then_some(())
    })
    .await;

    // A change of the object begins anew at once, however long it would have waited.
    proxied.kube.clear();
    let mut changed = world.hospital("broken");
    changed["spec"]["plan"] = json!("Enterprise");
    world.apply(&changed).await;
    world.wait_ready(&broken).await;
    operator.terminate().await;
    proxied.world.close().await;
}

/// How often and how long hospitals of a class have waited for a turn so far.
struct Waited {
    class: &'static str,
    count: f64,
    seconds: f64,
}

impl Waited {
    async fn now(operator: &OperatorProcess, class: &'static str) -> Self {
        let one = async |what| value(operator, &format!("queue_wait_seconds_{what}{{class=\"{class}\"}}")).await;
        Self { class, count: one("count").await, seconds: one("sum").await }
    }

    /// For how long those had to wait whose turn came since.
    async fn mean_since(&self, operator: &OperatorProcess) -> Duration {
        let now = Self::now(operator, self.class).await;
        assert!(now.count > self.count, "nobody of class {} had a turn", self.class);
        Duration::from_secs_f64((now.seconds - self.seconds) / (now.count - self.count))
    }
}

/// A metric of the operator; 0 where it was never touched.
async fn value(operator: &OperatorProcess, metric: &str) -> f64 {
    let metrics = operator.metrics().await;
    let start = format!("chakravue_operator_{metric} ");
    metrics.lines().find_map(|line| line.strip_prefix(&start)).map_or(0.0, |value| value.parse().unwrap())
}

async fn failures(operator: &OperatorProcess) -> f64 {
    let metrics = operator.metrics().await;
    let failed =
        metrics.lines().filter(|line| line.starts_with("chakravue_operator_reconciles_total{result=\"failure\""));
    failed.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}
