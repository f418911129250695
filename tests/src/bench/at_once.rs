//! Many hospitals applied at once, until the last is ready, beside the raw driver that makes as many databases in its best
//! order with as many workers as serve it best. Each begins on a MongoDB that has had nothing to do yet: what was removed
//! slows a server down for minutes. While the operator works, one more hospital every few seconds: how long it waits among so many.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use chakravue_crds::naming::DatabaseName;
use chakravue_testbed::Sandbox;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use mongodb::Client;
use tokio::time::MissedTickBehavior;

use crate::{
    burden,
    extent::Extent,
    fleet::OPEN_FILES,
    hospital::{Hospitals, database_of},
    load,
    one_tenant::milliseconds,
    processor::{time_of, time_of_machine, time_of_mongodb},
    raw::{Order, Raw},
    report::{Row, Scenario, Unit},
    statistics::{Summary, percentile},
    workplace::ratios,
};

const SIZES: [usize; 2] = [200, 1000];
const QUICK_SIZES: [usize; 1] = [20];
/// From this size on it takes minutes.
const LARGE: usize = 500;
const WORKERS: [usize; 4] = [2, 4, 8, 16];
/// How many databases tell how well an order with a number of workers does, and how often.
const TRIAL: usize = 100;
const QUICK_TRIAL: usize = 8;
const TRIALS: usize = 2;
const REPEATS: usize = 3;
const LARGE_REPEATS: usize = 2;
/// How many requests to apply are on their way at the same time.
const APPLIES: usize = 100;
/// Between two hospitals that come while the others are made.
const ONE_MORE: Duration = Duration::from_secs(3);
const QUICK_ONE_MORE: Duration = Duration::from_millis(400);
const PATIENCE: Duration = Duration::from_mins(15);
/// In how many parts a storm is told, so that one sees what the databases do that are there already.
const PARTS: usize = 4;
const LARGE_PARTS: usize = 20;
const TARGET: f64 = 0.9;
/// Whoever comes is done long before those who were there: half of them within this part of what the others still take.
const FIRST: f64 = 0.5;
/// How many the operator works on at the same time.
const OPERATORS_WORKERS: u32 = 8;
/// Half of those who come see no more of the others ready before them than were under way then, and than others have a worker
/// meanwhile. Without a turn of its own each would see all that were there before.
const PASSED: f64 = 2.0 * OPERATORS_WORKERS as f64;

pub async fn run(extent: Extent) -> anyhow::Result<Scenario> {
    let one_more = extent.either(ONE_MORE, QUICK_ONE_MORE);
    let (trial, trials) = (extent.either(TRIAL, QUICK_TRIAL), extent.either(TRIALS, 1));
    let (best, mut rows) = best(trial, trials).await.context("the raw driver's best")?;
    for size in extent.sizes(&SIZES, &QUICK_SIZES) {
        let repeats = extent.repeats(if size < LARGE { REPEATS } else { LARGE_REPEATS }, 1);
        let of_size = measure(size, repeats, best, one_more).await.with_context(|| format!("{size} at once"))?;
        rows.extend(of_size);
    }
    Ok(Scenario {
        name: "at_once".to_owned(),
        method: format!(
            "so many hospitals at once, the raw driver's databases in its best order with its best number of workers, of \
            {trials} rounds of {trial} databases for each; the two take turns, each on a MongoDB that has had nothing to do \
            yet, ratios are per round"
        ),
        rows,
        ended_early: None,
        notes: vec![
            "The operator's rate counts the hospitals that came meanwhile and were ready before the last of the others. It \
            writes objects, Secrets and Events to Kubernetes besides, whose API server and etcd share the cores, and has the \
            change stream on."
                .to_owned(),
            "A part of a storm has as many databases there already as the parts before it made: what that costs shows in \
            the yardstick's parts as well as in the operator's."
                .to_owned(),
        ],
    })
}

/// What makes the databases of the yardstick.
#[derive(Clone, Copy)]
pub struct Way {
    pub order: Order,
    pub workers: usize,
}

impl Way {
    fn name(self) -> String {
        format!("raw driver, {}, {} workers", self.order.name(), self.workers)
    }
}

/// How one storm went.
pub struct Storm {
    /// From the first apply until each was ready, the earliest first.
    made: Vec<Duration>,
    /// Of those that came meanwhile.
    late: Vec<Late>,
    /// Processor time of the operator, of MongoDB, and of everything on the machine.
    operator: Duration,
    mongodb: Duration,
    machine: Duration,
}

