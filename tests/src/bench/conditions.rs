//! Under which conditions a run measures: what its figures depend on.

use std::{fs, process::Command, thread, time::Instant};

use anyhow::Context as _;
use chakravue_testbed::Testbed;
use mongodb::bson::{DateTime, doc};

use crate::{
    bare_hash::BareHash,
    one_tenant::milliseconds,
    programs,
    report::{Conditions, Run},
    statistics::Summary,
};

/// What everything ran on.
pub async fn of(testbed: &Testbed, durable: bool, load_at_start: String) -> anyhow::Result<Conditions> {
    let kubernetes = testbed.admin().await.apiserver_version().await.context("ask for the version of Kubernetes")?;
    let mongodb = testbed.mongodb().await.database("admin").run_command(doc! { "buildInfo": 1 }).await?;
    Ok(Conditions {
        operator: env!("CARGO_PKG_VERSION").to_owned(),
        kubernetes: kubernetes.git_version,
        mongodb: mongodb.get_str("version").unwrap_or("of unknown version").to_owned(),
        etcd: match (testbed.audit_log(), durable) {
            (None, _) => "a cluster that is not ours",
            (Some(_), true) => "etcd waits for the disk",
            (Some(_), false) => "etcd does not wait for the disk",
        }
        .to_owned(),
        cores: thread::available_parallelism()?.get(),
        load_at_start,
        load_at_end: load()?,
        run: None,
    })
}

/// The load average over the last minute.
pub fn load() -> anyhow::Result<String> {
    let text = fs::read_to_string("/proc/loadavg").context("read the load average")?;
    Ok(text.split(' ').next().unwrap_or_default().to_owned())
}

/// How many hashes are made to say how fast the machine is.
const HASHES: usize = 9;

/// What one password hash takes, in milliseconds: the median of some. The same machine may be
/// twice as fast on another day.
pub fn speed() -> anyhow::Result<f64> {
    let (mut hash, mut times) = (BareHash::new(), Vec::new());
    for _ in 0..HASHES {
        let began = Instant::now();
        hash.make()?;
        times.push(milliseconds(began.elapsed()));
    }
    Ok(Summary::of(&times).map_or(0.0, |times| times.median))
}

/// What runs, on which machine, whose `speed` is that of the start.
pub fn of_run(quick: bool, speed: f64) -> anyhow::Result<Run> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let is_dirty = git(&["status", "--porcelain"]).is_some_and(|changes| !changes.is_empty());
    let value = |file: &str, name: &str| {
        let text = fs::read_to_string(file).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim_start_matches([' ', '\t', ':']).to_owned())
    };
    let memory = value("/proc/meminfo", "MemTotal").context("no MemTotal in /proc/meminfo")?;
    Ok(Run {
        commit: if is_dirty { format!("{commit}-dirty") } else { commit },
        profile: programs::profile()?,
        quick,
        began: DateTime::now().try_to_rfc3339_string().context("this time has no text")?,
        processor: value("/proc/cpuinfo", "model name").unwrap_or_else(|| "a processor without a name".to_owned()),
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
            .context("read the kernel's version")?
            .trim()
            .to_owned(),
        memory_mib: memory.trim_end_matches(" kB").parse::<u64>().context("the machine's memory")? / 1024,
        hash: Some([speed, speed]),
        failed: Vec::new(),
    })
}
