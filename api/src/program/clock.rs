//! The time as the service sees it: the system's, or in tests one that stands still until it is told to go on. Expiry,
//! lockout and revenue are decided by this clock alone.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<Mutex<Timestamp>>>);

impl Clock {
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that moves only by [`Clock::advance`].
    #[must_use]
    pub fn fixed(at: Timestamp) -> Self {
        Self(Some(Arc::new(Mutex::new(at))))
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            None => Timestamp::now(),
            Some(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// The present as MongoDB stores it, in whole milliseconds.
    #[must_use]
    pub fn now_bson(&self) -> bson::DateTime {
        to_bson(self.now())
    }

    /// Moves a fixed clock on; the system's clock cannot be moved.
    pub fn advance(&self, by: Duration) {
        if let Some(at) = &self.0 {
            let mut at = at.lock().unwrap_or_else(PoisonError::into_inner);
            *at = later(*at, by);
        }
    }
}

/// `by` after `at`, or the end of time.
#[must_use]
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[must_use]
pub fn to_bson(at: Timestamp) -> bson::DateTime {
    bson::DateTime::from_millis(at.as_millisecond())
}

/// A date of the database; one beyond what a calendar can say becomes the nearest that it can.
#[must_use]
pub fn from_bson(at: bson::DateTime) -> Timestamp {
    let millisecond = at.timestamp_millis();
    Timestamp::from_millisecond(millisecond).unwrap_or(if millisecond < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_moves_only_when_told() {
        let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), clock.now());
        clock.advance(Duration::from_secs(90));
        assert_eq!(clock.now().as_second(), 90);
        assert_eq!(from_bson(clock.now_bson()), clock.now());
    }
}
