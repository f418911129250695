//! What others change in MongoDB behind the operator's back, and which hospital's pass that starts: a change stream shows
//! every change of collections and indexes, and of who has a seat ([`stream`]), a comparison every half a second shows users and roles, which
//! no stream shows ([`accounts`]), and the resync is the net under both.
//!
//! The operator's own changes come back by the same ways. They start nothing: a change of collections or indexes is
//! known by its time ([`own`]), and what a pass leaves of user and role is what the comparison expects.

pub mod accounts;
pub mod kind;
pub mod own;
pub mod stream;

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use chakravue_crds::HospitalOrganization;
use futures::{FutureExt as _, Stream, StreamExt as _, stream as streams};
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};
use mongodb::bson::Timestamp;
use tokio::sync::mpsc;

use self::{accounts::Expected, kind::Source, own::OwnWrites};
use crate::{
    echoes::Watched,
    metrics::Metrics,
    tenant::Tenant,
    turns::{Turns, class::Class},
};

/// Every hospital that was looked at, and the way to have one of them, or all, looked at again.
pub struct Drift {
    hospitals: Mutex<HashMap<String, Hospital>>,
    /// Databases that were changed before anybody asked for a look at their hospital: while nobody led.
    early: Mutex<HashSet<String>>,
    /// Whether a stream shows every change at the moment.
    streams: AtomicBool,
    own: OwnWrites,
    metrics: Arc<Metrics>,
    turns: Turns,
    one: mpsc::UnboundedSender<ObjectRef<Watched>>,
    later: mpsc::UnboundedSender<Later>,
    all: mpsc::Sender<()>,
}

/// How many databases are remembered that belong to nobody, as far as is known.
const EARLY: usize = 1_000;

/// How often, at the most, users are counted because they come and go.
const RECOUNT: Duration = Duration::from_secs(1);

/// What a controller is to do: look at these hospitals, now or then; look at every one.
pub struct Triggers {
    one: mpsc::UnboundedReceiver<ObjectRef<Watched>>,
    later: mpsc::UnboundedReceiver<Later>,
    all: mpsc::Receiver<()>,
    turns: Turns,
}

struct Later {
    due: Instant,
    uid: String,
    hospital: ObjectRef<Watched>,
}

impl Triggers {
    pub fn split(
        self,
    ) -> (impl Stream<Item = ObjectRef<Watched>> + Send + 'static, impl Stream<Item = ()> + Send + 'static) {
        let one = streams::unfold(self.one, |mut one| async move { one.recv().await.map(|hospital| (hospital, one)) });
        let later = streams::unfold(self.later, |mut later| async move { later.recv().await.map(|it| (it, later)) });
        // In the order in which they came: that keeps nobody waiting for more than the second.
        let turns = self.turns;
        let later = later.then(move |Later { due, uid, hospital }| {
            let turns = turns.clone();
            tokio::time::sleep_until(due.into()).map(move |()| {
                turns.hurry(&uid, Class::Drift);
                hospital
            })
        });
        let one = streams::select(one, later);
        (one, streams::unfold(self.all, |mut all| async move { all.recv().await.map(|()| ((), all)) }))
    }
}

struct Hospital {
    object: ObjectRef<Watched>,
    database: String,
    /// No pass of this process has looked at it.
    unseen: bool,
    /// Which pass was asked for, or waits, that has not begun yet.
    asked: Asked,
    /// What came since a pass began that is under way.
    meanwhile: Option<Meanwhile>,
    /// Somebody else's change of collections or indexes was announced since the last pass began.
    announced: bool,
    /// Users as they were counted last, unless they changed since then.
    counted: Option<Counted>,
    /// When that was.
    recounted: Option<Instant>,
    /// What the last pass left of user and role, if it got that far.
    accounts: Option<Arc<Expected>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    No,
    /// One that is to count users, a moment later.
    Soon,
    /// It will see whatever happened before.
    AtOnce,
}

