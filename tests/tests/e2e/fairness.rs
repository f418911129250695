//! Who goes first when there is more to do than can be done: what is new before what is only looked at again, and one
//! that always fails keeps nobody waiting.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use chakravue_testbed::OperatorProcess;
use futures::future::join_all;
use kube::ResourceExt as _;
use serde_json::json;

use crate::{
    proxied::Proxied,
    support::{World, condition, eventually, is, passes},
};

const HOSPITALS: usize = 200;

/// How many of them have a database where a round of all is timed; the rest waits for payment. Of two cores, each takes an
/// eighth of a second to make and a sixth to remove again, so that two hundred would keep the whole test busy for longer
/// than a minute and a half.
const ACTIVE: usize = 150;

/// How much longer a round of all the others may take beside one that fails or hangs, and how much longer a new one may
/// take to be ready. Who hangs keeps one of eight workers.
const SLOWER_ROUND: f64 = 1.5;
const SLOWER_NEW: f64 = 2.0;

#[tokio::test(flavor = "multi_thread")]
async fn one_that_always_fails_among_two_hundred_slows_nobody_and_what_is_new_goes_first() {
    let proxied = Proxied::new("fairness").await;
    let world = &proxied.world;
    let operator = proxied.operator().start().await;
    operator.wait_ready().await;
    // Unpaid ones are looked at like any other, and quickly made.
    hospitals(world, 0).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_round_of_all_others_and_a_new_one_take_as_long_beside_one_that_fails_or_hangs() {
    let proxied = Proxied::new("a round").await;
    let world = &proxied.world;
    let operator = proxied.operator().start().await;
    operator.wait_ready().await;
    let began = Instant::now();
    let others = hospitals(world, ACTIVE).await;
    println!("{HOSPITALS} hospitals, {ACTIVE} of them with a database, were made in {:?}", began.elapsed());
    let broken = world.ready_hospital("broken").await.name_any();
    operator.terminate().await;

    // Passes of at least a tenth of a second, and more of them due than eight workers have time for: whoever keeps a worker
    // takes it from the others. What they wait for is MongoDB, not this machine.
    let slow = || proxied.mongo.delay("find", Duration::from_millis(100));
    slow();
    let operator = proxied.operator().resync_interval("1s").start().await;
    operator.wait_ready().await;
    // Whatever somebody changes is looked at right now.
    let change = async |what: &str| {
        let mut changed = world.hospital("broken");
        changed["spec"]["displayName"] = json!(format!("Hospital that {what}"));
        world.apply(&changed).await;
    };
    // In turns, so that whatever else this machine does comes to all three.
    let (mut alone, mut failing, mut hanging) = (Taken::default(), Taken::default(), Taken::default());
    for n in 0..3 {
        alone.by(&proxied, &operator, &others, &format!("alone{n}")).await;

        proxied.kube.fail("GET", &format!("/secrets/{broken}-mongodb"), 500, "etcd is tired");
        change(&format!("fails {n}")).await;
        world.wait(&broken, "broken", |o| condition(o, "Ready").is_some_and(|c| c.reason == "KubernetesError")).await;
        failing.by(&proxied, &operator, &others, &format!("failing{n}")).await;
        assert!(value(&operator, "objects_in_backoff").await >= 1.0);
        proxied.kube.clear();
        change(&format!("is well {n}")).await;
        world.wait_ready(&broken).await;

        // Its own database gives no answer any more.
        proxied.mongo.hold(&world.sandbox.database_name("broken"));
        change(&format!("hangs {n}")).await;
        hanging.by(&proxied, &operator, &others, &format!("hanging{n}")).await;
        let seen = world.hospitals().get(&broken).await.unwrap();
        assert!(seen.status.unwrap().observed_generation < seen.metadata.generation, "it hung all the time");
        proxied.mongo.clear();
        slow();
        world.wait_ready(&broken).await;
    }
    println!("alone: {alone:?}, beside one that fails: {failing:?}, beside one that hangs: {hanging:?}");

    for (beside, taken) in [("one that fails", &failing), ("one that hangs", &hanging)] {
        assert!(taken.round < alone.round.mul_f64(SLOWER_ROUND), "beside {beside}: {taken:?}, without: {alone:?}");
        assert!(taken.new < alone.new.mul_f64(SLOWER_NEW), "beside {beside}: {taken:?}, without: {alone:?}");
    }
    operator.terminate().await;
    proxied.world.close().await;
}

/// Makes two hundred hospitals, the first `active` with a database, and returns their names when nothing is to be done about
/// them any more.
async fn hospitals(world: &World, active: usize) -> Vec<String> {
    let apply = async |n: usize| {
        let mut object = world.hospital(&format!("f{n:03}"));
        if n >= active {
            object["spec"]["subscription"] = json!("PendingPayment");
        }
        world.apply(&object).await.name_any()
    };
    let mut names = Vec::new();
    for chunk in (0..HOSPITALS).collect::<Vec<_>>().chunks(20) {
        names.extend(join_all(chunk.iter().map(|n| apply(*n))).await);
    }
    for name in &names {
        world.wait(name, "made", |o| is(o, "ClaimHeld", "True") && !is(o, "Reconciling", "True")).await;
    }
    names
}

/// How long something took at its best, which tells more of the operator than of what else this machine did.
#[derive(Debug)]
struct Taken {
    /// Until every other hospital was looked at once more.
    round: Duration,
    /// From a new hospital's creation until it was ready.
    new: Duration,
}

impl Default for Taken {
    fn default() -> Self {
        Self { round: Duration::MAX, new: Duration::MAX }
    }
}

impl Taken {
    async fn by(&mut self, proxied: &Proxied, operator: &OperatorProcess, others: &[String], name: &str) {
        let began = Instant::now();
        round(proxied, operator, others).await;
        self.round = self.round.min(began.elapsed());
        let began = Instant::now();
        proxied.world.ready_hospital(name).await;
        self.new = self.new.min(began.elapsed());
    }
}

/// Returns when every one that has a database was looked at once more, and as many passes as all of them take have
/// succeeded: a pass over one without a database names it nowhere.
async fn round(proxied: &Proxied, operator: &OperatorProcess, others: &[String]) {
    let looked = || {
        let mut looked = HashMap::<String, usize>::new();
        for command in proxied.mongo.commands() {
            if let Some(database) = command.strip_prefix("listCollections ") {
                *looked.entry(database.to_owned()).or_default() += 1;
            }
        }
        looked
    };
    let databases: Vec<String> = others[..ACTIVE].iter().map(|name| name.replace('-', "_")).collect();
    let (before, passed) = (looked(), passes(operator).await + others.len() as u64);
    eventually("all of them are looked at again", async || {
        let now = looked();
        let again = databases.iter().all(|database| now.get(database) > before.get(database));
        (again && passes(operator).await >= passed).then_some(())
    })
    .await;
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
