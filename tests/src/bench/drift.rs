//! How long something that was changed by hand stays so, with many healthy hospitals around it: from MongoDB's answer to
//! the change until the hospital is whole again. The resync is hours away.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chakravue_testbed::Sandbox;
use kube::Api;

use crate::{
    by_hand::{ByHand, KINDS, Kind},
    extent::Extent,
    hospital::Hospitals,
    one_tenant::milliseconds,
    report::{Row, Scenario, Unit},
    statistics::percentile,
};

const HOSPITALS: usize = 200;
const QUICK_HOSPITALS: usize = 20;
const ROUNDS: usize = 100;
const QUICK_ROUNDS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(30);
/// What the slowest hundredth should stay below.
pub const TARGET: f64 = 1000.0;

pub async fn run(extent: Extent) -> anyhow::Result<Scenario> {
    let rounds = extent.repeats(ROUNDS, QUICK_ROUNDS);
    let count = extent.either(HOSPITALS, QUICK_HOSPITALS);
    let sandbox = Sandbox::new("bench: drift").await;
    let watch = sandbox.watch_mongodb_uri().await;
    let operator = sandbox.operator().resync_interval("10h").watch_mongodb_uri(&watch).start().await;
    operator.wait_ready().await;
    let mut hospitals = Hospitals::watch(&sandbox).await;
    let names: Vec<String> = (0..count).map(|number| sandbox.object_name(&format!("drift-{number}"))).collect();
    hospitals.make(&names).await?;

    let times = measure(&sandbox, &names, rounds).await?;
    hospitals.remove_all().await?;
    drop(hospitals);
    operator.terminate().await;
    sandbox.close().await;

    Ok(Scenario {
        name: "drift".to_owned(),
        method: format!("{rounds} changes of each kind by hand, one at a time, among {count} healthy hospitals"),
        rows: rows(&times),
        notes: Vec::new(),
        ended_early: None,
    })
}

/// How long each kind of change lasted, round by round.
pub type Times = [Vec<f64>; KINDS.len()];

/// Changes each kind of thing in one hospital after the other.
pub async fn measure(sandbox: &Sandbox, names: &[String], rounds: usize) -> anyhow::Result<Times> {
    let administrator = sandbox.mongodb().await;
    let secrets = Api::namespaced(sandbox.admin().await, sandbox.namespace());
    let mut times = Times::default();
    for round in 0..rounds {
        eprint!("\rdrift: round {} of {rounds} ", round + 1);
        for (turn, (kind, what)) in KINDS.into_iter().enumerate() {
            let hospital = ByHand::on(&administrator, &secrets, &names[(round * KINDS.len() + turn) % names.len()])?;
            let took = heal(&hospital, kind).await.with_context(|| format!("{what} in {}", hospital.database))?;
            times[turn].push(milliseconds(took));
        }
    }
    eprintln!();
    Ok(times)
}

pub fn rows(times: &Times) -> Vec<Row> {
    let rows = KINDS.iter().zip(times).flat_map(|((_, what), times)| {
        let slowest = percentile(times, 0.99).map(|p99| vec![p99]).unwrap_or_default();
        [
            Row::new(format!("{what}, until healed"), Unit::Milliseconds, times),
            Row::new(format!("{what}, p99"), Unit::Milliseconds, &slowest).map(|row| row.at_most(TARGET)),
        ]
    });
    rows.flatten().collect()
}

/// Changes something and returns how long it stayed changed.
pub async fn heal(hospital: &ByHand<'_>, kind: Kind) -> anyhow::Result<Duration> {
    ensure!(hospital.is_whole(kind).await?, "it was not whole before");
    hospital.change(kind).await?;
    let start = Instant::now();
    while !hospital.is_whole(kind).await? {
        ensure!(start.elapsed() < PATIENCE, "not healed within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(start.elapsed())
}
