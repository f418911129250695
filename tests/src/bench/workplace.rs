//! A hospital at work: operator and API, its staff with passwords, its patients. What is measured at one of the API's
//! calls is measured here, and every server that it is compared with answers from the same documents.

use std::{env, process::Command, time::Duration};

use anyhow::{Context as _, ensure};
use argon2::{Argon2, password_hash::PasswordHasher as _};
use axum::http::StatusCode;
use chakravue_testbed::{ApiOptions, ApiProcess, Companion, OperatorProcess, Sandbox};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use mongodb::{
    Client,
    bson::{Bson, DateTime, Document, doc},
};
use serde_json::{Value, json};

use crate::{
    hospital::Hospitals,
    load::{self, Call, Outcome},
    processor,
    report::{Row, Unit},
};

/// Everybody's password.
pub const PASSWORD: &str = "violet tractors sing at noon";

/// As many as fit on the plan.
const STAFF: usize = 16;
const PATIENTS: i32 = 1_000;
/// The API hears of a new hospital a moment after we do.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Workplace {
    pub api: ApiProcess,
    operator: OperatorProcess,
    pub hospital: Hospital,
    /// MongoDB's administrator.
    pub mongodb: Client,
    pub sandbox: Sandbox,
}

/// A hospital that is ready.
pub struct Hospital {
    pub organization_id: String,
    pub database_name: String,
    /// Its own connection to MongoDB.
    pub uri: String,
}

impl Workplace {
    pub async fn open(label: &str) -> anyhow::Result<Self> {
        Self::open_with(label, |api| api).await
    }

    /// With other options of the API than the usual ones.
    pub async fn open_with(label: &str, options: impl FnOnce(ApiOptions) -> ApiOptions) -> anyhow::Result<Self> {
        let sandbox = Sandbox::new(label).await;
        let (operator, api) = tokio::join!(sandbox.operator().start(), options(sandbox.api()).start());
        tokio::join!(operator.wait_ready(), api.wait_ready());
        let hospital = Hospital::make(&sandbox, "at-work").await?;
        let mongodb = sandbox.mongodb().await;
        let workplace = Self { api, operator, hospital, mongodb, sandbox };
        workplace.fill(&workplace.hospital).await?;
        workplace.until_known().await?;
        Ok(workplace)
    }

    /// Another hospital with as much in it, for what must not meddle with the first one's audit log.
    pub async fn another(&self) -> anyhow::Result<Hospital> {
        let hospital = Hospital::make(&self.sandbox, "beside").await?;
        self.fill(&hospital).await?;
        Ok(hospital)
    }

    /// A server to compare with, as a process of its own: this program, started with `--serve-` and what it is to be.
    pub async fn yardstick(&self, what: &str, environment: &[(&str, &str)]) -> anyhow::Result<Companion> {
        let complete = |server: &mut Command, address: &str| {
            server.args([&format!("--serve-{what}"), address]).envs(environment.iter().copied());
        };
        let log = self.sandbox.folder().join(format!("{what}.log"));
        let server = Companion::start(what, &env::current_exe()?, &log, complete)?;
        server.wait_for("/").await?;
        Ok(server)
    }

    /// Staff and patients straight into the database; its validators see to it that they are what the API would write.
    async fn fill(&self, hospital: &Hospital) -> anyhow::Result<()> {
        let database = self.mongodb.database(&hospital.database_name);
        let hash = Argon2::default().hash_password(PASSWORD.as_bytes());
        let hash = hash.map_err(|error| anyhow::anyhow!("hash a password: {error}"))?.to_string();
        let staff = (0..STAFF).map(|number| {
            doc! {
                "_id": format!("user_{number:026}"), "email": email(number), "name": format!("Doctor {number}"),
                "role": "DOCTOR", "status": "active", "password_hash": &hash, "created_at": DateTime::now(),
                "version": 1_i64,
            }
        });
        database.collection::<Document>("users").insert_many(staff).await.context("staff")?;
        database
            .collection::<Document>("patients")
            .insert_many((0..PATIENTS).map(patient))
            .await
            .context("patients")?;
        Ok(())
    }

