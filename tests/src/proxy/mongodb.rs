//! Between a driver and one MongoDB server: reads every command, records the writes, and fails what it is told to fail.
//!
//! The driver must not learn the server's real address from its greeting, or it would go there directly; so the proxy
//! names itself in every `hello`. It stands for a single plain-text server, the primary of its replica set.
//! Documents hold passwords: only names of commands, databases, collections, users and roles are ever kept.

use std::{
    collections::{HashMap, HashSet},
    io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use mongodb::bson::{Document, RawBsonRef, RawDocument, doc};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_util::sync::CancellationToken;

use super::{
    door::Door,
    spans::{Span, most_databases_at_once},
    wire::Frame,
    writes::{Relay, Server, Ticket, WriteLog},
};

/// How often a command that is held back looks whether it still is.
const HELD: Duration = Duration::from_millis(20);

/// Stops when dropped.
pub struct MongoProxy {
    door: Door,
    upstream: Arc<Upstream>,
}

struct Upstream {
    address: String,
    log: WriteLog,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    commands: Vec<String>,
    faults: Vec<Fault>,
    delays: HashMap<String, Duration>,
    /// Databases that nobody hears of.
    held: HashSet<String>,
    spans: Vec<Span>,
    /// By session: the number of its newest transaction and how many of that one's commands were acknowledged.
    transactions: HashMap<Vec<u8>, (i64, usize)>,
    /// As the server's newest greeting gave it.
    topology_version: Option<Document>,
}

struct Fault {
    /// `None`: every write.
    command: Option<String>,
    /// Only inside transactions.
    transactional: bool,
    /// How many may still pass.
    spared: usize,
    /// How many are still to fail.
    left: usize,
    code: i32,
    code_name: String,
    message: String,
}

impl Fault {
    fn new(command: Option<&str>, code: i32, code_name: &str, message: &str) -> Self {
        Self {
            command: command.map(str::to_owned),
            transactional: false,
            spared: 0,
            left: usize::MAX,
            code,
            code_name: code_name.to_owned(),
            message: message.to_owned(),
        }
    }

    /// Whether it strikes this command, which uses up one of those to be spared or to fail.
    fn strikes(&mut self, command: &Command) -> bool {
        let meant = match &self.command {
            Some(name) => *name == command.name,
            None => command.effect != Effect::None,
        };
        if !meant || self.left == 0 || self.transactional && command.transaction.is_none() {
            return false;
        }
        if self.spared > 0 {
            self.spared -= 1;
            return false;
        }
        self.left -= 1;
        true
    }
}

impl MongoProxy {
    /// Listens on a free port before `upstream` (`host:port`).
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(upstream: &str, log: WriteLog) -> Result<Self> {
        let upstream = Arc::new(Upstream { address: upstream.to_owned(), log, state: Mutex::default() });
        let door = Door::open({
            let upstream = upstream.clone();
            move |client, cut| {
                let (upstream, era) = (upstream.clone(), upstream.log.era());
                async move {
                    if let Err(error) = upstream.serve(client, cut, era).await {
                        tracing::debug!("the MongoDB proxy closed a connection: {error:#}");
                    }
                }
            }
        })?;
        Ok(Self { door, upstream })
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// Answers every such command with this error until [`clear`](Self::clear).
    pub fn fail(&self, command: &str, code: i32, code_name: &str, message: &str) {
        self.fail_after(command, 0, code, code_name, message);
    }

    /// As [`fail`](Self::fail), but the first `passing` of them reach the server.
    pub fn fail_after(&self, command: &str, passing: usize, code: i32, code_name: &str, message: &str) {
        self.add_fault(Fault { spared: passing, ..Fault::new(Some(command), code, code_name, message) });
    }

    /// As [`fail`](Self::fail), but only the next one.
    pub fn fail_once(&self, command: &str, code: i32, code_name: &str, message: &str) {
        self.add_fault(Fault { left: 1, ..Fault::new(Some(command), code, code_name, message) });
    }

    /// As [`fail`](Self::fail), but only inside transactions, and only so many `times`.
    pub fn fail_in_transaction(&self, command: &str, times: usize, code: i32, code_name: &str, message: &str) {
        let fault = Fault::new(Some(command), code, code_name, message);
        self.add_fault(Fault { transactional: true, left: times, ..fault });
    }

    /// Answers every write with this error until [`clear`](Self::clear), also inside transactions; reads pass.
    pub fn fail_all_writes(&self, code: i32, code_name: &str, message: &str) {
        self.add_fault(Fault::new(None, code, code_name, message));
    }

    fn add_fault(&self, fault: Fault) {
        self.upstream.state().faults.push(fault);
    }

    /// Holds every such command back for this long until [`clear`](Self::clear).
    pub fn delay(&self, command: &str, time: Duration) {
        self.upstream.state().delays.insert(command.to_owned(), time);
    }

    /// Holds back everything that is about this database until [`clear`](Self::clear), as if it hung.
    pub fn hold(&self, database: &str) {
        self.upstream.state().held.insert(database.to_owned());
    }

    /// Takes back all faults and delays. What was recorded stays.
    pub fn clear(&self) {
        let mut state = self.upstream.state();
        state.faults.clear();
        state.delays.clear();
        state.held.clear();
    }

    /// `true`: MongoDB is away; connections are cut and new ones refused. `false`: it is back.
    pub fn set_down(&self, down: bool) {
        self.door.set_down(down);
    }

    /// Everything that was forwarded, reads too, as `find st_marys.users`.
    #[must_use]
    pub fn commands(&self) -> Vec<String> {
        self.upstream.state().commands.clone()
    }

    /// How many of these databases had one of these writes under way at the same moment, at the most, among the writes
    /// that were sent since then and have been answered.
    #[must_use]
    pub fn most_databases_at_once(&self, since: Instant, writes: &[&str], databases: &[String]) -> usize {
        let state = self.upstream.state();
        most_databases_at_once(state.spans.iter().filter(|span| {
            span.began >= since && writes.contains(&span.command.as_str()) && databases.contains(&span.database)
        }))
    }
}

impl Upstream {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One connection, one request after the other: drivers do not send the next before the answer.
    async fn serve(&self, mut client: TcpStream, cut: CancellationToken, era: u64) -> Result<()> {
        let own_address = client.local_addr()?.to_string();
        let mut server = tokio::select! {
            server = TcpStream::connect(&self.address) => server.with_context(|| format!("MongoDB at {} does not answer", self.address))?,
            () = cut.cancelled() => return Ok(()),
        };
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        loop {
            let request = tokio::select! {
                request = Frame::read(&mut client) => request?,
                () = ended(&server) => return Ok(()),
                () = cut.cancelled() => return Ok(()),
            };
            // What was sent after the cut must not reach the server, whichever of the two was noticed first.
            if cut.is_cancelled() {
                return Ok(());
            }
            let command = Command::read(&request)?;
            let delay = self.state().delays.get(&command.name).copied();
            if let Some(delay) = delay {
                tokio::select! {
                    () = tokio::time::sleep(delay) => {},
                    () = cut.cancelled() => return Ok(()),
                }
            }
            while self.state().held.contains(&command.database) {
                tokio::select! {
                    () = tokio::time::sleep(HELD) => {},
                    () = ended(&client) => return Ok(()),
                    () = cut.cancelled() => return Ok(()),
                }
            }
            if let Some(error) = self.fault(&command) {
                if !request.more_to_come() {
                    client.write_all(request.answer(&error)?.bytes()).await?;
                }
                continue;
            }
            let ticket = match command.effect {
                Effect::None => None,
                Effect::Write | Effect::Commit | Effect::Uncommitted => {
                    let Some(ticket) = self.log.begin(Server::MongoDb, era) else {
                        return Ok(());
                    };
                    Some(ticket)
                }
            };
            server.write_all(without_compression(&request)?.bytes()).await?;
            self.state().commands.push(command.what.clone());
            if request.more_to_come() {
                // The client asked for no acknowledgement, so none can be waited for.
                if ticket.is_some_and(|ticket| ticket.acknowledged(command.what) == Relay::Withhold) {
                    return Ok(());
                }
                continue;
            }
            let Some(back) = self.answers(&command, ticket, client, &mut server, &cut, &own_address).await? else {
                return Ok(());
            };
            client = back;
        }
    }

    /// Relays the answer, or the stream of them that a monitoring `hello` asks for. Gives the client back when it can
    /// send its next request.
    async fn answers(
        &self,
        command: &Command,
        ticket: Option<Ticket>,
        client: TcpStream,
        server: &mut TcpStream,
        cut: &CancellationToken,
        own_address: &str,
    ) -> Result<Option<TcpStream>> {
        let mut client = Some(client);
        loop {
            let mut reading = pin!(Frame::read(server));
            let answer = loop {
                tokio::select! {
                    answer = &mut reading => break answer?,
                    () = gone(client.as_ref(), cut) => {
                        // A write is on its way: whether it succeeds must be recorded even if nobody hears of it.
                        client = None;
                        if ticket.is_none() {
                            return Ok(None);
                        }
                    }
                }
            };
            if let Some(ticket) = &ticket
                && self.judge(command, ticket, &answer) == Relay::Withhold
            {
                return Ok(None);
            }
            let Some(client) = client.as_mut() else { return Ok(None) };
            let relayed = if command.greets() { self.greeting(&answer, own_address)? } else { answer };
            client.write_all(relayed.bytes()).await?;
            if !relayed.more_to_come() {
                break;
            }
        }
        Ok(client)
    }

    /// Records what the server said about a write.
    fn judge(&self, command: &Command, ticket: &Ticket, answer: &Frame) -> Relay {
        // Before the client hears of it, or what it sends next would seem to have been sent beside it.
        self.state().spans.push(Span {
            command: command.name.clone(),
            database: command.database.clone(),
            began: command.began,
            ended: Instant::now(),
        });
        let verdict = Verdict::read(answer);
        let refused = match verdict.error {
            Some(code) => ticket.refused(command.what.clone(), code),
            None => Relay::Answer,
        };
        if !verdict.applied {
            return refused;
        }
        match command.effect {
            Effect::Uncommitted => {
                self.note_uncommitted(command);
                ticket.acknowledged_uncommitted()
            }
            Effect::Commit => ticket.acknowledged(self.describe_commit(command)),
            Effect::Write | Effect::None => ticket.acknowledged(command.what.clone()),
        }
    }

    fn greeting(&self, answer: &Frame, own_address: &str) -> io::Result<Frame> {
        let body = document(answer)?;
        if let Ok(version) = body.get_document("topologyVersion") {
            self.state().topology_version = Some(version.clone());
        }
        match naming(body, own_address) {
            Some(body) => answer.with_body(&body),
            None => Ok(answer.clone()),
        }
    }

    fn note_uncommitted(&self, command: &Command) {
        let Some((session, number)) = &command.transaction else {
            return;
        };
        let mut state = self.state();
        let newest = state.transactions.entry(session.clone()).or_insert((*number, 0));
        if newest.0 != *number {
            *newest = (*number, 0);
        }
        newest.1 += 1;
    }

    /// A transaction is kept until its session begins another, because a driver may send the commit twice.
    fn describe_commit(&self, command: &Command) -> String {
        let count = command.transaction.as_ref().and_then(|(session, number)| {
            let state = self.state();
            state.transactions.get(session).filter(|newest| newest.0 == *number).map(|newest| newest.1)
        });
        format!("{} ({} commands)", command.what, count.unwrap_or(0))
    }

    fn fault(&self, command: &Command) -> Option<Document> {
        let state = &mut *self.state();
        let fault = state.faults.iter_mut().find_map(|fault| fault.strikes(command).then_some(fault))?;
        let mut error = doc! {
            "ok": 0.0, "errmsg": &fault.message, "code": fault.code, "codeName": &fault.code_name,
        };
        if let Some(label) = command.error_label(fault.code) {
            error.insert("errorLabels", vec![label]);
        }
        if changes_state(fault.code)
            && let Some(version) = &state.topology_version
        {
            // Nothing newer than the greeting: else the driver would find no primary until the next heartbeat, and the
            // test would see that instead of the error it asked for.
            error.insert("topologyVersion", version.clone());
        }
        self.log.injected(Server::MongoDb, command.what.clone(), fault.code);
        Some(error)
    }
}

/// What a command does to the data once the server has said yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    None,
    Write,
    /// A write inside a transaction: nothing to anybody else before the commit.
    Uncommitted,
    Commit,
}

#[derive(Debug)]
struct Command {
    name: String,
    database: String,
    what: String,
    began: Instant,
    effect: Effect,
    /// Session and number of the transaction it belongs to.
    transaction: Option<(Vec<u8>, i64)>,
    /// A write outside a transaction that the server can recognise when it is sent again.
    retryable: bool,
}

impl Command {
    fn read(request: &Frame) -> io::Result<Self> {
        let body = request.body();
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        let (name, value) = body
            .iter()
            .next()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a command without a name"))?
            .map_err(invalid)?;
        let name = match name.as_ref() {
            "findandmodify" => "findAndModify".to_owned(),
            name => name.to_owned(),
        };
        let number = body.get_i64("txnNumber").ok();
        let session = body.get_document("lsid").ok().map(|session| session.as_bytes().to_vec());
        let in_transaction = body.get_bool("autocommit").is_ok_and(|autocommit| !autocommit);
        let transaction = session.zip(number).filter(|_| in_transaction);
        let effect = match name.as_str() {
            "commitTransaction" => Effect::Commit,
            _ if !writes(&name, body) => Effect::None,
            _ if transaction.is_some() => Effect::Uncommitted,
            _ => Effect::Write,
        };
        let retryable = effect == Effect::Commit || number.is_some() && !in_transaction;
        let what = describe(&name, value, request);
        let database = body.get_str("$db").unwrap_or("admin").to_owned();
        Ok(Self { name, database, what, began: Instant::now(), effect, transaction, retryable })
    }

    fn greets(&self) -> bool {
        is_greeting(&self.name)
    }

    /// The label that a server of version 4.4 or later would add, on which drivers decide whether to try again.
    fn error_label(&self, code: i32) -> Option<&'static str> {
        // HostUnreachable, HostNotFound, NetworkTimeout, ExceededTimeLimit, SocketException.
        let passing = changes_state(code) || [6, 7, 89, 262, 9001].contains(&code);
        // LockTimeout, WriteConflict, SnapshotUnavailable, NoSuchTransaction.
        let conflict = [24, 112, 246, 251].contains(&code);
        match self.transaction {
            Some(_) if self.effect != Effect::Commit && (passing || conflict) => Some("TransientTransactionError"),
            _ if self.retryable && passing => Some("RetryableWriteError"),
            _ => None,
        }
    }
}

