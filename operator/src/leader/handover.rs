//! What a leader leaves to the next one: how far it has come in MongoDB's change stream. It stands in an annotation of the
//! Lease, which is renewed anyway, so a fleet at rest costs no write for it, and only who leads can have written it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::coordination::v1::Lease;
use mongodb::{
    bson::{self, Timestamp},
    change_stream::event::ResumeToken,
};

/// On the Lease. Written by the operator alone.
const ANNOTATION: &str = "chakravue.io/change-stream-place";

/// A place that is longer ago is no gain: the server would go through all that happened since then before it tells anything
/// of now, and every hospital is compared at a start anyway. In seconds, as all here.
const STALE: u32 = 60 * 60;

/// A place that is later than now, as after MongoDB was replaced by another, would be waited for in silence.
const LATER: u32 = 60;

/// The key of the changed document is a part of a place. One longer than this, in bytes of JSON, is left out: what stands on a
/// Lease is bounded, and the Lease must stay one that can be renewed.
const LONGEST: usize = 4096;

/// Clones share it.
#[derive(Clone, Default)]
pub struct Handover(Arc<Mutex<Option<ResumeToken>>>);

impl Handover {
    /// The stream has come to here.
    pub fn note(&self, token: ResumeToken) {
        if serde_json::to_string(&token).is_ok_and(|written| written.len() <= LONGEST) {
            *self.lock() = Some(token);
        }
    }

    /// Where the last leader was, if that is worth going on from by the server's own time.
    pub fn place(&self, now: Timestamp) -> Option<ResumeToken> {
        let token = self.lock().clone()?;
        let time = time_of(&token)?;
        let is_near = (now.time.saturating_sub(STALE)..=now.time.saturating_add(LATER)).contains(&time);
        if !is_near {
            tracing::info!("the last leader's place in the change stream is too far from now to go on from there");
        }
        is_near.then_some(token)
    }

    /// Whoever takes a lease goes on from what is written there.
    pub(super) fn read(&self, lease: &Lease) {
        let Some(written) = lease.metadata.annotations.as_ref().and_then(|all| all.get(ANNOTATION)) else { return };
        if let Some(token) = serde_json::from_str(written).ok().filter(|token| time_of(token).is_some()) {
            self.note(token);
        } else {
            tracing::warn!("the annotation {ANNOTATION} of the Lease says no place in a change stream");
        }
    }

    /// Whoever holds a lease writes there how far it is.
    pub(super) fn write(&self, lease: &mut Lease) {
        let token = self.lock().clone();
        if let Some(written) = token.and_then(|token| serde_json::to_string(&token).ok()) {
            lease.metadata.annotations.get_or_insert_default().insert(ANNOTATION.to_owned(), written);
        }
    }

    /// A lease without a place.
    pub(super) fn leave_out(lease: &mut Lease) {
        lease.metadata.annotations.get_or_insert_default().remove(ANNOTATION);
    }

    fn lock(&self) -> MutexGuard<'_, Option<ResumeToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server's time of a place, in seconds since 1970. A token is for the server alone to read, but for its beginning: the
/// type of a timestamp, and that timestamp, in hexadecimal digits, so that tokens sort as their times do.
fn time_of(token: &ResumeToken) -> Option<u32> {
    let token = bson::serialize_to_document(token).ok()?;
    u32::from_str_radix(token.get_str("_data").ok()?.strip_prefix("82")?.get(..8)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp { time: 0x6b09_551d, increment: 7 };

    fn lease(written: &str) -> Lease {
        let mut lease = Lease::default();
        lease.metadata.annotations.get_or_insert_default().insert(ANNOTATION.to_owned(), written.to_owned());
        lease
    }

    fn token(time: u32) -> String {
        format!(r#"{{"_data":"82{time:08x}0000000129296e04"}}"#)
    }

    fn handed_over(written: &str) -> Option<String> {
        let handover = Handover::default();
        handover.read(&lease(written));
        handover.place(NOW).map(|token| serde_json::to_string(&token).unwrap())
    }

    #[test]
    fn the_next_leader_goes_on_where_the_last_one_was() {
        let (last, next) = (Handover::default(), Handover::default());
        let mut lease = Lease::default();
        last.write(&mut lease);
        assert_eq!(lease, Lease::default(), "it has come nowhere yet");
        for time in [NOW.time - 1, NOW.time] {
            last.note(serde_json::from_str(&token(time)).unwrap());
        }
        last.write(&mut lease);
        next.read(&lease);
        assert_eq!(serde_json::to_string(&next.place(NOW).unwrap()).unwrap(), token(NOW.time));
    }

    #[test]
    fn a_place_that_is_too_long_to_be_written_is_not_gone_on_from() {
        let long = |time: u32, length: usize| format!(r#"{{"_data":"82{time:08x}{}"}}"#, "0".repeat(length));
        let handover = Handover::default();
        for (time, length) in [(NOW.time - 1, LONGEST - 22), (NOW.time, LONGEST)] {
            handover.note(serde_json::from_str(&long(time, length)).unwrap());
        }
        let mut lease = Lease::default();
        handover.write(&mut lease);
        let written = &lease.metadata.annotations.as_ref().unwrap()[ANNOTATION];
        assert_eq!((written.len(), written), (LONGEST, &long(NOW.time - 1, LONGEST - 22)));
        assert_eq!(handed_over(&long(NOW.time, 200_000)), None);
        Handover::leave_out(&mut lease);
        assert_eq!(lease.metadata.annotations, Some(std::collections::BTreeMap::new()));
    }

    #[test]
    fn what_is_no_place_or_far_from_now_is_none() {
        for near in [NOW.time - STALE, NOW.time + LATER].map(token) {
            assert_eq!(handed_over(&near), Some(near));
        }
        let far = [NOW.time - STALE - 1, NOW.time + LATER + 1, 1, u32::MAX].map(token);
        let nonsense =
            ["", "82", "{}", r#"{"_data":5}"#, r#"{"_data":"82"}"#, r#"{"_data":"82öö"}"#].map(str::to_owned);
        for none in far.into_iter().chain(nonsense) {
            assert_eq!(handed_over(&none), None, "{none}");
        }
    }
}
