//! Kubernetes Events on what changed. They are published beside the work, never in its way: an Event that cannot be
//! written is only logged.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio_util::task::TaskTracker;

/// Something that a pass did, or found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub reason: &'static str,
    pub note: String,
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

    pub fn changes(&self, object: Arc<ObjectReference>, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let recorder = self.recorder.clone();
        self.tasks.spawn(async move {
            for change in changes {
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
