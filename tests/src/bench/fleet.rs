//! How cost grows with the number of hospitals: what making them, a full resync, a restart and memory come to at each size
//! of one fleet, and how fast drift is healed in it. The operator reaches its servers by way of the proxies that count
//! writes and what the API server answers: a resync of healthy hospitals writes nothing.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use chakravue_testbed::{
    OperatorProcess, Sandbox,
    proxy::{KubeProxy, MongoProxy, Traffic, WriteLog},
    with_credentials,
};
use mongodb::bson::{Bson, doc};

use crate::{
    drift,
    extent::Extent,
    footprint::settled_memory,
    hospital::Hospitals,
    one_tenant::milliseconds,
    processor::time_of,
    programs::Program,
    report::{Row, Scenario, Unit},
    statistics::{Summary, slope},
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
/// Of how many starts the time is measured: what else goes on in that second makes much of one.
const STARTS: usize = 5;
const IDLE: Duration = Duration::from_secs(20);
const QUICK_IDLE: Duration = Duration::from_secs(4);
const PATIENCE: Duration = Duration::from_mins(5);

pub async fn run(extent: Extent) -> anyhow::Result<Scenario> {
    let rounds = extent.repeats(100, 2);
    let sizes = extent.sizes(&SIZES, &QUICK_SIZES);
    let sandbox = Sandbox::new("bench: fleet").await;
    let mut fleet = Fleet::start(&sandbox, extent).await?;
    let mut rows = fleet.empty().await?;
    show(&rows);
    let mut sizes_measured = Vec::new();
    for (turn, &size) in sizes.iter().enumerate() {
        let measured = fleet.measure(size).await.with_context(|| format!("{size} hospitals"))?;
        let of_size = measured.rows(size, turn + 1 == sizes.len());
        // What takes so long is not to be lost by what fails after it.
        show(&of_size);
        rows.extend(of_size);
        sizes_measured.push(measured);
    }
    rows.extend(slopes(&sizes, &sizes_measured));
    let operator = fleet.operator()?;
    let times = drift::measure(&sandbox, &fleet.names, rounds).await.with_context(|| operator.last_words())?;
    let healed = drift::rows(&times);
    show(&healed);
    rows.extend(healed);
    let last = sizes.last().copied().unwrap_or_default();
    let removed = hospitals(last) / fleet.end().await?.as_secs_f64();
    rows.extend(Row::new(
        format!("{last} hospitals removed with their data, all at once"),
        Unit::PerSecond,
        &[removed],
    ));
    sandbox.close().await;
    Ok(Scenario {
        name: "fleet".to_owned(),
        method: format!(
            "{sizes:?} hospitals, one fleet that grows; at each size the operator is started anew and every hospital looked \
             at once, which wrote nothing to either server, and an API started; at the end {rounds} changes of each kind by \
             hand"
        ),
        rows,
        notes: vec![
            "The processor time of a resync is what the operator took until every hospital was looked at, less what it takes in \
             as long a time without that, when it compares users and roles and watches; and what the API server answered to it \
             likewise."
                .into(),
            "What the API server answers is counted in the bodies of answers, without headers and TLS. The API is one that has \
             just started and has heard of all hospitals, and that nobody asks anything."
                .into(),
        ],
    })
}

fn show(rows: &[Row]) {
    for row in rows {
        eprintln!("{row}");
    }
}

/// What one size of the fleet came to.
struct Measured {
    made_per_second: f64,
    /// From the operator's start, in milliseconds: until its probe answers 200, several times, and until a hospital is
    /// ready that was applied in that moment.
    ready: Vec<f64>,
    first_work: f64,
    /// What each of these starts asked of the API server.
    start: Vec<Traffic>,
    resync: Resync,
    memory: f64,
    api_memory: f64,
    mongodb: Mongodb,
}

/// What so many databases are to MongoDB.
struct Mongodb {
    /// In MiB.
    memory: f64,
    open_files: f64,
    /// In milliseconds: as it does one every minute.
    checkpoint: f64,
}

/// Every hospital is looked at once.
struct Resync {
    /// The processor time that this took, in milliseconds, and what the API server answered, in KiB.
    took: f64,
    answered: f64,
    /// The same of an operator that has nothing to look at in as long a time.
    idle: f64,
    idle_answered: f64,
    /// In milliseconds.
    spread: f64,
}

impl Measured {
    /// What the API server answered to each start, in KiB.
    fn start_answered(&self) -> Vec<f64> {
        self.start.iter().map(|start| kibibytes(start.bytes)).collect()
    }

    fn rows(&self, size: usize, is_last: bool) -> Vec<Row> {
        let rows = |what: &str, unit, values: &[f64]| {
            Some(Row::new(format!("{size} hospitals: {what}"), unit, values)?.of_curve(what, hospitals(size)))
        };
        let row = |what: &str, unit, value: f64| rows(what, unit, &[value]);
        let most_memory = 40.0 + hospitals(size) * 10.0 / 1024.0;
        let Resync { took, answered, idle, idle_answered, spread } = self.resync;
        let start_requests: Vec<f64> = self.start.iter().map(|start| number(start.requests)).collect();
        let resync = row("full resync, processor time", Unit::Milliseconds, took);
        [
            row("made, first apply to last Ready", Unit::PerSecond, self.made_per_second),
            rows("operator started anew, until its probe answers", Unit::Milliseconds, &self.ready)
                .map(|row| row.at_most(1000.0)),
            row("the same, until one more hospital is ready", Unit::Milliseconds, self.first_work),
            rows("operator started anew, answered by the API server", Unit::Kibibytes, &self.start_answered()),
            rows("operator started anew, requests to the API server", Unit::Requests, &start_requests),
            if is_last { resync.map(|row| row.at_most(2000.0)) } else { resync },
            row("idle for as long, processor time", Unit::Milliseconds, idle),
            row("both together, processor time", Unit::Milliseconds, took + idle),
            row("full resync, answered by the API server", Unit::Kibibytes, answered),
            row("idle for as long, answered by the API server", Unit::Kibibytes, idle_answered),
            Row::new(format!("{size} hospitals: full resync, spread over"), Unit::Milliseconds, &[spread]),
            row("operator's memory", Unit::Mebibytes, self.memory).map(|row| row.at_most(most_memory)),
            row("API's memory", Unit::Mebibytes, self.api_memory),
            row("MongoDB's memory", Unit::Mebibytes, self.mongodb.memory),
            row("MongoDB's open files", Unit::Files, self.mongodb.open_files),
            row("a checkpoint of MongoDB", Unit::Milliseconds, self.mongodb.checkpoint),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn median(values: &[f64]) -> f64 {
    Summary::of(values).map_or(0.0, |values| values.median)
}

/// What each hospital more costs, by the line that fits all sizes best.
fn slopes(sizes: &[usize], measured: &[Measured]) -> Vec<Row> {
    let per_hospital = |what: &str, unit, factor: f64, of: fn(&Measured) -> f64| {
        let points: Vec<(f64, f64)> =
            sizes.iter().zip(measured).map(|(&size, measured)| (hospitals(size), of(measured))).collect();
        Row::new(what, unit, &[slope(&points)? * factor])
    };
    [
        // What it may be is bounded together with that of no hospital.
        per_hospital("each hospital more: memory", Unit::Kibibytes, 1024.0, |measured| measured.memory),
        per_hospital("each hospital more: API's memory", Unit::Kibibytes, 1024.0, |measured| measured.api_memory),
        per_hospital("each hospital more: a resync, answered by the API server", Unit::Kibibytes, 1.0, |measured| {
            measured.resync.answered
        }),
        per_hospital("each hospital more: processor time of a resync", Unit::Microseconds, 1000.0, |measured| {
            measured.resync.took
        }),
        per_hospital("each hospital more: processor time of as long a time", Unit::Microseconds, 1000.0, |measured| {
            measured.resync.idle
        }),
        per_hospital("each hospital more: start until ready", Unit::Microseconds, 1000.0, |measured| {
            median(&measured.ready)
        }),
        per_hospital("each hospital more: start until one more is ready", Unit::Microseconds, 1000.0, |measured| {
            measured.first_work
        }),
        per_hospital("each hospital more: a start, answered by the API server", Unit::Kibibytes, 1.0, |measured| {
            median(&measured.start_answered())
        }),
        per_hospital("each hospital more: MongoDB's memory", Unit::Kibibytes, 1024.0, |measured| {
            measured.mongodb.memory
        }),
        per_hospital("each hospital more: MongoDB's open files", Unit::Files, 1.0, |measured| {
            measured.mongodb.open_files
        }),
        per_hospital("each hospital more: a checkpoint of MongoDB", Unit::Microseconds, 1000.0, |measured| {
            measured.mongodb.checkpoint
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn hospitals(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

fn number(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

/// A number that MongoDB tells, in whichever of its types.
fn whole(value: &Bson) -> Option<f64> {
    match value {
        Bson::Int32(number) => Some(f64::from(*number)),
        Bson::Int64(number) => u64::try_from(*number).ok().map(self::number),
        Bson::Double(number) => Some(*number),
        _ => None,
    }
}

fn kibibytes(bytes: u64) -> f64 {
    number(bytes) / 1024.0
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
    operator: Option<OperatorProcess>,
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
            operator: None,
            hospitals: Hospitals::watch(sandbox).await,
            names: Vec::new(),
            kube,
            _mongo: mongo,
        };
        let operator = fleet.start_operator().await;
        operator.wait_ready().await;
        fleet.operator = Some(operator);
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

    async fn measure(&mut self, size: usize) -> anyhow::Result<Measured> {
        let made_per_second = self.grow(size - 1).await?;
        let (ready, start, first_work) = self.restart().await?;
        let (together, answered, spread) = self.resync().await?;
        let memory = settled_memory(Program::Operator, self.operator()?.pid()).await?;
        let api_memory = self.api_memory().await?;
        let (idle, idle_answered) = self.idle().await?;
        let (idle, idle_answered) = (idle * spread, idle_answered * spread);
        let resync = Resync {
            took: together - idle,
            answered: (answered - idle_answered).max(0.0),
            idle,
            idle_answered,
            spread,
        };
        let mongodb = self.mongodb().await?;
        Ok(Measured { made_per_second, ready, first_work, start, resync, memory, api_memory, mongodb })
    }

    async fn mongodb(&self) -> anyhow::Result<Mongodb> {
        let administrator = self.sandbox.mongodb().await.database("admin");
        let began = Instant::now();
        administrator.run_command(doc! { "fsync": 1 }).await.context("have MongoDB make a checkpoint")?;
        let checkpoint = milliseconds(began.elapsed());
        let status = administrator.run_command(doc! { "serverStatus": 1 }).await.context("ask for MongoDB's state")?;
        let memory = status.get_document("mem")?.get("resident").and_then(whole);
        let storage = status.get_document("wiredTiger")?.get_document("connection")?;
        let open_files = storage.get("files currently open").and_then(whole);
        let (memory, open_files) = memory.zip(open_files).context("MongoDB does not tell its memory and its files")?;
        Ok(Mongodb { memory, open_files, checkpoint })
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
        let per_second = hospitals(new.len()) / began.elapsed().as_secs_f64();
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
            let operator = self.start_operator().await;
            operator.wait_ready().await;
            ready.push(milliseconds(began.elapsed()));
            start.push(self.since(before));
            self.operator = Some(operator);
        }
        self.stop_operator().await;
        let name = self.name(self.names.len());
        let began = Instant::now();
        let operator = self.start_operator();
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
    /// and the time that this took in milliseconds.
    async fn resync(&self) -> anyhow::Result<(f64, f64, f64)> {
        let operator = self.operator()?;
        let all = self.names.len();
        // The first look at each after the start finds out what there is.
        until_passes(operator, all).await?;
        self.log.settled().await;
        self.log.clear();
        let (before, used) = (passes(operator).await?, time_of(operator.pid())?);
        let traffic = self.kube.traffic();
        let began = Instant::now();
        until_passes(operator, before + all).await?;
        let (took, used) = (began.elapsed(), time_of(operator.pid())?.saturating_sub(used));
        let answered = kibibytes(self.since(traffic).bytes);
        self.log.settled().await;
        let writes = self.log.writes();
        ensure!(writes.is_empty(), "a resync of healthy hospitals wrote {writes:?}");
        Ok((milliseconds(used), answered, milliseconds(took)))
    }

    /// How much of one processor the operator takes that has looked at every hospital and has to do so next in a long time,
    /// and how many KiB the API server answers to it in a millisecond.
    async fn idle(&mut self) -> anyhow::Result<(f64, f64)> {
        self.stop_operator().await;
        let operator = self.start_operator_with(NO_RESYNC).await;
        operator.wait_ready().await;
        until_passes(&operator, self.names.len()).await?;
        self.log.settled().await;
        let (used, traffic) = (time_of(operator.pid())?, self.kube.traffic());
        tokio::time::sleep(self.idle).await;
        let used = time_of(operator.pid())?.saturating_sub(used);
        let answered = kibibytes(self.since(traffic).bytes);
        self.operator = Some(operator);
        Ok((used.as_secs_f64() / self.idle.as_secs_f64(), answered / milliseconds(self.idle)))
    }

    async fn start_operator(&self) -> OperatorProcess {
        self.start_operator_with(self.resync).await
    }

    async fn start_operator_with(&self, resync: &str) -> OperatorProcess {
        let options = self.sandbox.operator().kubeconfig(&self.kubeconfig).mongodb_uri(&self.uri);
        let options = options.tenant_mongodb_uri(&self.tenants).watch_mongodb_uri(&self.watch);
        options.resync_interval(resync).arg("--max-open-files").arg(OPEN_FILES).start().await
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

    /// Removes all hospitals and answers how long that took.
    async fn end(mut self) -> anyhow::Result<Duration> {
        let took = self.hospitals.remove_all().await?;
        self.stop_operator().await;
        Ok(took)
    }
}

/// `host:port` of a connection string with one host.
fn host(uri: &str) -> anyhow::Result<String> {
    let (_, place) = uri.split_once('@').context("no login in the connection string")?;
    Ok(place.split('/').next().unwrap_or(place).to_owned())
}

async fn until_passes(operator: &OperatorProcess, count: usize) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while passes(operator).await? < count {
        ensure!(Instant::now() < deadline, "there were not {count} passes in {PATIENCE:?}");
        // Each question costs the operator some of the time that is measured.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

async fn passes(operator: &OperatorProcess) -> anyhow::Result<usize> {
    let metrics = operator.metrics().await;
    let start = "chakravue_operator_reconciles_total{result=\"success\",reason=\"\"} ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(start)).context("no count of passes")?;
    Ok(line.parse()?)
}
