//! The operator's connection to MongoDB: one client, by which every command goes. Each is timed, and a write is sent only
//! while this process leads. Whether MongoDB can be used at all is watched in [`health`].

mod health;
mod indexes;
mod organizations;

use std::{
    collections::HashSet,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use futures::TryStreamExt as _;
use mongodb::{
    Client, Database,
    bson::{self, Document, RawDocument, Timestamp, doc},
    error::{ErrorKind, WriteConcernError, WriteFailure},
    options::{ClientOptions, ReadConcern, ReadPreference, WriteConcern},
};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

pub use self::{
    health::{Abilities, Health},
    organizations::Organizations,
};

use crate::{
    drift::own::OwnWrites,
    error::{Closed, Doing as _, Result},
    leader::Leadership,
    metrics::Metrics,
    telemetry,
};

/// How long an operation waits for a server before it fails.
const SERVER_SELECTION: Duration = Duration::from_secs(5);

/// Every command that the operator sends, as labels of a metric.
const COMMANDS: [&str; 28] = [
    "aggregate",
    "collMod",
    "commitTransaction",
    "connectionStatus",
    "count",
    "create",
    "createIndexes",
    "createRole",
    "createUser",
    "delete",
    "drop",
    "dropAllRolesFromDatabase",
    "dropAllUsersFromDatabase",
    "dropIndexes",
    "dropRole",
    "dropUser",
    "find",
    "hello",
    "hostInfo",
    "insert",
    "listCollections",
    "listDatabases",
    "listIndexes",
    "serverStatus",
    "update",
    "updateRole",
    "updateUser",
    "validate",
];

#[derive(Clone)]
pub struct Mongo {
    client: Client,
    /// For what may take long: connections of its own, so that it keeps nothing else from having one.
    patient: Client,
    /// For the look at whether MongoDB can be used: it is not to wait behind writes that do not end.
    pulse: Client,
    master: Arc<str>,
    health: watch::Sender<Health>,
    trouble: Arc<Notify>,
    own: OwnWrites,
    leadership: Leadership,
    metrics: Arc<Metrics>,
    /// Whether what a leader does once has been done since MongoDB came.
    prepared: Arc<AtomicBool>,
    /// Cancelled when what this one writes for is to be left alone.
    closed: CancellationToken,
}

/// How many commands that may take long are sent at a time; of index builds, a server runs three.
pub const PATIENT: u32 = 16;

impl Mongo {
    /// Reads the URI and prepares a client. No connection is made yet.
    pub async fn new(
        uri: &str,
        master: &str,
        own: OwnWrites,
        leadership: Leadership,
        metrics: Arc<Metrics>,
    ) -> mongodb::error::Result<Self> {
        let mut options = ClientOptions::parse(uri).await?;
        options.app_name = Some("chakravue-operator".to_owned());
        options.server_selection_timeout.get_or_insert(SERVER_SELECTION);
        options.connect_timeout.get_or_insert(SERVER_SELECTION);
        options.heartbeat_freq.get_or_insert(health::LOOK);
        // The default is weaker where a replica set has arbiters.
        options.write_concern = Some(WriteConcern::majority());
        options.read_concern = Some(ReadConcern::local());
        // A secondary may not have the claim yet that says whose a database is.
        options.selection_criteria = Some(ReadPreference::Primary.into());
        options.default_database = None;
        // The driver would send a write again without asking who leads by then; the next pass does it instead.
        options.retry_writes = Some(false);
        let client = Client::with_options(options.clone())?;
        options.min_pool_size = None;
        options.max_pool_size = Some(PATIENT);
        let patient = Client::with_options(options.clone())?;
        options.max_pool_size = Some(1);
        Ok(Self {
            client,
            patient,
            pulse: Client::with_options(options)?,
            master: master.into(),
            health: watch::Sender::new(Health::Unknown),
            trouble: Arc::new(Notify::new()),
            own,
            leadership,
            metrics,
            prepared: Arc::default(),
            closed: CancellationToken::new(),
        })
    }

    /// The same for work that may take long, which begins no further write once `closed` is cancelled.
    pub fn patient(&self, closed: CancellationToken) -> Self {
        Self { client: self.patient.clone(), closed, ..self.clone() }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn master_database(&self) -> &str {
        &self.master
    }

    pub fn database(&self, name: &str) -> Database {
        self.client.database(name)
    }

    pub fn organizations(&self) -> Organizations<'_> {
        Organizations::new(self)
    }

    /// Asked before every write, also one that is sent some other way.
    pub fn may_write(&self) -> mongodb::error::Result<()> {
        if self.closed.is_cancelled() {
            return Err(mongodb::error::Error::custom(Closed));
        }
        self.leadership.check().map_err(mongodb::error::Error::custom)
    }

    /// Times a command of this name, and lets go of it as soon as this process leads no more.
    pub async fn timed<T>(
        &self,
        command: &str,
        work: impl IntoFuture<Output = mongodb::error::Result<T>>,
    ) -> mongodb::error::Result<T> {
        let label = COMMANDS.iter().find(|known| **known == command).copied().unwrap_or("other");
        let began = Instant::now();
        let span = telemetry::command_span(label);
        let outcome = self.leadership.hold_on_to(work.into_future()).instrument(span.clone()).await;
        let outcome = outcome.unwrap_or_else(|lost| Err(mongodb::error::Error::custom(lost)));
        if outcome.is_err() {
            span.record("otel.status_code", "ERROR");
        }
        self.metrics.answered(label, outcome.is_ok(), began.elapsed());
        outcome
    }

    /// The names of all databases, if the operator may know them.
    pub async fn databases(&self) -> Option<HashSet<String>> {
        let command = doc! { "listDatabases": 1, "nameOnly": true };
        let answer = self.read("admin", command, "list the databases").await.ok()?;
        let databases = answer.get_array("databases").ok()?;
        Some(databases.iter().filter_map(|found| Some(found.as_document()?.get_str("name").ok()?.to_owned())).collect())
    }

    async fn run(&self, database: &str, command: Document) -> mongodb::error::Result<Document> {
        let name = command.keys().next().cloned().unwrap_or_default();
        self.timed(&name, self.client.database(database).run_command(command)).await
    }

    /// What only reads is given up when the work is to end.
    async fn run_reading(&self, database: &str, command: Document) -> mongodb::error::Result<Document> {
        let answer = self.closed.run_until_cancelled(self.run(database, command)).await;
        answer.unwrap_or_else(|| Err(mongodb::error::Error::custom(Closed)))
    }

    /// Runs a command that must be acknowledged by a majority.
    pub async fn write(&self, database: &str, command: Document, doing: &str) -> Result<Document> {
        self.write_as_answered(database, command).await.doing(doing)
    }

    /// The same for a caller who looks at the server's own answer.
    pub async fn write_as_answered(&self, database: &str, mut command: Document) -> mongodb::error::Result<Document> {
        self.may_write()?;
        command.insert("writeConcern", doc! { "w": "majority" });
        let answer = self.run(database, command).await?;
        self.wrote(database, answer.get_timestamp("operationTime").ok());
        acknowledged(answer)
    }

    /// A database was changed at this time, by us.
    pub fn wrote(&self, database: &str, at: Option<Timestamp>) {
        if let Some(at) = at {
            self.own.note(database, at);
        }
    }

    pub async fn read(&self, database: &str, command: Document, doing: &str) -> Result<Document> {
        self.run_reading(database, command).await.doing(doing)
    }

    /// The same for a caller who looks at the server's own answer.
    pub async fn read_as_answered(&self, database: &str, command: Document) -> mongodb::error::Result<Document> {
        self.run_reading(database, command).await
    }

    /// Everything that a command lists.
    pub async fn list(&self, database: &str, command: Document, doing: &str) -> Result<Vec<Document>> {
        let name = command.keys().next().cloned().unwrap_or_default();
        let handle = self.client.database(database);
        let listed = async { handle.run_cursor_command(command).await?.try_collect().await };
        self.timed(&name, listed).await.doing(doing)
    }

    /// What `take` finds in each of what a command lists; the rest is not kept.
    pub async fn gather<T, C: Default + Extend<T>>(
        &self,
        database: &str,
        command: Document,
        take: impl Fn(&RawDocument) -> Option<T>,
        doing: &str,
    ) -> Result<C> {
        let name = command.keys().next().cloned().unwrap_or_default();
        let handle = self.client.database(database);
        let gathered = async {
            let (mut cursor, mut taken) = (handle.run_cursor_command(command).await?, C::default());
            while cursor.advance().await? {
                taken.extend(take(cursor.current()));
            }
            Ok(taken)
        };
        self.timed(&name, gathered).await.doing(doing)
    }

    /// Everything that a pipeline finds.
    pub async fn aggregate(
        &self,
        database: &str,
        collection: &str,
        pipeline: Vec<Document>,
        doing: &str,
    ) -> Result<Vec<Document>> {
        let command = doc! { "aggregate": collection, "pipeline": pipeline, "cursor": {} };
        self.list(database, command, doing).await
    }

    /// How many documents a collection has that the operator may read.
    pub async fn count(&self, database: &str, collection: &str, doing: &str) -> Result<u64> {
        let collection = self.client.database(database).collection::<Document>(collection);
        self.timed("aggregate", collection.count_documents(doc! {})).await.doing(doing)
    }
}

/// `run_command` leaves a failed write concern to the caller: the write may be lost again.
fn acknowledged(answer: Document) -> mongodb::error::Result<Document> {
    match answer.get_document("writeConcernError") {
        Ok(error) => {
            let error: WriteConcernError = bson::deserialize_from_document(error.clone())?;
            Err(ErrorKind::Write(WriteFailure::WriteConcernError(error)).into())
        }
        Err(_) => Ok(answer),
    }
}

#[cfg(test)]
impl Mongo {
    /// One that nobody has asked anything yet, and that would not answer.
    pub async fn unconnected() -> Self {
        // The process's own choice, made once.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let uri = "mongodb://127.0.0.1:9/?directConnection=true";
        let made = Self::new(uri, "master", OwnWrites::default(), Leadership::forever(), Arc::default()).await;
        made.unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[tokio::test]
    async fn who_does_not_lead_sends_no_write() {
        let mongo = Mongo { leadership: Leadership::none(), ..Mongo::unconnected().await };
        let refused = mongo.write("a", doc! { "dropUser": "a" }, "remove a user").await.unwrap_err();
        assert!(matches!(refused, crate::error::Error::Conflict { .. }), "{refused:?}");
        let organizations = mongo.organizations();
        assert!(organizations.update_one(doc! {}, doc! { "$set": {} }).await.is_err_and(|e| is_own(&e)));
        assert!(organizations.delete_one(doc! {}).await.is_err_and(|e| is_own(&e)));
    }

    #[tokio::test]
    async fn work_that_is_to_end_sends_no_further_write() {
        let closed = CancellationToken::new();
        let mongo = Mongo::unconnected().await.patient(closed.clone());
        assert!(mongo.may_write().is_ok());
        closed.cancel();
        let refused = mongo.write("a", doc! { "createIndexes": "a" }, "create an index").await.unwrap_err();
        assert!(matches!(refused, crate::error::Error::Conflict { .. }), "{refused:?}");
    }

    #[test]
    fn a_write_that_may_be_lost_again_is_a_failure_with_its_code() {
        let lost = doc! { "code": 91, "codeName": "ShutdownInProgress", "errmsg": "x" };
        let error = acknowledged(doc! { "ok": 1, "writeConcernError": lost }).unwrap_err();
        assert_eq!(Code::of(&error).map(|code| code.number), Some(91));
        let told = crate::error::Error::mongodb("create an index", &error);
        assert_eq!(told.reason(), chakravue_crds::conditions::Reason::MongoDbNotWritable);
        assert!(acknowledged(doc! { "ok": 1 }).is_ok());
    }

    fn is_own(error: &mongodb::error::Error) -> bool {
        error.get_custom::<crate::leader::NotLeading>().is_some()
    }
}
