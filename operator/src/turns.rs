//! In which order hospitals get their pass when there is more to do than can be done at once. A bounded number of passes
//! runs; the rest waits here, and who is patient waits for who is not: a hospital that somebody just made or changed goes
//! before drift, drift before hospitals that failed before, and all of them before the resync. Patience has an end, so
//! nobody waits for ever.
//!
//! Of those that somebody just made or changed, who came last and who came first take turns. Whoever signs up, or is
//! suspended, while a thousand hospitals were applied at once does not wait for all of them, and these get on all the same.

pub mod class;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use self::class::{Class, Depth};
use crate::metrics::Metrics;

/// How many passes run at the same time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub passes: usize,
    /// Of these, how many migrate a database: an index over many documents is work for the server.
    pub migrations: usize,
}

/// Clones are the same queue.
#[derive(Clone)]
pub struct Turns(Arc<Shared>);

struct Shared {
    limits: Limits,
    metrics: Arc<Metrics>,
    /// Since when there is this catalogue.
    since: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: usize,
    migrating: usize,
    waiting: BTreeMap<Place, Waiting>,
    places: HashMap<String, Place>,
    serial: u64,
    /// Whether the next turn is that of who came last.
    last_come: bool,
    /// Until when each hospital is at rest: whoever wants it looked at before has seen something.
    rests: HashMap<String, Instant>,
}

/// The first is the next: whose patience ends first, then in the order that the class wants, then who came first.
type Place = (Instant, String, u64);

struct Waiting {
    class: Class,
    uid: String,
    since: Instant,
    granted: oneshot::Sender<Turn>,
}

impl Turns {
    pub fn new(limits: Limits, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Shared { limits, metrics, since: Instant::now(), state: Mutex::default() }))
    }

    /// Waits for a turn. `order` decides among hospitals that are migrated: the lowest goes first.
    pub async fn take(&self, uid: &str, class: Class, order: &str) -> Turn {
        let (granted, turn) = oneshot::channel();
        let place = {
            let mut state = self.lock();
            state.serial += 1;
            let now = Instant::now();
            let place = match class {
                // All of them have waited for the same: the new catalogue.
                Class::Migration => (self.0.since + class.patience(), order.to_owned(), state.serial),
                _ => (now + class.patience(), String::new(), state.serial),
            };
            state.waiting.insert(place.clone(), Waiting { class, uid: uid.to_owned(), since: now, granted });
            state.places.insert(uid.to_owned(), place.clone());
            place
        };
        let leaves = Leaves { turns: self, uid, serial: place.2 };
        self.serve();
        // Never an error: who waits is removed only with its turn, or by whoever stopped waiting.
        let turn = turn.await.unwrap_or_else(|_| Turn { turns: self.clone(), migration: None, counted: false });
        drop(leaves);
        turn
    }

    /// A hospital that waits already has become more urgent.
    pub fn hurry(&self, uid: &str, class: Class) {
        self.advance(uid, class, |_| true);
    }

    /// A hospital may have something to be done that must not wait for its migration.
    pub fn unstick(&self, uid: &str, class: Class) {
        self.advance(uid, class, |waits_as| waits_as == Class::Migration);
    }

    fn advance(&self, uid: &str, class: Class, which: impl Fn(Class) -> bool) {
        let mut state = self.lock();
        let Some(place) = state.places.get(uid).cloned() else { return };
        let Some(waits_as) = state.waiting.get(&place).map(|waiting| waiting.class) else { return };
        let sooner = (Instant::now() + class.patience(), String::new(), place.2);
        // One that waits to be migrated waits for a share, too, which may take hours.
        if which(waits_as)
            && (sooner < place || waits_as == Class::Migration)
            && let Some(waiting) = state.waiting.remove(&place)
        {
            state.waiting.insert(sooner.clone(), Waiting { class, ..waiting });
            state.places.insert(uid.to_owned(), sooner);
        }
        drop(state);
        self.serve();
    }

    /// A pass has left a hospital as it should be; it is looked at again then.
    pub fn rest(&self, uid: &str, until: Duration) {
        self.lock().rests.insert(uid.to_owned(), Instant::now() + until);
    }

    /// Whether a hospital would be left alone now, had nobody seen something.
    pub fn rests(&self, uid: &str) -> bool {
        self.lock().rests.get(uid).is_some_and(|until| Instant::now() < *until)
    }

    /// Whether a pass has left it so, and its time has come.
    pub fn has_rested(&self, uid: &str) -> bool {
        self.lock().rests.get(uid).is_some_and(|until| *until <= Instant::now())
    }

    pub fn forget(&self, uid: &str) {
        self.lock().rests.remove(uid);
    }

    pub fn depth(&self) -> Depth {
        let state = self.lock();
        let mut waiting = HashMap::new();
        for one in state.waiting.values() {
            *waiting.entry(one.class).or_default() += 1;
        }
        Depth { waiting, running: state.running, migrating: state.migrating }
    }

    /// Gives turns to who waits, as far as there are any.
    fn serve(&self) {
        loop {
            let mut state = self.lock();
            if state.running >= self.0.limits.passes {
                return;
            }
            let may_migrate = state.migrating < self.0.limits.migrations;
            let Some(place) = state.next(may_migrate) else { return };
            let Some(waiting) = state.waiting.remove(&place) else { return };
            state.last_come = !state.last_come;
            state.places.remove(&waiting.uid);
            state.running += 1;
            let migrates = waiting.class == Class::Migration;
            state.migrating += usize::from(migrates);
            drop(state);
            self.0.metrics.waited(waiting.class, waiting.since.elapsed());
            let migration = migrates.then(|| Migration(Arc::new(Share(self.clone()))));
            let turn = Turn { turns: self.clone(), migration, counted: true };
            // Whoever stopped waiting gives the turn back by dropping it.
            let _ = waiting.granted.send(turn);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&self, may_migrate: bool) -> Option<Place> {
        let last = self.waiting.iter().rfind(|(_, waiting)| waiting.class == Class::Change);
        // However long the fleet has waited for its migration, what somebody just made or changed goes before.
        let may_migrate = may_migrate && last.is_none();
        let first = self.waiting.iter().find(|(_, waiting)| waiting.class != Class::Migration || may_migrate);
        let next = if self.last_come { last.or(first) } else { first };
        next.map(|(place, _)| place.clone())
    }
}

