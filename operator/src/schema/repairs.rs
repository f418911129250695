//! What may take long: an index over many documents, or the question which of them do not fit a validator. It goes on beside
//! the passes for as long as it takes. A pass waits for a moment, tells what is under way, and makes room; a suspension of the
//! same hospital and the work on all others come through meanwhile. The end has the hospital looked at again, and that pass
//! tells what came of it.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chakravue_crds::naming::DatabaseName;
use futures::{FutureExt as _, future::join_all};
use tokio::{
    sync::{Semaphore, watch},
    task::AbortHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    change::{Violation, repair},
    compare::{Part, Step},
};
use crate::{
    drift::Drift,
    error::{Error, Result},
    mongo::Mongo,
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
    hospitals: Arc<Mutex<HashMap<String, Hospital>>>,
}

struct Hospital {
    work: HashMap<Part, Work>,
    places: Arc<Semaphore>,
    /// Cancelled when the hospital goes: nothing further is written then.
    closed: CancellationToken,
    /// What documents were found to violate the last time.
    violations: HashMap<Part, String>,
}

type End = watch::Receiver<Option<Result<Violation>>>;

struct Work {
    began: Instant,
    /// What came of it.
    ended: End,
    /// No pass waits for it any more: its end is to be told.
    left: bool,
    task: AbortHandle,
}

/// What a pass may tell.
#[derive(Debug, Default)]
pub struct Carried {
    pub ended: Vec<(Part, Result<Violation>)>,
    pub under_way: Vec<Part>,
}

impl Repairs {
    pub fn new(mongo: Mongo, drift: Arc<Drift>) -> Self {
        Self { mongo, drift, hospitals: Arc::default() }
    }

    /// Whether there is nothing to tell of this hospital.
    pub fn none(&self, uid: &str) -> bool {
        self.lock().get(uid).is_none_or(|hospital| hospital.work.is_empty())
    }

    /// How many parts of databases are being mended, those included that wait for their place.
    pub fn under_way(&self) -> usize {
        self.lock().values().flat_map(|hospital| hospital.work.values()).filter(|work| !work.has_ended()).count()
    }

    /// Begins what is not under way yet, waits for a moment, and answers what has ended and what goes on.
    pub async fn carry_out(
        &self,
        uid: &str,
        database: &DatabaseName,
        steps: Vec<Step>,
        migration: Option<Migration>,
    ) -> Carried {
        let mut carried = Carried::default();
        let waited_for = self.begin(uid, database, steps, migration, &mut carried);
        let waits = waited_for.iter().map(|(_, began, ended)| {
            let mut ended = ended.clone();
            tokio::time::timeout_at(*began + MOMENT, async move { ended.wait_for(Option::is_some).await.is_ok() })
        });
        join_all(waits).await;

        let mut hospitals = self.lock();
        let Some(hospital) = hospitals.get_mut(uid) else { return carried };
        for (part, ..) in waited_for {
            let Some(work) = hospital.work.get_mut(&part) else { continue };
            if let Some(result) = work.result() {
                hospital.work.remove(&part);
                carried.ended.push((part, result));
                continue;
            }
            work.left = true;
            match hospital.violations.get(&part) {
                // Most likely they are there still. If not, the end tells.
                Some(violation) => carried.ended.push((part, Ok(Some(violation.clone())))),
                None => carried.under_way.push(part),
            }
        }
        if hospital.is_idle() {
            hospitals.remove(uid);
        }
        carried
    }

    /// Takes what has ended since the last pass, and begins what is to be done; answers what is worth waiting for.
    fn begin(
        &self,
        uid: &str,
        database: &DatabaseName,
        mut steps: Vec<Step>,
        migration: Option<Migration>,
        carried: &mut Carried,
    ) -> Vec<(Part, Instant, End)> {
        let mut hospitals = self.lock();
        let hospital = hospitals.entry(uid.to_owned()).or_default();
        for (part, result) in hospital.take_ended() {
            let is_planned = steps.iter().any(|step| step.part() == part);
            // Mended, and undone since: it is mended anew. Not mended, and nothing to mend: somebody else has done it.
            if matches!(result, Ok(None)) != is_planned {
                steps.retain(|step| step.part() != part);
                carried.ended.push((part, result));
            }
        }
        let mut waited_for = Vec::new();
        for step in steps {
            let part = step.part();
            let work = hospital.work.remove(&part).unwrap_or_else(|| {
                let (tell, ended) = watch::channel(None);
                let (places, closed) = (Arc::clone(&hospital.places), hospital.closed.clone());
                let mongo = self.mongo.patient(closed);
                let (repairs, uid, database) = (self.clone(), uid.to_owned(), database.clone());
                let migration = migration.clone();
                let task = tokio::spawn(async move {
                    let _place = places.acquire().await;
                    let result = repair(&mongo, database.as_str(), step).boxed().await;
                    repairs.end(&uid, part, &tell, result);
                    drop(migration);
                });
                Work { began: Instant::now(), ended, left: false, task: task.abort_handle() }
            });
            waited_for.push((part, work.began, work.ended.clone()));
            hospital.work.insert(part, Work { left: false, ..work });
        }
        waited_for
    }

