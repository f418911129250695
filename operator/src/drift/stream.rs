//! Collections and indexes, and that somebody came or went in `users`: a change stream over all databases by which only the
//! place of a change leaves the server, never a document. MongoDB allows such a stream only together with `find` on everything, which the operator's own login
//! must not have; so it has a login of its own, one connection, and can be left out.
//!
//! A stream that breaks goes on where it was, and the next leader's where the last one's was ([`Handover`]): what was changed
//! while nobody led is looked at before everything else that a start has to look at. Where the server has forgotten that
//! place, all hospitals are compared.

use std::{sync::Arc, time::Duration};

use chakravue_crds::{conditions::Reason, tenant_schema::USERS};
use mongodb::{
    Client,
    bson::{Document, Timestamp, doc},
    change_stream::{ChangeStream, event::ResumeToken},
    options::{ClientOptions, ReadConcern, ReadPreference},
};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::Drift;
use crate::{
    error::{Code, Error},
    leader::handover::Handover,
    mongo::{Health, Mongo},
    privileges,
};

/// Everything that changes collections and indexes.
const STRUCTURE: [&str; 8] =
    ["create", "createIndexes", "drop", "dropDatabase", "dropIndexes", "modify", "rename", "shardCollection"];

/// How long the server waits for a change before it answers that there is none; the place in the stream moves on then.
const WAIT: Duration = Duration::from_secs(2);
/// How often a stream that cannot be opened is tried again.
const RETRY: Duration = Duration::from_secs(1);
const SERVER_SELECTION: Duration = Duration::from_secs(5);

/// The second login, which can watch.
pub struct Watcher(ClientOptions);

impl Watcher {
    /// Reads the URI. No connection is made yet.
    pub async fn new(uri: &str) -> mongodb::error::Result<Self> {
        let mut options = ClientOptions::parse(uri).await?;
        options.app_name = Some("chakravue-operator-watch".to_owned());
        options.server_selection_timeout.get_or_insert(SERVER_SELECTION);
        options.connect_timeout.get_or_insert(SERVER_SELECTION);
        options.read_concern = Some(ReadConcern::majority());
        // A secondary may not have what a pass or the stream has shown already.
        options.selection_criteria = Some(ReadPreference::Primary.into());
        // The stream itself, and its end when it is being replaced.
        options.max_pool_size = Some(1);
        Ok(Self(options))
    }

    /// A client for one stream: a connection whose user was dropped is not logged in again by making the user anew.
    fn client(&self) -> mongodb::error::Result<Client> {
        Client::with_options(self.0.clone())
    }

    /// A client for what only this login may count.
    pub fn counter(&self, connections: u32) -> mongodb::error::Result<Client> {
        let mut options = self.0.clone();
        options.max_pool_size = Some(connections);
        Client::with_options(options)
    }
}

/// One change, as much of it as leaves the server.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    operation_type: String,
    ns: Option<Namespace>,
    /// Where a renamed collection went: maybe into another database.
    to: Option<Namespace>,
    cluster_time: Timestamp,
}

#[derive(Debug, Deserialize)]
struct Namespace {
    db: String,
}

/// Where the stream is to go on.
enum Place {
    /// From this time on: no pass has looked at anything before it.
    Time(Timestamp),
    /// Where the last leader was.
    HandedOver(ResumeToken),
    After(ResumeToken),
    /// The place is lost.
    Now,
}

/// To whom the stream is told.
struct Listener<'a> {
    mongo: &'a Mongo,
    drift: &'a Drift,
    handover: &'a Handover,
    /// No pass has looked at anything before it.
    begin: Option<Timestamp>,
}

