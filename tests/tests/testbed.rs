//! The testbed keeps its promises: real servers, that end with whoever asked for them, side by side with others.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use chakravue_testbed::{Sandbox, Testbed};
use k8s_openapi::{
    api::core::v1::{ConfigMap, Namespace, Secret},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use mongodb::bson::doc;
use serde_json::{Value, json};

/// A guard that is not the shared one.
struct Guard {
    process: Child,
    report: Value,
}

impl Guard {
    fn start(folder: &Path, input: impl Into<Stdio>) -> Self {
        let mut process = guard(folder).stdin(input).stdout(Stdio::piped()).spawn().expect("the guard is built");
        let mut line = String::new();
        let output = process.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("the guard prints a line");
        let report = serde_json::from_str(&line).expect("the line is JSON");
        Self { process, report }
    }

    fn servers(&self) -> Vec<u64> {
        let processes = self.report["processes"].as_object().expect("an object");
        processes.values().filter_map(Value::as_u64).collect()
    }
}

fn guard(folder: &Path) -> Command {
    let mut guard = Command::new(env!("CARGO_BIN_EXE_testbed"));
    guard.arg("guard").arg("--dir").arg(folder);
    guard
}

/// A process that has ended but is not reaped yet counts as gone.
fn runs(pid: u64) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap_or_default().starts_with('Z'))
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "not within 30 s: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn two_guards_run_side_by_side_and_take_everything_with_them() {
    let folders =
        [(); 2].map(|()| std::env::temp_dir().join(format!("chakravue-testbed-{:016x}", rand::random::<u64>())));
    // Another process holds the first guard's input, as a test process does, so that we can kill it.
    let (input, held) = std::io::pipe().unwrap();
    let mut holder = Command::new("sleep").arg("1000").stdout(held).spawn().unwrap();
    let [mut first, mut second] = thread::scope(|scope| {
        let first = scope.spawn(|| Guard::start(&folders[0], input));
        let second = scope.spawn(|| Guard::start(&folders[1], Stdio::piped()));
        [first.join().unwrap(), second.join().unwrap()]
    });
    let given = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let expected = if given("USE_EXISTING_CLUSTER") { 0 } else { 3 } + usize::from(!given("MONGODB_URI"));
    for guard in [&first, &second] {
        let servers = guard.servers();
        assert_eq!(servers.len(), expected, "{}", guard.report);
        assert!(servers.iter().all(|pid| runs(*pid)), "{}", guard.report);
    }

    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(first.process.wait().unwrap().success());
    assert!(!first.servers().iter().any(|pid| runs(*pid)), "servers outlive their guard");
    assert!(!folders[0].exists(), "the folder is left");
    assert!(second.servers().iter().all(|pid| runs(*pid)), "the other guard's servers went along");

    second.process.kill().unwrap();
    second.process.wait().unwrap();
    let servers = second.servers();
    eventually("the kernel ends the servers of a killed guard", || !servers.iter().any(|pid| runs(*pid)));

    assert!(folders[1].exists(), "nobody was left to remove it");
    let output = guard(&folders[0]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "a guard that nobody needs any more ends quietly: {output:?}");
    assert!(folders.iter().all(|folder| !folder.exists()), "the next guard tidies up after the killed one");
}

#[tokio::test]
async fn kubernetes_and_mongodb_are_real() {
    let testbed = Testbed::shared();
    let client = testbed.admin().await;
    let version = client.apiserver_version().await.unwrap();
    assert!(version.git_version.starts_with('v'), "kubectl and helm read the version: {version:?}");
    let crds = Api::<CustomResourceDefinition>::all(client);
    crds.get("hospitalorganizations.chakravue.io").await.expect("the CRD is installed");

    let mongodb = testbed.mongodb().await;
    let hello = mongodb.database("admin").run_command(doc! { "hello": 1 }).await.unwrap();
    assert!(hello.get_str("setName").is_ok(), "a replica set");
    let mut options = mongodb::options::ClientOptions::parse(testbed.mongodb_uri()).await.unwrap();
    options.credential = None;
    let nobody = mongodb::Client::with_options(options).unwrap();
    let refused = nobody.database("admin").collection::<mongodb::bson::Document>("system.users");
    let error = refused.find_one(doc! {}).await.unwrap_err();
    assert!(error.to_string().contains("requires authentication"), "{error}");
}

