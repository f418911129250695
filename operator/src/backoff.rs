//! How long an object waits after a failure: per object, doubling, with jitter, forgotten at the first success or when
//! the object changes. What passes by itself does not wait for as long as what was refused before.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use kube::runtime::watcher::DefaultBackoff;
use rand::RngExt as _;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_mins(2);
const LONGEST_WATCHING: Duration = Duration::from_secs(4);

#[derive(Default)]
pub struct Backoff(Mutex<HashMap<String, Failures>>);

struct Failures {
    generation: Option<i64>,
    refused: bool,
    count: u32,
}

impl Backoff {
    /// Notes a failure and answers how long to wait.
    pub fn failed(&self, uid: &str, generation: Option<i64>, refused: bool) -> Duration {
        let mut map = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let failures = map.entry(uid.to_owned()).or_insert(Failures { generation, refused, count: 0 });
        if failures.generation != generation || failures.refused != refused {
            *failures = Failures { generation, refused, count: 0 };
        }
        failures.count = failures.count.saturating_add(1);
        jittered(longest_wait(failures.count))
    }

    /// Whether the last pass over the object as it is now failed.
    pub fn is_failing(&self, uid: &str, generation: Option<i64>) -> bool {
        let map = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        map.get(uid).is_some_and(|failures| failures.generation == generation)
    }

    pub fn succeeded(&self, uid: &str) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(uid);
    }

    /// What kept everybody waiting is over: the next failure starts at the first step again.
    pub fn reset(&self) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    }

    pub fn waiting(&self) -> usize {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).len()
    }
}

/// How long a watch that broke off waits: as kube means it, but never for half a minute, for which nobody would hear of a
/// change after an API server was away.
#[derive(Default)]
pub struct Watching(DefaultBackoff);

impl Iterator for Watching {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next().map(|wait| wait.min(jittered(LONGEST_WATCHING)))
    }
}

impl kube::runtime::utils::Backoff for Watching {
    fn reset(&mut self) {
        self.0.reset();
    }
}

fn longest_wait(failures: u32) -> Duration {
    FIRST.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(LONGEST)
}

/// Between half of the duration and the whole: objects that failed together do not come back together.
pub fn jittered(duration: Duration) -> Duration {
    duration.mul_f64(rand::rng().random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        let waits: Vec<_> = (1..=4).map(longest_wait).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000].map(Duration::from_millis));
        assert_eq!(longest_wait(u32::MAX), LONGEST);
    }

    #[test]
    fn who_failed_together_does_not_come_back_together() {
        let whole = Duration::from_mins(10);
        let waits: Vec<_> = (0..100).map(|_| jittered(whole)).collect();
        assert!(waits.iter().all(|wait| (whole / 2..=whole).contains(wait)), "{waits:?}");
        let quarters: std::collections::HashSet<_> = waits.iter().map(|wait| wait.as_secs() / 75).collect();
        assert!(quarters.len() >= 4, "they are spread over the second half: {waits:?}");
    }

    #[test]
    fn a_watch_is_never_away_for_long_because_of_its_own_patience() {
        let waits: Vec<_> = Watching::default().take(20).collect();
        assert!(waits.len() == 20 && waits.iter().all(|wait| *wait <= LONGEST_WATCHING), "{waits:?}");
        assert!(waits[19] >= LONGEST_WATCHING / 2, "{waits:?}");
    }

    #[test]
    fn success_and_a_new_generation_start_over() {
        let backoff = Backoff::default();
        for _ in 0..10 {
            backoff.failed("a", Some(1), true);
        }
        assert!(backoff.failed("a", Some(1), true) >= LONGEST / 2);
        assert!(backoff.failed("a", Some(1), false) <= FIRST, "a server is away for a moment");
        assert!(
            backoff.is_failing("a", Some(1)) && !backoff.is_failing("a", Some(2)) && !backoff.is_failing("b", None)
        );
        assert!(backoff.failed("a", Some(2), false) <= FIRST);
        assert_eq!(backoff.waiting(), 1);
        backoff.succeeded("a");
        assert_eq!(backoff.waiting(), 0);
    }
}