impl Hospital {
    fn new(object: ObjectRef<Watched>, database: String) -> Self {
        Self {
            object,
            database,
            unseen: true,
            asked: Asked::No,
            meanwhile: None,
            announced: false,
            counted: None,
            recounted: None,
            accounts: None,
        }
    }
}

/// How many users there were when how many of them had a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub documents: i64,
    pub seats: i64,
}

#[derive(Default)]
struct Meanwhile {
    /// Only at the end of the pass is it known which changes were its own.
    changes: Vec<Timestamp>,
    /// Users came, went, or got or lost their seat; the pass may have counted them before.
    recount: bool,
    /// Something else is to be seen that the pass may have been too early for.
    again: bool,
}

impl Drift {
    pub fn new(own: OwnWrites, metrics: Arc<Metrics>, turns: Turns) -> (Self, Triggers) {
        let (one, ones) = mpsc::unbounded_channel();
        let (later, laters) = mpsc::unbounded_channel();
        // One request to look at all is as good as many.
        let (all, alls) = mpsc::channel(1);
        let (hospitals, streams) = (Mutex::default(), AtomicBool::default());
        let triggers = Triggers { one: ones, later: laters, all: alls, turns: turns.clone() };
        let early = Mutex::default();
        let drift = Self { hospitals, early, streams, own, metrics, turns, one, later, all };
        (drift, triggers)
    }

    /// A hospital that may not have been looked at yet waits for its turn, which comes sooner if its database was changed.
    pub fn waits(&self, object: &HospitalOrganization) {
        let (Some(uid), Ok(database)) = (object.uid(), object.wanted_database()) else { return };
        if let Entry::Vacant(place) = self.lock().entry(uid) {
            let asked = if self.early().remove(database.as_str()) { Asked::AtOnce } else { Asked::No };
            let object = ObjectRef::new(&object.name_any()).within(&object.namespace().unwrap_or_default());
            place.insert(Hospital { asked, ..Hospital::new(object, database.to_string()) });
        }
    }

