//! The operator's connection to MongoDB: one client, and a watch over whether it can be used at all. A pass asks
//! [`Mongo::usable`] first, so that a MongoDB that is away costs a pass nothing but a condition.

use std::{sync::Arc, time::Duration};

use chakravue_crds::{
    conditions::Reason,
    master::{ORGANIZATIONS, OrganizationRecord},
};
use futures::StreamExt as _;
use mongodb::{
    Client, Collection, Database,
    bson::{Document, Timestamp, doc},
    options::{ClientOptions, ReadConcern, WriteConcern},
};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    drift::own::OwnWrites,
    error::{Doing as _, Error, Result},
    privileges::{self, Login},
};

/// How often a usable MongoDB is looked at. Passes report trouble at once, so this only finds trouble nobody met.
const LOOK: Duration = Duration::from_secs(5);
/// How often one that cannot be used is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How long an operation waits for a server before it fails.
const SERVER_SELECTION: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub enum Health {
    /// Nothing is known yet.
    Unknown,
    Usable(Abilities),
    Unusable(Error),
}

/// What this deployment of MongoDB can do.
#[derive(Clone, Copy, Debug)]
pub struct Abilities {
    /// A standalone server has no transactions and no change streams.
    pub transactions: bool,
    pub change_streams: bool,
    /// The time of the server's newest change at this look.
    pub operation_time: Option<Timestamp>,
}

#[derive(Clone)]
pub struct Mongo {
    client: Client,
    master: Arc<str>,
    health: watch::Sender<Health>,
    trouble: Arc<Notify>,
    own: OwnWrites,
}

