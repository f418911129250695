//! How long something that was changed by hand stays so, with many healthy hospitals around it: from MongoDB's answer to
//! the change until the hospital is whole again. The resync is hours away.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chakravue_testbed::Sandbox;
use futures::future::try_join_all;
use mongodb::{
    Client,
    bson::{Document, doc},
};

use crate::{
    hospital::{Hospitals, database_of},
    one_tenant::milliseconds,
    report::{Row, Scenario, Unit},
    statistics::percentile,
};

const HOSPITALS: usize = 200;
/// How many are made at a time, so that the wait for them has an end.
const AT_A_TIME: usize = 50;
const ROUNDS: usize = 100;
const PATIENCE: Duration = Duration::from_secs(30);
/// What the slowest hundredth should stay below.
const TARGET: f64 = 1000.0;

#[derive(Clone, Copy)]
enum Kind {
    Index,
    Validator,
    Collection,
    User,
    ForeignRole,
    RoleRights,
}

const KINDS: [(Kind, &str); 6] = [
    (Kind::Index, "an index dropped"),
    (Kind::Validator, "a validator taken away"),
    (Kind::Collection, "a collection dropped"),
    (Kind::User, "the user dropped"),
    (Kind::ForeignRole, "a foreign role granted"),
    (Kind::RoleRights, "the rights of the role taken away"),
];

pub async fn run(repeats: Option<usize>) -> anyhow::Result<Scenario> {
    let rounds = repeats.unwrap_or(ROUNDS);
    let sandbox = Sandbox::new("bench: drift").await;
    let watch = sandbox.watch_mongodb_uri().await;
    let operator = sandbox.operator().resync_interval("10h").watch_mongodb_uri(&watch).start().await;
    operator.wait_ready().await;
    let mut hospitals = Hospitals::watch(&sandbox).await;
    let names: Vec<String> = (0..HOSPITALS).map(|number| sandbox.object_name(&format!("drift-{number}"))).collect();
    for names in names.chunks(AT_A_TIME) {
        try_join_all(names.iter().map(|name| hospitals.apply(name))).await?;
        hospitals.until_ready(names.len()).await?;
    }

    let times = measure(&sandbox.mongodb().await, &names, rounds).await?;
    hospitals.remove_all().await?;
    drop(hospitals);
    operator.terminate().await;
    sandbox.close().await;

    Ok(Scenario {
        name: "drift",
        method: format!("{rounds} changes of each kind by hand, one at a time, among {HOSPITALS} healthy hospitals"),
        rows: rows(&times),
        notes: Vec::new(),
    })
}

/// How long each kind of change lasted, round by round.
pub type Times = [Vec<f64>; KINDS.len()];

/// Changes each kind of thing in one hospital after the other.
pub async fn measure(administrator: &Client, names: &[String], rounds: usize) -> anyhow::Result<Times> {
    let mut times = Times::default();
    for round in 0..rounds {
        eprint!("\rdrift: round {} of {rounds} ", round + 1);
        for (turn, (kind, what)) in KINDS.into_iter().enumerate() {
            let database = database_of(&names[(round * KINDS.len() + turn) % names.len()])?;
            let took = heal(administrator, database.as_str(), kind).await;
            times[turn].push(milliseconds(took.with_context(|| format!("{what} in {database}"))?));
        }
    }
    eprintln!();
    Ok(times)
}

pub fn rows(times: &Times) -> Vec<Row> {
    let rows = KINDS.iter().zip(times).flat_map(|((_, what), times)| {
        let slowest = percentile(times, 0.99).map(|p99| vec![p99]).unwrap_or_default();
        [
            Row::new(format!("{what}, until healed"), Unit::Milliseconds, times),
            Row::new(format!("{what}, p99"), Unit::Milliseconds, &slowest).map(|row| row.at_most(TARGET)),
        ]
    });
    rows.flatten().collect()
}

/// Changes something and returns how long it stayed changed.
async fn heal(client: &Client, database: &str, kind: Kind) -> anyhow::Result<Duration> {
    let handle = client.database(database);
    let change = match kind {
        Kind::Index => doc! { "dropIndexes": "audit_logs", "index": "actor_time" },
        Kind::Validator => doc! { "collMod": "patients", "validator": {} },
        Kind::Collection => doc! { "drop": "pharmacy" },
        Kind::User => doc! { "dropUser": database },
        Kind::ForeignRole => {
            doc! { "grantRolesToUser": database, "roles": [{ "role": "readAnyDatabase", "db": "admin" }] }
        }
        Kind::RoleRights => doc! { "updateRole": "tenant", "privileges": [] },
    };
    ensure!(is_whole(client, database, kind).await?, "it was not whole before");
    handle.run_command(change).await?;
    let start = Instant::now();
    while !is_whole(client, database, kind).await? {
        ensure!(start.elapsed() < PATIENCE, "not healed within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(start.elapsed())
}

async fn is_whole(client: &Client, database: &str, kind: Kind) -> anyhow::Result<bool> {
    let handle = client.database(database);
    let listed = async |filter: &str| {
        let command = doc! { "listCollections": 1, "filter": { "name": filter } };
        let answer = handle.run_command(command).await?;
        let first = answer.get_document("cursor")?.get_array("firstBatch")?.first().cloned();
        anyhow::Ok(first.and_then(|found| found.as_document().cloned()))
    };
    let first = async |command: Document, list: &str| {
        let answer = handle.run_command(command).await?;
        anyhow::Ok(answer.get_array(list)?.first().and_then(|found| found.as_document().cloned()))
    };
    let length = |found: Option<Document>, list: &str| {
        found.and_then(|found| found.get_array(list).ok().map(Vec::len)).unwrap_or_default()
    };
    Ok(match kind {
        Kind::Index => {
            let indexes = handle.run_command(doc! { "listIndexes": "audit_logs" }).await?;
            indexes.get_document("cursor")?.get_array("firstBatch")?.len() == 4
        }
        Kind::Validator => {
            let options = listed("patients").await?.and_then(|found| found.get_document("options").ok().cloned());
            options.is_some_and(|options| {
                options.contains_key("validator") && options.get_str("validationAction").unwrap_or("error") == "error"
            })
        }
        Kind::Collection => listed("pharmacy").await?.is_some(),
        Kind::User | Kind::ForeignRole => length(first(doc! { "usersInfo": database }, "users").await?, "roles") == 1,
        Kind::RoleRights => {
            let role = doc! { "rolesInfo": "tenant", "showPrivileges": true };
            length(first(role, "roles").await?, "privileges") == 6
        }
    })
}