/// Whether the error says that the server is not, or no longer, what the driver takes it for.
fn changes_state(code: i32) -> bool {
    // ShutdownInProgress, PrimarySteppedDown, NotWritablePrimary, InterruptedAtShutdown, InterruptedDueToReplStateChange,
    // NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary.
    [91, 189, 10_107, 11_600, 11_602, 13_435, 13_436].contains(&code)
}

fn is_greeting(name: &str) -> bool {
    matches!(name, "hello" | "isMaster" | "ismaster")
}

/// What changes something whenever it succeeds; granting and revoking have a word in common instead.
#[rustfmt::skip] // One line for each kind of object.
const WRITES: [&str; 20] = [
    "insert", "update", "delete", "findAndModify", "bulkWrite",
    "create", "createIndexes", "collMod", "drop", "dropIndexes", "dropDatabase", "renameCollection",
    "createUser", "updateUser", "dropUser", "dropAllUsersFromDatabase",
    "createRole", "updateRole", "dropRole", "dropAllRolesFromDatabase",
];

/// Whether the command changes anything if it succeeds (a commit apart).
fn writes(name: &str, body: &RawDocument) -> bool {
    let stores = || {
        let stages = body.get_array("pipeline").ok().into_iter().flatten();
        let stages = stages.filter_map(|stage| stage.ok()?.as_document()?.iter().next()?.ok());
        stages.map(|(stage, _)| stage).any(|stage| matches!(stage.as_ref(), "$out" | "$merge"))
    };
    WRITES.contains(&name) || name.starts_with("grant") || name.starts_with("revoke") || name == "aggregate" && stores()
}

