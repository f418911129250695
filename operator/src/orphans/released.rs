//! Objects that went without their removal.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chakravue_crds::master::Owner;
use tokio::sync::Notify;

/// Says that an object went without its removal: what it left behind is to be written down as soon as MongoDB can be asked.
#[derive(Clone, Default)]
pub struct Released {
    wake: Arc<Notify>,
    /// Objects that nothing holds any more and that may still be there for a moment.
    leaving: Arc<Mutex<HashMap<String, Leave>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Leave {
    AfterItsRemoval,
    ByForce,
}

impl Released {
    pub fn by_force(&self, owner: &Owner) {
        tracing::warn!(namespace = owner.namespace, name = owner.name, "an object was let go by force");
        self.lock().insert(owner.uid.clone(), Leave::ByForce);
        self.wake();
    }

    /// What it stood for is dealt with; nobody need look when it goes.
    pub fn removed(&self, uid: &str) {
        self.lock().entry(uid.to_owned()).or_insert(Leave::AfterItsRemoval);
    }

    /// An object is there no more. Somebody may have taken its finalizer.
    pub fn gone(&self, uid: &str) {
        if self.lock().remove(uid) != Some(Leave::AfterItsRemoval) {
            self.wake();
        }
    }

    /// Until something is to be written down.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Something is still to be written down.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Leave>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
