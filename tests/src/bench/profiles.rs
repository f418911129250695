//! Where the processors' time goes in what falls short of its target, by sampling (perf): one text for each contender, so
//! that what `docs/performance.md` says of them can be looked up. It needs programs that have kept their symbols.

use std::{
    collections::HashMap,
    fmt::Write as _,
    fs,
    path::Path,
    process::{Stdio, id},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use chakravue_testbed::Sandbox;
use tokio::{
    io::AsyncReadExt as _,
    process::{Child, Command},
};

use crate::{
    at_once::{Way, raw_storm, storm},
    bare_list,
    fleet::{FIRST_LOOK, passes, until_passes},
    hospital::Hospitals,
    load::Call,
    programs::Program,
    raw::Order,
    same_commands,
    workplace::Workplace,
};

const LASTING: Duration = Duration::from_secs(10);
const WARM_UP: Duration = Duration::from_secs(2);
const LIST_CLIENTS: usize = 64;
const SIGN_IN_CLIENTS: usize = 4;
const ONE_BY_ONE: usize = 60;
const AT_ONCE: usize = 200;
const RESYNCED: usize = 250;
const RESYNC: &str = "10s";
const RESYNC_LASTING: Duration = Duration::from_secs(30);
/// A second; not a number that other clocks of the machine divide.
const SAMPLES: &str = "997";
/// How many places are told.
const PLACES: usize = 60;

/// Records everything and writes it into `folder`.
pub async fn write(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    requests(folder).await.context("sign-in and list")?;
    one_by_one(folder).await.context("one hospital after another")?;
    resync(folder).await.context("a resync")?;
    at_once(folder).await.context("many at once")
}

/// Sign-in and the list of patients, beside what they are compared with.
async fn requests(folder: &Path) -> anyhow::Result<()> {
    let workplace = Workplace::open("bench: profiles").await?;
    let bare = bare_list::start(&workplace).await?;
    let plain = same_commands::start(&workplace, &workplace.another().await?).await?;
    let (api_address, bare_address, plain_address) = (workplace.api.address(), bare.address(), plain.address());
    let api = (api_address.as_str(), workplace.api.pid());
    let bare_server = (bare_address.as_str(), bare.pid());
    let plain_server = (plain_address.as_str(), plain.pid());
    let (lists, sign_ins) = (workplace.lists(&api_address).await?, workplace.sign_ins()?);

    let record = async |file: &str, what: &str, server: (&str, u32), calls: &[Call], clients: usize| {
        workplace.load(server, calls, clients, WARM_UP).await?.outcome.all_good()?;
        let recording = Recording::start().await?;
        let answered = workplace.load(server, calls, clients, LASTING).await?.outcome.all_good()?.good().count();
        let what = format!("{what}, {clients} clients, {answered} answers in {} s", LASTING.as_secs());
        recording.write(&folder.join(file), &what, &[(id(), "the clients"), (server.1, "the server")]).await
    };
    record("list-api.txt", "List of patients, the API", api, &lists, LIST_CLIENTS).await?;
    record("list-bare.txt", "List of patients, a bare handler", bare_server, &lists, LIST_CLIENTS).await?;
    record("sign-in-api.txt", "Sign-in, the API", api, &sign_ins, SIGN_IN_CLIENTS).await?;
    record(
        "sign-in-same-commands.txt",
        "Sign-in, a plain server with the same commands",
        plain_server,
        &sign_ins,
        SIGN_IN_CLIENTS,
    )
    .await?;
    plain.terminate().await;
    bare.terminate().await;
    workplace.close().await;
    Ok(())
}

async fn one_by_one(folder: &Path) -> anyhow::Result<()> {
    let sandbox = Sandbox::new("bench: profiles, one by one").await;
    let operator = sandbox.operator().start().await;
    operator.wait_ready().await;
    let mut hospitals = Hospitals::watch(&sandbox).await;
    hospitals.apply_until_ready(&sandbox.object_name("warm-up")).await?;
    let recording = Recording::start().await?;
    for number in 0..ONE_BY_ONE {
        hospitals.apply_until_ready(&sandbox.object_name(&format!("one-{number}"))).await?;
    }
    let what = format!("{ONE_BY_ONE} hospitals, one after another, each from apply to Ready");
    recording.write(&folder.join("one-tenant-operator.txt"), &what, &[(id(), "the benchmark")]).await?;
    hospitals.remove_all().await?;
    drop(hospitals);
    operator.terminate().await;
    sandbox.close().await;
    Ok(())
}

/// Healthy hospitals, as many in a second as of a thousand in the fleet.
async fn resync(folder: &Path) -> anyhow::Result<()> {
    let sandbox = Sandbox::new("bench: profiles, resync").await;
    let watch = sandbox.watch_mongodb_uri().await;
    let options = || sandbox.operator().watch_mongodb_uri(&watch);
    let operator = options().start().await;
    operator.wait_ready().await;
    let mut hospitals = Hospitals::watch(&sandbox).await;
    let names: Vec<String> = (0..RESYNCED).map(|number| sandbox.object_name(&format!("resync-{number}"))).collect();
    hospitals.make(&names).await?;
    operator.terminate().await;
    let operator = options().resync_interval(RESYNC).start().await;
    operator.wait_ready().await;
    // The first look at each after the start has more to find out.
    until_passes(&operator, names.len()).await?;
    tokio::time::sleep(FIRST_LOOK).await;
    let before = passes(&operator).await?;
    let recording = Recording::start().await?;
    tokio::time::sleep(RESYNC_LASTING).await;
    let looks = passes(&operator).await? - before;
    let what = format!("{RESYNCED} healthy hospitals, looked at {looks} times in {} s", RESYNC_LASTING.as_secs());
    recording.write(&folder.join("resync-operator.txt"), &what, &[(id(), "the benchmark")]).await?;
    hospitals.remove_all().await?;
    drop(hospitals);
    operator.terminate().await;
    sandbox.close().await;
    Ok(())
}

/// With all that goes before and after: each begins on a MongoDB of its own.
async fn at_once(folder: &Path) -> anyhow::Result<()> {
    let way = Way { order: Order::Fastest, workers: 4 };
    let recording = Recording::start().await?;
    storm(AT_ONCE, Duration::from_secs(3)).await?;
    let what = format!("{AT_ONCE} hospitals at once, the operator");
    recording.write(&folder.join("at-once-operator.txt"), &what, &[(id(), "the benchmark")]).await?;
    let recording = Recording::start().await?;
    raw_storm(AT_ONCE, way, Duration::ZERO).await?;
    let what = format!("{AT_ONCE} databases, the raw driver in a transaction with {} workers", way.workers);
    recording.write(&folder.join("at-once-raw-driver.txt"), &what, &[(id(), "the raw driver")]).await
}

/// Samples of whatever the machine does, until it is written.
struct Recording {
    perf: Child,
    samples: tempfile::TempPath,
}

impl Recording {
    /// Returns when samples are taken.
    async fn start() -> anyhow::Result<Self> {
        let samples = tempfile::NamedTempFile::new()?.into_temp_path();
        let mut perf = Command::new("perf");
        perf.args(["record", "--quiet", "--all-cpus", "--event", "cpu-clock", "--freq", SAMPLES, "--output"])
            .arg(&*samples);
        // It says that it runs, and runs until nobody is there any more who could say something to it.
        perf.args(["--", "sh", "-c", "echo; exec cat"]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut perf = perf.spawn().context("perf cannot be started: is it installed?")?;
        let said = perf.stdout.as_mut().context("perf's output")?.read_u8().await;
        said.context("perf ended at once: may this user sample all processes?")?;
        Ok(Self { perf, samples })
    }

    /// Ends it. `names` are those of processes that this program knows better than the system does.
    async fn write(mut self, path: &Path, what: &str, names: &[(u32, &str)]) -> anyhow::Result<()> {
        drop(self.perf.stdin.take());
        ensure!(self.perf.wait().await?.success(), "perf ended in an error");
        let mut script = Command::new("perf");
        script.args(["script", "--fields", "pid,ip,sym,dso", "--show-task-events", "--input"]).arg(&*self.samples);
        let said = script.output().await?;
        ensure!(said.status.success(), "perf script: {}", String::from_utf8_lossy(&said.stderr));
        let mut samples = Samples::named(names);
        String::from_utf8_lossy(&said.stdout).lines().for_each(|line| samples.add(line));
        fs::write(path, samples.told(what)).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("{}", path.display());
        Ok(())
    }
}

struct Samples {
    /// Of processes that this program knows, and of the others.
    known: HashMap<u32, String>,
    names: HashMap<u32, String>,
    /// How often a process was seen at a place: a symbol and the program or library that it is in.
    seen: HashMap<(u32, String), u32>,
}

/// What a processor does that has nothing to do.
const IDLE: u32 = 0;

impl Samples {
    fn named(names: &[(u32, &str)]) -> Self {
        let known = names.iter().map(|(pid, name)| (*pid, (*name).to_owned())).collect();
        Self { known, names: HashMap::new(), seen: HashMap::new() }
    }

    /// A line of `perf script`.
    fn add(&mut self, line: &str) {
        if let Some((_, task)) = line.split_once("PERF_RECORD_COMM") {
            self.name(task);
        } else if let Some((pid, place)) = sample(line) {
            *self.seen.entry((pid, place)).or_default() += 1;
        }
    }

    /// ` exec: name:pid/tid`: only a process has a name; its threads have names of their own.
    fn name(&mut self, task: &str) {
        let Some((name, ids)) = task.split_once(": ").and_then(|(_, task)| task.rsplit_once(':')) else { return };
        let ids = ids.split_once('/').and_then(|(pid, tid)| pid.parse().ok().zip(tid.trim().parse::<u32>().ok()));
        if let Some((pid, tid)) = ids
            && pid == tid
        {
            // The last is the program that it became.
            self.names.insert(pid, whole(name).to_owned());
        }
    }

    fn told(&self, what: &str) -> String {
        let busy = self.seen.iter().filter(|((pid, _), _)| *pid != IDLE);
        let (mut by_process, mut by_place, mut all) = (HashMap::new(), HashMap::new(), 0);
        for ((pid, place), count) in busy {
            let name = self.known.get(pid).or_else(|| self.names.get(pid)).map_or("others", String::as_str);
            *by_process.entry(name.to_owned()).or_insert(0) += count;
            *by_place.entry(format!("{name:<16}  {place}")).or_insert(0) += count;
            all += count;
        }
        let idle: u32 = self.seen.iter().filter(|((pid, _), _)| *pid == IDLE).map(|(_, count)| count).sum();
        let part = |count: u32, of: u32| f64::from(count) * 100.0 / f64::from(of.max(1));
        let mut text = format!("{what}\n\n");
        // Writing into a string cannot fail.
        writeln!(
            text,
            "{all} samples, {SAMPLES} a second on each core; the cores had nothing to do for {:.0} % of the time.",
            part(idle, idle + all)
        )
        .ok();
        text.push_str("Parts of the time in which they had:\n\n");
        for (name, count) in most(by_process).into_iter().take_while(|(_, count)| part(*count, all) >= 0.5) {
            writeln!(text, "{:>5.1} %  {name}", part(count, all)).ok();
        }
        text.push('\n');
        for (place, count) in most(by_place).into_iter().take(PLACES) {
            writeln!(text, "{:>5.1} %  {place}", part(count, all)).ok();
        }
        text
    }
}

/// The system keeps fifteen characters of a name.
fn whole(name: &str) -> &str {
    let ours = Program::ALL.map(Program::name);
    ours.into_iter().find(|whole| name.len() == 15 && whole.starts_with(name)).unwrap_or(name)
}

fn most(counts: HashMap<String, u32>) -> Vec<(String, u32)> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts
}

/// `pid address symbol (program)`: who, and where.
fn sample(line: &str) -> Option<(u32, String)> {
    let (pid, rest) = line.trim_start().split_once(' ')?;
    let (_, place) = rest.trim_start().split_once(' ')?;
    let (symbol, program) = place.rsplit_once(" (")?;
    let program = program.trim_end_matches(')');
    let program = program.rsplit_once('/').map_or(program, |(_, name)| name);
    let symbol = if symbol == "[unknown]" { "?" } else { symbol };
    Some((pid.parse().ok()?, format!("{program:<20}  {symbol}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_told_by_process_and_by_place() {
        let mut samples = Samples::named(&[(7, "the server")]);
        for line in [
            "   12 PERF_RECORD_COMM: sh:12/12",
            "   12 PERF_RECORD_COMM exec: mongod:12/12",
            "   12 PERF_RECORD_COMM: conn 5:12/13",
            "    7 PERF_RECORD_COMM: bench:7/7",
            "    7      7f3edc18fb46 serde_json::ser::to_writer (/somewhere/target/profiling/bench)",
            "    7      7f3edc18fb46 serde_json::ser::to_writer (/somewhere/target/profiling/bench)",
            "   12  ffffffff8226e639 fsync (inode) ([kernel.kallsyms])",
            "   99  ffffffff8226e639 [unknown] (/usr/lib/libc.so.6)",
            "    0  ffffffff8226e639 pv_native_safe_halt ([kernel.kallsyms])",
        ] {
            samples.add(line);
        }
        let text = samples.told("Some work");
        for line in [
            "Some work",
            "4 samples, 997 a second on each core; the cores had nothing to do for 20 % of the time.",
            " 50.0 %  the server",
            " 25.0 %  mongod",
            " 50.0 %  the server        bench                 serde_json::ser::to_writer",
            " 25.0 %  mongod            [kernel.kallsyms]     fsync (inode)",
            " 25.0 %  others            libc.so.6             ?",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("halt"), "{text}");
    }
}