/// The command with what it is about, and nothing of its contents.
fn describe(name: &str, value: RawBsonRef, request: &Frame) -> String {
    let database = request.body().get_str("$db").unwrap_or("admin");
    let access =
        name.ends_with("User") || name.ends_with("Role") || name.starts_with("grant") || name.starts_with("revoke");
    match value.as_str() {
        Some(object) if access || name == "renameCollection" => format!("{name} {object}"),
        Some(collection) => format!("{name} {database}.{collection}"),
        None if name == "commitTransaction" => name.to_owned(),
        None if name == "bulkWrite" => {
            let namespaces = request.documents("nsInfo").into_iter().filter_map(|info| info.get_str("ns").ok());
            format!("{name} {}", namespaces.collect::<Vec<_>>().join(", "))
        }
        None => format!("{name} {database}"),
    }
}

/// What an answer says about a write. Of a batch, one part can be applied and another refused.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    applied: bool,
    error: Option<i32>,
}

impl Verdict {
    fn read(answer: &Frame) -> Self {
        let body = answer.body();
        let ok = body.get("ok").ok().flatten().and_then(integer) == Some(1);
        if !ok {
            return Self { applied: false, error: Some(body.get_i32("code").unwrap_or(0)) };
        }
        let of_batch = answer.documents("writeErrors").into_iter().next();
        // `bulkWrite` answers with a cursor over the outcomes.
        let outcomes = body.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch")).ok();
        let failed = body.get("nErrors").ok().flatten().and_then(integer).is_some_and(|count| count > 0);
        let of_bulk = outcomes
            .into_iter()
            .flatten()
            .filter_map(|outcome| outcome.ok()?.as_document())
            .find(|outcome| failed && outcome.get_i32("code").is_ok());
        let error = of_batch.or(of_bulk).map(|error| error.get_i32("code").unwrap_or(0));
        let counts = ["n", "nInserted", "nMatched", "nUpserted", "nDeleted"];
        let some = counts.iter().any(|count| body.get(count).ok().flatten().and_then(integer).is_some_and(|n| n > 0));
        Self { applied: error.is_none() || some, error }
    }
}