impl Listener<'_> {
    fn hear(&self, event: Event) {
        tracing::debug!(what = event.operation_type, database = event.ns.as_ref().map(|ns| &ns.db), "changed");
        let is_structure = STRUCTURE.contains(&event.operation_type.as_str());
        let is_early = self.begin.is_some_and(|begin| event.cluster_time <= begin);
        for Namespace { db } in [event.ns, event.to].into_iter().flatten() {
            if is_structure && db == self.mongo.master_database() {
                self.mongo.master_changed();
            }
            match (is_structure, is_early) {
                (true, false) => self.drift.changed(&db, event.cluster_time),
                (true, true) => self.drift.was_changed(&db),
                (false, false) => self.drift.users_changed(&db),
                // The first look counts them.
                (false, true) => {}
            }
        }
    }
}

/// Watches until the process stops.
pub async fn watch(
    watcher: Option<Watcher>,
    mongo: Mongo,
    drift: Arc<Drift>,
    handover: Handover,
    stop: CancellationToken,
) {
    let watching = async {
        let Some(watcher) = watcher else {
            tracing::warn!(
                "no MongoDB login that can watch: changes of collections and indexes are found by the resync alone; \
                 see `chakravue-operator mongodb-role --watch`"
            );
            return std::future::pending().await;
        };
        let begin = first_look(&mongo).await;
        let handed_over = begin.and_then(|begin| handover.place(begin));
        let place = match handed_over {
            Some(token) => {
                tracing::info!("the change stream goes on where the last leader's was");
                Place::HandedOver(token)
            }
            None => beginning(begin),
        };
        follow(&watcher, place, &Listener { mongo: &mongo, drift: &drift, handover: &handover, begin }).await;
    };
    tokio::select! {
        () = watching => {}
        () = stop.cancelled() => {}
    }
}

