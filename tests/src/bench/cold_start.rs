//! From exec to ready: how long a cluster is without an operator, or users without an API, after a crash or an update.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use chakravue_testbed::Sandbox;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    extent::Extent,
    one_tenant::milliseconds,
    programs::{self, Program, READY},
    report::{Row, Scenario, Unit},
};

const REPEATS: usize = 10;
const QUICK_REPEATS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two questions: fine enough for the figure, coarse enough to leave the processor to who is asked.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
const TARGET: f64 = 1000.0;

pub async fn run(extent: Extent) -> anyhow::Result<Scenario> {
    let repeats = extent.repeats(REPEATS, QUICK_REPEATS);
    let sandbox = Sandbox::new("bench: cold start").await;
    let profile = programs::profile()?;
    let mut rows = Vec::new();
    for program in Program::ALL {
        let path = program.path()?;
        let mut times = Vec::new();
        for repeat in 0..repeats {
            eprint!("\rcold_start: {} {} of {repeats} ", program.name(), repeat + 1);
            let took = match program {
                Program::Operator => operator(&sandbox, &path).await?,
                Program::Api => api(&sandbox, &path).await?,
            };
            times.push(milliseconds(took));
        }
        eprintln!();
        let what = format!("{} {READY}, {profile} profile", program.name());
        rows.extend(Row::new(what, Unit::Milliseconds, &times).map(|row| row.at_most(TARGET)));
    }
    sandbox.close().await;
    Ok(Scenario {
        name: "cold_start".to_owned(),
        method: format!("{repeats} starts each, from exec until the probe answers 200; its servers run already"),
        rows,
        notes: Vec::new(),
        ended_early: None,
    })
}

async fn operator(sandbox: &Sandbox, path: &Path) -> anyhow::Result<Duration> {
    let options = sandbox.operator().program(path);
    let start = Instant::now();
    let operator = options.start().await;
    let address = operator.url().trim_start_matches("http://").to_owned();
    until_ok(&address, READY).await.with_context(|| operator.log())?;
    let took = start.elapsed();
    operator.terminate().await;
    Ok(took)
}

async fn api(sandbox: &Sandbox, path: &Path) -> anyhow::Result<Duration> {
    let options = sandbox.api().program(path);
    let start = Instant::now();
    let api = options.start().await;
    until_ok(&api.address(), READY).await.with_context(|| api.log())?;
    let took = start.elapsed();
    api.terminate().await;
    Ok(took)
}

async fn until_ok(address: &str, path: &str) -> anyhow::Result<()> {
    let ok = async {
        while !is_ok(address, path).await.unwrap_or(false) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(PATIENCE, ok).await.with_context(|| format!("{address}{path} did not answer 200"))
}

async fn is_ok(address: &str, path: &str) -> std::io::Result<bool> {
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.0 200") || answer.starts_with(b"HTTP/1.1 200"))
}
