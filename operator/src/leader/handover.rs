//! What a leader leaves to the next one: how far it has come in MongoDB's change stream. It stands in an annotation of the
//! Lease, which is renewed anyway, so a fleet at rest costs no write for it, and only who leads can have written it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use k8s_openapi::{api::coordination::v1::Lease, jiff::Timestamp};
use mongodb::change_stream::event::ResumeToken;
use serde::{Deserialize, Serialize};

/// On the Lease. Written by the operator alone.
const ANNOTATION: &str = "chakravue.io/change-stream-place";

/// A place that was left longer ago is no gain: the server would go through all that happened since then before it tells
/// anything of now, and every hospital is compared at a start anyway.
const STALE: Duration = Duration::from_hours(1);

/// A place in the change stream, and when it was one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Place {
    at: Timestamp,
    token: ResumeToken,
}

/// Clones share it.
#[derive(Clone, Default)]
pub struct Handover(Arc<Mutex<Option<Place>>>);

impl Handover {
    /// The stream has come to here.
    pub fn note(&self, token: ResumeToken) {
        *self.lock() = Some(Place { at: Timestamp::now(), token });
    }

    /// Where the last leader was, if that is worth going on from.
    pub fn place(&self) -> Option<ResumeToken> {
        self.lock().clone().map(|place| place.token)
    }

    /// Whoever takes a lease goes on from what is written there.
    pub(super) fn read(&self, lease: &Lease) {
        let Some(written) = lease.metadata.annotations.as_ref().and_then(|all| all.get(ANNOTATION)) else { return };
        match serde_json::from_str::<Place>(written) {
            Ok(place) if Timestamp::now().duration_since(place.at).unsigned_abs() < STALE => *self.lock() = Some(place),
            Ok(_) => tracing::info!("the last leader's place in the change stream is too long ago to go on from there"),
            Err(_) => tracing::warn!("the annotation {ANNOTATION} of the Lease says no place in a change stream"),
        }
    }

    /// Whoever holds a lease writes there how far it is.
    pub(super) fn write(&self, lease: &mut Lease) {
        let place = self.lock().clone();
        if let Some(written) = place.and_then(|place| serde_json::to_string(&place).ok()) {
            lease.metadata.annotations.get_or_insert_default().insert(ANNOTATION.to_owned(), written);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Document, deserialize_from_document, doc};

    use super::*;

    fn token(data: &str) -> ResumeToken {
        #[derive(Deserialize)]
        struct Event {
            token: ResumeToken,
        }
        let event: Document = doc! { "token": { "_data": data } };
        deserialize_from_document::<Event>(event).unwrap().token
    }

    fn lease(written: &str) -> Lease {
        let mut lease = Lease::default();
        lease.metadata.annotations.get_or_insert_default().insert(ANNOTATION.to_owned(), written.to_owned());
        lease
    }

    #[test]
    fn the_next_leader_goes_on_where_the_last_one_was() {
        let (last, next) = (Handover::default(), Handover::default());
        let mut lease = Lease::default();
        last.write(&mut lease);
        assert_eq!(lease, Lease::default(), "it has come nowhere yet");
        last.note(token("8265"));
        last.note(token("8266"));
        last.write(&mut lease);
        next.read(&lease);
        assert_eq!(next.place(), Some(token("8266")));
    }

    #[test]
    fn what_is_no_place_or_long_ago_is_none() {
        let at = |ago: Duration| {
            let at = Timestamp::now() - ago;
            format!(r#"{{"at":"{at}","token":{{"_data":"82"}}}}"#)
        };
        let minute = Duration::from_mins(1);
        for nonsense in ["", "{}", "82", r#"{"token":{"_data":"82"}}"#, &at(STALE + minute)] {
            let handover = Handover::default();
            handover.read(&lease(nonsense));
            assert_eq!(handover.place(), None, "{nonsense}");
        }
        let handover = Handover::default();
        handover.read(&lease(&at(minute)));
        assert_eq!(handover.place(), Some(token("82")));
    }
}
