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
    workplace::ratios,
};

const ROUNDS: usize = 30;
const QUICK_ROUNDS: usize = 6;
const WARM_UP: usize = 4;
/// At most so many times what the raw driver takes one command after another, and in its fastest order.
pub const TO_SCRIPT: f64 = 1.0;
pub const TO_FASTEST: f64 = 1.3;
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
    let mut hospitals = Hospitals::watch(&sandbox).await;
    let mut contest = Contest::new(&sandbox).await?;
    let rounds = extent.repeats(ROUNDS, QUICK_ROUNDS);
    let times = contest.rounds(&mut hospitals, WARM_UP, rounds).await?;
    let timeline = contest.timeline(&mut hospitals).await?;
    drop(hospitals);
    operator.terminate().await;
    sandbox.close().await;

    let rows = [
        Row::new("operator, apply → Ready", Unit::Milliseconds, &times.operator),
        Row::new("raw driver, one after another", Unit::Milliseconds, &times.script),
        Row::new("raw driver, fastest order", Unit::Milliseconds, &times.fastest),
        Row::new("operator / one after another", Unit::Ratio, &times.beside_script()).map(|row| row.at_most(TO_SCRIPT)),
        Row::new("operator / fastest order", Unit::Ratio, &times.beside_fastest()).map(|row| row.at_most(TO_FASTEST)),
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
        ended_early: None,
    })
}

/// How long each took, round by round.
#[derive(Default)]
pub struct Times {
    pub operator: Vec<f64>,
    script: Vec<f64>,
    fastest: Vec<f64>,
}

impl Times {
    pub fn beside_script(&self) -> Vec<f64> {
        ratios(&self.operator, &self.script)
    }

    pub fn beside_fastest(&self) -> Vec<f64> {
        ratios(&self.operator, &self.fastest)
    }
}

/// The operator of a sandbox and the raw driver on the sandbox's MongoDB, one hospital at a time.
pub struct Contest<'a> {
    sandbox: &'a Sandbox,
    raw: Raw,
    administrator: Client,
    /// Each round has names of its own.
    rounds: usize,
}

impl<'a> Contest<'a> {
    pub async fn new(sandbox: &'a Sandbox) -> anyhow::Result<Self> {
        let raw = Raw::connect(sandbox.operator_mongodb_uri(), sandbox.master_database()).await?;
        Ok(Self { sandbox, raw, administrator: sandbox.mongodb().await, rounds: 0 })
    }

    pub async fn rounds(&mut self, hospitals: &mut Hospitals, warm_up: usize, count: usize) -> anyhow::Result<Times> {
        let mut times = Times::default();
        for round in 0..warm_up + count {
            eprint!("\rone hospital: round {} of {} ", round + 1, warm_up + count);
            let took = self.round(hospitals).await.with_context(|| format!("round {}", round + 1))?;
            if round >= warm_up {
                let [operator, script, fastest] = took.map(milliseconds);
                times.operator.push(operator);
                times.script.push(script);
                times.fastest.push(fastest);
            }
        }
        eprintln!();
        Ok(times)
    }

    /// Each contender once, in an order that turns from round to round; then everything is removed again.
    async fn round(&mut self, hospitals: &mut Hospitals) -> anyhow::Result<[Duration; 3]> {
        let round = self.rounds;
        self.rounds += 1;
        let names = ["operator", "script", "fastest"].map(|who| self.sandbox.object_name(&format!("{who}-{round}")));
        let mut took = [Duration::ZERO; 3];
        for turn in 0..CONTENDERS.len() {
            let which = (turn + round) % CONTENDERS.len();
            tokio::time::sleep(SETTLE).await;
            took[which] = self.measure(hospitals, CONTENDERS[which], &names[which]).await?;
        }
        if round == 0 {
            self.check_that_all_made_the_same(&names).await?;
        }
        for (contender, name) in CONTENDERS.iter().zip(&names) {
            match contender {
                Contender::Operator => hospitals.remove(name).await?,
                Contender::Raw(_) => self.raw.forget(&self.administrator, &database_of(name)?).await?,
            }
        }
        // Files of dropped collections go at a checkpoint; it should not fall into somebody's measurement.
        self.administrator.database("admin").run_command(doc! { "fsync": 1 }).await.context("checkpoint")?;
        Ok(took)
    }

    async fn measure(&self, hospitals: &mut Hospitals, contender: Contender, name: &str) -> anyhow::Result<Duration> {
        match contender {
            Contender::Operator => hospitals.apply_until_ready(name).await,
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
    async fn timeline(&self, hospitals: &mut Hospitals) -> anyhow::Result<Timeline> {
        let name = self.sandbox.object_name("timeline");
        tokio::time::sleep(SETTLE).await;
        let timeline = Timeline::record(
            &self.administrator,
            self.sandbox.testbed().audit_log().as_deref(),
            &name,
            hospitals.apply_until_ready(&name),
        )
        .await?;
        hospitals.remove(&name).await?;
        Ok(timeline)
    }
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