/// Servers answer with any of the numeric types.
fn integer(value: RawBsonRef) -> Option<i64> {
    match value {
        RawBsonRef::Int32(number) => Some(number.into()),
        RawBsonRef::Int64(number) => Some(number),
        // Only `ok` comes as a floating-point number, and it is 0 or 1.
        RawBsonRef::Double(number) => Some(i64::from(number > 0.5)),
        _ => None,
    }
}

/// The server compresses only what a greeting offered to understand; the proxy reads plain messages.
fn without_compression(request: &Frame) -> io::Result<Frame> {
    let offers = request.body().get("compression").is_ok_and(|offer| offer.is_some());
    let greets =
        request.body().iter().next().is_some_and(|first| first.is_ok_and(|(name, _)| is_greeting(name.as_ref())));
    if !(offers && greets) {
        return Ok(request.clone());
    }
    let mut body = document(request)?;
    body.remove("compression");
    request.with_body(&body)
}

/// The answer to a greeting, with the proxy as the only member of the replica set; `None` if there is no set.
fn naming(mut body: Document, own_address: &str) -> Option<Document> {
    body.get("setName")?;
    body.insert("hosts", vec![own_address]);
    body.insert("me", own_address);
    if body.contains_key("primary") {
        body.insert("primary", own_address);
    }
    body.remove("passives");
    body.remove("arbiters");
    Some(body)
}