struct Late {
    waited: Duration,
    /// How many of the storm were ready between its apply and the moment it was ready.
    passed: usize,
    /// From its apply until the last of the storm was ready.
    storm_took: Duration,
}

impl Storm {
    fn rate(&self) -> f64 {
        self.made.last().map_or(0.0, |last| load::count(self.made.len()) / last.as_secs_f64())
    }

    /// In each part of it, how many were made in a second, and how many there were at its end.
    fn parts(&self, parts: usize) -> Vec<(usize, f64)> {
        let end = |part: usize| self.made.len() * part / parts;
        let when = |made: usize| made.checked_sub(1).map_or(Duration::ZERO, |last| self.made[last]);
        (1..=parts)
            .map(|part| {
                let (from, to) = (end(part - 1), end(part));
                (to, load::count(to - from) / when(to).saturating_sub(when(from)).as_secs_f64())
            })
            .collect()
    }

    /// What all but MongoDB have taken of the processors for each.
    fn others_each(&self) -> Duration {
        let made = u32::try_from(self.made.len()).unwrap_or(u32::MAX).max(1);
        self.machine.saturating_sub(self.mongodb) / made
    }

    fn each(&self, of: Duration) -> f64 {
        milliseconds(of) / load::count(self.made.len())
    }
}

/// Tries every order with every number of workers.
async fn best(count: usize, rounds: usize) -> anyhow::Result<(Way, Vec<Row>)> {
    let ways: Vec<Way> =
        Order::ALL.into_iter().flat_map(|order| WORKERS.map(|workers| Way { order, workers })).collect();
    let mut rates = vec![Vec::new(); ways.len()];
    for round in 0..rounds {
        for turn in 0..ways.len() {
            eprint!("\rat_once: the raw driver's best, round {} of {rounds} ", round + 1);
            let which = if round % 2 == 0 { turn } else { ways.len() - 1 - turn };
            rates[which].push(raw_storm(count, ways[which], Duration::ZERO).await?.rate());
        }
    }
    eprintln!();
    let median = |rates: &[f64]| Summary::of(rates).map_or(0.0, |rates| rates.median);
    let best = ways.iter().zip(&rates).max_by(|a, b| median(a.1).total_cmp(&median(b.1)));
    let best = *best.context("no way to make databases")?.0;
    let rows = ways.iter().zip(&rates).filter_map(|(way, rates)| {
        Row::new(format!("{count} databases by the {}", way.name()), Unit::PerSecond, rates)
    });
    Ok((best, rows.collect()))
}

