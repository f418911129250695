//! When the operator first saw a declaration that no pass has carried out yet. A hospital that waited for its payment is not
//! late by that time: how long it took to get ready counts from here.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

#[derive(Default)]
pub struct Arrivals(Mutex<HashMap<String, Arrival>>);

struct Arrival {
    generation: Option<i64>,
    at: Instant,
}

impl Arrivals {
    /// Notes a declaration that is to be carried out, the first time.
    pub fn saw(&self, uid: &str, generation: Option<i64>) {
        let mut arrivals = self.lock();
        if arrivals.get(uid).is_none_or(|arrival| arrival.generation != generation) {
            arrivals.insert(uid.to_owned(), Arrival { generation, at: Instant::now() });
        }
    }

    /// How long ago that was.
    pub fn since(&self, uid: &str, generation: Option<i64>) -> Option<Duration> {
        self.lock().get(uid).filter(|arrival| arrival.generation == generation).map(|arrival| arrival.at.elapsed())
    }

    /// It is carried out, or gone.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arrival>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sight_of_a_declaration_counts_until_it_is_carried_out() {
        let arrivals = Arrivals::default();
        assert_eq!(arrivals.since("a", Some(1)), None);
        arrivals.saw("a", Some(1));
        std::thread::sleep(Duration::from_millis(10));
        arrivals.saw("a", Some(1));
        assert!(arrivals.since("a", Some(1)).unwrap() >= Duration::from_millis(10));
        arrivals.saw("a", Some(2));
        assert_eq!(arrivals.since("a", Some(1)), None);
        assert!(arrivals.since("a", Some(2)).is_some());
        arrivals.forget("a");
        assert_eq!(arrivals.since("a", Some(2)), None);
    }
}
