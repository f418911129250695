//! One hospital, from apply to ready, beside the raw driver doing the same in MongoDB alone. The three take turns in one
//! run on one server, and what counts is the ratio within each round: whatever else the machine does hits all three.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use chakravue_crds::naming::DatabaseName;
use chakravue_testbed::Sandbox;
use futures::TryStreamExt as _;
use mongodb::{
    Client,
    bson::{Document, doc},
};

use crate::{
    extent::Extent,
    hospital::{Hospitals, database_of},
    raw::{Order, Raw},
    report::{Row, Scenario, Unit},
    timeline::Timeline,
};

const ROUNDS: usize = 30;
const QUICK_ROUNDS: usize = 6;
const WARM_UP: usize = 4;
/// Between two measurements: the operator publishes its Events, the server ends what it does in the background.
const SETTLE: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Contender {
    Operator,
    Raw(Order),
}

const CONTENDERS: [Contender; 3] = [Contender::Operator, Contender::Raw(Order::Script), Contender::Raw(Order::Fastest)];

pub async fn run(extent: Extent) -> anyhow::Result<Scenario> {
    let sandbox = Sandbox::new("bench: one tenant").await;
    let operator = sandbox.operator().start().await;
    operator.wait_ready().await;
    let mut bench = Bench {
        hospitals: Hospitals::watch(&sandbox).await,
        raw: Raw::connect(sandbox.operator_mongodb_uri(), sandbox.master_database()).await?,
        administrator: sandbox.mongodb().await,
        sandbox: &sandbox,
    };

    let rounds = extent.repeats(ROUNDS, QUICK_ROUNDS);
    let mut times: [Vec<f64>; 3] = Default::default();
    for round in 0..WARM_UP + rounds {
        eprint!("\rone_tenant: round {} of {} ", round + 1, WARM_UP + rounds);
        let took = bench.round(round).await.with_context(|| format!("round {}", round + 1))?;
        if round >= WARM_UP {
            times.iter_mut().zip(took).for_each(|(times, took)| times.push(milliseconds(took)));
        }
    }
    eprintln!();
    let timeline = bench.timeline().await?;
    drop(bench);
    operator.terminate().await;
    sandbox.close().await;

    let [operator, script, fastest] = &times;
    let ratio = |to: &[f64]| operator.iter().zip(to).map(|(operator, to)| operator / to).collect::<Vec<_>>();
    let rows = [
        Row::new("operator, apply → Ready", Unit::Milliseconds, operator),
        Row::new("raw driver, one after another", Unit::Milliseconds, script),
        Row::new("raw driver, fastest order", Unit::Milliseconds, fastest),
        Row::new("operator / one after another", Unit::Ratio, &ratio(script)).map(|row| row.at_most(1.0)),
        Row::new("operator / fastest order", Unit::Ratio, &ratio(fastest)).map(|row| row.at_most(1.3)),
    ];
    let mut listing = "one more hospital, as the servers logged it (start, duration):".to_owned();
    write!(listing, "\n{timeline}")?;
    Ok(Scenario {
        name: "one_tenant".to_owned(),
        method: format!(
            "{rounds} rounds after {WARM_UP} to warm up; operator and yardsticks take turns, ratios are per round"
        ),
        rows: rows.into_iter().flatten().collect(),
        notes: vec![listing],
    })
}

struct Bench<'a> {
    sandbox: &'a Sandbox,
    hospitals: Hospitals,
    raw: Raw,
    administrator: Client,
}