async fn measure(size: usize, repeats: usize, best: Way, one_more: Duration) -> anyhow::Result<Vec<Row>> {
    let (mut ours, mut raw, mut burdened) = (Vec::new(), Vec::new(), Vec::new());
    for repeat in 0..repeats {
        for turn in 0..2 {
            eprint!("\rat_once: {size}, round {} of {repeats} ", repeat + 1);
            if (turn + repeat) % 2 == 0 {
                ours.push(storm(size, one_more).await.context("operator")?);
            } else {
                raw.push(raw_storm(size, best, Duration::ZERO).await.context("raw driver")?);
            }
        }
        let others = |storms: &[Storm]| storms.last().map(Storm::others_each).unwrap_or_default();
        let burden = others(&ours).saturating_sub(others(&raw));
        burdened.push(raw_storm(size, best, burden).await.context("raw driver with a burden")?);
    }
    eprintln!();
    let rates = |storms: &[Storm]| storms.iter().map(Storm::rate).collect::<Vec<_>>();
    let each = |storms: &[Storm], of: fn(&Storm) -> Duration| -> Vec<f64> {
        storms.iter().map(|storm| storm.each(of(storm))).collect()
    };
    let row = |what: &str, unit, values: &[f64]| Row::new(format!("{size} at once: {what}"), unit, values);
    let mut rows: Vec<Option<Row>> = vec![
        row("operator, first apply → last Ready", Unit::PerSecond, &rates(&ours)),
        row(&best.name(), Unit::PerSecond, &rates(&raw)),
        row("operator / raw driver", Unit::Ratio, &ratios(&rates(&ours), &rates(&raw))).map(|row| row.at_least(TARGET)),
        row(
            &format!("{}, and what the operator and Kubernetes take besides", best.name()),
            Unit::PerSecond,
            &rates(&burdened),
        ),
        row("operator / raw driver with that burden", Unit::Ratio, &ratios(&rates(&ours), &rates(&burdened))),
        row("operator's processor time each", Unit::Milliseconds, &each(&ours, |storm| storm.operator)),
        row("MongoDB's processor time each, operator", Unit::Milliseconds, &each(&ours, |storm| storm.mongodb)),
        row("MongoDB's processor time each, raw driver", Unit::Milliseconds, &each(&raw, |storm| storm.mongodb)),
        row("the machine's processor time each, operator", Unit::Milliseconds, &each(&ours, |storm| storm.machine)),
        row("the machine's processor time each, raw driver", Unit::Milliseconds, &each(&raw, |storm| storm.machine)),
        row(
            "the machine's processor time each, with that burden",
            Unit::Milliseconds,
            &each(&burdened, |storm| storm.machine),
        ),
    ];
    let late: Vec<&Late> = ours.iter().flat_map(|storm| &storm.late).collect();
    let waits: Vec<f64> = late.iter().map(|late| milliseconds(late.waited)).collect();
    let slowest: Vec<f64> = percentile(&waits, 0.99).into_iter().collect();
    let passed: Vec<f64> = late.iter().map(|late| load::count(late.passed)).collect();
    let storms: Vec<f64> = late.iter().map(|late| milliseconds(late.storm_took)).collect();
    rows.extend([
        row("one more meanwhile, until it is Ready", Unit::Milliseconds, &waits),
        row("one more meanwhile, until it is Ready, p99", Unit::Milliseconds, &slowest),
        row("what the others still take then", Unit::Milliseconds, &storms),
        row("its wait / what the others still take", Unit::Ratio, &ratios(&waits, &storms))
            .map(|row| row.at_most(FIRST)),
        row("others that were ready before it", Unit::Hospitals, &passed).map(|row| row.at_most(PASSED)),
    ]);
    for (who, storms) in [("operator", &ours), ("raw driver", &raw)] {
        let curve = format!("{size} at once, {who}: made in a second, by how many there are");
        let parts = if size < LARGE { PARTS } else { LARGE_PARTS };
        for part in 0..parts {
            let rates: Vec<f64> = storms.iter().map(|storm| storm.parts(parts)[part].1).collect();
            let there = size * (part + 1) / parts;
            let what = format!("{who}, part {} of {parts}, as far as {there}", part + 1);
            let row = row(&what, Unit::PerSecond, &rates);
            rows.push(row.map(|row| row.of_curve(&curve, load::count(there))));
        }
    }
    Ok(rows.into_iter().flatten().collect())
}

/// By the operator.
pub async fn storm(count: usize, one_more: Duration) -> anyhow::Result<Storm> {
    let sandbox = Sandbox::new("bench: at once").await;
    let mongodb = sandbox.new_mongodb().await?;
    let administrator = Client::with_uri_str(mongodb.uri()).await?;
    let options = sandbox.operator().mongodb_uri(mongodb.operator_uri()).watch_mongodb_uri(mongodb.watch_uri());
    let operator = options.resync_interval("10h").arg("--max-open-files").arg(OPEN_FILES);
    let operator = operator.arg("--workers").arg(OPERATORS_WORKERS.to_string()).start().await;
    operator.wait_ready().await;
    let mut hospitals = Hospitals::watch(&sandbox).await;
    let names: Vec<String> = (0..count).map(|number| sandbox.object_name(&format!("at-once-{number}"))).collect();

    let used = (time_of(operator.pid())?, time_of_mongodb(&administrator).await?, time_of_machine()?);
    let began = Instant::now();
    let apply = stream::iter(&names).map(anyhow::Ok);
    apply.try_for_each_concurrent(APPLIES, |name| hospitals.apply(name)).await?;
    let waits = until_all_ready(&mut hospitals, &sandbox, &names, one_more, began + PATIENCE);
    let (ready, late) = waits.await.with_context(|| operator.last_words())?;
    let operators = time_of(operator.pid())?.saturating_sub(used.0);
    let mongodbs = time_of_mongodb(&administrator).await?.saturating_sub(used.1);
    let machine = time_of_machine()?.saturating_sub(used.2);
    operator.terminate().await;
    sandbox.close().await;

    let last = names.iter().filter_map(|name| ready.get(name)).max().copied().unwrap_or(began);
    let mut made: Vec<Duration> =
        ready.values().filter(|when| **when <= last).map(|when| when.duration_since(began)).collect();
    made.sort();
    let came_in_time = late.iter().filter(|(_, applied)| *applied < last);
    let late = came_in_time.filter_map(|(name, applied)| {
        let done = ready.get(name)?;
        let meanwhile = names.iter().filter_map(|name| ready.get(name)).filter(|when| *when > applied && *when < done);
        let (waited, passed) = (done.duration_since(*applied), meanwhile.count());
        Some(Late { waited, passed, storm_took: last.duration_since(*applied) })
    });
    Ok(Storm { made, late: late.collect(), operator: operators, mongodb: mongodbs, machine })
}

