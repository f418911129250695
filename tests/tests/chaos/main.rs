//! Chaos: for a while, people and faults do to hospitals, operator and servers whatever a seeded random schedule says;
//! then everything is left alone, and what must be true is looked at.
//!
//! `cargo test --workspace --test chaos` runs one short seed; `make chaos` ten longer ones. A run that fails prints its
//! seed; `CHAOS_SEED=…` runs its schedule again (the servers' own timing is not the same, of course). Whatever is named in
//! [`kinds`] has to take effect at least once in every run.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "../e2e/support.rs"]
#[allow(dead_code, reason = "end-to-end tests use more of it")]
mod support;

mod faults;
mod hospitals;
mod invariants;
mod kinds;
mod notices;
mod restore;

use std::{collections::BTreeSet, env, time::Duration};

use chakravue_testbed::{Fragile, Sandbox};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use tokio::time::Instant;

use crate::{
    faults::{Fault, Victims},
    hospitals::{Deed, Hospitals},
    kinds::{Kind, Tally},
    support::World,
};

/// How long the short run in `make test` disturbs, if one of each kind does not take longer.
const SHORT: Duration = Duration::from_secs(25);
/// Something of every kind has to take effect, and for some of them a server or a deletion has to end first.
const PATIENCE: Duration = Duration::from_mins(2);

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_everything_comes_right() {
    if ["MONGODB_URI", "USE_EXISTING_CLUSTER"].iter().any(|name| env::var_os(name).is_some_and(|v| !v.is_empty())) {
        println!("chaos breaks servers, so it starts its own; those of the environment are left alone");
    }
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seed = number("CHAOS_SEED").unwrap_or_else(rand::random);
    let lasts = number("CHAOS_SECONDS").map_or(SHORT, Duration::from_secs);
    let run = format!("CHAOS_SEED={seed} CHAOS_SECONDS={}", lasts.as_secs());
    println!("chaos: {run}");

    let mut chaos = Chaos::prepare(seed).await;
    chaos.disturb(lasts).await;
    let took = chaos.begin.elapsed().as_secs_f64();
    println!("chaos: {run}: in {took:.1} s took effect: {}", chaos.tally);
    if let Err(broken) = chaos.comes_right().await {
        panic!("{run}: {broken}\n\n{}", chaos.told());
    }
    chaos.victims.operator.terminate().await;
    chaos.world.sandbox.abandon();
}

/// One run.
struct Chaos {
    world: World,
    victims: Victims,
    hospitals: Hospitals,
    random: StdRng,
    begin: Instant,
    tally: Tally,
    history: Vec<String>,
}

/// When something was begun, what, and what of it took effect.
type Done = (Duration, String, Option<Kind>);

async fn one(world: &World, hospitals: &mut Hospitals, deed: &Deed, start: &Instant) -> Done {
    let began = start.elapsed();
    (began, format!("{deed:?}"), hospitals.happen(world, deed).await)
}

/// What happens next.
enum Act {
    Deed(Deed),
    Fault(Fault),
}

impl Chaos {
    async fn prepare(seed: u64) -> Self {
        let servers = Fragile::start().await;
        let world = World::in_sandbox(Sandbox::on(servers.testbed(), "chaos").await).await;
        let victims = Victims::start(servers, &world).await;
        let hospitals = Hospitals::found(&world).await;
        Self {
            world,
            victims,
            hospitals,
            random: StdRng::seed_from_u64(seed),
            begin: Instant::now(),
            tally: Tally::default(),
            history: Vec::new(),
        }
    }

    /// Something of every kind first, in any order, then whatever comes.
    async fn disturb(&mut self, lasts: Duration) {
        let mut kinds = Kind::ALL;
        kinds.shuffle(&mut self.random);
        for kind in kinds {
            self.have_happen(kind).await;
            self.pause().await;
        }
        while self.begin.elapsed() < lasts {
            let act = if self.random.random_bool(0.25) {
                Act::Fault(Fault::any(&mut self.random))
            } else {
                Act::Deed(Deed::any(&mut self.random))
            };
            self.act(act).await;
            self.pause().await;
        }
        if !self.hospitals.keep_something() {
            self.have_happen(Kind::DeleteAndRetain).await;
        }
    }