    /// A pass begins to look; until the answer is dropped, its own changes are told from those of others.
    pub fn look<'a>(&'a self, tenant: &Tenant) -> Look<'a> {
        let uid = tenant.owner.uid.clone();
        let mut hospitals = self.lock();
        let hospital = hospitals.entry(uid.clone()).or_insert_with(|| {
            let object = ObjectRef::new(&tenant.owner.name).within(&tenant.owner.namespace);
            Hospital::new(object, tenant.database.to_string())
        });
        hospital.unseen = false;
        hospital.asked = Asked::No;
        hospital.meanwhile = Some(Meanwhile::default());
        hospital.accounts = None;
        let is_announced = std::mem::take(&mut hospital.announced);
        Look { drift: self, uid, is_announced }
    }

    /// Forgets a hospital that is gone.
    pub fn forget(&self, uid: &str) {
        if let Some(hospital) = self.lock().remove(uid) {
            self.own.forget(&hospital.database);
        }
    }

    /// Somebody, maybe the operator, changed something in this database at this time.
    fn changed(&self, database: &str, at: Timestamp) {
        let mut hospitals = self.lock();
        // Two objects may want one database; whoever does not have it may as well look again.
        for (uid, hospital) in hospitals.iter_mut().filter(|(_, hospital)| hospital.database == database) {
            if let Some(meanwhile) = &mut hospital.meanwhile {
                meanwhile.changes.push(at);
            } else if hospital.unseen {
                hospital.announced = true;
                self.hurry(uid, hospital);
            } else if !self.own.is_own(database, at) {
                // Another collection may be `users` now.
                hospital.counted = None;
                self.ask(uid, hospital, Source::Stream);
            }
        }
    }

    /// The same before this process led: every first look sees it, but this one is to come before the others.
    fn was_changed(&self, database: &str) {
        let mut hospitals = self.lock();
        let mut known = hospitals.iter_mut().filter(|(_, hospital)| hospital.database == database).peekable();
        if known.peek().is_none() {
            let mut early = self.early();
            if early.len() < EARLY {
                early.insert(database.to_owned());
            }
        }
        for (uid, hospital) in known.filter(|(_, hospital)| hospital.unseen) {
            self.hurry(uid, hospital);
        }
    }

    /// Has the first look at a hospital, which waits for it, before the others. It needs no second one.
    fn hurry(&self, uid: &str, hospital: &mut Hospital) {
        self.turns.hurry(uid, Class::Drift);
        hospital.asked = Asked::AtOnce;
    }

    /// Users of this database came, went, or got or lost their seat: nothing to mend, but to be counted.
    fn users_changed(&self, database: &str) {
        for (uid, hospital) in self.lock().iter_mut().filter(|(_, hospital)| hospital.database == database) {
            if let Some(meanwhile) = &mut hospital.meanwhile {
                meanwhile.recount = true;
            } else if !hospital.unseen {
                hospital.counted = None;
                self.ask_for_a_recount(uid, hospital);
            }
        }
    }

    /// Whether somebody's change was seen that no pass has looked at yet.
    pub fn is_asked(&self, uid: &str) -> bool {
        self.lock().get(uid).is_some_and(|hospital| hospital.asked == Asked::AtOnce)
    }

    /// Has this hospital looked at once more: something went on beside its passes, and has ended.
    pub fn look_again(&self, uid: &str) {
        let mut hospitals = self.lock();
        let Some(hospital) = hospitals.get_mut(uid) else { return };
        match &mut hospital.meanwhile {
            Some(meanwhile) => meanwhile.again = true,
            None => drop(self.ask_for_a_look(uid, hospital)),
        }
    }

    fn ask(&self, uid: &str, hospital: &mut Hospital, source: Source) {
        hospital.announced |= matches!(source, Source::Stream);
        if self.ask_for_a_look(uid, hospital) {
            self.metrics.drift_noticed(source);
        }
    }

    /// A hospital whose users come and go all the time is counted once a second; what is to be mended never waits for that.
    fn ask_for_a_recount(&self, uid: &str, hospital: &mut Hospital) {
        let due = hospital.recounted.map(|last| last + RECOUNT).filter(|due| Instant::now() < *due);
        match due {
            None => drop(self.ask_for_a_look(uid, hospital)),
            Some(_) if hospital.asked != Asked::No => {}
            Some(due) => {
                let later = Later { due, uid: uid.to_owned(), hospital: hospital.object.clone() };
                if self.later.send(later).is_ok() {
                    hospital.asked = Asked::Soon;
                }
            }
        }
    }

    /// Answers whether that was not asked for already.
    fn ask_for_a_look(&self, uid: &str, hospital: &mut Hospital) -> bool {
        if hospital.asked == Asked::AtOnce {
            return false;
        }
        // One that waits for its resync already need not wait for that long.
        self.turns.hurry(uid, Class::Drift);
        // Nobody listens any more only while the process stops.
        if self.one.send(hospital.object.clone()).is_ok() {
            hospital.asked = Asked::AtOnce;
        }
        true
    }

    /// Whether a stream shows every change from now on.
    fn streams(&self, open: bool) {
        self.streams.store(open, Ordering::Relaxed);
        self.metrics.stream_open(open);
    }

    /// Changes may have been missed: has every hospital looked at.
    fn compare_all(&self) {
        for hospital in self.lock().values_mut() {
            hospital.counted = None;
            if let Some(meanwhile) = &mut hospital.meanwhile {
                meanwhile.recount = true;
            }
        }
        // Full: it was asked for already and has not begun yet.
        let _ = self.all.try_send(());
        self.metrics.compared_all();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Hospital>> {
        self.hospitals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn early(&self) -> MutexGuard<'_, HashSet<String>> {
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pass under way.
pub struct Look<'a> {
    drift: &'a Drift,
    uid: String,
    is_announced: bool,
}

impl Look<'_> {
    /// Whether the stream has announced a change that this pass was to see, and may have come too early for: the stream
    /// tells what a majority has, which is a moment before the same server's catalogue shows it. With thousands of
    /// collections that moment lasts for milliseconds, and a pass begins sooner.
    pub fn is_announced(&self) -> bool {
        self.is_announced
    }

    /// Users as they were counted last, if every change since then would have been shown.
    pub fn counted(&self) -> Option<Counted> {
        let streams = self.drift.streams.load(Ordering::Relaxed);
        self.drift.lock().get(&self.uid).filter(|_| streams)?.counted
    }

    pub fn count(&self, counted: Counted) {
        if let Some(hospital) = self.drift.lock().get_mut(&self.uid) {
            hospital.counted = Some(counted);
            hospital.recounted = Some(Instant::now());
        }
    }

    /// What the pass leaves of user and role: what the comparison expects from now on.
    pub fn expect(&self, expected: Expected) {
        if let Some(hospital) = self.drift.lock().get_mut(&self.uid) {
            hospital.accounts = Some(Arc::new(expected));
        }
    }
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        let mut hospitals = self.drift.lock();
        let Some(hospital) = hospitals.get_mut(&self.uid) else { return };
        let Meanwhile { changes, recount, again } = hospital.meanwhile.take().unwrap_or_default();
        if recount {
            hospital.counted = None;
            self.drift.ask_for_a_recount(&self.uid, hospital);
        }
        if again {
            self.drift.ask_for_a_look(&self.uid, hospital);
        }
        if changes.into_iter().any(|at| !self.drift.own.is_own(&hospital.database, at)) {
            hospital.counted = None;
            self.drift.ask(&self.uid, hospital, Source::Stream);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> HospitalOrganization {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "chakravue.io/v1alpha1", "kind": "HospitalOrganization",
            "metadata": { "name": "a", "namespace": "n", "uid": "u" },
            "spec": { "displayName": "A", "contact": { "email": "a@b.example" }, "plan": "Starter" },
        }))
        .unwrap()
    }

    fn tenant() -> Tenant {
        Tenant::of(&object(), "cluster", "master").unwrap()
    }

    fn at(increment: u32) -> Timestamp {
        Timestamp { time: 1, increment }
    }

    fn drift() -> (Drift, OwnWrites, Triggers) {
        let own = OwnWrites::default();
        let turns = Turns::new(crate::turns::Limits { passes: 1, migrations: 1 }, Arc::default());
        let (drift, triggers) = Drift::new(own.clone(), Arc::default(), turns);
        (drift, own, triggers)
    }

    #[test]
    fn a_change_of_somebody_else_asks_once_until_the_next_look() {
        let (drift, _, mut triggers) = drift();
        drift.changed("a", at(1));
        assert!(triggers.one.try_recv().is_err(), "a database that nobody has looked at yet");
        drop(drift.look(&tenant()));
        drift.changed("b", at(2));
        assert!(triggers.one.try_recv().is_err(), "somebody else's database");
        drift.changed("a", at(3));
        drift.changed("a", at(4));
        assert_eq!(triggers.one.try_recv().unwrap(), ObjectRef::new("a").within("n"));
        assert!(triggers.one.try_recv().is_err());
        drop(drift.look(&tenant()));
        drift.changed("a", at(5));
        assert!(triggers.one.try_recv().is_ok());
    }

    #[test]
    fn own_changes_ask_for_nothing_whether_they_come_back_before_the_answer_or_after() {
        let (drift, own, mut triggers) = drift();
        let look = drift.look(&tenant());
        drift.changed("a", at(1));
        own.note("a", at(1));
        own.note("a", at(2));
        drop(look);
        drift.changed("a", at(2));
        assert!(triggers.one.try_recv().is_err());

        let look = drift.look(&tenant());
        drift.changed("a", at(3));
        drop(look);
        assert!(triggers.one.try_recv().is_ok(), "a change of somebody else during the pass");
    }

    #[test]
    fn a_pass_knows_whether_it_was_to_see_a_change() {
        let (drift, own, _triggers) = drift();
        let look = drift.look(&tenant());
        assert!(!look.is_announced());
        drift.changed("a", at(1));
        own.note("a", at(1));
        drop(look);
        assert!(!drift.look(&tenant()).is_announced(), "its own change");
        drift.changed("a", at(2));
        let look = drift.look(&tenant());
        assert!(look.is_announced());
        drift.changed("a", at(3));
        drop(look);
        assert!(drift.look(&tenant()).is_announced(), "a change during the pass");
        assert!(!drift.look(&tenant()).is_announced());
    }

    #[test]
    fn users_are_counted_anew_when_they_change_and_when_nobody_watched() {
        let (drift, _, mut triggers) = drift();
        let three = Counted { documents: 3, seats: 2 };
        drift.streams(true);
        let look = drift.look(&tenant());
        look.count(three);
        assert_eq!(look.counted(), Some(three));
        drift.users_changed("a");
        drop(look);
        assert!(triggers.later.try_recv().is_ok(), "it may have counted before the change");

        let look = drift.look(&tenant());
        assert_eq!(look.counted(), None);
        look.count(three);
        drop(look);
        drift.users_changed("b");
        assert!(triggers.one.try_recv().is_err() && triggers.later.try_recv().is_err(), "another hospital's users");
        assert_eq!(drift.look(&tenant()).counted(), Some(three));
        drift.streams(false);
        assert_eq!(drift.look(&tenant()).counted(), None, "changes are not shown at the moment");
        drift.streams(true);
        drift.users_changed("a");
        assert!(triggers.later.try_recv().is_ok());
        let look = drift.look(&tenant());
        assert!(!look.is_announced(), "nothing is to be mended");
        look.count(three);
        drop(look);
        drift.compare_all();
        assert_eq!(drift.look(&tenant()).counted(), None, "changes may have been missed");
    }

    #[test]
    fn who_comes_and_goes_all_the_time_is_counted_once_a_second_and_delays_nothing_else() {
        let (drift, _, mut triggers) = drift();
        drop(drift.look(&tenant()));
        drift.users_changed("a");
        assert!(triggers.one.try_recv().is_ok(), "for the first time at once");
        let look = drift.look(&tenant());
        look.count(Counted { documents: 1, seats: 1 });
        drop(look);
        let counted = Instant::now();
        drift.users_changed("a");
        drift.users_changed("a");
        assert!(triggers.one.try_recv().is_err());
        let Later { due, .. } = triggers.later.try_recv().unwrap();
        assert!(due <= counted + RECOUNT && triggers.later.try_recv().is_err());
        drift.changed("a", at(1));
        assert!(triggers.one.try_recv().is_ok(), "a change of the structure is looked at at once");
    }

    #[test]
    fn what_ended_beside_the_passes_is_looked_at_also_if_one_was_under_way() {
        let (drift, _, mut triggers) = drift();
        let look = drift.look(&tenant());
        drift.look_again("u");
        assert!(triggers.one.try_recv().is_err());
        drop(look);
        assert!(triggers.one.try_recv().is_ok());
        drop(drift.look(&tenant()));
        drift.look_again("u");
        assert!(triggers.one.try_recv().is_ok());
        drift.look_again("another");
        assert!(triggers.one.try_recv().is_err());
    }

    #[test]
    fn what_was_changed_while_nobody_led_has_its_first_look_before_the_others() {
        let (drift, _, mut triggers) = drift();
        drift.was_changed("a");
        drift.waits(&object());
        assert!(drift.is_asked("u") && triggers.one.try_recv().is_err(), "it waits already, and is let go first");
        drop(drift.look(&tenant()));
        drift.waits(&object());
        drift.was_changed("a");
        assert!(!drift.is_asked("u"), "the first look has seen it");

        let (drift, _, mut triggers) = self::drift();
        drift.waits(&object());
        assert!(!drift.is_asked("u"));
        drift.was_changed("a");
        drift.users_changed("a");
        assert!(drift.is_asked("u") && triggers.one.try_recv().is_err(), "it waited when that was told");
        assert!(!drift.look(&tenant()).is_announced());
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let (drift, _, mut triggers) = drift();
        let look = drift.look(&tenant());
        drift.forget("u");
        drop(look);
        drift.changed("a", at(1));
        assert!(triggers.one.try_recv().is_err());
    }
}
