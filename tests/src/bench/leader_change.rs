//! What it takes when the operator that leads goes away: of two that share a Lease, the one that leads is killed, or told to
//! stop, and in the same moment somebody applies a hospital and drops an index of another. How long until the one is ready
//! and the other healed, beside the same without a change of the leader.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chakravue_testbed::{OperatorProcess, Sandbox};
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Secret};
use kube::Api;
use mongodb::Client;

use crate::{
    by_hand::{ByHand, Kind},
    drift::heal,
    extent::Extent,
    hospital::Hospitals,
    one_tenant::milliseconds,
    report::{Row, Scenario, Unit},
};

const ROUNDS: usize = 5;
const QUICK_ROUNDS: usize = 1;
/// What an operator has that nobody tells anything else.
const LEASE: Duration = Duration::from_secs(15);
const QUICK_LEASE: Duration = Duration::from_secs(3);
/// Which part of its duration passes between two renewals.
const RENEWALS: u32 = 3;
const NAME_OF_LEASE: &str = "chakravue-operator";
const LEADS: &str = "chakravue_operator_leader 1\n";
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

#[derive(Clone, Copy)]
enum Change {
    None,
    Killed,
    Told,
}

const CHANGES: [(Change, &str); 3] = [
    (Change::None, "the leader stays"),
    (Change::Killed, "the leader is killed (SIGKILL)"),
    (Change::Told, "the leader is told to stop (SIGTERM)"),
];

pub async fn run(extent: Extent) -> anyhow::Result<Scenario> {
    let rounds = extent.repeats(ROUNDS, QUICK_ROUNDS);
    let lease = extent.either(LEASE, QUICK_LEASE);
    let sandbox = Sandbox::new("bench: leader change").await;
    let mut bench = Bench::start(&sandbox, lease).await?;
    let mut times: [[Vec<f64>; 2]; CHANGES.len()] = Default::default();
    for round in 0..rounds {
        for turn in 0..CHANGES.len() {
            eprint!("\rleader_change: round {} of {rounds} ", round + 1);
            let which = (turn + round) % CHANGES.len();
            let (change, what) = CHANGES[which];
            // A kill falls anywhere between two renewals, here evenly.
            let share = f64::from(u32::try_from(2 * round + 1)?) / f64::from(u32::try_from(2 * rounds)?);
            let took = bench.round(change, (lease / RENEWALS).mul_f64(share)).await.context(what)?;
            times[which].iter_mut().zip(took).for_each(|(times, took)| times.push(milliseconds(took)));
        }
    }
    eprintln!();
    bench.end().await?;
    sandbox.close().await;

    let rows = CHANGES.iter().zip(&times).flat_map(|((_, what), [ready, healed])| {
        [
            Row::new(format!("{what}: until a hospital applied then is Ready"), Unit::Milliseconds, ready),
            Row::new(format!("{what}: until an index dropped then is there again"), Unit::Milliseconds, healed),
        ]
    });
    Ok(Scenario {
        name: "leader_change".to_owned(),
        method: format!(
            "two operators with a Lease of {} s, {rounds} rounds of each; times are from the signal on; the three take \
            turns",
            lease.as_secs()
        ),
        rows: rows.flatten().collect(),
        ended_early: None,
        notes: vec![format!(
            "Nobody tells the other one of a kill: it takes the Lease when that has not been renewed for {} s, which is what \
            bounds the gap. It was renewed up to a third of that before the kill; so the gap is between two thirds and the \
            whole, and then what the work takes. --lease-duration makes it shorter, at the price of more renewals and of a \
            leader that gives up sooner when the API server is slow. Who is told to stop gives the Lease up.",
            lease.as_secs()
        )],
    })
}

struct Bench<'a> {
    sandbox: &'a Sandbox,
    lease: Duration,
    watch: String,
    leader: Option<OperatorProcess>,
    next: Option<OperatorProcess>,
    hospitals: Hospitals,
    administrator: Client,
    secrets: Api<Secret>,
    leases: Api<Lease>,
    /// The hospital that something is changed in.
    steady: String,
    named: usize,
}

