//! What the operator takes: memory without and with a hospital, and the size of the program that is shipped.

use std::{fs, time::Duration};

use anyhow::bail;
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
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    for profile in programs::PROFILES {
        let Some(path) = Program::Operator.path(profile)? else {
            notes.push(format!("{} is not built: {}", Program::Operator.name(), programs::HOW_TO_BUILD_RELEASE));
            continue;
        };
        let (mut idle, mut with_one) = (Vec::new(), Vec::new());
        for repeat in 0..repeats {
            eprint!("\rfootprint: {profile} profile {} of {repeats} ", repeat + 1);
            let operator = sandbox.operator().program(&path).start().await;
            operator.wait_ready().await;
            idle.push(settled_memory(Program::Operator, operator.pid()).await?);
            let name = sandbox.object_name(&format!("{profile}-{repeat}"));
            hospitals.apply_until_ready(&name).await?;
            with_one.push(settled_memory(Program::Operator, operator.pid()).await?);
            hospitals.remove(&name).await?;
            operator.terminate().await;
        }
        eprintln!();
        let what = |tenants| format!("operator's memory with {tenants}, {profile} profile");
        let size = mebibytes(fs::metadata(&path)?.len() / 1024)?;
        rows.extend(Row::new(what("no hospital"), Unit::Mebibytes, &idle).map(|row| row.at_most(40.0)));
        rows.extend(
            Row::new(what("one hospital"), Unit::Mebibytes, &with_one).map(|row| row.at_most(40.0 + 10.0 / 1024.0)),
        );
        rows.extend(Row::new(format!("size of the operator, {profile} profile"), Unit::Mebibytes, &[size]));
    }
    sandbox.close().await;
    Ok(Scenario {
        name: "footprint".to_owned(),
        method: format!("{repeats} starts each; resident memory after it has settled"),
        rows,
        notes,
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
    bail!("the memory of {} does not settle; the last look showed {last} KiB", program.name())
}
