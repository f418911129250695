//! How cost grows with the number of hospitals: what making them, one more beside the raw driver, drift, a restart, a full
//! resync, memory and removal come to at each size of one fleet. For starts and resyncs the operator reaches its servers by
//! way of the proxies that count writes and what the API server answers: a resync of healthy hospitals writes nothing.

mod measured;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use chakravue_testbed::{
    OperatorOptions, OperatorProcess, Sandbox,
    proxy::{KubeProxy, MongoProxy, Traffic, WriteLog},
    with_credentials,
};
use mongodb::bson::{Bson, doc};

use self::measured::{Measured, MongodbState, Resync, kibibytes, number, slopes};
use crate::{
    drift,
    extent::Extent,
    footprint::settled_memory,
    hospital::Hospitals,
    load::count,
    one_tenant::{Contest, milliseconds},
    processor::time_of,
    programs::Program,
    report::{Row, Scenario, Unit},
};

const SIZES: [usize; 4] = [10, 100, 300, 1000];
const QUICK_SIZES: [usize; 2] = [10, 50];
/// What MongoDB recommends, whatever the system lets this mongod have: a thousand hospitals have 24,000 files, which it
/// closes again.
pub const OPEN_FILES: &str = "64000";
/// Each hospital is looked at once within it.
const RESYNC: &str = "40s";
const QUICK_RESYNC: &str = "5s";
const NO_RESYNC: &str = "1h";
/// By then a process that has just started has looked for what has lost its counterpart, which is part of a resync.
pub const FIRST_LOOK: Duration = Duration::from_secs(35);
const QUICK_FIRST_LOOK: Duration = Duration::ZERO;
/// Of how many starts the time is measured: what else goes on in that second makes much of one.
const STARTS: usize = 5;
const IDLE: Duration = Duration::from_secs(20);
const QUICK_IDLE: Duration = Duration::from_secs(4);
const PATIENCE: Duration = Duration::from_mins(5);
/// By then everybody has been told what was just done.
const SOON: Duration = Duration::from_secs(2);

/// How often one more is made at each size.
const CONTESTS: usize = 9;
const QUICK_CONTESTS: usize = 1;
/// The first one after the operator's start opens connections.
const WARM_UP: usize = 1;
/// Changes of each kind by hand at each size but the last: some hundreds of them together.
const DRIFTS: usize = 15;
/// At the last, so that each kind has a slowest hundredth of its own.
const LAST_DRIFTS: usize = 100;
const QUICK_DRIFTS: usize = 2;

pub async fn run(extent: Extent) -> anyhow::Result<Scenario> {
    let sizes = extent.sizes(&SIZES, &QUICK_SIZES);
    let contests = extent.either(CONTESTS, QUICK_CONTESTS);
    let drifts = extent.either(DRIFTS, QUICK_DRIFTS);
    let last_drifts = extent.repeats(LAST_DRIFTS, QUICK_DRIFTS);
    let sandbox = Sandbox::new("bench: fleet").await;
    let mut fleet = Fleet::start(&sandbox, extent).await?;
    let (mut rows, mut measured) = (Vec::new(), Vec::new());
    let last = sizes.len() - 1;
    let everything = async {
        tell(&mut rows, fleet.empty().await?);
        for (turn, &size) in sizes.iter().enumerate() {
            let drifts = if turn == last { last_drifts } else { drifts };
            let at_size = fleet.measure(size, contests, drifts).await.with_context(|| format!("{size} hospitals"))?;
            tell(&mut rows, at_size.rows(size, turn == last));
            measured.push(at_size);
        }
        for turn in (0..sizes.len()).rev() {
            let left = if turn == 0 { 0 } else { sizes[turn - 1] };
            tell(&mut rows, fleet.shrink(sizes[turn], left).await?);
        }
        anyhow::Ok(())
    };
    // What takes so long is not lost by what fails after it.
    let ended_early = everything.await.err().map(|error| format!("{error:#}"));
    rows.extend(slopes(&sizes, &measured));
    fleet.stop_operator().await;
    drop(fleet);
    if ended_early.is_none() {
        sandbox.close().await;
    }
    Ok(Scenario {
        name: "fleet".to_owned(),
        method: format!(
            "{sizes:?} hospitals, one fleet that grows. At each size one more is made beside the raw driver, {contests} \
             times; {drifts} things of each kind are changed by hand, {last_drifts} at the last size; then the operator is \
             started anew {STARTS} times and every hospital looked at once, and an API started. At the end it shrinks by the \
             same steps"
        ),
        rows,
        ended_early,
        notes: vec![
            "The processor time of a resync is what the operator took until every hospital was looked at, less what it takes in \
             as long a time without that, when it compares users and roles and watches; and what the API server answered to it \
             likewise."
                .into(),
            "What the API server answers is counted in the bodies of answers, without headers and TLS; writes are those that \
             were acknowledged, Events too. The API is one that has just started and has heard of all hospitals, \
             and that nobody asks anything."
                .into(),
        ],
    })
}