/// Applies one more every now and then until all others are ready, and waits for those too. Answers when each was
/// ready, and when each of those that came later was applied.
async fn until_all_ready(
    hospitals: &mut Hospitals,
    sandbox: &Sandbox,
    names: &[String],
    one_more: Duration,
    deadline: Instant,
) -> anyhow::Result<(HashMap<String, Instant>, Vec<(String, Instant)>)> {
    let mut storm: HashSet<&str> = names.iter().map(String::as_str).collect();
    let (mut ready, mut late, mut extra) = (HashMap::new(), Vec::new(), HashSet::new());
    let mut next = tokio::time::interval(one_more);
    next.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !(storm.is_empty() && extra.is_empty()) {
        tokio::select! {
            biased;
            seen = hospitals.next_ready() => {
                let (name, when) = seen?;
                if storm.remove(name.as_str()) || extra.remove(&name) {
                    ready.insert(name, when);
                }
            }
            _ = next.tick(), if !storm.is_empty() => {
                let (name, applied) = (sandbox.object_name(&format!("one-more-{}", late.len())), Instant::now());
                hospitals.apply(&name).await?;
                extra.insert(name.clone());
                late.push((name, applied));
            }
            () = tokio::time::sleep_until(deadline.into()) => {
                bail!("{} of them were not ready within {PATIENCE:?}", storm.len() + extra.len());
            }
        }
    }
    Ok((ready, late))
}

/// By the raw driver. `burden` is what something else takes of the processors for each.
pub async fn raw_storm(count: usize, way: Way, burden: Duration) -> anyhow::Result<Storm> {
    let sandbox = Sandbox::new("bench: at once, raw").await;
    let mongodb = sandbox.new_mongodb().await?;
    let administrator = Client::with_uri_str(mongodb.uri()).await?;
    let raw = Raw::connect(mongodb.operator_uri(), sandbox.master_database()).await?;
    let name = |number| database_of(&sandbox.object_name(&format!("at-once-{number}")));
    let databases: Vec<DatabaseName> = (0..count).map(name).collect::<anyhow::Result<_>>()?;

    let used = (time_of_mongodb(&administrator).await?, time_of_machine()?);
    let began = Instant::now();
    let made = stream::iter(&databases).map(async |database| {
        // While it is made, as what Kubernetes does for a hospital.
        let besides = tokio::task::spawn_blocking(move || burden::bear(burden));
        raw.provision(database, way.order).await.with_context(|| format!("{database}, {}", way.name()))?;
        let made = began.elapsed();
        besides.await.context("the burden")?;
        anyhow::Ok(made)
    });
    let mut made: Vec<Duration> = made.buffer_unordered(way.workers).try_collect().await?;
    made.sort();
    let mongodb = time_of_mongodb(&administrator).await?.saturating_sub(used.0);
    let machine = time_of_machine()?.saturating_sub(used.1);
    sandbox.close().await;
    Ok(Storm { made, late: Vec::new(), operator: Duration::ZERO, mongodb, machine })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_a_storm_has_its_own_rate() {
        let made = [100, 200, 300, 400, 600, 800, 1000, 1200].map(Duration::from_millis).into();
        let (operator, mongodb, machine) = (Duration::from_millis(80), Duration::ZERO, Duration::ZERO);
        let storm = Storm { made, late: Vec::new(), operator, mongodb, machine };
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(close(storm.rate(), 8.0 / 1.2) && close(storm.each(storm.operator), 10.0));
        let parts = storm.parts(PARTS);
        assert_eq!(parts.iter().map(|part| part.0).collect::<Vec<_>>(), [2, 4, 6, 8]);
        assert!(parts.iter().zip([10.0, 10.0, 5.0, 5.0]).all(|(part, rate)| close(part.1, rate)), "{parts:?}");
    }
}
