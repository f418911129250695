//! Signing in, beside bare argon2: the same crate at the same cost on as many threads as there are cores, in this process,
//! with nothing around it. And beside a plain server that sends MongoDB the same commands around the same argon2, which is
//! what a sign-in that somebody remembers can be at most. Then more clients than can be served: what still gets through,
//! and what that takes.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use axum::http::StatusCode;
use chakravue_testbed::ApiOptions;

use crate::{
    bare_hash::BareHash,
    extent::Extent,
    load::{self, Outcome},
    processor::{mebibytes, own_time, peak_kib, resident_kib},
    report::{Row, Scenario, Unit},
    same_commands,
    workplace::{Series, Workplace, ratios},
};

const ROUNDS: usize = 7;
const QUICK_ROUNDS: usize = 1;
const ROUND: Duration = Duration::from_secs(4);
const WARM_UP: Duration = Duration::from_secs(2);
const OVERLOAD: Duration = Duration::from_secs(6);

/// One hash keeps this much in memory at work.
const HASH_MIB: f64 = 19.0;
/// What connections and requests of that many clients may take besides.
const CLIENTS_MIB: f64 = 16.0;

pub async fn run(extent: Extent) -> anyhow::Result<Scenario> {
    let rounds = extent.repeats(ROUNDS, QUICK_ROUNDS);
    let cores = thread::available_parallelism()?.get();
    let workplace = Workplace::open_with("bench: sign-in", shedding).await?;
    let (address, pid) = (workplace.api.address(), workplace.api.pid());
    let server = (address.as_str(), pid);
    let sign_ins = workplace.sign_ins()?;
    let plain = same_commands::start(&workplace, &workplace.another().await?).await?;
    let plain_address = plain.address();
    let plain_server = (plain_address.as_str(), plain.pid());
    for server in [server, plain_server] {
        workplace.load(server, &sign_ins, 2 * cores, WARM_UP).await?.outcome.all_good()?;
    }

    // Twice as many clients keep the cores busy while the other half waits for the database.
    let loads = [(server, cores), (server, 2 * cores), (plain_server, cores), (plain_server, 2 * cores)];
    let mut series: [Series; 4] = Default::default();
    let (mut bare, mut bare_costs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        eprint!("\rsign_in: round {} of {rounds} ", round + 1);
        for turn in 0..=loads.len() {
            let which = (turn + round) % (loads.len() + 1);
            if let Some((server, clients)) = loads.get(which) {
                series[which].add(workplace.load(*server, &sign_ins, *clients, ROUND).await?)?;
            } else {
                let (rate, cost) = bare_argon2(cores).await?;
                bare.push(rate);
                bare_costs.push(cost);
            }
        }
    }
    let [at_cores, at_twice, plain_at_cores, plain_at_twice] = &series;
    eprintln!();
    plain.terminate().await;
    let what = format!("bare argon2, {cores} threads");
    let mut rows: Vec<Row> = Row::new(&what, Unit::PerSecond, &bare).into_iter().collect();
    rows.extend(Row::new(format!("{what}, processor time each"), Unit::Microseconds, &bare_costs));
    let measured = [(cores, at_cores, plain_at_cores), (2 * cores, at_twice, plain_at_twice)];
    for (clients, series, plain) in measured {
        let what = format!("sign-in, {clients} clients");
        rows.extend(series.rows(&what));
        rows.extend(plain.rows(&format!("the same commands, {clients} clients")));
        let ratio = Row::new(format!("{what} / bare argon2"), Unit::Ratio, &ratios(series.rates(), &bare));
        rows.extend(ratio.map(|row| row.at_least(0.9)));
        let cost = format!("bare argon2 / {what}, by processor time");
        rows.extend(Row::new(cost, Unit::Ratio, &ratios(&bare_costs, &series.costs())));
        let possible = format!("the same commands, {clients} clients / bare argon2");
        rows.extend(Row::new(possible, Unit::Ratio, &ratios(plain.rates(), &bare)));
        let same = format!("{what} / the same commands");
        rows.extend(Row::new(same, Unit::Ratio, &series.times_the_rate_of(plain)));
    }
    for factor in [10, 100] {
        rows.extend(overload(&workplace, factor * cores, rounds).await?);
    }
    let most = f64::from(u32::try_from(cores)?) * HASH_MIB + CLIENTS_MIB;
    rows.extend(memory(&workplace, 100 * cores, rounds).await?.map(|row| row.at_most(most)));
    workplace.close().await;
    Ok(Scenario {
        name: "sign_in".to_owned(),
        method: format!(
            "POST /organization-login of 16 users of one hospital, {rounds} rounds of {} s after {} s to warm up; they \
            and argon2 take turns, ratios are per round",
            ROUND.as_secs(),
            WARM_UP.as_secs()
        ),
        rows,
        ended_early: None,
        notes: vec![
            "Cores are shared with MongoDB and with the clients; argon2 alone has them for itself.".to_owned(),
            format!(
                "The memory may grow by one hash per core ({HASH_MIB} MiB each) and {CLIENTS_MIB} MiB for the clients."
            ),
        ],
    })
}

