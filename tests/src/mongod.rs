//! A real MongoDB on loopback: one mongod as a replica set, with authentication on, as in production.

use std::{fs::remove_dir_all, path::Path, process::Command, time::Duration};

use anyhow::{Context, bail};
use mongodb::{
    Client,
    bson::{Document, doc},
    options::ClientOptions,
};

use crate::{
    files::{private_folder, random_secret, remembered_secret, write_private},
    kubeconfig::use_ring,
    ports::{Port, PortBook},
    processes::{Output, Process, command},
};

const PATIENCE: Duration = Duration::from_mins(1);
pub(crate) const REPLICA_SET: &str = "rs0";
pub(crate) const ADMINISTRATOR: &str = "administrator";

/// A mongod that runs out of file descriptors aborts, so it gets what MongoDB recommends. Where the system does not let it
/// have so many, it gets what there is and closes what nobody used for ten seconds instead of ten minutes: with fewer open
/// files than `close_handle_minimum` that changes nothing.
const MANY_FILES: u32 = 64_000;
const WITH_FILES: &str = r#"ulimit -n "$FILES" 2>/dev/null || {
    ulimit -n "$(ulimit -Hn)"
    set -- "$@" --wiredTigerEngineConfigString "file_manager=(close_handle_minimum=2000,close_idle_time=10,close_scan_interval=5)"
}
exec "$@""#;

#[derive(Debug)]
pub(crate) struct Mongod {
    /// The connection string of an administrator.
    pub(crate) uri: String,
    pub(crate) address: String,
    process: Process,
    _port: Port,
}

impl Mongod {
    /// Starts it in `folder` and returns when it is a writable primary. Data and passwords found there are taken up.
    pub(crate) async fn start(program: &Path, folder: &Path, port_book: &mut PortBook) -> anyhow::Result<Self> {
        use_ring();
        let home = folder.join("mongodb");
        private_folder(&home)?;
        let data = home.join("data");
        let complete = home.join("complete");
        if !complete.exists() {
            // An earlier first start was interrupted before there was an administrator: nothing can be in it yet.
            remove_dir_all(&data).ok();
        }
        private_folder(&data)?;
        // Members of a replica set recognise each other by this file; mongod insists on one for authentication.
        let key_file = home.join("keyfile");
        remembered_secret(&key_file, 512)?;
        let password = remembered_secret(&home.join("administrator-password"), 32)?;

        let port = port_book.take("mongod")?;
        let address = port.address();
        let log = folder.join("logs/mongod.log");
        let process = start_process(program, &data, Some(&key_file), &port, MANY_FILES, &log)?;
        let bare = connect(&format!("mongodb://{address}/?directConnection=true")).await?;
        process.until("listening", PATIENCE, || async { hello(&bare).await.is_some() }).await?;

        let uri = format!("mongodb://{ADMINISTRATOR}:{password}@{address}/?authSource=admin&replicaSet={REPLICA_SET}");
        if complete.exists() {
            let direct =
                format!("mongodb://{ADMINISTRATOR}:{password}@{address}/?authSource=admin&directConnection=true");
            move_to(&connect(&direct).await?, &address).await?;
            process.until("a writable primary", PATIENCE, || is_primary(&bare)).await?;
        } else {
            initiate(&bare, &address).await?;
            process.until("a writable primary", PATIENCE, || is_primary(&bare)).await?;
            // As long as there is no user, a connection from the same machine may create the first one, and only that.
            let user = doc! { "createUser": ADMINISTRATOR, "pwd": &password, "roles": ["root"] };
            command_on_admin(&bare, user).await.context("cannot create MongoDB's first administrator")?;
            write_private(&complete, "The replica set and its administrator exist.\n")?;
        }
        Ok(Self { uri, address, process, _port: port })
    }

    pub(crate) fn process(&self) -> &Process {
        &self.process
    }
}

/// A mongod that is no replica set: without transactions, without change streams. Killed when dropped.
#[derive(Debug)]
pub struct Standalone {
    administrator: String,
    process: Process,
    _port: Port,
}

impl Standalone {
    /// With a limit of open files, it aborts when it comes over it.
    pub(crate) async fn start(program: &Path, folder: &Path, files: Option<u32>) -> anyhow::Result<Self> {
        use_ring();
        let data = folder.join("standalone");
        private_folder(&data)?;
        let port = Port::any()?;
        let files = files.unwrap_or(MANY_FILES);
        let process = start_process(program, &data, None, &port, files, &folder.join("standalone.log"))?;
        let address = port.address();
        let bare = connect(&format!("mongodb://{address}/?directConnection=true")).await?;
        process.until("listening", PATIENCE, || async { hello(&bare).await.is_some() }).await?;
        let password = random_secret(32);
        let user = doc! { "createUser": ADMINISTRATOR, "pwd": &password, "roles": ["root"] };
        command_on_admin(&bare, user).await.context("cannot create the administrator of a standalone mongod")?;
        let administrator = format!("mongodb://{ADMINISTRATOR}:{password}@{address}/?authSource=admin");
        Ok(Self { administrator, process, _port: port })
    }

    /// The connection string of its administrator.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.administrator
    }

    /// Whether it has ended by itself, and the end of its log.
    #[must_use]
    pub fn ended(&self) -> Option<String> {
        self.process.exited().map(|_| self.process.last_words())
    }

    /// How many files and connections it has open.
    ///
    /// # Panics
    /// When it is gone.
    #[must_use]
    pub fn open_files(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.process.pid());
        std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("cannot read {folder}: {error}")).count()
    }
}