    fn end(&self, uid: &str, part: Part, tell: &watch::Sender<Option<Result<Violation>>>, result: Result<Violation>) {
        let mut hospitals = self.lock();
        let Some(hospital) = hospitals.get_mut(uid) else { return };
        let violation = result.as_ref().ok().and_then(Clone::clone);
        let before = match violation.clone() {
            Some(violation) => hospital.violations.insert(part, violation),
            None => hospital.violations.remove(&part),
        };
        tell.send_replace(Some(result));
        if hospital.closed.is_cancelled() {
            hospital.work.remove(&part);
            if hospital.work.is_empty() {
                hospitals.remove(uid);
            }
        } else if hospital.work.get(&part).is_some_and(|work| work.left) {
            if violation.is_some() && violation == before {
                // Told already, and looked at again with the next resync.
                hospital.work.remove(&part);
            } else {
                self.drift.look_again(uid);
            }
        }
    }

    /// A hospital is to go: of what is under way, no further write is begun.
    pub fn close(&self, uid: &str) {
        let mut hospitals = self.lock();
        let Some(hospital) = hospitals.get_mut(uid) else { return };
        hospital.closed.cancel();
        hospital.work.retain(|_, work| !work.has_ended());
        if hospital.work.is_empty() {
            hospitals.remove(uid);
        }
    }

    /// Waits until nothing is under way in a hospital that was closed.
    pub async fn ended(&self, uid: &str) -> Result<()> {
        let under_way: Vec<_> = match self.lock().get(uid) {
            Some(hospital) => hospital.work.values().map(|work| work.ended.clone()).collect(),
            None => return Ok(()),
        };
        let all =
            join_all(under_way.into_iter().map(|mut ended| async move { drop(ended.wait_for(Option::is_some).await) }));
        tokio::time::timeout(MOMENT, all)
            .await
            .map(drop)
            .map_err(|_| Error::Conflict { what: "the indexes or validators".to_owned() })
    }

    /// MongoDB was away: answers that are waited for may never come. A server goes on with what it has begun, and who asks
    /// for the same again joins it.
    pub fn restart(&self) {
        let mut hospitals = self.lock();
        for (uid, hospital) in hospitals.iter_mut() {
            let running: Vec<Part> =
                hospital.work.iter().filter(|(_, work)| !work.has_ended()).map(|(part, _)| *part).collect();
            for part in &running {
                if let Some(work) = hospital.work.remove(part) {
                    work.task.abort();
                }
            }
            if !running.is_empty() {
                self.drift.look_again(uid);
            }
        }
        hospitals.retain(|_, hospital| !hospital.is_idle());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Hospital>> {
        self.hospitals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Hospital {
    fn default() -> Self {
        Self {
            work: HashMap::new(),
            places: Arc::new(Semaphore::new(AT_A_TIME)),
            closed: CancellationToken::new(),
            violations: HashMap::new(),
        }
    }
}

impl Hospital {
    /// Whether nothing is to be kept of it.
    fn is_idle(&self) -> bool {
        self.work.is_empty() && self.violations.is_empty()
    }

    fn take_ended(&mut self) -> Vec<(Part, Result<Violation>)> {
        let (ended, running) = mem::take(&mut self.work).into_iter().partition(|(_, work)| work.has_ended());
        self.work = running;
        let ended: HashMap<Part, Work> = ended;
        ended.into_iter().filter_map(|(part, work)| Some((part, work.result()?))).collect()
    }
}

impl Work {
    fn has_ended(&self) -> bool {
        self.result().is_some()
    }

    /// One whose task was lost has failed.
    fn result(&self) -> Option<Result<Violation>> {
        let told = self.ended.borrow().clone();
        let lost = || Error::Conflict { what: "the indexes or validators".to_owned() };
        told.or_else(|| self.ended.has_changed().is_err().then(|| Err(lost())))
    }
}
