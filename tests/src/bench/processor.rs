//! What a process takes of the machine: processor time and memory, as the kernel and MongoDB tell.

use std::{fs, time::Duration};

use anyhow::Context as _;
use mongodb::{Client, bson::doc};

/// The kernel counts processor time in hundredths of a second for everybody who reads it (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// The processor time of a process and of the workers that it has started, since their start.
pub fn time_of(pid: u32) -> anyhow::Result<Duration> {
    family(pid)?.into_iter().map(time_of_one).sum()
}

fn time_of_one(pid: u32) -> anyhow::Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("read the time of {pid}"))?;
    // The second field is a name in parentheses and may hold anything.
    let (_, fields) = text.rsplit_once(')').context("no name in /proc/…/stat")?;
    let ticks = |field: usize| fields.split_whitespace().nth(field).and_then(|ticks| ticks.parse::<u32>().ok());
    let (user, system) = ticks(11).zip(ticks(12)).context("no times in /proc/…/stat")?;
    Ok(TICK * (user + system))
}

/// Our own processor time.
pub fn own_time() -> anyhow::Result<Duration> {
    time_of_one(std::process::id())
}

/// The processor time that all processes of the machine have taken together.
pub fn time_of_machine() -> anyhow::Result<Duration> {
    let text = fs::read_to_string("/proc/stat").context("read the machine's time")?;
    let fields = text.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let ticks: Vec<u64> = fields.map(str::parse).collect::<Result<_, _>>().context("no times in /proc/stat")?;
    // User, nice, system; then idle and waiting for the disk, which nobody takes; then interrupts.
    let busy: u64 = ticks.iter().take(8).enumerate().filter(|(field, _)| !matches!(field, 3 | 4)).map(|(_, n)| n).sum();
    Ok(Duration::from_millis(busy * 10))
}

/// The processor time of the MongoDB that this client speaks to.
pub async fn time_of_mongodb(client: &Client) -> anyhow::Result<Duration> {
    let status = client.database("admin").run_command(doc! { "serverStatus": 1 }).await.context("ask for its time")?;
    let extra = status.get_document("extra_info").context("MongoDB does not tell its processor time")?;
    let microseconds = |field: &str| {
        let value = extra.get_i64(field).with_context(|| format!("MongoDB does not tell its {field}"))?;
        anyhow::Ok(Duration::from_micros(value.unsigned_abs()))
    };
    Ok(microseconds("user_time_us")? + microseconds("system_time_us")?)
}

/// Resident memory of a process and of the workers that it has started.
pub fn resident_kib(pid: u32) -> anyhow::Result<u64> {
    family(pid)?.into_iter().map(|pid| status_kib(pid, "VmRSS:")).sum()
}

/// The most that a process has ever had in memory.
pub fn peak_kib(pid: u32) -> anyhow::Result<u64> {
    status_kib(pid, "VmHWM:")
}

fn status_kib(pid: u32, field: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("read memory of {pid}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let line = line.with_context(|| format!("no {field} in /proc"))?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

pub fn mebibytes(kib: u64) -> anyhow::Result<f64> {
    Ok(f64::from(u32::try_from(kib)?) / 1024.0)
}

/// The process and its descendants.
fn family(pid: u32) -> anyhow::Result<Vec<u32>> {
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(parent) = family.get(next) {
        for thread in fs::read_dir(format!("/proc/{parent}/task")).with_context(|| format!("no process {parent}"))? {
            let children = fs::read_to_string(thread?.path().join("children")).unwrap_or_default();
            family.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
        next += 1;
    }
    Ok(family)
}

#[cfg(test)]
mod tests {
    use std::{process::Command, time::Instant};

    use super::*;

    #[test]
    fn a_process_is_counted_with_those_that_it_started() {
        let mut shell = Command::new("sh").args(["-c", "sleep 30 & wait"]).spawn().unwrap();
        let started = Instant::now();
        while family(shell.id()).unwrap().len() < 2 && started.elapsed() < Duration::from_secs(10) {
            std::thread::yield_now();
        }
        let family = family(shell.id()).unwrap();
        assert_eq!(family.len(), 2, "{family:?}");
        assert!(resident_kib(shell.id()).unwrap() > status_kib(shell.id(), "VmRSS:").unwrap());
        Command::new("kill").args(family.iter().rev().map(ToString::to_string)).status().unwrap();
        shell.wait().unwrap();
    }

    #[test]
    fn our_own_time_is_part_of_the_machines() {
        let (own, machine) = (own_time().unwrap(), time_of_machine().unwrap());
        assert!(own <= machine, "{own:?} of {machine:?}");
        assert!(peak_kib(std::process::id()).unwrap() > 0);
    }
}
