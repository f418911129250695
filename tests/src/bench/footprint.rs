//! What the operator takes: memory without and with a hospital, and the size of the program that is shipped.

use std::{fs, time::Duration};

use chakravue_testbed::Sandbox;

use crate::{
    extent::Extent,
    hospital::Hospitals,
    processor::{mebibytes, resident_kib},
    programs::{self, Program},
    report::{Row, Scenario, Unit},
};

const REPEATS: usize = 3;
const QUICK_REPEATS: usize = 1;
const LOOK: Duration = Duration::from_millis(500);
/// Settled: as many looks in a row that show no more than a page or two above the highest before.
const CALM_LOOKS: usize = 10;
const CALM_KIB: u64 = 16;

pub async fn run(extent: Extent) -> anyhow::Result<Scenario> {
    let repeats = extent.repeats(REPEATS, QUICK_REPEATS);
    let sandbox = Sandbox::new("bench: footprint").await;
    let mut hospitals = Hospitals::watch(&sandbox).await;
    let (profile, path) = (programs::profile()?, Program::Operator.path()?);
    let (mut idle, mut with_one) = (Vec::new(), Vec::new());
    for repeat in 0..repeats {
        eprint!("\rfootprint: {} of {repeats} ", repeat + 1);
        let operator = sandbox.operator().program(&path).start().await;
        operator.wait_ready().await;
        idle.push(settled_memory(Program::Operator, operator.pid()).await?);
        let name = sandbox.object_name(&repeat.to_string());
        hospitals.apply_until_ready(&name).await?;
        with_one.push(settled_memory(Program::Operator, operator.pid()).await?);
        hospitals.remove(&name).await?;
        operator.terminate().await;
    }
    eprintln!();
    sandbox.close().await;
    let what = |tenants| format!("operator's memory with {tenants}, {profile} profile");
    let size = mebibytes(fs::metadata(&path)?.len() / 1024)?;
    let rows = [
        Row::new(what("no hospital"), Unit::Mebibytes, &idle).map(|row| row.at_most(40.0)),
        Row::new(what("one hospital"), Unit::Mebibytes, &with_one).map(|row| row.at_most(40.0 + 10.0 / 1024.0)),
        Row::new(format!("size of the operator, {profile} profile"), Unit::Mebibytes, &[size]),
    ];
    Ok(Scenario {
        name: "footprint".to_owned(),
        method: format!("{repeats} starts each; resident memory after it has settled"),
        rows: rows.into_iter().flatten().collect(),
        notes: Vec::new(),
        ended_early: None,
    })
}

/// Resident memory when it has stopped growing: its highest, since it moves up and down with what the program does.
pub async fn settled_memory(program: Program, pid: u32) -> anyhow::Result<f64> {
    let (mut last, mut calm) = (0, 0);
    for _ in 0..40 {
        let now = resident_kib(pid)?;
        calm = if now < last + CALM_KIB { calm + 1 } else { 0 };
        last = last.max(now);
        if calm == CALM_LOOKS {
            return mebibytes(last);
        }
        tokio::time::sleep(LOOK).await;
    }
    // It moves up and down for as long as anything goes on; the most that it had is what somebody has to have room for.
    eprintln!("the memory of {} moves all the time: the most that it had is taken", program.name());
    mebibytes(last)
}
