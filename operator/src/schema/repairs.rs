//! What may take long: an index over many documents, or the question which of them do not fit a validator. It goes on beside
//! the passes for as long as it takes. A pass waits for a moment, tells what is under way, and makes room; a suspension of the
//! same hospital and the work on all others come through meanwhile. The end has the hospital looked at again, and that pass
//! tells what came of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chakravue_crds::{conditions::Reason, naming::DatabaseName};
use futures::{
    FutureExt as _,
    future::{join_all, select_all},
};
use tokio::{
    sync::{Semaphore, watch},
    task::AbortHandle,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    change::{Violation, repair},
    compare::{Part, Step},
};
use crate::{
    drift::Drift,
    error::{Error, Result},
    mongo::{Mongo, PATIENT},
    turns::Migration,
};

/// For how long a pass waits for what it began: for nearly all of it that is enough.
const MOMENT: Duration = Duration::from_secs(2);

/// How many parts of one hospital are mended at a time: an index over existing documents is work for the server.
const AT_A_TIME: usize = 2;

/// Clones share the work.
#[derive(Clone)]
pub struct Repairs {
    mongo: Mongo,
    drift: Arc<Drift>,
    /// As many as there are connections, so that none waits for one after it was decided to send a command.
    places: Arc<Semaphore>,
    hospitals: Arc<Mutex<HashMap<String, Hospital>>>,
}

#[derive(Default)]
struct Hospital {
    work: HashMap<Part, Work>,
    /// Work that was told to end and has a command under way.
    ending: Vec<Work>,
    /// When it was begun the last time, and what came of it, where the part is still not as it should be.
    before: HashMap<Part, (Instant, Result<Violation>)>,
    /// The leave to migrate, until a pass could tell that the work has ended.
    migration: Option<Migration>,
}

struct Work {
    began: Instant,
    end: End,
    /// No pass waits for it any more: its end is to be told.
    left: bool,
    /// Cancelled when it is to end; it begins no further write then.
    closed: CancellationToken,
    task: AbortHandle,
}

/// When it ended, and what came of it.
type End = watch::Receiver<Ended>;
type Ended = Option<(Instant, Result<Violation>)>;

/// What a pass may tell.
#[derive(Debug, Default)]
pub struct Carried {
    /// What was begun, and was never tried before.
    pub found: Vec<Part>,
    pub ended: Vec<(Part, Result<Violation>)>,
    pub under_way: Vec<Part>,
}

impl Repairs {
    pub fn new(mongo: Mongo, drift: Arc<Drift>) -> Self {
        let places = Arc::new(Semaphore::new(PATIENT.try_into().unwrap_or(usize::MAX)));
        Self { mongo, drift, places, hospitals: Arc::default() }
    }

    /// Whether there is nothing to tell of this hospital.
    pub fn none(&self, uid: &str) -> bool {
        !self.lock().contains_key(uid)
    }

    /// How many parts of databases are being mended.
    pub fn under_way(&self) -> usize {
        self.lock().values().map(Hospital::running).sum()
    }

    /// The leave with which work goes on that was begun in a migration.
    pub fn migration(&self, uid: &str) -> Option<Migration> {
        self.lock().get(uid)?.migration.clone()
    }

    /// Begins what is not under way yet, waits for a moment, and answers what has ended and what goes on. The steps come from
    /// a look at the database that was `seen` to begin then.
    pub async fn carry_out(
        &self,
        uid: &str,
        database: &DatabaseName,
        seen: Instant,
        mut steps: Vec<Step>,
        migration: Option<Migration>,
    ) -> Carried {
        let mut carried = Carried::default();
        self.take_ended_before(uid, seen, &mut steps, &mut carried);
        let start = Instant::now();
        loop {
            let running = self.begin(uid, database, &steps, migration.as_ref(), &mut carried.found);
            let waited_for = running.into_iter().map(|(began, end)| (began.min(start) + MOMENT, end));
            let waited_for: Vec<_> = waited_for
                .filter(|(until, _)| *until > Instant::now())
                .map(|(until, mut end)| {
                    timeout_at(until, async move { end.wait_for(Option::is_some).await.is_ok() }).boxed()
                })
                .collect();
            if waited_for.is_empty() {
                break;
            }
            // Whether it has ended or waited for long enough is seen by who looks.
            let _ = select_all(waited_for).await;
            if let Some(hospital) = self.lock().get_mut(uid) {
                hospital.take_ended_of(&mut steps, &mut carried);
            }
        }
        self.leave(uid, steps, &mut carried);
        carried
    }

