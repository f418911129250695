//! When the operator itself changed a database. The change stream brings every change back with the very time that the
//! server gave in its answer, and no two changes have the same.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mongodb::bson::Timestamp;

/// A pass makes few changes, of which each comes back within moments.
const REMEMBERED: usize = 32;

#[derive(Clone, Default)]
pub struct OwnWrites(Arc<Mutex<HashMap<String, VecDeque<Timestamp>>>>);

impl OwnWrites {
    pub fn note(&self, database: &str, at: Timestamp) {
        let mut databases = self.lock();
        let times = match databases.get_mut(database) {
            Some(times) => times,
            None => databases.entry(database.to_owned()).or_default(),
        };
        if times.len() == REMEMBERED {
            times.pop_front();
        }
        times.push_back(at);
    }

    pub fn is_own(&self, database: &str, at: Timestamp) -> bool {
        self.lock().get(database).is_some_and(|times| times.contains(&at))
    }

    pub fn forget(&self, database: &str) {
        self.lock().remove(database);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, VecDeque<Timestamp>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