/// One who waits; leaves the queue when it stops waiting.
struct Leaves<'a> {
    turns: &'a Turns,
    uid: &'a str,
    serial: u64,
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        let mut state = self.turns.lock();
        let place = state.places.get(self.uid).filter(|place| place.2 == self.serial).cloned();
        if let Some(place) = place {
            state.places.remove(self.uid);
            state.waiting.remove(&place);
        }
    }
}

/// The leave to run one pass, until it is dropped.
#[must_use]
pub struct Turn {
    turns: Turns,
    migration: Option<Migration>,
    counted: bool,
}

impl Turn {
    /// Whether this pass may migrate a database that exists. Whoever works on with it keeps it beyond the pass.
    pub fn migration(&self) -> Option<Migration> {
        self.migration.clone()
    }
}

/// The leave to migrate one database, until the last clone of it is dropped.
#[derive(Clone)]
pub struct Migration(#[allow(dead_code, reason = "it is there to be dropped")] Arc<Share>);

struct Share(Turns);

impl Drop for Share {
    fn drop(&mut self) {
        self.0.lock().migrating -= 1;
        self.0.serve();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.counted {
            return;
        }
        self.turns.lock().running -= 1;
        self.turns.serve();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::{FutureExt as _, poll};

    use super::*;

    fn turns(passes: usize, migrations: usize) -> Turns {
        Turns::new(Limits { passes, migrations }, Arc::default())
    }

    /// Lets everybody wait behind one that runs, and answers in which order they come.
    async fn order(turns: &Turns, waiters: &[(&str, Class, &str)]) -> Vec<String> {
        let first = turns.take("first", Class::Change, "").await;
        let mut waiting: Vec<_> =
            waiters.iter().map(|(uid, class, order)| (*uid, turns.take(uid, *class, order).boxed())).collect();
        for (_, waiter) in &mut waiting {
            assert!(poll!(waiter.as_mut()).is_pending());
        }
        drop(first);
        let mut came = Vec::new();
        while !waiting.is_empty() {
            let mut next = None;
            for (n, (_, waiter)) in waiting.iter_mut().enumerate() {
                if let std::task::Poll::Ready(turn) = poll!(waiter.as_mut()) {
                    next = Some((n, turn));
                    break;
                }
            }
            let (n, turn) = next.expect("somebody has a turn");
            came.push(waiting.remove(n).0.to_owned());
            drop(turn);
        }
        came
    }

    #[tokio::test]
    async fn what_is_new_goes_before_what_is_only_looked_at_again() {
        let came = order(
            &turns(1, 1),
            &[
                ("resync", Class::Resync, ""),
                ("retry", Class::Retry, ""),
                ("drift", Class::Drift, ""),
                ("change", Class::Change, ""),
                ("change too", Class::Change, ""),
            ],
        )
        .await;
        assert_eq!(came, ["change too", "change", "drift", "retry", "resync"]);
    }

    #[tokio::test]
    async fn who_comes_into_a_storm_does_not_wait_for_all_of_it_and_it_goes_on() {
        let storm = ["1", "2", "3", "4", "5", "6"].map(|uid| (uid, Class::Change, ""));
        let waiters = [&storm[..], &[("drift", Class::Drift, ""), ("newcomer", Class::Change, "")]].concat();
        let came = order(&turns(1, 1), &waiters).await;
        assert_eq!(came, ["newcomer", "1", "6", "2", "5", "3", "4", "drift"]);
    }

    #[tokio::test]
    async fn migrations_come_in_their_order_and_few_at_a_time() {
        let turns = turns(4, 1);
        let came = order(
            &self::turns(1, 1),
            &[("younger", Class::Migration, "2026"), ("older", Class::Migration, "2025"), ("new", Class::Change, "")],
        )
        .await;
        assert_eq!(came, ["new", "older", "younger"]);
        let first = turns.take("a", Class::Migration, "").await;
        let migration = first.migration();
        assert!(migration.is_some());
        let mut second = pin!(turns.take("b", Class::Migration, ""));
        assert!(poll!(second.as_mut()).is_pending(), "there is room, but not for migrations");
        assert!(turns.take("c", Class::Resync, "").await.migration().is_none());
        drop(first);
        assert!(poll!(second.as_mut()).is_pending(), "the first pass is over, and what it began goes on");
        assert_eq!((turns.depth().running, turns.depth().migrating), (0, 1));
        // One that waits for a share may have something to be done that needs none.
        let mut third = pin!(turns.take("d", Class::Migration, ""));
        assert!(poll!(third.as_mut()).is_pending());
        turns.unstick("d", Class::Drift);
        assert!(third.await.migration().is_none());
        drop(migration);
        assert!(second.await.migration().is_some());
    }

    #[tokio::test]
    async fn a_new_hospital_goes_before_migrations_that_have_waited_for_long() {
        let limits = Limits { passes: 1, migrations: 1 };
        let since = Instant::now().checked_sub(Duration::from_mins(10)).expect("the machine runs for longer");
        let turns = Turns(Arc::new(Shared { limits, metrics: Arc::default(), since, state: Mutex::default() }));
        let waiters = [("old", Class::Migration, "1"), ("drift", Class::Drift, ""), ("new", Class::Change, "")];
        assert_eq!(order(&turns, &waiters).await, ["new", "old", "drift"]);
    }

    #[tokio::test]
    async fn who_waits_can_be_hurried_and_can_stop_waiting() {
        let turns = turns(1, 1);
        let running = turns.take("running", Class::Change, "").await;
        let mut gone = turns.take("gone", Class::Change, "").boxed();
        let mut slow = turns.take("slow", Class::Resync, "").boxed();
        let mut retry = turns.take("retry", Class::Retry, "").boxed();
        for waiter in [&mut gone, &mut slow, &mut retry] {
            assert!(poll!(waiter.as_mut()).is_pending());
        }
        drop(gone);
        turns.hurry("slow", Class::Change);
        turns.hurry("nobody", Class::Change);
        let depth = turns.depth();
        assert_eq!((depth.waiting.values().sum::<usize>(), depth.running), (2, 1));
        drop(running);
        assert!(poll!(retry.as_mut()).is_pending(), "the other one was hurried");
        drop(slow.await);
        drop(retry.await);
        assert_eq!(turns.depth(), Depth::default());
    }

    #[tokio::test]
    async fn a_turn_that_nobody_waits_for_any_more_goes_on() {
        let turns = turns(1, 1);
        let running = turns.take("running", Class::Change, "").await;
        let mut granted = turns.take("granted", Class::Change, "").boxed();
        assert!(poll!(granted.as_mut()).is_pending());
        drop(running);
        // It has its turn, but has not noticed.
        drop(granted);
        assert_eq!(turns.depth().running, 0);
        drop(turns.take("next", Class::Change, "").await);
    }

    #[test]
    fn a_hospital_at_rest_is_known_until_its_time_comes() {
        let turns = turns(1, 1);
        assert!(!turns.rests("u") && !turns.has_rested("u"));
        turns.rest("u", Duration::from_mins(1));
        assert!(turns.rests("u"));
        assert!(!turns.has_rested("u"));
        turns.rest("u", Duration::ZERO);
        assert!(!turns.rests("u") && turns.has_rested("u"));
    }
}
