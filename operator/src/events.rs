//! Kubernetes Events on what changed. They are published beside the work, never in its way: an Event that cannot be
//! written is only logged.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio_util::task::TaskTracker;

use crate::{drift::Kind, metrics::Metrics};

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
    recorder: Recorder,
    tasks: TaskTracker,
}

impl Announcer {
    pub fn new(client: kube::Client, tasks: TaskTracker) -> Self {
        let reporter = Reporter {
            controller: "chakravue-operator".to_owned(),
            instance: std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty()),
        };
        Self { recorder: Recorder::new(client, reporter), tasks }
    }

    pub fn changes(&self, object: Arc<ObjectReference>, changes: Changes) {
        if changes.is_empty() {
            return;
        }
        let recorder = self.recorder.clone();
        self.tasks.spawn(async move {
            for change in changes.list {
                let type_ = if change.is_warning { EventType::Warning } else { EventType::Normal };
                publish(&recorder, &object, type_, change.reason, change.note, "Reconcile").await;
            }
        });
    }

    pub fn warning(&self, object: Arc<ObjectReference>, reason: &'static str, note: String) {
        let recorder = self.recorder.clone();
        self.tasks
            .spawn(async move { publish(&recorder, &object, EventType::Warning, reason, note, "Reconcile").await });
    }
}

async fn publish(
    recorder: &Recorder,
    object: &ObjectReference,
    type_: EventType,
    reason: &str,
    mut note: String,
    action: &str,
) {
    // The API server refuses notes over 1 kB.
    if note.len() > 1000 {
        note.truncate(note.floor_char_boundary(1000));
    }
    let event =
        Event { type_, reason: reason.to_owned(), note: Some(note), action: action.to_owned(), secondary: None };
    if let Err(error) = recorder.publish(&event, object).await {
        tracing::warn!(reason, %error, "an Event could not be published");
    }
}