    /// Takes what has ended since the last pass.
    fn take_ended_before(&self, uid: &str, seen: Instant, steps: &mut Vec<Step>, carried: &mut Carried) {
        let mut hospitals = self.lock();
        let Some(hospital) = hospitals.get_mut(uid) else { return };
        for (part, at, result) in hospital.take_ended() {
            let is_planned = steps.iter().any(|step| step.part() == part);
            let is_told = match result {
                // Undone since then, unless the look was older than the end: it is mended anew.
                Ok(None) => !is_planned || at > seen,
                // With nothing to mend, somebody else has done it.
                Ok(Some(_)) | Err(_) => is_planned,
            };
            if is_told {
                steps.retain(|step| step.part() != part);
                carried.ended.push((part, result));
            }
        }
        hospital.before.retain(|part, _| {
            steps.iter().any(|step| step.part() == *part) || carried.ended.iter().any(|(ended, _)| ended == part)
        });
    }

    /// Begins as much as there is room for; the rest of the steps comes when that has ended. Answers what is under way.
    fn begin(
        &self,
        uid: &str,
        database: &DatabaseName,
        steps: &[Step],
        migration: Option<&Migration>,
        found: &mut Vec<Part>,
    ) -> Vec<(Instant, End)> {
        if steps.is_empty() {
            return Vec::new();
        }
        let mut hospitals = self.lock();
        let hospital = hospitals.entry(uid.to_owned()).or_default();
        // What was not tried yet, then what was tried longest ago: what fails again and again keeps nothing else waiting.
        let mut steps: Vec<&Step> = steps.iter().collect();
        steps.sort_by_key(|step| hospital.before.get(&step.part()).map(|(began, _)| *began));
        for step in &steps {
            if hospital.work.contains_key(&step.part()) || hospital.running() >= AT_A_TIME {
                continue;
            }
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { break };
            let (tell, end) = watch::channel(None);
            let closed = CancellationToken::new();
            let mongo = self.mongo.patient(closed.clone());
            let (repairs, uid, database) = (self.clone(), uid.to_owned(), database.clone());
            let step = (*step).clone();
            let part = step.part();
            let task = tokio::spawn(async move {
                let result = repair(&mongo, database.as_str(), step).boxed().await;
                drop(place);
                repairs.end(&uid, part, &tell, result);
            });
            let work = Work { began: Instant::now(), end, left: false, closed, task: task.abort_handle() };
            hospital.work.insert(part, work);
            if !hospital.before.contains_key(&part) {
                found.push(part);
            }
            if let Some(migration) = migration {
                hospital.migration = Some(migration.clone());
            }
        }
        let running = hospital.work.iter_mut().filter(|(part, _)| steps.iter().any(|step| step.part() == **part));
        running
            .map(|(_, work)| {
                work.left = false;
                (work.began, work.end.clone())
            })
            .collect()
    }

    /// A pass waits no longer. What is left of its steps goes on, or comes when there is room.
    fn leave(&self, uid: &str, mut steps: Vec<Step>, carried: &mut Carried) {
        let mut hospitals = self.lock();
        let Some(hospital) = hospitals.get_mut(uid) else {
            carried.under_way.extend(steps.iter().map(Step::part));
            return;
        };
        hospital.take_ended_of(&mut steps, carried);
        for part in steps.iter().map(Step::part) {
            match hospital.before.get(&part) {
                // Most likely it is so still. If not, the end tells.
                Some((_, before)) => carried.ended.push((part, before.clone())),
                None => carried.under_way.push(part),
            }
        }
        hospital.work.values_mut().for_each(|work| work.left = true);
        if hospital.is_idle() {
            hospitals.remove(uid);
        }
    }

    /// A pass has told all that there is to tell: with no more work under way, others may be migrated.
    pub fn give_back(&self, uid: &str) {
        let mut hospitals = self.lock();
        let Some(hospital) = hospitals.get_mut(uid).filter(|hospital| hospital.running() == 0) else { return };
        let migration = hospital.migration.take();
        if hospital.is_idle() {
            hospitals.remove(uid);
        }
        drop(hospitals);
        drop(migration);
    }

