//! The proxies against real servers: what the crash and fault tests build on must be exact itself.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::http::Request;
use chakravue_testbed::{
    Testbed,
    proxy::{KubeProxy, MongoProxy, Server, WriteLog},
};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::{
    authorization::v1::{SelfSubjectRulesReview, SelfSubjectRulesReviewSpec},
    core::v1::{ConfigMap, Event, Namespace},
};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use mongodb::{
    IndexModel,
    bson::{Document, doc},
    error::{ErrorKind, WriteFailure},
    event::{EventHandler, sdam::SdamEvent},
    options::{ClientOptions, ServerAddress, ServerMonitoringMode},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};

/// Long enough for a busy machine: only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// A proxy before the shared MongoDB, a client through it, one past it, and a database of the test's own.
struct Mongo {
    proxy: MongoProxy,
    log: WriteLog,
    client: mongodb::Client,
    direct: mongodb::Client,
    name: String,
}

impl Mongo {
    async fn start(label: &str) -> Self {
        let log = WriteLog::new();
        let (proxy, mut options) = before_mongodb(log.clone()).await;
        options.server_selection_timeout = Some(Duration::from_secs(2));
        let client = mongodb::Client::with_options(options).unwrap();
        let direct = Testbed::shared().mongodb().await;
        let name = format!("proxy_{label}_{}", std::process::id());
        Self { proxy, log, client, direct, name }
    }

    fn database(&self) -> mongodb::Database {
        self.client.database(&self.name)
    }

    fn collection(&self) -> mongodb::Collection<Document> {
        self.database().collection("things")
    }

    /// How many documents the server has, whatever the proxy does.
    async fn stored(&self) -> u64 {
        let truth = self.direct.database(&self.name).collection::<Document>("things");
        truth.count_documents(doc! {}).await.unwrap()
    }

    async fn close(self) {
        self.direct.database(&self.name).drop().await.unwrap();
    }
}

/// A proxy before the shared MongoDB, and its administrator's options for a client through it.
async fn before_mongodb(log: WriteLog) -> (MongoProxy, ClientOptions) {
    let mut options = ClientOptions::parse(Testbed::shared().mongodb_uri()).await.unwrap();
    let proxy = MongoProxy::start(&options.hosts[0].to_string(), log).unwrap();
    options.hosts = vec![address(&proxy)];
    (proxy, options)
}

fn address(proxy: &MongoProxy) -> ServerAddress {
    ServerAddress::parse(proxy.address().to_string()).unwrap()
}

fn names(log: &WriteLog) -> Vec<String> {
    log.writes().into_iter().map(|write| write.what).collect()
}

fn by_field_a() -> IndexModel {
    IndexModel::builder().keys(doc! {"a": 1}).build()
}