impl Bench<'_> {
    /// Each contender once, in an order that turns from round to round; then everything is removed again.
    async fn round(&mut self, round: usize) -> anyhow::Result<[Duration; 3]> {
        let names = ["operator", "script", "fastest"].map(|who| self.sandbox.object_name(&format!("{who}-{round}")));
        let mut took = [Duration::ZERO; 3];
        for turn in 0..CONTENDERS.len() {
            let which = (turn + round) % CONTENDERS.len();
            tokio::time::sleep(SETTLE).await;
            took[which] = self.measure(CONTENDERS[which], &names[which]).await?;
        }
        if round == 0 {
            self.check_that_all_made_the_same(&names).await?;
        }
        for (contender, name) in CONTENDERS.iter().zip(&names) {
            match contender {
                Contender::Operator => self.hospitals.remove(name).await?,
                Contender::Raw(_) => self.raw.forget(&self.administrator, &database_of(name)?).await?,
            }
        }
        // Files of dropped collections go at a checkpoint; it should not fall into somebody's measurement.
        self.administrator.database("admin").run_command(doc! { "fsync": 1 }).await.context("checkpoint")?;
        Ok(took)
    }

    async fn measure(&mut self, contender: Contender, name: &str) -> anyhow::Result<Duration> {
        match contender {
            Contender::Operator => self.hospitals.apply_until_ready(name).await,
            Contender::Raw(order) => {
                let database = database_of(name)?;
                let start = Instant::now();
                self.raw.provision(&database, order).await.with_context(|| format!("raw driver, {order:?}"))?;
                Ok(start.elapsed())
            }
        }
    }

    /// A yardstick that leaves something out would be none.
    async fn check_that_all_made_the_same(&self, names: &[String; 3]) -> anyhow::Result<()> {
        let mut shapes = Vec::new();
        for name in names {
            let database = database_of(name)?;
            let shape = self.shape(&database).await?;
            // The names of the databases stand in rights and users.
            shapes.push(shape.replace(database.as_str(), "<database>"));
        }
        ensure!(
            shapes.iter().all(|shape| *shape == shapes[0]),
            "operator and raw driver did not make the same:\n{}",
            shapes.join("\n")
        );
        Ok(())
    }

    async fn shape(&self, name: &DatabaseName) -> anyhow::Result<String> {
        let database = self.administrator.database(name.as_str());
        let collections = database.run_cursor_command(doc! { "listCollections": 1 }).await?;
        let mut collections: Vec<Document> = collections.try_collect().await?;
        collections.sort_by_key(|collection| collection.get_str("name").unwrap_or_default().to_owned());
        let mut shape = String::new();
        for collection in collections {
            let of = collection.get_str("name")?;
            let indexes = database.run_cursor_command(doc! { "listIndexes": of }).await?;
            let indexes: Vec<Document> = indexes.try_collect().await?;
            let indexes: Vec<String> = indexes.iter().map(ToString::to_string).collect();
            writeln!(shape, "{of}: {} {}", collection.get_document("options")?, indexes.join(" "))?;
        }
        let roles = database.run_command(doc! { "rolesInfo": 1, "showPrivileges": true }).await?;
        let users = database.run_command(doc! { "usersInfo": 1 }).await?;
        for role in roles.get_array("roles")?.iter().filter_map(|role| role.as_document()) {
            writeln!(shape, "role {}: {:?}", role.get_str("role")?, role.get_array("privileges")?)?;
        }
        for user in users.get_array("users")?.iter().filter_map(|user| user.as_document()) {
            let (roles, mechanisms) = (user.get_array("roles")?, user.get_array("mechanisms")?);
            writeln!(shape, "user {}: {roles:?} {mechanisms:?}", user.get_str("user")?)?;
        }
        Ok(shape)
    }

    /// Where the operator's time goes, in a run of its own because logging everything takes time too.
    async fn timeline(&mut self) -> anyhow::Result<Timeline> {
        let name = self.sandbox.object_name("timeline");
        tokio::time::sleep(SETTLE).await;
        let timeline = Timeline::record(
            &self.administrator,
            self.sandbox.testbed().audit_log().as_deref(),
            &name,
            self.hospitals.apply_until_ready(&name),
        )
        .await?;
        self.hospitals.remove(&name).await?;
        Ok(timeline)
    }
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