/// Waits until MongoDB can be used and is one that has change streams; answers a time before which no pass looked.
async fn first_look(mongo: &Mongo) -> Option<Timestamp> {
    let mut health = mongo.health();
    let mut said = false;
    loop {
        let abilities = match &*health.borrow_and_update() {
            Health::Usable(abilities) => Some(*abilities),
            Health::Unknown | Health::Unusable(_) => None,
        };
        match abilities {
            Some(abilities) if abilities.change_streams => return abilities.operation_time,
            Some(_) if !said => {
                said = true;
                tracing::warn!(
                    "MongoDB is a standalone server, which has no change streams: changes of collections and indexes are \
                     found by the resync alone"
                );
            }
            _ => {}
        }
        if health.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

fn beginning(begin: Option<Timestamp>) -> Place {
    begin.map_or(Place::Now, Place::Time)
}

/// Opens the stream again and again, each time where it was.
async fn follow(watcher: &Watcher, mut place: Place, listener: &Listener<'_>) {
    let mut said = None;
    loop {
        let trouble = match open(watcher, &place).await {
            Ok(stream) => {
                tracing::info!("watching MongoDB for changes of collections and indexes");
                said = None;
                listener.drift.streams(true);
                if matches!(place, Place::Now) {
                    tracing::warn!("the place in the change stream was lost: every hospital is compared");
                    listener.drift.compare_all();
                }
                let trouble = read(stream, &mut place, listener).await;
                listener.drift.streams(false);
                trouble
            }
            Err(trouble) => Some(trouble),
        };
        if is_lost(trouble.as_ref()) {
            match place {
                Place::Now => {}
                Place::HandedOver(_) => {
                    // No more than that: every hospital waits for its first look.
                    tracing::warn!("the last leader's place in the change stream is lost: nobody is looked at first");
                    place = beginning(listener.begin);
                    continue;
                }
                Place::Time(_) | Place::After(_) => {
                    place = Place::Now;
                    continue;
                }
            }
        }
        let error = told(trouble.as_ref());
        if said.as_ref() != Some(&error) {
            tracing::warn!("the change stream is down, the resync goes on alone: {error}");
            said = Some(error);
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn open(watcher: &Watcher, place: &Place) -> mongodb::error::Result<ChangeStream<Event>> {
    let client = watcher.client()?;
    let watch = client.watch().pipeline(announced()).show_expanded_events(true).max_await_time(WAIT);
    let watch = match place {
        Place::Time(time) => watch.start_at_operation_time(*time),
        Place::After(token) | Place::HandedOver(token) => watch.resume_after(token.clone()),
        Place::Now => watch,
    };
    Ok(watch.await?.with_type())
}

/// What of all that happens leaves the server.
fn announced() -> [Document; 2] {
    let seats = doc! { "$or": [
        { "operationType": { "$in": ["insert", "delete", "replace"] } },
        { "operationType": "update", "updateDescription.updatedFields.status": { "$exists": true } },
    ] };
    [
        doc! { "$match": { "$or": [
            { "operationType": { "$in": STRUCTURE.as_slice() } },
            { "$and": [{ "ns.coll": USERS }, seats] },
        ] } },
        doc! { "$project": { "operationType": 1, "ns": 1, "to": 1, "clusterTime": 1 } },
    ]
}

/// Passes every change on, until the stream breaks.
async fn read(
    mut stream: ChangeStream<Event>,
    place: &mut Place,
    listener: &Listener<'_>,
) -> Option<mongodb::error::Error> {
    while stream.is_alive() {
        match stream.next_if_any().await {
            Ok(Some(event)) => listener.hear(event),
            Ok(None) => {}
            Err(error) => return Some(error),
        }
        // Moves on without changes too: a quiet place would be forgotten by the server in time.
        if let Some(token) = stream.resume_token() {
            listener.handover.note(token.clone());
            *place = Place::After(token);
        }
    }
    // Without an error the server has ended it for good.
    None
}

/// Whether the server cannot go on from where the stream was: anything that it says, but for what passes by itself or
/// concerns the login. No error at all: it has ended the stream for good.
fn is_lost(trouble: Option<&mongodb::error::Error>) -> bool {
    let Some(error) = trouble else { return true };
    Code::of(error).is_some_and(|code| code.fault("watch").reason() == Reason::MongoDbError)
}

fn told(trouble: Option<&mongodb::error::Error>) -> String {
    let Some(error) = trouble else { return "the server ended it".to_owned() };
    let error = Error::mongodb("watch for changes", error);
    match error.reason() {
        Reason::MongoDbPrivilegesMissing => format!(
            "its MongoDB user lacks {}; grant it the role that `chakravue-operator mongodb-role --watch` prints",
            privileges::WATCH_ACTIONS.join(" or ")
        ),
        Reason::MongoDbAuthenticationFailed => {
            "MongoDB refuses its user name or password; correct the watch login's MongoDB URI".to_owned()
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson;

    use super::*;

    #[test]
    fn a_change_is_read_without_its_document() {
        let place = |db: &str, coll: &str| doc! { "db": db, "coll": coll };
        let rename = doc! {
            "_id": { "_data": "8263" }, "operationType": "rename", "ns": place("a", "x"), "to": place("b", "y"),
            "clusterTime": Timestamp { time: 1, increment: 2 },
        };
        let event: Event = bson::deserialize_from_document(rename).unwrap();
        assert_eq!((event.ns.unwrap().db.as_str(), event.to.unwrap().db.as_str()), ("a", "b"));
        let dropped = doc! { "operationType": "dropDatabase", "ns": { "db": "a" }, "clusterTime": event.cluster_time };
        assert_eq!(bson::deserialize_from_document::<Event>(dropped).unwrap().ns.unwrap().db, "a");
    }

    #[test]
    fn of_documents_only_those_of_users_are_announced_and_none_is_sent() {
        let [which, what] = announced();
        let which = which.get_document("$match").unwrap().get_array("$or").unwrap();
        let [structure, users] = which.as_slice() else { panic!("{which:?}") };
        for operation in ["insert", "update", "replace", "delete"] {
            assert!(!structure.to_string().contains(operation));
        }
        assert!(users.to_string().contains(r#""ns.coll": "users""#), "{users}");
        let what = what.get_document("$project").unwrap();
        assert!(what.keys().all(|sent| ["operationType", "ns", "to", "clusterTime"].contains(&sent.as_str())));
    }
}