    async fn until_known(&self) -> anyhow::Result<()> {
        let known = async {
            loop {
                let (status, answer) = load::ask(&self.api.address(), &self.sign_in_of(0)?).await?;
                if status == StatusCode::OK {
                    return anyhow::Ok(());
                }
                ensure!(status.is_client_error() && status != StatusCode::NOT_FOUND, "sign-in: {status} {answer}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, known).await.context("the API does not let the staff sign in")?
    }

    fn sign_in_of(&self, number: usize) -> anyhow::Result<Call> {
        Call::post("/organization-login", &self.sign_in_body(number))
    }

    pub fn sign_in_body(&self, number: usize) -> Value {
        json!({ "organization_id": self.hospital.organization_id, "email": email(number), "password": PASSWORD })
    }

    /// Everybody's sign-in.
    pub fn sign_ins(&self) -> anyhow::Result<Vec<Call>> {
        (0..STAFF).map(|number| self.sign_in_of(number)).collect()
    }

    /// The list of patients as the staff asks for it, each with a session that the server at `address` has started.
    pub async fn lists(&self, address: &str) -> anyhow::Result<Vec<Call>> {
        let path = format!("/organization/{}/patients?limit=25", self.hospital.organization_id);
        let mut calls = Vec::new();
        for sign_in in self.sign_ins()? {
            let answer = load::ask_well(address, &sign_in).await?;
            let token = answer["token"].as_str().with_context(|| format!("no token in {answer}"))?;
            calls.push(Call::get(&path)?.bearer(token)?);
        }
        Ok(calls)
    }

    /// A yardstick that leaves something out would be none: all servers must list the same patients.
    pub async fn check_same_list(&self, address: &str, call: &Call) -> anyhow::Result<()> {
        let ours = &self.lists(&self.api.address()).await?[0];
        let ours = load::ask_well(&self.api.address(), ours).await?;
        let theirs = load::ask_well(address, call).await?;
        ensure!(ours["items"].as_array().is_some_and(|items| items.len() == 25), "no page of patients: {ours}");
        ensure!(is_cursor(&ours) && is_cursor(&theirs), "a list does not say where the next page begins");
        ensure!(ours["items"] == theirs["items"], "the lists differ:\n{ours}\n{theirs}");
        Ok(())
    }

    /// Puts the server at `address` with the process `pid` under load, and accounts for who took the processors.
    pub async fn load(
        &self,
        (address, pid): (&str, u32),
        calls: &[Call],
        clients: usize,
        lasting: Duration,
    ) -> anyhow::Result<Measured> {
        let before = self.times(pid).await?;
        let outcome = load::run(address, calls, clients, lasting).await?;
        let after = self.times(pid).await?;
        let [server, mongodb, generator, machine] =
            std::array::from_fn(|which| after[which].saturating_sub(before[which]));
        let others = machine.saturating_sub(server + mongodb + generator);
        Ok(Measured { outcome, server, mongodb, generator, others })
    }

    async fn times(&self, pid: u32) -> anyhow::Result<[Duration; 4]> {
        Ok([
            processor::time_of(pid)?,
            processor::time_of_mongodb(&self.mongodb).await?,
            processor::own_time()?,
            processor::time_of_machine()?,
        ])
    }

    pub async fn close(self) {
        self.api.terminate().await;
        self.operator.terminate().await;
        self.sandbox.close().await;
    }
}

impl Hospital {
    async fn make(sandbox: &Sandbox, name: &str) -> anyhow::Result<Self> {
        let mut hospitals = Hospitals::watch(sandbox).await;
        let name = sandbox.object_name(name);
        hospitals.apply_until_ready(&name).await?;
        let status = hospitals.object(&name).await?.status.context("a ready hospital has a status")?;
        let binding = status.binding.context("a ready hospital has a Secret")?.name;
        let secrets: Api<Secret> = Api::namespaced(sandbox.admin().await, sandbox.namespace());
        let mut secret = secrets.get(&binding).await?.data.context("the hospital's Secret is empty")?;
        let uri = secret.remove("uri").context("the hospital's Secret has no uri")?;
        Ok(Self {
            organization_id: status.organization_id.context("a ready hospital has an id")?,
            database_name: status.database_name.context("a ready hospital has a database")?,
            uri: String::from_utf8(uri.0)?,
        })
    }
}

/// What came of a load, and whose processor time it took.
pub struct Measured {
    pub outcome: Outcome,
    pub server: Duration,
    pub mongodb: Duration,
    /// Ours, as the clients.
    pub generator: Duration,
    /// Everybody else's on the machine.
    pub others: Duration,
}

/// The figures of one server under one load, over the rounds.
#[derive(Default)]
pub struct Series {
    rates: Vec<f64>,
    medians: Vec<f64>,
    slowest: Vec<f64>,
    times: [Vec<f64>; 3],
    others: Vec<f64>,
}

impl Series {
    pub fn add(&mut self, measured: Measured) -> anyhow::Result<()> {
        let Measured { outcome, server, mongodb, generator, others } = measured;
        let outcome = outcome.all_good()?;
        let requests = load::count(outcome.answers.len());
        self.rates.push(outcome.rate());
        self.medians.push(outcome.latency(0.5));
        self.slowest.push(outcome.latency(0.99));
        for (times, time) in self.times.iter_mut().zip([server, mongodb, generator]) {
            times.push(time.as_secs_f64() * 1e6 / requests);
        }
        self.others.push(others.as_secs_f64() / outcome.lasted.as_secs_f64() * 100.0);
        Ok(())
    }

    /// In each round, our rate as a multiple of theirs.
    pub fn times_the_rate_of(&self, theirs: &Self) -> Vec<f64> {
        ratios(&self.rates, &theirs.rates)
    }

    /// In each round, what one of their requests takes of the processors as a share of what one of ours takes.
    pub fn cost_ratio_of(&self, theirs: &Self) -> Vec<f64> {
        ratios(&theirs.costs(), &self.costs())
    }

    pub fn rates(&self) -> &[f64] {
        &self.rates
    }

    /// What one request takes of the processors, at the server and in MongoDB, in microseconds. It hardly depends on what
    /// else the machine does.
    pub fn costs(&self) -> Vec<f64> {
        let [server, mongodb, _] = &self.times;
        server.iter().zip(mongodb).map(|(server, mongodb)| server + mongodb).collect()
    }

    pub fn rows(&self, what: &str) -> impl Iterator<Item = Row> {
        let [server, mongodb, generator] = &self.times;
        [
            Row::new(what, Unit::PerSecond, &self.rates),
            Row::new(format!("{what}, p50"), Unit::Milliseconds, &self.medians),
            Row::new(format!("{what}, p99"), Unit::Milliseconds, &self.slowest),
            Row::new(format!("{what}, processor time each: server"), Unit::Microseconds, server),
            Row::new(format!("{what}, processor time each: MongoDB"), Unit::Microseconds, mongodb),
            Row::new(format!("{what}, processor time each: clients"), Unit::Microseconds, generator),
            Row::new(format!("{what}, one processor's time for others"), Unit::Percent, &self.others),
        ]
        .into_iter()
        .flatten()
    }
}

/// Round by round.
pub fn ratios(of: &[f64], to: &[f64]) -> Vec<f64> {
    of.iter().zip(to).map(|(of, to)| of / to).collect()
}

fn email(number: usize) -> String {
    format!("doctor{number}@hospital.example")
}

fn is_cursor(page: &Value) -> bool {
    page["next_cursor"].as_str().is_some_and(|cursor| !cursor.is_empty())
}

/// A record of some size, as it looks after a few visits. Its times are whole seconds, which every server writes alike.
fn patient(number: i32) -> Document {
    let time = DateTime::from_millis(1_767_600_000_000 + i64::from(number) * 60_000);
    let visit = |text: &str, id: &str| {
        doc! {
            format!("{id}_id"): format!("{id}_{number:026}"), "author_id": format!("user_{:026}", 0),
            "at": time, "text": text,
        }
    };
    let note = visit("Complains of headache since Monday. Advised rest and to come again in a week.", "note");
    let mut record = doc! {
        "_id": format!("pat_{number:026}"),
        "record_number": format!("P{number:06}"),
        "name": format!("Patient Number {number}"),
        "birth_date": format!("{}-05-{:02}", 1940 + number % 80, 1 + number % 28),
        "sex": "female",
        "phone": format!("+1-555-{:04}", number % 10_000),
        "email": format!("patient{number}@mail.example"),
        "address": format!("{number} Main Street, Springfield"),
        "blood_group": "O+",
        "allergies": ["penicillin"],
        "notes": vec![note; 3],
        "created_at": time,
        "version": 1_i64,
    };
    if number % 2 == 0 {
        record.insert("updated_at", Bson::from(time));
    }
    record
}