/// To who looks on as well.
fn tell(rows: &mut Vec<Row>, new: Vec<Row>) {
    for row in &new {
        eprintln!("{row}");
    }
    rows.extend(new);
}

/// A number that MongoDB tells, in whichever of its types.
fn whole(value: &Bson) -> Option<f64> {
    match value {
        Bson::Int32(small) => Some(f64::from(*small)),
        Bson::Int64(large) => u64::try_from(*large).ok().map(number),
        Bson::Double(any) => Some(*any),
        _ => None,
    }
}

struct Fleet<'a> {
    sandbox: &'a Sandbox,
    log: WriteLog,
    kubeconfig: PathBuf,
    uri: String,
    tenants: String,
    watch: String,
    resync: &'static str,
    idle: Duration,
    first_look: Duration,
    operator: Option<OperatorProcess>,
    contest: Contest<'a>,
    hospitals: Hospitals,
    names: Vec<String>,
    kube: KubeProxy,
    _mongo: MongoProxy,
}

impl<'a> Fleet<'a> {
    async fn start(sandbox: &'a Sandbox, extent: Extent) -> anyhow::Result<Self> {
        let log = WriteLog::new();
        let kube = KubeProxy::start(sandbox.operator_kubeconfig(), log.clone()).await?;
        let direct = sandbox.operator_mongodb_uri();
        let mongo = MongoProxy::start(&host(direct)?, log.clone())?;
        let kubeconfig = kube.kubeconfig(sandbox.folder())?;
        let uri = direct.replace(&host(direct)?, &mongo.address().to_string());
        let tenants = with_credentials(direct, "nobody", "nothing")?.replace("nobody:nothing@", "");
        let watch = sandbox.watch_mongodb_uri().await;
        let mut fleet = Self {
            sandbox,
            log,
            kubeconfig,
            uri,
            tenants,
            watch,
            resync: extent.either(RESYNC, QUICK_RESYNC),
            idle: extent.either(IDLE, QUICK_IDLE),
            first_look: extent.either(FIRST_LOOK, QUICK_FIRST_LOOK),
            operator: None,
            contest: Contest::new(sandbox).await?,
            hospitals: Hospitals::watch(sandbox).await,
            names: Vec::new(),
            kube,
            _mongo: mongo,
        };
        fleet.work_undisturbed().await;
        Ok(fleet)
    }

    /// What there is without any hospital.
    async fn empty(&self) -> anyhow::Result<Vec<Row>> {
        let operator = settled_memory(Program::Operator, self.operator()?.pid()).await?;
        let api = self.api_memory().await?;
        let rows = [
            Row::new("0 hospitals: operator's memory", Unit::Mebibytes, &[operator]).map(|row| row.at_most(40.0)),
            Row::new("0 hospitals: API's memory", Unit::Mebibytes, &[api]),
        ];
        Ok(rows.into_iter().flatten().collect())
    }

    async fn measure(&mut self, size: usize, contests: usize, drifts: usize) -> anyhow::Result<Measured> {
        self.work_undisturbed().await;
        let made_per_second = self.grow(size - 1).await?;
        let one_more = self.contest.rounds(&mut self.hospitals, WARM_UP, contests).await?;
        let drift = drift::measure(self.sandbox, &self.names, drifts);
        let drift = drift.await.with_context(|| self.last_words())?;
        let (ready, start, first_work) = self.restart().await?;
        let (together, answered, writes, spread) = self.resync().await?;
        let memory = settled_memory(Program::Operator, self.operator()?.pid()).await?;
        let api_memory = self.api_memory().await?;
        let (idle, idle_answered, idle_writes) = self.idle().await?;
        let (idle, idle_answered) = (idle * spread, idle_answered * spread);
        let resync = Resync {
            took: together - idle,
            answered: (answered - idle_answered).max(0.0),
            writes,
            idle,
            idle_answered,
            idle_writes,
            spread,
        };
        let mongodb = self.mongodb().await?;
        Ok(Measured { made_per_second, one_more, drift, ready, first_work, start, resync, memory, api_memory, mongodb })
    }