impl Mongo {
    /// Reads the URI and prepares a client. No connection is made yet.
    pub async fn new(uri: &str, master: &str, own: OwnWrites) -> mongodb::error::Result<Self> {
        let mut options = ClientOptions::parse(uri).await?;
        options.app_name = Some("chakravue-operator".to_owned());
        options.server_selection_timeout.get_or_insert(SERVER_SELECTION);
        options.connect_timeout.get_or_insert(SERVER_SELECTION);
        options.heartbeat_freq.get_or_insert(LOOK);
        // The default is weaker where a replica set has arbiters.
        options.write_concern = Some(WriteConcern::majority());
        options.read_concern = Some(ReadConcern::local());
        options.default_database = None;
        Ok(Self {
            client: Client::with_options(options)?,
            master: master.into(),
            health: watch::Sender::new(Health::Unknown),
            trouble: Arc::new(Notify::new()),
            own,
        })
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

    pub fn organizations(&self) -> Collection<OrganizationRecord> {
        self.client.database(&self.master).collection(ORGANIZATIONS)
    }

    /// Runs a command that must be acknowledged by a majority.
    pub async fn write(&self, database: &str, mut command: Document, doing: &str) -> Result<Document> {
        command.insert("writeConcern", doc! { "w": "majority" });
        let answer = self.write_as_answered(database, command).await.doing(doing)?;
        // `run_command` leaves a failed write concern to the caller: the write may be lost again.
        match answer.get_document("writeConcernError") {
            Ok(error) => Err(crate::error::Code {
                number: error.get_i32("code").unwrap_or_default(),
                name: error.get_str("codeName").unwrap_or("WriteConcernFailed").to_owned(),
            }
            .fault(doing)),
            Err(_) => Ok(answer),
        }
    }

    /// The same for a caller who looks at the server's own answer; the command names its write concern.
    pub async fn write_as_answered(&self, database: &str, command: Document) -> mongodb::error::Result<Document> {
        let answer = self.client.database(database).run_command(command).await?;
        self.wrote(database, answer.get_timestamp("operationTime").ok());
        Ok(answer)
    }

    /// A database was changed at this time, by us.
    pub fn wrote(&self, database: &str, at: Option<Timestamp>) {
        if let Some(at) = at {
            self.own.note(database, at);
        }
    }

    pub async fn read(&self, database: &str, command: Document, doing: &str) -> Result<Document> {
        self.client.database(database).run_command(command).await.doing(doing)
    }

    /// What MongoDB can do, or why it cannot be used. Waits for the first look after the start.
    pub async fn usable(&self) -> Result<Abilities> {
        let mut health = self.health.subscribe();
        match &*health
            .wait_for(|health| !matches!(health, Health::Unknown))
            .await
            .map_err(|_| Error::Conflict { what: "the operator, which is stopping,".to_owned() })?
        {
            Health::Usable(abilities) => Ok(*abilities),
            Health::Unusable(error) => Err(error.clone()),
            Health::Unknown => unreachable!("waited for something else"),
        }
    }

    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// A pass met trouble where all seemed well: have a look at once.
    pub fn report_trouble(&self) {
        if matches!(*self.health.borrow(), Health::Usable(_)) {
            self.trouble.notify_one();
        }
    }

    /// Looks at MongoDB until the process stops; `heartbeat` is called at every look.
    pub async fn watch(self, stop: CancellationToken, heartbeat: impl Fn()) {
        let mut said = None;
        while !stop.is_cancelled() {
            let look = self.look().await;
            heartbeat();
            let pause = match &look {
                Ok(abilities) => {
                    if said.take().is_some() || matches!(*self.health.borrow(), Health::Unknown) {
                        tracing::info!(transactions = abilities.transactions, "MongoDB can be used");
                    }
                    LOOK
                }
                Err(error) => {
                    let text = error.to_string();
                    if said.as_ref() != Some(&text) {
                        tracing::error!(reason = %error.reason(), "{text}");
                        if error.reason() == Reason::MongoDbPrivilegesMissing {
                            tracing::error!(
                                "an administrator creates the role with:\n{}",
                                privileges::mongosh_script(
                                    "chakravue-operator",
                                    "chakravue-operator",
                                    Login::Operator { master: &self.master }
                                )
                            );
                        }
                        said = Some(text);
                    }
                    RETRY
                }
            };
            self.health.send_replace(match look {
                Ok(abilities) => Health::Usable(abilities),
                Err(error) => Health::Unusable(error),
            });
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.trouble.notified() => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// One look: a writable primary, every right that is needed, and the indexes of the master database.
    async fn look(&self) -> Result<Abilities> {
        let hello = self.read("admin", doc! { "hello": 1 }, "answer a greeting").await?;
        let status =
            self.read("admin", doc! { "connectionStatus": 1, "showPrivileges": true }, "show its privileges").await?;
        let granted: Vec<Document> = status
            .get_document("authInfo")
            .and_then(|info| info.get_array("authenticatedUserPrivileges"))
            .map(|privileges| privileges.iter().filter_map(|p| p.as_document().cloned()).collect())
            .unwrap_or_default();
        let missing = privileges::missing(&self.master, &granted);
        if !missing.is_empty() {
            return Err(Error::Fault {
                reason: Reason::MongoDbPrivilegesMissing,
                message: format!(
                    "The operator's MongoDB user lacks {}. Grant it the role that `chakravue-operator mongodb-role` prints.",
                    missing.join(", ")
                ),
            });
        }
        if !hello.get_bool("isWritablePrimary").unwrap_or(false) {
            return Err(crate::error::Code { number: 10107, name: String::new() }.fault("find the primary"));
        }
        if matches!(*self.health.borrow(), Health::Unknown | Health::Unusable(_)) {
            self.end_abandoned_sessions().await;
            self.ensure_master_indexes().await?;
        }
        let standalone = !hello.contains_key("setName") && hello.get_str("msg").ok() != Some("isdbgrid");
        Ok(Abilities {
            transactions: !standalone,
            change_streams: !standalone,
            operation_time: hello.get_timestamp("operationTime").ok(),
        })
    }

    /// Ends what a killed predecessor or a lost connection left open: the server would keep its transaction, and the
    /// locks on the collections in it, for a minute. A login may always look at its own sessions and end them, and the
    /// driver's own are renewed by their next use. It is no failure if this fails; the minute passes.
    async fn end_abandoned_sessions(&self) {
        let look = doc! { "aggregate": 1, "pipeline": [{ "$listLocalSessions": {} }], "cursor": {} };
        let Ok(cursor) = self.client.database("admin").run_cursor_command(look).await else { return };
        let sessions: Vec<Document> = cursor
            .filter_map(|session| async move {
                session.ok()?.get_document("_id").ok()?.get("id").map(|id| doc! { "id": id })
            })
            .collect()
            .await;
        if !sessions.is_empty() {
            let ended = self.client.database("admin").run_command(doc! { "killSessions": sessions }).await;
            tracing::debug!(ended = ended.is_ok(), "ended the sessions of before");
        }
    }

    /// Two organizations can never hold one database, whatever their letters' case: this index is the claim.
    async fn ensure_master_indexes(&self) -> Result<()> {
        let doing = "prepare the master database";
        let wanted = doc! {
            "name": "database_name_unique",
            "key": { "database_name": 1 },
            "unique": true,
            "collation": { "locale": "en", "strength": 2 },
        };
        let known = self.client.database(&self.master).run_cursor_command(doc! { "listIndexes": ORGANIZATIONS }).await;
        if let Ok(mut cursor) = known {
            while cursor.advance().await.doing(doing)? {
                if cursor.current().get_str("name").is_ok_and(|name| name == "database_name_unique") {
                    return Ok(());
                }
            }
        }
        self.write(&self.master, doc! { "createIndexes": ORGANIZATIONS, "indexes": [wanted] }, doing).await?;
        Ok(())
    }
}