impl<'a> Bench<'a> {
    async fn start(sandbox: &'a Sandbox, lease: Duration) -> anyhow::Result<Self> {
        let mut bench = Self {
            sandbox,
            lease,
            watch: sandbox.watch_mongodb_uri().await,
            leader: None,
            next: None,
            hospitals: Hospitals::watch(sandbox).await,
            administrator: sandbox.mongodb().await,
            secrets: Api::namespaced(sandbox.admin().await, sandbox.namespace()),
            leases: Api::namespaced(sandbox.admin().await, sandbox.namespace()),
            steady: sandbox.object_name("steady"),
            named: 0,
        };
        let leader = bench.operator().await;
        leads(&leader).await?;
        bench.leader = Some(leader);
        bench.next = Some(bench.one_that_stands_by().await?);
        bench.hospitals.apply_until_ready(&bench.steady).await?;
        Ok(bench)
    }

    async fn operator(&self) -> OperatorProcess {
        let options = self.sandbox.operator().watch_mongodb_uri(&self.watch).resync_interval("10h");
        options.leader_elect(&format!("{}s", self.lease.as_secs())).start().await
    }

    async fn one_that_stands_by(&self) -> anyhow::Result<OperatorProcess> {
        let operator = self.operator().await;
        let stands_by = async || {
            let answer = operator.answer_of("/readyz").await;
            answer.is_some_and(|(status, body)| status == 200 && body.contains("standing by"))
        };
        until("one stands by", stands_by).await.with_context(|| operator.last_words())?;
        Ok(operator)
    }

    /// `after` so long from a renewal of the Lease. Answers how long until the hospital was ready, and until the other was
    /// healed.
    async fn round(&mut self, change: Change, after: Duration) -> anyhow::Result<[Duration; 2]> {
        self.named += 1;
        let name = self.sandbox.object_name(&format!("leader-change-{}", self.named));
        self.until_renewed().await?;
        tokio::time::sleep(after).await;
        let hospital = ByHand::on(&self.administrator, &self.secrets, &self.steady)?;
        let began = Instant::now();
        let leader = match change {
            Change::None => None,
            Change::Killed => {
                self.leader.take().context("nobody leads")?.kill();
                None
            }
            Change::Told => self.leader.take(),
        };
        let stop = async {
            let Some(leader) = leader else { return Ok(()) };
            let ended = leader.terminate().await;
            ensure!(ended.success(), "who was told to stop ended with {ended}");
            Ok(())
        };
        let ready = async {
            self.hospitals.apply_until_ready(&name).await?;
            anyhow::Ok(began.elapsed())
        };
        let healed = async {
            heal(&hospital, Kind::Index).await?;
            anyhow::Ok(began.elapsed())
        };
        // The signal is sent first.
        let (stopped, ready, healed) = tokio::join!(biased; stop, ready, healed);
        stopped?;
        let took = [ready?, healed?];
        if !matches!(change, Change::None) {
            let leader = self.next.take().context("nobody stands by")?;
            leads(&leader).await?;
            self.leader = Some(leader);
            self.next = Some(self.one_that_stands_by().await?);
        }
        self.hospitals.remove(&name).await?;
        Ok(took)
    }

    /// Who stands by counts from when it saw the Lease renewed, so it must have seen that once.
    async fn until_renewed(&self) -> anyhow::Result<()> {
        let renewed = async || {
            let lease = self.leases.get(NAME_OF_LEASE).await.ok();
            lease.and_then(|lease| lease.spec).and_then(|spec| spec.renew_time)
        };
        let before = renewed().await;
        let again = async || renewed().await.is_some_and(|now| before.as_ref() != Some(&now));
        until("the Lease is renewed", again).await
    }

    async fn end(mut self) -> anyhow::Result<()> {
        self.hospitals.remove_all().await?;
        for operator in [self.next.take(), self.leader.take()].into_iter().flatten() {
            operator.terminate().await;
        }
        Ok(())
    }
}

async fn leads(operator: &OperatorProcess) -> anyhow::Result<()> {
    operator.wait_ready().await;
    let leads = async || operator.metrics().await.contains(LEADS);
    until("it leads", leads).await.with_context(|| operator.last_words())
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) -> anyhow::Result<()> {
    let looking = async {
        while !is_so().await {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.with_context(|| format!("{what}: not within {PATIENCE:?}"))
}
