//! The same two calls by a server of the original design: FastAPI with the asynchronous `PyMongo`, on uvicorn with one worker
//! (its default) and with one per core. See `fastapi/server.py`. It works on the same hospital's database.

use std::{path::Path, process::Command, time::Duration};

use anyhow::Context as _;
use chakravue_testbed::{Companion, python_with};
use mongodb::bson::{Document, doc};

use crate::{
    extent::Extent,
    load::Call,
    report::{Row, Scenario, Unit},
    workplace::{Series, Workplace},
};

const ROUNDS: usize = 5;
const QUICK_ROUNDS: usize = 1;
const ROUND: Duration = Duration::from_secs(3);
const WARM_UP: Duration = Duration::from_secs(2);
const LIST_CLIENTS: [usize; 2] = [16, 64];
const SIGN_IN_CLIENTS: usize = 4;

const SERVER: &str = include_str!("fastapi/server.py");
const REQUIREMENTS: &str = include_str!("fastapi/requirements.txt");

/// One server and what it is asked: users sign in, and those who have a session of it list patients.
struct Contender {
    name: String,
    address: String,
    pid: u32,
    sign_ins: Vec<Call>,
    lists: Vec<Call>,
}

pub async fn run(extent: Extent) -> anyhow::Result<Scenario> {
    let rounds = extent.repeats(ROUNDS, QUICK_ROUNDS);
    let cores = std::thread::available_parallelism()?.get();
    let mut scenario = Scenario {
        name: "fastapi".to_owned(),
        method: format!(
            "25 of 1000 patients for {} and {} clients, then sign-in for {SIGN_IN_CLIENTS}; {rounds} rounds of {} s \
            after {} s to warm up; the servers take turns, ratios are per round",
            LIST_CLIENTS[0],
            LIST_CLIENTS[1],
            ROUND.as_secs(),
            WARM_UP.as_secs()
        ),
        rows: Vec::new(),
        ended_early: None,
        notes: Vec::new(),
    };
    // Without a network it is not here the first time, and nothing of ours is broken.
    let python = match tokio::task::spawn_blocking(|| python_with("fastapi", REQUIREMENTS)).await? {
        Ok(python) => python,
        Err(error) => {
            scenario.notes.push(format!("FastAPI cannot be had here, so nothing was measured: {error:#}"));
            return Ok(scenario);
        }
    };
    let workplace = Workplace::open("bench: fastapi").await?;
    let one = start(&workplace, &python, 1).await?;
    let many = start(&workplace, &python, cores).await?;
    let contenders = [
        contender(&workplace, "API".to_owned(), &workplace.api.address(), workplace.api.pid()).await?,
        contender(&workplace, "FastAPI, 1 worker".to_owned(), &one.address(), one.pid()).await?,
        contender(&workplace, format!("FastAPI, {cores} workers"), &many.address(), many.pid()).await?,
    ];
    for contender in &contenders[1..] {
        workplace.check_same_list(&contender.address, &contender.lists[0]).await.context(contender.name.clone())?;
    }

    for clients in LIST_CLIENTS {
        let what = format!("list, {clients} clients");
        let list = measure(&workplace, &contenders, &what, clients, rounds, |one| &one.lists).await?;
        scenario.rows.extend(report(&contenders, &list, &what, |row| row.at_least(5.0)));
    }
    let sign_in = measure(&workplace, &contenders, "sign-in", SIGN_IN_CLIENTS, rounds, |one| &one.sign_ins).await?;
    scenario.rows.extend(report(&contenders, &sign_in, "sign-in", |row| row));
    one.terminate().await;
    many.terminate().await;
    workplace.close().await;
    scenario.notes = vec![
        "The FastAPI server writes no audit log and does not guard against guessing; the API does both here."
            .to_owned(),
        "Sign-in is bound by argon2, which is C there and Rust here, at the same cost.".to_owned(),
    ];
    Ok(scenario)
}

async fn start(workplace: &Workplace, python: &Path, workers: usize) -> anyhow::Result<Companion> {
    let sandbox = &workplace.sandbox;
    let master = sandbox.database_name("fastapi_master");
    let organizations = workplace.mongodb.database(&master).collection::<Document>("organizations");
    let organization = doc! {
        "name": "A measured hospital", "status": "active", "database_name": &workplace.hospital.database_name,
    };
    organizations
        .replace_one(doc! { "_id": &workplace.hospital.organization_id }, organization)
        .upsert(true)
        .await
        .context("write the organization")?;
    tokio::fs::write(sandbox.folder().join("server.py"), SERVER).await?;

    let log = sandbox.folder().join(format!("fastapi-{workers}.log"));
    let complete = |server: &mut Command, address: &str| {
        let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
        server.args(["-m", "uvicorn", "server:app", "--no-access-log", "--log-level", "warning"]);
        server.args(["--host", host, "--port", port, "--workers", &workers.to_string()]);
        server.arg("--app-dir").arg(sandbox.folder());
        // One login for all databases, as the original design has it.
        server.env("MONGODB_URI", sandbox.testbed().mongodb_uri()).env("MASTER_DATABASE", &master);
    };
    let server = Companion::start("the FastAPI server", python, &log, complete)?;
    server.wait_for("/healthz").await?;
    Ok(server)
}

async fn contender(workplace: &Workplace, name: String, address: &str, pid: u32) -> anyhow::Result<Contender> {
    let lists = workplace.lists(address).await.with_context(|| name.clone())?;
    Ok(Contender { name, address: address.to_owned(), pid, sign_ins: workplace.sign_ins()?, lists })
}

async fn measure(
    workplace: &Workplace,
    contenders: &[Contender; 3],
    what: &str,
    clients: usize,
    rounds: usize,
    calls: impl Fn(&Contender) -> &Vec<Call>,
) -> anyhow::Result<[Series; 3]> {
    for one in contenders {
        let server = (one.address.as_str(), one.pid);
        workplace.load(server, calls(one), clients, WARM_UP).await?.outcome.all_good().context(one.name.clone())?;
    }
    let mut series: [Series; 3] = Default::default();
    for round in 0..rounds {
        eprint!("\rfastapi: {what}, round {} of {rounds} ", round + 1);
        for turn in 0..contenders.len() {
            let which = (turn + round) % contenders.len();
            let one = &contenders[which];
            let measured = workplace.load((&one.address, one.pid), calls(one), clients, ROUND).await?;
            series[which].add(measured).with_context(|| one.name.clone())?;
        }
    }
    eprintln!();
    Ok(series)
}

fn report(contenders: &[Contender; 3], series: &[Series; 3], what: &str, target: impl Fn(Row) -> Row) -> Vec<Row> {
    let mut rows = Vec::new();
    for (contender, series) in contenders.iter().zip(series) {
        rows.extend(series.rows(&format!("{}, {what}", contender.name)));
    }
    for (contender, theirs) in contenders.iter().zip(series).skip(1) {
        let ratio = series[0].times_the_rate_of(theirs);
        rows.extend(Row::new(format!("API / {}, {what}", contender.name), Unit::Ratio, &ratio).map(&target));
        let cost = format!("{} / API by processor time, {what}", contender.name);
        rows.extend(Row::new(cost, Unit::Ratio, &series[0].cost_ratio_of(theirs)));
    }
    rows
}