    /// Tries until something of this kind took effect; it may have by chance before, and leave nothing to do it to again.
    async fn have_happen(&mut self, kind: Kind) {
        // How often it has to be tried is no matter of the seed, and must not change what comes after.
        let mut random = StdRng::seed_from_u64(self.random.random());
        let after = StdRng::seed_from_u64(self.random.random());
        let deadline = Instant::now() + PATIENCE;
        let mut wanted = vec![kind];
        while let Some(next) = wanted.last().copied() {
            let act = match Fault::of(next, &mut random) {
                Some(fault) => Some(Act::Fault(fault)),
                None => self.hospitals.deed(&self.world, next, &mut random).map(Act::Deed),
            };
            let effect = match act {
                Some(act) => self.act(act).await,
                None if next.needs().is_some() => {
                    wanted.extend(next.needs());
                    continue;
                }
                None if self.tally.has(next) => Some(next),
                None => None,
            };
            if effect == Some(next) {
                wanted.pop();
            } else {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            assert!(Instant::now() < deadline, "{next:?} never took effect\n\n{}", self.told());
        }
        self.random = after;
    }

    async fn act(&mut self, act: Act) -> Option<Kind> {
        let Self { world, victims, hospitals, random, begin: start, .. } = self;
        let done = match act {
            Act::Deed(deed) => vec![one(world, hospitals, &deed, start).await],
            Act::Fault(fault) => {
                // People do not wait until a server is back.
                let meanwhile: Vec<Deed> = (0..random.random_range(0..3)).map(|_| Deed::any(random)).collect();
                let began = start.elapsed();
                let deeds = async {
                    let mut done = Vec::new();
                    for deed in meanwhile {
                        done.push(one(world, hospitals, &deed, start).await);
                    }
                    done
                };
                let (effect, deeds) = tokio::join!(victims.strike(world, fault, random), deeds);
                [vec![(began, format!("{fault:?}"), effect)], deeds].concat()
            }
        };
        for (began, what, effect) in &done {
            if let Some(kind) = effect {
                self.tally.count(*kind);
            }
            let took = effect.map_or_else(|| "nothing".to_owned(), |kind| format!("{kind:?}"));
            self.history.push(format!("{:6.1} s: {what}: {took}", began.as_secs_f64()));
        }
        done[0].2
    }

    async fn pause(&mut self) {
        let pause = self.random.random_range(0..400);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }

    /// Everything is left alone; then somebody goes on to work with it.
    async fn comes_right(&mut self) -> Result<(), String> {
        let never = self.tally.never();
        if !never.is_empty() {
            return Err(format!("never took effect: {never:?}"));
        }
        self.settles("what was done").await?;
        self.hospitals.hire(&self.world).await;
        self.settles("somebody was hired everywhere").await?;
        let patients = |names: &mut dyn Iterator<Item = &String>| -> usize {
            names.filter_map(|name| self.hospitals.patients.get(name)).map(BTreeSet::len).sum()
        };
        println!(
            "{} hospitals with {} patients, and {} retained with {}; {} dropped",
            self.hospitals.declared.len(),
            patients(&mut self.hospitals.declared.keys()),
            self.hospitals.retained.len(),
            patients(&mut self.hospitals.retained.iter()),
            self.hospitals.dropped.len(),
        );
        Ok(())
    }

    async fn settles(&self, after: &str) -> Result<(), String> {
        let calm = Instant::now();
        let last = invariants::hold(&self.world, &self.hospitals, &self.victims.operator).await?;
        let last = last.map(|last| format!("; at last: {last}")).unwrap_or_default();
        println!("everything is right {:.1} s after {after}{last}", calm.elapsed().as_secs_f64());
        Ok(())
    }

    /// What there is to read after a failure.
    fn told(&self) -> String {
        let log = self.victims.operator.log();
        let log: Vec<&str> = log.lines().rev().take(40).collect();
        let log: Vec<&str> = log.into_iter().rev().collect();
        format!("What was done:\n{}\n\nThe operator's last words:\n{}", self.history.join("\n"), log.join("\n"))
    }
}