/// Starts a member of a replica set that speaks TLS alone, on every address of this machine.
pub(crate) fn start_secure(
    program: &Path,
    data: &Path,
    key_file: &Path,
    (identity, authority): (&Path, &Path),
    port: u16,
    log: &Path,
) -> anyhow::Result<Process> {
    let mut mongod = prepared(program, data, MANY_FILES);
    mongod.arg("--keyFile").arg(key_file).args(["--replSet", REPLICA_SET]);
    mongod.args(["--tlsMode", "requireTLS", "--tlsAllowConnectionsWithoutCertificates"]);
    mongod.arg("--tlsCertificateKeyFile").arg(identity).arg("--tlsCAFile").arg(authority);
    mongod.args(["--bind_ip_all", "--port", &port.to_string()]);
    Process::start("mongod", mongod, log, Output::Log)
}

/// Starts a member of a replica set, which need not know of the others yet.
pub(crate) fn start_member(
    program: &Path,
    data: &Path,
    key_file: &Path,
    port: &Port,
    log: &Path,
) -> anyhow::Result<Process> {
    let mut mongod = prepared(program, data, MANY_FILES);
    mongod.arg("--keyFile").arg(key_file).args(["--replSet", REPLICA_SET]);
    // It lets clients finish for so long before it stops; a quarter of a minute would be longer than anybody waits here.
    mongod.args(["--setParameter", "shutdownTimeoutMillisForSignaledShutdown=1000"]);
    listening(mongod, port, log)
}

/// With a key file it is a replica set of its own.
fn start_process(
    program: &Path,
    data: &Path,
    key_file: Option<&Path>,
    port: &Port,
    files: u32,
    log: &Path,
) -> anyhow::Result<Process> {
    let mut mongod = prepared(program, data, files);
    if let Some(key_file) = key_file {
        mongod.arg("--keyFile").arg(key_file).args(["--replSet", REPLICA_SET]);
    }
    listening(mongod, port, log)
}

fn listening(mut mongod: Command, port: &Port, log: &Path) -> anyhow::Result<Process> {
    mongod.args(["--bind_ip", "127.0.0.1", "--port", &port.number().to_string()]);
    Process::start("mongod", mongod, log, Output::Log)
}

/// A command for a mongod that still has to be told where to listen.
fn prepared(program: &Path, data: &Path, files: u32) -> Command {
    let mut mongod = command("sh");
    mongod.env("FILES", files.to_string()).args(["-c", WITH_FILES, "sh"]).arg(program).arg("--dbpath").arg(data);
    // A small cache and oplog: this machine has other things to do. The rest is what production runs with.
    mongod.args(["--auth", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.5", "--oplogSize", "256"]);
    mongod.args(["--setParameter", "enableTestCommands=0"]);
    mongod
}

/// A client that gives up soon enough for a person to read why.
pub(crate) async fn connect(uri: &str) -> anyhow::Result<Client> {
    use_ring();
    let mut options = ClientOptions::parse(uri).await.context("the MongoDB connection string cannot be used")?;
    options.app_name.get_or_insert_with(|| "chakravue-testbed".to_owned());
    options.server_selection_timeout.get_or_insert(Duration::from_secs(10));
    Client::with_options(options).context("the MongoDB connection string cannot be used")
}

pub(crate) async fn command_on_admin(client: &Client, command: Document) -> mongodb::error::Result<Document> {
    client.database("admin").run_command(command).await
}

pub(crate) async fn hello(client: &Client) -> Option<Document> {
    command_on_admin(client, doc! { "hello": 1 }).await.ok()
}

pub(crate) async fn is_primary(client: &Client) -> bool {
    hello(client).await.is_some_and(|answer| answer.get_bool("isWritablePrimary").unwrap_or(false))
}

async fn initiate(client: &Client, address: &str) -> anyhow::Result<()> {
    let config = doc! { "_id": REPLICA_SET, "members": [{ "_id": 0, "host": address }] };
    command_on_admin(client, doc! { "replSetInitiate": config }).await.context("cannot start the replica set")?;
    Ok(())
}

/// The data remember where their server was; after a move to another port only force helps, there being no majority.
async fn move_to(administrator: &Client, address: &str) -> anyhow::Result<()> {
    let answer = command_on_admin(administrator, doc! { "replSetGetConfig": 1 }).await;
    let mut config = answer
        .and_then(|answer| Ok(answer.get_document("config")?.clone()))
        .context("cannot read how the replica set of earlier was made")?;
    let (Ok(version), Ok(members)) = (config.get_i32("version"), config.get_array_mut("members")) else {
        bail!("the replica set of earlier has no members");
    };
    let Some(member) = members.first_mut().and_then(|member| member.as_document_mut()) else {
        bail!("the replica set of earlier has no members");
    };
    if member.get_str("host").is_ok_and(|host| host == address) {
        return Ok(());
    }
    member.insert("host", address);
    config.insert("version", version + 1);
    let reconfigure = doc! { "replSetReconfig": config, "force": true };
    command_on_admin(administrator, reconfigure)
        .await
        .with_context(|| format!("cannot tell MongoDB that it is at {address} now"))?;
    Ok(())
}