    fn end(&self, uid: &str, part: Part, tell: &watch::Sender<Ended>, result: Result<Violation>) {
        let mut hospitals = self.lock();
        tell.send_replace(Some((Instant::now(), result.clone())));
        let Some(hospital) = hospitals.get_mut(uid) else { return };
        hospital.ending.retain(|work| !work.has_ended());
        // One that was told to end is in its place no more.
        let work = hospital.work.get(&part).filter(|work| work.has_ended());
        if let Some((began, left)) = work.map(|work| (work.began, work.left)) {
            let before = match &result {
                Ok(None) => hospital.before.remove(&part),
                Err(error) if passes_by(error) => None,
                trouble => hospital.before.insert(part, (began, trouble.clone())),
            };
            if !left {
                return;
            }
            if before.is_some_and(|(_, before)| is_same(&before, &result)) {
                // Told already, and looked at again in its time.
                hospital.work.remove(&part);
                let migration = if hospital.work.is_empty() { hospital.migration.take() } else { None };
                drop(hospitals);
                drop(migration);
                return;
            }
        }
        self.drift.look_again(uid);
        if hospital.is_idle() {
            hospitals.remove(uid);
        }
    }

    /// A hospital is to be left alone: what is under way begins no further write, and nothing of it will be told.
    pub fn close(&self, uid: &str) {
        let mut hospitals = self.lock();
        let Some(hospital) = hospitals.get_mut(uid) else { return };
        hospital.stop(|_| true);
        hospital.before.clear();
        hospital.migration = None;
        if hospital.is_idle() {
            hospitals.remove(uid);
        }
    }

    /// Waits until nothing is under way in a hospital that was closed.
    pub async fn ended(&self, uid: &str) -> Result<()> {
        let under_way: Vec<_> = match self.lock().get(uid) {
            Some(hospital) => hospital.ending.iter().map(|work| work.end.clone()).collect(),
            None => return Ok(()),
        };
        let ends = under_way.into_iter().map(|mut end| async move { drop(end.wait_for(Option::is_some).await) });
        timeout(MOMENT, join_all(ends)).await.map(drop).map_err(|_| lost())
    }

    /// MongoDB was in trouble at this time: answers to what was sent before may never come. A server goes on with what it has
    /// begun, and who asks for the same again joins it.
    pub fn restart(&self, trouble: Instant) {
        let mut hospitals = self.lock();
        for (uid, hospital) in hospitals.iter_mut() {
            let stopped = hospital.stop(|work| work.began <= trouble);
            hospital.ending.iter().filter(|work| work.began <= trouble).for_each(|work| work.task.abort());
            if stopped {
                self.drift.look_again(uid);
            }
        }
        hospitals.retain(|_, hospital| !hospital.is_idle() || hospital.migration.is_some());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Hospital>> {
        self.hospitals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hospital {
    fn running(&self) -> usize {
        self.work.values().filter(|work| !work.has_ended()).count()
    }

    /// Whether nothing is to be kept of it.
    fn is_idle(&self) -> bool {
        self.work.is_empty() && self.before.is_empty() && self.ending.iter().all(Work::has_ended)
    }

    fn take_ended(&mut self) -> Vec<(Part, Instant, Result<Violation>)> {
        let ended = self.work.extract_if(|_, work| work.has_ended());
        ended.filter_map(|(part, work)| work.result().map(|(at, result)| (part, at, result))).collect()
    }

    /// Takes what has ended since a pass began to wait: of its steps, that much is done.
    fn take_ended_of(&mut self, steps: &mut Vec<Step>, carried: &mut Carried) {
        for (part, _, result) in self.take_ended() {
            steps.retain(|step| step.part() != part);
            carried.ended.push((part, result));
        }
    }

    /// Has such work end; answers whether some of it was running.
    fn stop(&mut self, which: impl Fn(&Work) -> bool) -> bool {
        self.ending.retain(|work| !work.has_ended());
        let kept = self.ending.len();
        for (_, work) in self.work.extract_if(|_, work| which(work)) {
            work.closed.cancel();
            if !work.has_ended() {
                self.ending.push(work);
            }
        }
        self.ending.len() > kept
    }
}

impl Work {
    fn has_ended(&self) -> bool {
        self.result().is_some()
    }

    /// One whose task was lost has failed.
    fn result(&self) -> Ended {
        let told = self.end.borrow().clone();
        told.or_else(|| self.end.has_changed().is_err().then(|| (Instant::now(), Err(lost()))))
    }
}

fn lost() -> Error {
    Error::Conflict { what: "the indexes or validators".to_owned() }
}

/// Whether it says nothing of the part: another attempt may well succeed.
fn passes_by(error: &Error) -> bool {
    matches!(error, Error::Conflict { .. })
        || matches!(error.reason(), Reason::MongoDbUnavailable | Reason::MongoDbNotWritable)
}

fn is_same(one: &Result<Violation>, other: &Result<Violation>) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => one == other,
        (Err(one), Err(other)) => one.to_string() == other.to_string(),
        _ => false,
    }
}