/// No password waits for longer than the API lets it by itself.
fn shedding(api: ApiOptions) -> ApiOptions {
    api.setting("hashing.queue_wait", "")
}

/// Hashes in a second, and microseconds of processor time for one of them.
async fn bare_argon2(threads: usize) -> anyhow::Result<(f64, f64)> {
    let before = own_time()?;
    let hashes = tokio::task::spawn_blocking(move || {
        let running: Vec<_> = (0..threads).map(|_| thread::spawn(hash_for_one_round)).collect();
        running
            .into_iter()
            .map(|thread| thread.join().ok().context("a thread panicked")?)
            .sum::<anyhow::Result<usize>>()
    });
    let hashes = load::count(hashes.await??);
    let took = own_time()?.saturating_sub(before);
    Ok((hashes / ROUND.as_secs_f64(), took.as_secs_f64() * 1e6 / hashes))
}

fn hash_for_one_round() -> anyhow::Result<usize> {
    let mut hash = BareHash::new();
    let (end, mut hashes) = (Instant::now() + ROUND, 0);
    loop {
        hash.make()?;
        // As under load, what is not done in time does not count.
        if Instant::now() > end {
            return Ok(hashes);
        }
        hashes += 1;
    }
}

/// More clients than can be served, who do not wait before they try again.
async fn overload(workplace: &Workplace, clients: usize, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let (address, sign_ins) = (workplace.api.address(), workplace.sign_ins()?);
    let (mut rates, mut refused, mut slowest, mut refusals) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        eprint!("\rsign_in: {clients} clients, round {} of {rounds} ", round + 1);
        let outcome = load::run(&address, &sign_ins, clients, OVERLOAD).await?;
        check_refusals(&outcome)?;
        rates.push(outcome.rate());
        slowest.push(outcome.latency(0.99));
        let all = outcome.answers.len();
        let busy: Vec<f64> = outcome.answers.iter().filter(|answer| !answer.status.is_success()).map(in_ms).collect();
        refused.push(load::count(busy.len()) / load::count(all) * 100.0);
        refusals.extend(crate::statistics::percentile(&busy, 0.99));
    }
    eprintln!();
    let what = format!("overload, {clients} clients");
    let rows = [
        Row::new(format!("{what}: signed in"), Unit::PerSecond, &rates),
        Row::new(format!("{what}: signed in, p99"), Unit::Milliseconds, &slowest),
        Row::new(format!("{what}: answered 503 with Retry-After"), Unit::Percent, &refused),
        Row::new(format!("{what}: answered 503, p99"), Unit::Milliseconds, &refusals),
    ];
    Ok(rows.into_iter().flatten().collect())
}

fn in_ms(answer: &load::Answer) -> f64 {
    answer.took.as_secs_f64() * 1e3
}

/// Whoever is not signed in is told when to come again.
fn check_refusals(outcome: &Outcome) -> anyhow::Result<()> {
    for answer in &outcome.answers {
        let polite = answer.status == StatusCode::SERVICE_UNAVAILABLE && answer.retry_after;
        ensure!(
            answer.status.is_success() || polite,
            "under overload, a sign-in was answered {} ({} Retry-After)",
            answer.status,
            if answer.retry_after { "with" } else { "without" }
        );
    }
    Ok(())
}

/// By how much a fresh API's memory grows under overload.
async fn memory(workplace: &Workplace, clients: usize, rounds: usize) -> anyhow::Result<Option<Row>> {
    let sign_ins = workplace.sign_ins()?;
    let mut growth = Vec::new();
    for round in 0..rounds {
        eprint!("\rsign_in: memory, round {} of {rounds} ", round + 1);
        let api = shedding(workplace.sandbox.api()).start().await;
        api.wait_ready().await;
        let before = resident_kib(api.pid())?;
        let outcome = load::run(&api.address(), &sign_ins, clients, OVERLOAD).await?;
        check_refusals(&outcome)?;
        growth.push(mebibytes(peak_kib(api.pid())?.saturating_sub(before))?);
        api.terminate().await;
    }
    eprintln!();
    Ok(Row::new(format!("memory that {clients} clients add to a fresh API"), Unit::Mebibytes, &growth))
}
