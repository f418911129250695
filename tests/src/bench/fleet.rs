//! A thousand healthy hospitals: what a full resync costs, how much memory they take, and how fast drift is healed among
//! them. The operator reaches its servers by way of the proxies that count writes.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chakravue_testbed::{
    OperatorProcess, Sandbox,
    proxy::{KubeProxy, MongoProxy, WriteLog},
    with_credentials,
};
use futures::future::try_join_all;

use crate::{
    drift,
    footprint::settled_memory,
    hospital::Hospitals,
    one_tenant::milliseconds,
    processor::time_of,
    report::{Row, Scenario, Unit},
};

const HOSPITALS: usize = 1000;
/// How many are made at a time, so that the wait for them has an end.
const AT_A_TIME: usize = 50;
const ROUNDS: usize = 100;
/// Each hospital is looked at once within it.
const RESYNC: &str = "40s";
const PATIENCE: Duration = Duration::from_mins(5);

pub async fn run(repeats: Option<usize>) -> anyhow::Result<Scenario> {
    let rounds = repeats.unwrap_or(ROUNDS);
    let sandbox = Sandbox::new("bench: fleet").await;
    let log = WriteLog::new();
    let kube = KubeProxy::start(sandbox.operator_kubeconfig(), log.clone()).await?;
    let mongo = MongoProxy::start(&host(sandbox.operator_mongodb_uri())?, log.clone())?;
    let kubeconfig = kube.kubeconfig(sandbox.folder())?;
    let uri =
        sandbox.operator_mongodb_uri().replace(&host(sandbox.operator_mongodb_uri())?, &mongo.address().to_string());
    let watch = sandbox.watch_mongodb_uri().await;
    let tenants = with_credentials(sandbox.operator_mongodb_uri(), "nobody", "nothing")?.replace("nobody:nothing@", "");
    let start = || {
        let options = sandbox.operator().kubeconfig(&kubeconfig).mongodb_uri(&uri).tenant_mongodb_uri(&tenants);
        options.resync_interval(RESYNC).watch_mongodb_uri(&watch).start()
    };
    let operator = start().await;
    operator.wait_ready().await;
    let mut hospitals = Hospitals::watch(&sandbox).await;
    let names: Vec<String> = (0..HOSPITALS).map(|number| sandbox.object_name(&format!("fleet-{number}"))).collect();
    let began = Instant::now();
    for (done, names) in names.chunks(AT_A_TIME).enumerate() {
        eprint!("\rfleet: {} of {HOSPITALS} hospitals ", done * AT_A_TIME);
        try_join_all(names.iter().map(|name| hospitals.apply(name))).await?;
        hospitals.until_ready(names.len()).await?;
    }
    eprintln!();
    let made = began.elapsed();

    // A process that has made nothing, so that nothing is left of the making; after its first look at each.
    operator.terminate().await;
    let operator = start().await;
    operator.wait_ready().await;
    until_passes(&operator, HOSPITALS).await?;
    log.settled().await;
    log.clear();
    let (before, used) = (passes(&operator).await?, time_of(operator.pid())?);
    let began = Instant::now();
    until_passes(&operator, before + HOSPITALS).await?;
    let (took, used) = (began.elapsed(), time_of(operator.pid())?.saturating_sub(used));
    log.settled().await;
    let writes = log.writes();
    ensure!(writes.is_empty(), "a resync of healthy hospitals wrote {writes:?}");
    let memory = settled_memory(&operator).await?;
    let times = drift::measure(&sandbox.mongodb().await, &names, rounds).await?;

    hospitals.remove_all().await?;
    drop(hospitals);
    operator.terminate().await;
    sandbox.close().await;
    let thousand = u32::try_from(HOSPITALS)?;
    let mut rows: Vec<Row> = [
        Row::new(
            "made, from the first apply to the last Ready",
            Unit::PerSecond,
            &[f64::from(thousand) / made.as_secs_f64()],
        ),
        Row::new("full resync, processor time", Unit::Milliseconds, &[milliseconds(used)])
            .map(|row| row.at_most(2000.0)),
        Row::new("full resync, spread over", Unit::Milliseconds, &[milliseconds(took)]),
        Row::new("operator's memory", Unit::Mebibytes, &[memory])
            .map(|row| row.at_most(40.0 + f64::from(thousand) * 10.0 / 1024.0)),
    ]
    .into_iter()
    .flatten()
    .collect();
    rows.extend(drift::rows(&times));
    Ok(Scenario {
        name: "fleet",
        method: format!(
            "{HOSPITALS} hospitals; the resync wrote nothing to either server; then {rounds} changes of each kind"
        ),
        rows,
        notes: vec![
            "the processor time is that of everything the operator did meanwhile, the comparison of users too".into(),
        ],
    })
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
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

async fn passes(operator: &OperatorProcess) -> anyhow::Result<usize> {
    let metrics = operator.metrics().await;
    let start = "chakravue_operator_reconciles_total{result=\"success\",reason=\"\"} ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(start)).context("no count of passes")?;
    Ok(line.parse()?)
}