    async fn mongodb(&self) -> anyhow::Result<MongodbState> {
        let administrator = self.sandbox.mongodb().await.database("admin");
        let began = Instant::now();
        administrator.run_command(doc! { "fsync": 1 }).await.context("have MongoDB make a checkpoint")?;
        let checkpoint = milliseconds(began.elapsed());
        let status = administrator.run_command(doc! { "serverStatus": 1 }).await.context("ask for MongoDB's state")?;
        let memory = status.get_document("mem")?.get("resident").and_then(whole);
        let storage = status.get_document("wiredTiger")?.get_document("connection")?;
        let open_files = storage.get("files currently open").and_then(whole);
        let (memory, open_files) = memory.zip(open_files).context("MongoDB does not tell its memory and its files")?;
        Ok(MongodbState { memory, open_files, checkpoint })
    }

    /// Of an API that was just started.
    async fn api_memory(&self) -> anyhow::Result<f64> {
        let api = self.sandbox.api().start().await;
        api.wait_ready().await;
        let memory = settled_memory(Program::Api, api.pid()).await?;
        api.terminate().await;
        Ok(memory)
    }

    /// What the API server answered since.
    fn since(&self, before: Traffic) -> Traffic {
        let now = self.kube.traffic();
        Traffic { requests: now.requests - before.requests, bytes: now.bytes - before.bytes }
    }

    /// Makes hospitals until there are so many; answers how many a second.
    async fn grow(&mut self, size: usize) -> anyhow::Result<f64> {
        let new: Vec<_> = (self.names.len()..size).map(|number| self.name(number)).collect();
        let began = Instant::now();
        self.hospitals.make(&new).await?;
        let per_second = count(new.len()) / began.elapsed().as_secs_f64();
        self.names.extend(new);
        Ok(per_second)
    }

    /// A process that has made nothing, so that nothing is left of the making. A hospital that somebody applies in the
    /// moment of its start is its first work.
    async fn restart(&mut self) -> anyhow::Result<(Vec<f64>, Vec<Traffic>, f64)> {
        let (mut ready, mut start) = (Vec::new(), Vec::new());
        for _ in 1..STARTS {
            self.stop_operator().await;
            let (before, began) = (self.kube.traffic(), Instant::now());
            let operator = self.counted(self.resync).start().await;
            operator.wait_ready().await;
            ready.push(milliseconds(began.elapsed()));
            start.push(self.since(before));
            self.operator = Some(operator);
        }
        self.stop_operator().await;
        let name = self.name(self.names.len());
        let began = Instant::now();
        let operator = self.counted(self.resync).start();
        let (operator, applied) = tokio::join!(operator, self.hospitals.apply(&name));
        applied?;
        operator.wait_ready().await;
        ready.push(milliseconds(began.elapsed()));
        self.operator = Some(operator);
        let first = self.hospitals.until_ready(1).await?;
        self.names.push(name);
        Ok((ready, start, milliseconds(first.duration_since(began))))
    }

    /// Every hospital is looked at once; answers the processor time in milliseconds, the KiB that the API server answered,
    /// the writes, and the time that this took in milliseconds.
    async fn resync(&self) -> anyhow::Result<(f64, f64, f64, f64)> {
        let operator = self.operator()?;
        let all = self.names.len();
        // The first look at each after the start finds out what there is, and the Events of the last come after it.
        until_passes(operator, all).await?;
        tokio::time::sleep(SOON).await;
        self.log.settled().await;
        self.log.clear();
        let (before, used) = (passes(operator).await?, time_of(operator.pid())?);
        let traffic = self.kube.traffic();
        let began = Instant::now();
        until_passes(operator, before + all).await?;
        let (took, used) = (began.elapsed(), time_of(operator.pid())?.saturating_sub(used));
        let answered = kibibytes(self.since(traffic).bytes);
        Ok((milliseconds(used), answered, self.writes().await, milliseconds(took)))
    }

