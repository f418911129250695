//! Chaos: for a while, people and faults do to hospitals, operator and servers whatever a seeded random schedule says;
//! then everything is left alone, and what must be true is looked at.
//!
//! `cargo test --workspace --test chaos` runs one short seed; `make chaos` ten longer ones. A run that fails prints its
//! seed; `CHAOS_SEED=…` runs its schedule again (the servers' own timing is not the same, of course).

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "../e2e/support.rs"]
#[allow(dead_code, reason = "end-to-end tests use more of it")]
mod support;

mod hospitals;
mod invariants;
mod restore;

use std::{env, time::Duration};

use chakravue_testbed::{Fragile, OperatorProcess};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use tokio::time::Instant;

use crate::{
    hospitals::{Deed, Hospitals},
    support::World,
};

/// How long the short run in `make test` disturbs.
const SHORT: Duration = Duration::from_secs(25);

/// What is done to programs and servers.
#[derive(Clone, Copy, Debug)]
enum Fault {
    KillOperator,
    KillMongod,
    StopMongod,
    StepDown,
    RestartApiServer,
    FreezeEtcd,
}

/// The more often it stands here, the more often it comes.
const FAULTS: [Fault; 9] = [
    Fault::KillOperator,
    Fault::KillOperator,
    Fault::KillOperator,
    Fault::KillMongod,
    Fault::StopMongod,
    Fault::StepDown,
    Fault::StepDown,
    Fault::RestartApiServer,
    Fault::FreezeEtcd,
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_everything_comes_right() {
    if ["MONGODB_URI", "USE_EXISTING_CLUSTER"].iter().any(|name| env::var_os(name).is_some_and(|v| !v.is_empty())) {
        println!("chaos breaks servers, so it starts its own; those of the environment are left alone");
    }
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seed = number("CHAOS_SEED").unwrap_or_else(rand::random);
    let lasts = number("CHAOS_SECONDS").map_or(SHORT, Duration::from_secs);
    println!("chaos: CHAOS_SEED={seed} CHAOS_SECONDS={}", lasts.as_secs());

    let mut servers = Fragile::start().await;
    let world = World::in_sandbox(chakravue_testbed::Sandbox::on(servers.testbed(), "chaos").await).await;
    let watch = world.sandbox.watch_mongodb_uri().await;
    let mut random = StdRng::seed_from_u64(seed);
    let mut hospitals = Hospitals::default();
    let mut operator = start(&world, &watch).await;
    let mut history = Vec::new();
    let begin = Instant::now();
    while begin.elapsed() < lasts {
        let what = if random.random_bool(0.25) {
            let fault = *FAULTS.choose(&mut random).unwrap();
            operator = strike(fault, &mut servers, operator, &world, &watch, &mut random).await;
            format!("{fault:?}")
        } else {
            let deed = Deed::any(&mut random);
            hospitals.happen(&world, deed).await.unwrap_or_else(|| "nothing".to_owned())
        };
        history.push(format!("{:6.1} s: {what}", begin.elapsed().as_secs_f64()));
        let pause = random.random_range(0..400);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    println!("{} deeds and faults; now everything is left alone", history.len());

    let calm = Instant::now();
    let outcome = invariants::hold(&world, &hospitals, &operator).await;
    if let Err(broken) = outcome {
        let log = operator.log();
        let log: Vec<&str> = log.lines().rev().take(40).collect();
        let log: Vec<&str> = log.into_iter().rev().collect();
        panic!(
            "CHAOS_SEED={seed} CHAOS_SECONDS={}: {broken}\n\nWhat was done:\n{}\n\nThe operator's last words:\n{}",
            lasts.as_secs(),
            history.join("\n"),
            log.join("\n")
        );
    }
    println!("everything came right {:.1} s after the last fault", calm.elapsed().as_secs_f64());
    operator.terminate().await;
}

async fn start(world: &World, watch: &str) -> OperatorProcess {
    // The resync would hide what the watches miss.
    world.sandbox.operator().resync_interval("10m").watch_mongodb_uri(watch).start().await
}

async fn strike(
    fault: Fault,
    servers: &mut Fragile,
    operator: OperatorProcess,
    world: &World,
    watch: &str,
    random: &mut StdRng,
) -> OperatorProcess {
    let member = random.random_range(0..servers.members());
    match fault {
        Fault::KillOperator => {
            operator.kill();
            let pause = random.random_range(0..1500);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            return start(world, watch).await;
        }
        Fault::KillMongod => servers.restart_mongod(member, true).await,
        Fault::StopMongod => servers.restart_mongod(member, false).await,
        Fault::StepDown => servers.step_down().await,
        Fault::RestartApiServer => servers.restart_apiserver().await,
        Fault::FreezeEtcd => servers.freeze_etcd(Duration::from_millis(random.random_range(500..4000))).await,
    }
    operator
}
