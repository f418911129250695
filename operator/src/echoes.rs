//! Which versions of objects the operator itself wrote last. The watch brings every write back; without this, each
//! pass would start another one that finds nothing to do.

use std::{
    collections::{HashMap, VecDeque},
    sync::Mutex,
};

use kube::{Resource, ResourceExt as _};

/// A pass writes an object at most a few times: finalizer, first status, last status.
const REMEMBERED: usize = 4;

#[derive(Default)]
pub struct Echoes(Mutex<HashMap<String, VecDeque<String>>>);

impl Echoes {
    /// Remembers what a write answered.
    pub fn wrote<K: Resource>(&self, object: &K) {
        let (Some(uid), Some(version)) = (object.uid(), object.resource_version()) else {
            return;
        };
        let mut map = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let versions = map.entry(uid).or_default();
        if versions.len() == REMEMBERED {
            versions.pop_front();
        }
        versions.push_back(version);
    }

    /// Whether an object is just as the operator left it.
    pub fn is_own<K: Resource>(&self, object: &K) -> bool {
        let (Some(uid), Some(version)) = (object.uid(), object.resource_version()) else {
            return false;
        };
        let map = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        map.get(&uid).is_some_and(|versions| versions.contains(&version))
    }

    pub fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(uid);
    }
}