fn code(error: &mongodb::error::Error) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(error) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => Some(error.code),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_writes_are_recorded_in_order_with_their_names() {
    let mongo = Mongo::start("order").await;
    let (database, collection) = (mongo.database(), mongo.collection());
    database.create_collection("things").await.unwrap();
    collection.insert_one(doc! {"_id": 1}).await.unwrap();
    let change = doc! {"$set": {"a": 1}};
    collection.update_one(doc! {"_id": 7}, change).await.unwrap();
    collection.find_one_and_delete(doc! {"_id": 7}).await.unwrap();
    collection.find_one(doc! {}).await.unwrap();
    collection.create_index(by_field_a()).await.unwrap();
    let user = doc! {"createUser": "nurse", "pwd": "marker-value", "roles": []};
    database.run_command(user).await.unwrap();
    database.run_command(doc! {"dropUser": "nurse"}).await.unwrap();
    let copy = [doc! {"$match": {}}, doc! {"$out": "copies"}];
    let copied = collection.aggregate(copy).await.unwrap();
    copied.try_collect::<Vec<_>>().await.unwrap();
    let again = collection.insert_one(doc! {"_id": 1}).await.unwrap_err();
    database.drop().await.unwrap();

    let name = &mongo.name;
    assert_eq!(
        names(&mongo.log),
        [
            format!("create {name}.things"),
            format!("insert {name}.things"),
            format!("update {name}.things"),
            format!("findAndModify {name}.things"),
            format!("createIndexes {name}.things"),
            "createUser nurse".to_owned(),
            "dropUser nurse".to_owned(),
            format!("aggregate {name}.things"),
            format!("dropDatabase {name}"),
        ]
    );
    assert!(mongo.log.writes().iter().all(|write| write.server == Server::MongoDb));
    assert_eq!(code(&again), Some(11_000));
    let refused = mongo.log.refused();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!((refused[0].code, refused[0].injected), (11_000, false));
    assert!(mongo.proxy.commands().contains(&format!("find {name}.things")));
    assert!(!format!("{:?} {:?}", mongo.log, mongo.proxy.commands()).contains("marker-value"));
    mongo.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_counts_once_when_it_commits() {
    let mongo = Mongo::start("transaction").await;
    let (database, collection) = (mongo.database(), mongo.collection());
    let mut session = mongo.client.start_session().await.unwrap();
    session.start_transaction().await.unwrap();
    database.create_collection("things").session(&mut session).await.unwrap();
    collection.create_index(by_field_a()).session(&mut session).await.unwrap();
    assert_eq!(mongo.log.count(), 0);
    session.commit_transaction().await.unwrap();
    assert_eq!(names(&mongo.log), ["commitTransaction (2 commands)"]);

    session.start_transaction().await.unwrap();
    collection.insert_one(doc! {"_id": 1}).session(&mut session).await.unwrap();
    session.abort_transaction().await.unwrap();
    assert_eq!(mongo.log.count(), 1, "an aborted transaction wrote nothing");
    assert_eq!(mongo.stored().await, 0);
    mongo.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_in_a_section_of_its_own_is_one_write() {
    let mongo = Mongo::start("batch").await;
    let batch = (0..5000).map(|number| doc! {"_id": number});
    mongo.collection().insert_many(batch).await.unwrap();
    assert_eq!(names(&mongo.log), [format!("insert {}.things", mongo.name)]);
    // Part of this batch lands before the duplicate stops it: both a write and a refusal.
    let batch = [5000, 1, 5001].map(|number| doc! {"_id": number});
    mongo.collection().insert_many(batch).await.unwrap_err();
    assert_eq!(mongo.log.count(), 2);
    assert_eq!(mongo.log.refused()[0].code, 11_000);
    assert_eq!(mongo.stored().await, 5001);
    mongo.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_heard_or_written_after_the_trapped_write() {
    let mongo = Mongo::start("trap").await;
    let crashed = Arc::new(AtomicBool::new(false));
    let fired = mongo.log.on_write(3, {
        let crashed = crashed.clone();
        move || crashed.store(true, Ordering::SeqCst)
    });
    for number in 1..=2 {
        mongo.collection().insert_one(doc! {"_id": number}).await.unwrap();
    }
    // Stored, but its client hears nothing, and neither its second try nor any other write gets through.
    mongo.collection().insert_one(doc! {"_id": 3}).await.unwrap_err();
    assert!(crashed.load(Ordering::SeqCst));
    let trapped = fired.await.unwrap();
    assert_eq!(trapped.what, format!("insert {}.things", mongo.name));
    mongo.collection().insert_one(doc! {"_id": 4}).await.unwrap_err();
    let read = mongo.collection().find_one(doc! {}).await.unwrap();
    read.expect("reads pass");
    mongo.log.settled().await;
    assert_eq!(mongo.log.count(), 3);
    assert_eq!(mongo.stored().await, 3);

    mongo.log.resume();
    let written = mongo.collection().insert_one(doc! {"_id": 5}).await;
    written.expect("a new connection writes again");
    assert_eq!(mongo.log.count(), 4);
    mongo.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_equals_the_truth_when_many_write_at_once() {
    let mongo = Mongo::start("many").await;
    let fired = mongo.log.on_write(20, || ());
    let writers = (0..100).map(|number| {
        let collection = mongo.collection();
        async move { collection.insert_one(doc! {"_id": number}).await.is_ok() }
    });
    let answers = futures::future::join_all(writers).await;
    fired.await.unwrap();
    mongo.log.settled().await;
    let stored = mongo.stored().await;
    assert_eq!(mongo.log.count() as u64, stored);
    assert!((20..100).contains(&stored), "{stored}");
    let answered = answers.into_iter().filter(|heard| *heard).count();
    assert_eq!(answered, 19, "all before the trapped write are answered, none after");
    mongo.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn injected_mongodb_faults_reach_the_driver_and_go_again() {
    let mongo = Mongo::start("faults").await;
    let collection = mongo.collection();
    let insert = || async { collection.insert_one(doc! {}).await };

    mongo.proxy.fail("insert", 14_031, "OutOfDiskSpace", "no space left");
    assert_eq!(code(&insert().await.unwrap_err()), Some(14_031));
    let refused = mongo.log.refused();
    assert_eq!((refused[0].code, refused[0].injected), (14_031, true));
    mongo.proxy.clear();
    insert().await.unwrap();

    mongo.proxy.fail_all_writes(10_107, "NotWritablePrimary", "not primary");
    let stepped_down = collection.create_index(by_field_a()).await.unwrap_err();
    assert_eq!(code(&stepped_down), Some(10_107));
    let retried = collection.delete_one(doc! {}).await.unwrap_err();
    assert_eq!(code(&retried), Some(10_107));
    let read = collection.find_one(doc! {}).await.unwrap();
    read.expect("reads pass");
    mongo.proxy.clear();
    insert().await.unwrap();

    mongo.proxy.fail_after("insert", 1, 13, "Unauthorized", "not allowed");
    insert().await.unwrap();
    assert_eq!(code(&insert().await.unwrap_err()), Some(13));
    mongo.proxy.clear();

    mongo.proxy.delay("find", Duration::from_millis(300));
    let start = Instant::now();
    collection.find_one(doc! {}).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!(mongo.stored().await, 3);
    mongo.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_goes_away_and_comes_back() {
    let mongo = Mongo::start("down").await;
    mongo.collection().insert_one(doc! {}).await.unwrap();
    mongo.proxy.set_down(true);
    for _ in 0..2 {
        let error = mongo.collection().insert_one(doc! {}).await.unwrap_err();
        // Which of them depends on whether the driver's monitor or this call noticed first.
        let away = matches!(
            error.kind.as_ref(),
            ErrorKind::ServerSelection { .. } | ErrorKind::ConnectionPoolCleared { .. } | ErrorKind::Io(_)
        );
        assert!(away, "{error}");
    }
    let error = mongo.collection().find_one(doc! {}).await.unwrap_err();
    assert!(matches!(error.kind.as_ref(), ErrorKind::ServerSelection { .. }), "{error}");
    mongo.proxy.set_down(false);
    mongo.collection().insert_one(doc! {}).await.unwrap();
    assert_eq!(mongo.log.count(), 2);
    mongo.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_that_watches_the_server_by_a_stream_stays_at_the_proxy() {
    let (proxy, mut options) = before_mongodb(WriteLog::new()).await;
    options.server_monitoring_mode = Some(ServerMonitoringMode::Stream);
    options.heartbeat_freq = Some(Duration::from_millis(500));
    let (events, mut seen) = mpsc::unbounded_channel();
    options.sdam_event_handler = Some(EventHandler::callback(move |event| {
        // The driver outlives the test by a moment.
        let _ = events.send(event);
    }));
    let client = mongodb::Client::with_options(options).unwrap();
    client.database("admin").run_command(doc! {"ping": 1}).await.unwrap();
    let mut streamed = 0;
    while streamed < 3 {
        let event = timeout(PATIENCE, seen.recv()).await.expect("no heartbeat");
        match event.unwrap() {
            SdamEvent::ServerHeartbeatSucceeded(beat) if beat.awaited => streamed += 1,
            SdamEvent::ServerHeartbeatFailed(beat) => panic!("{:?}", beat.failure),
            SdamEvent::ServerOpening(server) => assert_eq!(server.address, address(&proxy)),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_closes_its_own_connection_only() {
    let mongo = Mongo::start("garbage").await;
    let without_sections = [16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 221, 7, 0, 0];
    for garbage in [b"GET / HTTP/1.1\r\nHost: mongodb\r\n\r\n".as_slice(), &[255; 64], &without_sections] {
        let mut stream = TcpStream::connect(mongo.proxy.address()).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        // Closed with or without a reset, as long as it is closed.
        let answer = timeout(PATIENCE, stream.read(&mut [0; 16])).await.expect("still open");
        assert_eq!(answer.unwrap_or(0), 0);
    }
    mongo.collection().insert_one(doc! {}).await.unwrap();
    mongo.close().await;
}

/// A proxy before the shared cluster, a client through it, one past it, and a namespace of the test's own.
struct Kube {
    proxy: KubeProxy,
    log: WriteLog,
    client: Client,
    direct: Client,
    namespace: String,
}

impl Kube {
    async fn start(label: &str) -> Self {
        let direct = Testbed::shared().admin().await;
        let log = WriteLog::new();
        let proxy = KubeProxy::start(Testbed::shared().kubeconfig(), log.clone()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let client = client(&proxy.kubeconfig(folder.path()).unwrap()).await;
        let namespace = format!("proxy-{label}-{}", std::process::id());
        let object = Namespace { metadata: named(&namespace), ..Namespace::default() };
        let namespaces = Api::all(direct.clone());
        namespaces.create(&PostParams::default(), &object).await.unwrap();
        Self { proxy, log, client, direct, namespace }
    }

    fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The same as the API server has them, whatever the proxy does.
    fn truth(&self) -> Api<ConfigMap> {
        Api::namespaced(self.direct.clone(), &self.namespace)
    }

    async fn create(&self, name: &str) -> kube::Result<ConfigMap> {
        let object = ConfigMap { metadata: named(name), ..ConfigMap::default() };
        self.config_maps().create(&PostParams::default(), &object).await
    }

    async fn change(&self, name: &str, how: PatchParams) -> kube::Result<ConfigMap> {
        let change = Patch::Merge(json!({"data": {"a": "b"}}));
        self.config_maps().patch(name, &how, &change).await
    }

    async fn close(self) {
        let namespaces = Api::<Namespace>::all(self.direct);
        namespaces.delete(&self.namespace, &DeleteParams::default()).await.unwrap();
    }
}

async fn client(kubeconfig: &Path) -> Client {
    let file = Kubeconfig::read_from(kubeconfig).unwrap();
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(file, &options).await.unwrap();
    // The tests look at single failures.
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }
}

fn status(error: &kube::Error) -> Option<(u16, &str, &str)> {
    match error {
        kube::Error::Api(status) => Some((status.code, &status.reason, &status.message)),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kubernetes_writes_are_recorded_and_watch_events_arrive_at_once() {
    let kube = Kube::start("watch").await;
    let maps = kube.config_maps();
    let list = maps.list(&ListParams::default()).await.unwrap();
    let version = list.metadata.resource_version.unwrap();
    let only_one = WatchParams::default().fields("metadata.name=one");
    let mut events = maps.watch(&only_one, &version).await.unwrap().boxed();
    kube.create("one").await.unwrap();
    let event = timeout(PATIENCE, events.next()).await.expect("the event was held back");
    assert!(matches!(event, Some(Ok(WatchEvent::Added(map))) if map.name_any() == "one"));

    kube.change("one", PatchParams::default()).await.unwrap();
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    kube.change("one", dry).await.unwrap();
    let twice = kube.create("one").await.unwrap_err();
    maps.delete("one", &DeleteParams::default()).await.unwrap();
    let question = SelfSubjectRulesReview {
        spec: SelfSubjectRulesReviewSpec { namespace: Some(kube.namespace.clone()) },
        ..SelfSubjectRulesReview::default()
    };
    Api::all(kube.client.clone()).create(&PostParams::default(), &question).await.unwrap();
    let notice: Event = serde_json::from_value(json!({
        "metadata": {"name": "noticed"},
        "involvedObject": {"kind": "ConfigMap", "namespace": kube.namespace},
    }))
    .unwrap();
    let notices = Api::namespaced(kube.client.clone(), &kube.namespace);
    notices.create(&PostParams::default(), &notice).await.unwrap();

    let path = format!("/api/v1/namespaces/{}/configmaps", kube.namespace);
    let expected = [format!("POST {path}"), format!("PATCH {path}/one"), format!("DELETE {path}/one")];
    assert_eq!(names(&kube.log), expected);
    assert_eq!(kube.log.events().len(), 1);
    assert_eq!(status(&twice).unwrap().0, 409);
    let refused = kube.log.refused();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!((refused[0].code, refused[0].injected), (409, false));
    kube.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_byte_that_the_api_server_answers_is_counted_once_those_of_a_watch_when_they_arrive() {
    let kube = Kube::start("traffic").await;
    kube.create("one").await.unwrap();
    let before = kube.proxy.traffic();
    let path = format!("/api/v1/namespaces/{}/configmaps/one", kube.namespace);
    let answer = kube.client.request_text(Request::get(path).body(Vec::new()).unwrap()).await.unwrap();
    let asked = kube.proxy.traffic();
    assert_eq!((asked.requests - before.requests, asked.bytes - before.bytes), (1, answer.len() as u64));

    let version = kube.config_maps().get("one").await.unwrap().resource_version().unwrap();
    let mut events = kube.config_maps().watch(&WatchParams::default(), &version).await.unwrap().boxed();
    let before = kube.proxy.traffic();
    kube.truth().delete("one", &DeleteParams::default()).await.unwrap();
    timeout(PATIENCE, events.next()).await.expect("the event was held back").unwrap().unwrap();
    let told = kube.proxy.traffic();
    assert_eq!(told.requests, before.requests);
    assert!(told.bytes > before.bytes, "{told:?} after {before:?}");
    kube.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_servers_share_one_count_and_one_gate() {
    let kube = Kube::start("trap").await;
    let (_mongo, options) = before_mongodb(kube.log.clone()).await;
    let client = mongodb::Client::with_options(options).unwrap();
    let database = kube.namespace.replace('-', "_");
    let things = client.database(&database).collection::<Document>("things");

    let fired = kube.log.on_write(3, || ());
    kube.create("one").await.unwrap();
    things.insert_one(doc! {"_id": 2}).await.unwrap();
    let unheard = kube.create("three").await.unwrap_err();
    assert!(status(&unheard).is_none(), "{unheard}");
    assert_eq!(fired.await.unwrap().server, Server::Kubernetes);
    things.insert_one(doc! {"_id": 4}).await.unwrap_err();
    kube.create("five").await.unwrap_err();
    let stored = kube.config_maps().get("three").await;
    stored.expect("reads pass, and the third write was stored");
    kube.log.settled().await;
    assert_eq!(kube.log.count(), 3);
    assert!(kube.truth().get_opt("five").await.unwrap().is_none());

    kube.log.resume();
    // The client's idle connection is from before; it may find out by losing one request.
    if kube.create("six").await.is_err() {
        kube.create("six").await.unwrap();
    }
    assert_eq!(kube.log.count(), 4);
    let direct = Testbed::shared().mongodb().await;
    direct.database(&database).drop().await.unwrap();
    kube.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn injected_kubernetes_faults_reach_the_client_and_go_again() {
    let kube = Kube::start("faults").await;
    kube.create("one").await.unwrap();
    kube.proxy.fail("PATCH", "/configmaps/one", 409, "somebody else was faster");
    let error = kube.change("one", PatchParams::default()).await.unwrap_err();
    assert_eq!(status(&error), Some((409, "Conflict", "somebody else was faster")));
    assert!(kube.log.refused()[0].injected);
    assert!(kube.truth().get("one").await.unwrap().data.is_none());
    kube.proxy.clear();
    kube.change("one", PatchParams::default()).await.unwrap();

    kube.proxy.fail_when(|method, _| method == "GET", 503, "the storage is starting");
    let error = kube.config_maps().get("one").await.unwrap_err();
    assert_eq!(status(&error), Some((503, "ServiceUnavailable", "the storage is starting")));
    kube.proxy.clear();

    kube.proxy.set_down(true);
    let error = kube.config_maps().get("one").await.unwrap_err();
    assert!(status(&error).is_none(), "{error}");
    kube.proxy.set_down(false);
    kube.config_maps().get("one").await.unwrap();
    assert_eq!(kube.log.count(), 2);
    kube.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_can_be_for_transactions_only_and_for_a_number_of_times() {
    let mongo = Mongo::start("in_transaction").await;
    mongo.proxy.fail_in_transaction("create", 1, 263, "OperationNotSupportedInTransaction", "not here");
    mongo.database().create_collection("outside").await.unwrap();
    let mut session = mongo.client.start_session().await.unwrap();
    session.start_transaction().await.unwrap();
    let refused = mongo.database().create_collection("things").session(&mut session).await.unwrap_err();
    assert_eq!(code(&refused), Some(263));
    session.abort_transaction().await.unwrap();
    session.start_transaction().await.unwrap();
    mongo.database().create_collection("things").session(&mut session).await.unwrap();
    session.commit_transaction().await.unwrap();
    mongo.close().await;
}