fn document(frame: &Frame) -> io::Result<Document> {
    Document::try_from(frame.body()).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Resolves when the client has hung up or is to be cut off; never, once it is gone.
async fn gone(client: Option<&TcpStream>, cut: &CancellationToken) {
    match client {
        Some(client) => tokio::select! {
            () = ended(client) => {}
            () = cut.cancelled() => {}
        },
        None => std::future::pending().await,
    }
}

/// Resolves when the other side has closed; never, if it sends something instead.
async fn ended(stream: &TcpStream) {
    if stream.peek(&mut [0]).await.is_ok_and(|count| count > 0) {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn frame(body: &Document) -> Frame {
        let request: Vec<u8> = [0, 1, 0, 2013, 0].iter().flat_map(|int: &i32| int.to_le_bytes()).collect();
        let mut bytes = [request, vec![0], body.to_vec().unwrap()].concat();
        let length = i32::try_from(bytes.len()).unwrap();
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        Frame::read(&mut bytes.as_slice()).await.unwrap()
    }

    async fn command(body: Document) -> Command {
        Command::read(&frame(&body).await).unwrap()
    }

    #[tokio::test]
    async fn commands_are_named_and_told_apart() {
        let session = doc! {"id": "s"};
        let table = [
            (doc! {"insert": "users", "$db": "a"}, "insert a.users", Effect::Write),
            (doc! {"findandmodify": "users", "$db": "a"}, "findAndModify a.users", Effect::Write),
            (doc! {"find": "users", "$db": "a"}, "find a.users", Effect::None),
            (doc! {"createUser": "a", "pwd": "secret", "$db": "admin"}, "createUser a", Effect::Write),
            (doc! {"grantRolesToUser": "a", "$db": "admin"}, "grantRolesToUser a", Effect::Write),
            (doc! {"usersInfo": "a", "$db": "admin"}, "usersInfo admin.a", Effect::None),
            (doc! {"dropDatabase": 1, "$db": "a"}, "dropDatabase a", Effect::Write),
            (doc! {"renameCollection": "a.b", "to": "a.c", "$db": "admin"}, "renameCollection a.b", Effect::Write),
            (doc! {"aggregate": "b", "pipeline": [{"$match": {}}], "$db": "a"}, "aggregate a.b", Effect::None),
            (
                doc! {"aggregate": "b", "pipeline": [{"$match": {}}, {"$out": "c"}], "$db": "a"},
                "aggregate a.b",
                Effect::Write,
            ),
            (
                doc! {"bulkWrite": 1, "nsInfo": [{"ns": "a.b"}, {"ns": "a.c"}], "$db": "admin"},
                "bulkWrite a.b, a.c",
                Effect::Write,
            ),
            (
                doc! {"create": "b", "$db": "a", "lsid": session.clone(), "txnNumber": 1_i64, "autocommit": false},
                "create a.b",
                Effect::Uncommitted,
            ),
            (doc! {"insert": "b", "$db": "a", "lsid": session, "txnNumber": 1_i64}, "insert a.b", Effect::Write),
            (doc! {"commitTransaction": 1, "$db": "admin"}, "commitTransaction", Effect::Commit),
            (doc! {"hello": 1, "$db": "admin"}, "hello admin", Effect::None),
        ];
        for (body, what, effect) in table {
            let command = command(body).await;
            assert_eq!((command.what.as_str(), command.effect), (what, effect));
        }
    }

    #[tokio::test]
    async fn answers_are_judged() {
        let table = [
            (doc! {"ok": 1.0}, true, None),
            (doc! {"ok": 1, "n": 0}, true, None),
            (doc! {"ok": 0.0, "code": 13, "errmsg": "no"}, false, Some(13)),
            (doc! {"ok": 1, "n": 0, "writeErrors": [{"index": 0, "code": 11000}]}, false, Some(11000)),
            (doc! {"ok": 1, "n": 2, "writeErrors": [{"index": 2, "code": 121}]}, true, Some(121)),
            (
                doc! {"ok": 1, "nErrors": 1, "nInserted": 0, "cursor": {"firstBatch": [{"ok": 0, "code": 11000}]}},
                false,
                Some(11000),
            ),
        ];
        for (answer, applied, error) in table {
            assert_eq!(Verdict::read(&frame(&answer).await), Verdict { applied, error }, "{answer}");
        }
    }

    #[tokio::test]
    async fn injected_errors_carry_the_labels_that_drivers_retry_on() {
        let outside = command(doc! {"insert": "b", "$db": "a", "lsid": {"id": "s"}, "txnNumber": 1_i64}).await;
        assert_eq!(outside.error_label(10_107), Some("RetryableWriteError"));
        assert_eq!(outside.error_label(13), None);
        let inside =
            command(doc! {"insert": "b", "$db": "a", "lsid": {"id": "s"}, "txnNumber": 1_i64, "autocommit": false})
                .await;
        assert_eq!(inside.error_label(112), Some("TransientTransactionError"));
        assert_eq!(inside.error_label(10_107), Some("TransientTransactionError"));
        assert_eq!(command(doc! {"create": "b", "$db": "a"}).await.error_label(10_107), None);
    }

    #[tokio::test]
    async fn a_greeting_names_the_proxy_and_offers_no_compression() {
        let request = frame(&doc! {"hello": 1, "compression": ["zstd"]}).await;
        assert_eq!(document(&without_compression(&request).unwrap()).unwrap(), doc! {"hello": 1});
        let answer = doc! {"setName": "rs0", "hosts": ["db:1", "db:2"], "me": "db:1", "primary": "db:1"};
        let named = doc! {"setName": "rs0", "hosts": ["p:9"], "me": "p:9", "primary": "p:9"};
        assert_eq!(naming(answer, "p:9"), Some(named));
        assert_eq!(naming(doc! {"ok": 1.0}, "p:9"), None);
    }
}
