//! Kubernetes Events on what changed. They are published beside the work, never in its way: an Event that cannot be
//! written is only logged.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio_util::task::TaskTracker;

use crate::{drift::kind::Kind, metrics::Metrics};

/// Something that a pass did, or found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    reason: &'static str,
    note: String,
    is_warning: bool,
}

impl Change {
    pub fn new(reason: &'static str, note: String) -> Self {
        Self { reason, note, is_warning: false }
    }

    /// Something that somebody should look into.
    pub fn warning(reason: &'static str, note: String) -> Self {
        Self { reason, note, is_warning: true }
    }
}

/// What a pass did and found, in order.
#[derive(Debug, Default)]
pub struct Changes {
    list: Vec<Change>,
    found: Vec<Kind>,
    healed: Vec<Kind>,
}

impl Changes {
    pub fn push(&mut self, change: Change) {
        self.list.push(change);
    }

    /// Something that differs from what it should be and is about to be mended.
    pub fn found(&mut self, kind: Kind) {
        self.found.push(kind);
    }

    /// It is mended.
    pub fn healed(&mut self, kind: Kind) {
        self.healed.push(kind);
    }

    pub fn append(&mut self, mut other: Self) {
        self.list.append(&mut other.list);
        self.found.append(&mut other.found);
        self.healed.append(&mut other.healed);
    }

    /// What differed in these was asked for, or comes with a new catalogue: that is no drift.
    pub fn expected(&mut self, kinds: &[Kind]) {
        self.found.retain(|kind| !kinds.contains(kind));
        self.healed.retain(|kind| !kinds.contains(kind));
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn notes(&self) -> Vec<&str> {
        self.list.iter().map(|change| change.note.as_str()).collect()
    }

    /// Counts what differed from the declaration.
    pub fn count_found(&self, metrics: &Metrics) {
        self.found.iter().for_each(|kind| metrics.drift_found(*kind));
    }

    /// Counts what is as declared again.
    pub fn count_healed(&self, metrics: &Metrics) {
        self.healed.iter().for_each(|kind| metrics.drift_healed(*kind));
    }
}

#[derive(Clone)]
pub struct Announcer {
    client: kube::Client,
    reporter: Reporter,
    recorders: Arc<Mutex<HashMap<Said, Recorder>>>,
    tasks: TaskTracker,
}

/// What was said of which object: its UID, the reason, the note.
type Said = (String, &'static str, String);

/// How much of what was said is remembered, to count it instead of saying it again.
const REMEMBERED: usize = 256;

/// The API server refuses notes over 1 kB.
const LONGEST_NOTE: usize = 1000;

impl Announcer {
    pub fn new(client: kube::Client, tasks: TaskTracker) -> Self {
        let reporter = Reporter {
            controller: "chakravue-operator".to_owned(),
            instance: std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty()),
        };
        Self { client, reporter, recorders: Arc::default(), tasks }
    }

    pub fn changes(&self, object: Arc<ObjectReference>, changes: Changes) {
        if changes.is_empty() {
            return;
        }
        let announcer = self.clone();
        self.tasks.spawn(async move {
            for change in changes.list {
                let type_ = if change.is_warning { EventType::Warning } else { EventType::Normal };
                announcer.publish(&object, type_, change.reason, change.note).await;
            }
        });
    }

    pub fn warning(&self, object: Arc<ObjectReference>, reason: &'static str, note: String) {
        let announcer = self.clone();
        self.tasks.spawn(async move { announcer.publish(&object, EventType::Warning, reason, note).await });
    }

    async fn publish(&self, object: &ObjectReference, type_: EventType, reason: &'static str, mut note: String) {
        note.truncate(note.floor_char_boundary(LONGEST_NOTE));
        let said = (object.uid.clone().unwrap_or_default(), reason, note.clone());
        let (reason, action) = (reason.to_owned(), "Reconcile".to_owned());
        let event = Event { type_, reason, note: Some(note), action, secondary: None };
        let mut outcome = self.recorder(said.clone()).publish(&event, object).await;
        if let Err(kube::Error::Api(status)) = &outcome
            && status.is_not_found()
        {
            // The Event that it would be counted on was deleted. A namespace that goes takes none either way.
            self.lock().remove(&said);
            outcome = self.recorder(said).publish(&event, object).await;
        }
        if let Err(error) = outcome {
            tracing::warn!(reason = event.reason, %error, "an Event could not be published");
        }
    }

    /// One for each thing that is said: a recorder tells whatever has the same reason in the words of the first, and
    /// remembers without a bound.
    fn recorder(&self, said: Said) -> Recorder {
        let mut recorders = self.lock();
        if recorders.len() >= REMEMBERED
            && !recorders.contains_key(&said)
            && let Some(other) = recorders.keys().next().cloned()
        {
            recorders.remove(&other);
        }
        let made = || Recorder::new(self.client.clone(), self.reporter.clone());
        recorders.entry(said).or_insert_with(made).clone()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Said, Recorder>> {
        self.recorders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