    /// How many there were since the log was cleared, Events too; who looks on is told which.
    async fn writes(&self) -> f64 {
        self.log.settled().await;
        let writes = [self.log.writes(), self.log.events()].concat();
        for write in &writes {
            eprintln!("written: {}", write.what);
        }
        count(writes.len())
    }

    /// How much of one processor the operator takes that has looked at every hospital and has to do so next in a long time,
    /// how many KiB the API server answers to it in a millisecond, and the writes.
    async fn idle(&mut self) -> anyhow::Result<(f64, f64, f64)> {
        self.stop_operator().await;
        let operator = self.counted(NO_RESYNC).start().await;
        let began = Instant::now();
        operator.wait_ready().await;
        until_passes(&operator, self.names.len()).await?;
        tokio::time::sleep(self.first_look.saturating_sub(began.elapsed())).await;
        self.log.settled().await;
        self.log.clear();
        let (used, traffic) = (time_of(operator.pid())?, self.kube.traffic());
        tokio::time::sleep(self.idle).await;
        let used = time_of(operator.pid())?.saturating_sub(used);
        let answered = kibibytes(self.since(traffic).bytes);
        self.operator = Some(operator);
        let writes = self.writes().await;
        Ok((used.as_secs_f64() / self.idle.as_secs_f64(), answered / milliseconds(self.idle), writes))
    }

    /// An operator that reaches its servers by way of the proxies.
    fn counted(&self, resync: &str) -> OperatorOptions {
        let options = self.sandbox.operator().kubeconfig(&self.kubeconfig).mongodb_uri(&self.uri);
        let options = options.tenant_mongodb_uri(&self.tenants).watch_mongodb_uri(&self.watch);
        options.resync_interval(resync).arg("--max-open-files").arg(OPEN_FILES)
    }

    /// From now on an operator that reaches its servers by itself and looks at nothing without a reason.
    async fn work_undisturbed(&mut self) {
        self.stop_operator().await;
        let options = self.sandbox.operator().watch_mongodb_uri(&self.watch).resync_interval(NO_RESYNC);
        let operator = options.arg("--max-open-files").arg(OPEN_FILES).start().await;
        operator.wait_ready().await;
        self.operator = Some(operator);
    }

    async fn stop_operator(&mut self) {
        if let Some(operator) = self.operator.take() {
            operator.terminate().await;
        }
    }

    fn operator(&self) -> anyhow::Result<&OperatorProcess> {
        self.operator.as_ref().context("the operator does not run")
    }

    fn name(&self, number: usize) -> String {
        self.sandbox.object_name(&format!("fleet-{number}"))
    }

    fn last_words(&self) -> String {
        self.operator.as_ref().map(OperatorProcess::last_words).unwrap_or_default()
    }

    /// Removes hospitals with their data, all at once, until so many are left.
    async fn shrink(&mut self, from: usize, left: usize) -> anyhow::Result<Vec<Row>> {
        self.work_undisturbed().await;
        let took = self.hospitals.remove_until(left).await.with_context(|| self.last_words())?;
        let what = "removed with their data in a second, by how many there were";
        let row = Row::new(
            format!("{from} hospitals: removed with their data, all at once, until {left} are left"),
            Unit::PerSecond,
            &[count(from - left) / took.as_secs_f64()],
        );
        Ok(row.map(|row| row.of_curve(what, count(from))).into_iter().collect())
    }
}

/// `host:port` of a connection string with one host.
fn host(uri: &str) -> anyhow::Result<String> {
    let (_, place) = uri.split_once('@').context("no login in the connection string")?;
    Ok(place.split('/').next().unwrap_or(place).to_owned())
}

pub async fn until_passes(operator: &OperatorProcess, count: usize) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while passes(operator).await? < count {
        ensure!(Instant::now() < deadline, "there were not {count} passes in {PATIENCE:?}");
        // Each question costs the operator some of the time that is measured.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

pub async fn passes(operator: &OperatorProcess) -> anyhow::Result<usize> {
    let metrics = operator.metrics().await;
    let start = "chakravue_operator_reconciles_total{result=\"success\",reason=\"\"} ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(start)).context("no count of passes")?;
    Ok(line.parse()?)
}