#[tokio::test]
async fn the_audit_log_has_writes_as_soon_as_they_are_answered() {
    let testbed = Testbed::shared();
    let Some(audit_log) = testbed.audit_log() else { return };
    let name = format!("audited-{:08x}", rand::random::<u32>());
    let map: ConfigMap = serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap();
    let maps = Api::<ConfigMap>::namespaced(testbed.admin().await, "default");
    maps.create(&PostParams::default(), &map).await.unwrap();
    maps.get(&name).await.unwrap();
    let log = std::fs::read_to_string(&audit_log).unwrap();
    let verbs: Vec<Value> = log
        .lines()
        .filter(|line| line.contains(&name))
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["verb"].clone())
        .collect();
    assert_eq!(verbs, ["create"], "writes, and nothing but writes");
    maps.delete(&name, &kube::api::DeleteParams::default()).await.unwrap();
}

#[tokio::test]
async fn a_sandbox_has_exactly_the_operators_rights_and_leaves_nothing() {
    let sandbox = Sandbox::new("testbed").await;
    let other = Sandbox::new("testbed, another").await;
    assert_ne!(sandbox.prefix(), other.prefix());
    other.close().await;

    let operator = kube_client(sandbox.operator_kubeconfig()).await;
    let secrets = Api::<Secret>::namespaced(operator.clone(), sandbox.namespace());
    secrets.list(&ListParams::default()).await.expect("the chart's rules allow this");
    let maps = Api::<ConfigMap>::namespaced(operator, sandbox.namespace());
    let forbidden = maps.list(&ListParams::default()).await.unwrap_err();
    assert!(matches!(&forbidden, kube::Error::Api(status) if status.is_forbidden()), "{forbidden}");

    let mongodb = mongodb::Client::with_uri_str(sandbox.operator_mongodb_uri()).await.unwrap();
    let ping = doc! { "connectionStatus": 1 };
    let who = mongodb.database("admin").run_command(ping).await.unwrap().to_string();
    assert!(who.contains(&format!("{}-operator", sandbox.prefix())), "{who}");

    let administrator = sandbox.mongodb().await;
    let left_behind = administrator.database(&sandbox.database_name("hospital"));
    left_behind.collection("patients").insert_one(doc! { "_id": 1 }).await.unwrap();
    let user = doc! { "createUser": "left-behind", "pwd": "x", "roles": ["read"] };
    left_behind.run_command(user).await.unwrap();

    let (prefix, client) = (sandbox.prefix().to_owned(), sandbox.admin().await);
    sandbox.close().await;
    let databases = administrator.list_database_names().await.unwrap();
    assert!(!databases.iter().any(|name| name.starts_with(&prefix)), "{databases:?}");
    let users = administrator.database("admin").run_command(doc! { "usersInfo": { "forAllDBs": true } }).await.unwrap();
    assert!(!users.to_string().contains(&prefix), "{users}");
    let namespace = Api::<Namespace>::all(client).get_opt(&prefix).await.unwrap();
    assert!(namespace.is_none_or(|namespace| namespace.metadata.deletion_timestamp.is_some()));
}

#[tokio::test]
async fn an_operator_runs_in_a_sandbox() {
    let sandbox = Sandbox::new("testbed, operator").await;
    let operator = sandbox.operator().rust_log("debug").start().await;
    operator.wait_ready().await;
    assert_eq!(operator.status_of("/livez").await, Some(200));
    assert!(!operator.metrics().await.is_empty());
    let killer = operator.killer();
    let (url, log) = (operator.url(), operator.log());
    assert!(log.contains("DEBUG"), "RUST_LOG did not arrive:\n{log}");
    let status = operator.terminate().await;
    assert!(status.success(), "{url}: {status}");
    // Too late, and therefore harmless.
    killer();

    let operator = sandbox.operator().mongodb_uri("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500").start().await;
    operator.wait_listening().await;
    operator.killer()();
    assert!(!operator.wait_exit().await.success());
    drop(operator);
    sandbox.close().await;
}

async fn kube_client(kubeconfig: &Path) -> kube::Client {
    let kubeconfig = kube::config::Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
    let options = kube::config::KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.expect("a usable kubeconfig");
    kube::Client::try_from(config).expect("a client")
}
