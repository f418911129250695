//! `make up`: a whole ChakraVue on this machine, in the foreground, with its data in `.dev`.
//!
//! The order is that of a real installation: servers, CRD and rights, the programs' logins, operator and API, a hospital, an
//! administrator of the platform. After that it keeps operator and API running, as a Deployment would, until it is told to stop.

mod api;
mod env_file;
mod home;
mod hospital;
mod screen;
mod supervise;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context;
use chakravue_crds::master::MASTER_DATABASE;
use futures::{StreamExt, stream::FuturesUnordered};
use kube::Client;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    control_plane::Durability,
    files::remembered_secret,
    install::{self, MongodbLogin, OPERATOR, OPERATOR_WATCH},
    kubeconfig,
    kubectl::Kubectl,
    parts,
    processes::{Process, command},
    programs::Program,
    servers::{Cluster, Given, Mongodb},
};
use env_file::EnvFile;
use home::Home;
pub(crate) use screen::Screen;
use supervise::Supervised;

pub(crate) use api::without_limits;
pub(crate) use home::forget;
pub(crate) use hospital::apply_and_wait;

/// Where the chart puts operator and API.
const SYSTEM_NAMESPACE: &str = "chakravue-system";
/// How long a service account's token lasts; every start gets a new one.
const TOKEN_VALID: Duration = Duration::from_hours(30 * 24);
/// The longest that a program of ours may take to answer its probe.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs until Ctrl-C or SIGTERM, or until something fails that cannot be started again.
pub(crate) async fn run(folder: &Path) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let screen = Screen::new();
    let mut home = Home::open(folder)?;
    screen.title(&format!("ChakraVue on this machine; its data is in {}", home.path().display()));

    let started = Instant::now();
    let environment = tokio::select! {
        // Dropping what is half started kills it; etcd and mongod are made to survive that.
        () = signals.next() => {
            screen.say("Stopped before everything ran.");
            return Ok(());
        }
        environment = Environment::start(&mut home, &screen) => environment?,
    };
    let env_file = EnvFile::write(&home.env_file(), &environment.variables())?;
    environment.print_what_next(&screen, &home, started.elapsed());

    let Environment { cluster, mongodb, operator, api, .. } = environment;
    let servers: Vec<&Process> = cluster.processes().into_iter().chain(mongodb.process()).collect();
    let stop = CancellationToken::new();
    let mut programs = std::pin::pin!(async {
        tokio::join!(operator.keep_running(&screen, &stop), api.keep_running(&screen, &stop));
    });
    let result = tokio::select! {
        () = signals.next() => Ok(()),
        error = first_to_end(&servers) => Err(error),
        () = &mut programs => unreachable!("operator and API are kept running until they are told to stop"),
    };
    drop(env_file);
    screen.say("Stopping …");
    let everything = async {
        stop.cancel();
        programs.await;
        for server in &servers {
            server.stop().await;
        }
    };
    tokio::select! {
        () = everything => screen.say("Everything is stopped. `make up` finds the data again; `make clean-dev` forgets it."),
        // Dropping kills.
        () = signals.next() => screen.say("Killed, as you insist."),
    }
    result
}

/// Everything that runs.
struct Environment {
    cluster: Cluster,
    mongodb: Mongodb,
    operator: Supervised,
    /// Where its metrics are.
    operator_metrics: String,
    api: Supervised,
    kubectl: Kubectl,
    /// With which somebody becomes the platform's first administrator; `None` when there is one.
    administrator_link: Option<String>,
}

impl Environment {
    async fn start(home: &mut Home, screen: &Screen) -> anyhow::Result<Self> {
        let given = Given::from_environment()?;
        let wanted = given.wanted();
        let step = screen.step("programs");
        let parts = tokio::task::spawn_blocking(move || parts::prepare(wanted)).await??;
        step.done("ready to start");

        let path = home.path().to_owned();
        let (mut cluster_ports, mut mongodb_ports) = (home.ports("kubernetes"), home.ports("mongodb"));
        let cluster = async {
            let step = screen.step("kubernetes");
            let cluster = Cluster::start(&given, &parts, &path, &mut cluster_ports, Durability::Durable).await?;
            step.done(&cluster.describe());
            anyhow::Ok(cluster)
        };
        let mongodb = async {
            let step = screen.step("mongodb");
            let mongodb = Mongodb::start(&given, &parts, &path, &mut mongodb_ports).await?;
            step.done(&mongodb.describe());
            anyhow::Ok(mongodb)
        };
        let (cluster, mongodb) = tokio::try_join!(cluster, mongodb)?;
        let kubectl = Kubectl::find(parts.kubernetes.as_ref(), cluster.kubeconfig())?;

        let client = kubeconfig::client(cluster.kubeconfig()).await?;
        install::crd(&client).await?;
        for namespace in [SYSTEM_NAMESPACE, hospital::NAMESPACE] {
            install::namespace(&client, namespace).await?;
        }
        let configuration = api::Configuration::prepare(home, &client, &cluster, &mongodb).await?;
        let ((operator, operator_metrics), api) = tokio::try_join!(
            start_operator(home, screen, &client, &cluster, &mongodb),
            api::start(home, screen, &configuration),
        )?;
        let step = screen.step("hospital");
        let ready = hospital::apply_and_wait(&kubectl, &client);
        let operators = [operator.process()];
        let description = tokio::select! {
            ready = ready => ready.with_context(|| operator.process().last_words())?,
            error = first_to_end(&operators) => return Err(error),
        };
        step.done(&description);
        let administrator_link = configuration.invite_administrator(&api.url("")).await?;
        Ok(Self { cluster, mongodb, operator, operator_metrics, api, kubectl, administrator_link })
    }

    /// What a shell needs to look around.
    fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("KUBECONFIG", self.cluster.kubeconfig().display().to_string()),
            ("CHAKRAVUE_API_URL", self.api.url("")),
            ("CHAKRAVUE_OPERATOR_METRICS_URL", self.operator_metrics.clone()),
            ("CHAKRAVUE_MONGODB_ADMIN_URI", self.mongodb.uri().to_owned()),
        ]
    }

    fn administrator(&self) -> String {
        let Some(link) = &self.administrator_link else { return String::new() };
        format!(
            "\nWhoever opens this link first becomes the platform's administrator {}:\n\n  {link}\n",
            api::ADMINISTRATOR
        )
    }

    fn print_what_next(&self, screen: &Screen, home: &Home, took: Duration) {
        let kubeconfig = env_file::quoted(&self.cluster.kubeconfig().display().to_string());
        let shown = home.env_file();
        let shown =
            std::env::current_dir().ok().and_then(|here| shown.strip_prefix(here).ok()).unwrap_or(&shown).to_owned();
        let kubectl = hospital::typed(&self.kubectl);
        screen.say(&format!(
            "\nReady after {:.1} s.

  in a browser         {}   (the card 4111 1111 1111 1111 pays, and nothing is charged)
  API                  {}
  its operations       {}
  operator's metrics   {}
{}
In another terminal:

  export KUBECONFIG={kubeconfig}
  {kubectl} get horg --all-namespaces
  {kubectl} explain horg.spec

  (`source {}` sets KUBECONFIG and the addresses above, and an administrator's connection string for MongoDB.)

Ctrl-C stops everything. Below: what operator and API log; all logs are in {}.
",
            took.as_secs_f64(),
            self.api.url("/"),
            self.api.url(""),
            self.api.url("/docs"),
            self.operator_metrics.clone(),
            self.administrator(),
            env_file::quoted(&shown.display().to_string()),
            home.logs().display(),
        ));
        screen.show_logs();
    }
}

async fn start_operator(
    home: &Home,
    screen: &Screen,
    client: &Client,
    cluster: &Cluster,
    mongodb: &Mongodb,
) -> anyhow::Result<(Supervised, String)> {
    let step = screen.step("operator");
    let kubeconfig = home.path().join("operator.kubeconfig");
    let in_kubernetes = async {
        install::operator_account(client, SYSTEM_NAMESPACE, OPERATOR).await?;
        let account = (SYSTEM_NAMESPACE, OPERATOR);
        install::account_kubeconfig(client, account, cluster.kubeconfig(), &kubeconfig, TOKEN_VALID).await
    };
    let password = remembered_secret(&home.path().join("operator-mongodb-password"), 32)?;
    let login =
        MongodbLogin { of: Program::Operator, name: OPERATOR, password: &password, master_database: MASTER_DATABASE };
    let watch_password = remembered_secret(&home.path().join("operator-watch-mongodb-password"), 32)?;
    let watch_login = MongodbLogin { name: OPERATOR_WATCH, password: &watch_password, ..login };
    let ((), uri, watch_uri) =
        tokio::try_join!(in_kubernetes, login.install(mongodb.uri()), watch_login.install_watch(mongodb.uri()))?;

    let port = home.ports("operator").take(OPERATOR)?;
    let metrics_port = home.ports("operator-metrics").take(OPERATOR)?;
    let (address, metrics) = (port.address(), format!("http://{}/metrics", metrics_port.address()));
    let program = Program::Operator.path()?;
    let operator = Supervised::start(OPERATOR, "operator", port, home.logs(), screen, move || {
        let mut operator = command(&program);
        operator.args(["run", "--master-database", MASTER_DATABASE, "--listen", &address, "--log-format", "text"]);
        // The port stays ours for as long as the program may be started again.
        operator.args(["--metrics-listen", &metrics_port.address()]);
        operator.env("KUBECONFIG", &kubeconfig).env("NO_COLOR", "1");
        operator.env("MONGODB_URI", &uri).env("WATCH_MONGODB_URI", &watch_uri);
        operator
    })?;
    operator.until_ready("/readyz", PATIENCE).await?;
    step.done(&metrics);
    Ok((operator, metrics))
}

/// None of these may end by itself; completes with an error when one does.
async fn first_to_end(processes: &[&Process]) -> anyhow::Error {
    let mut ends: FuturesUnordered<_> =
        processes.iter().map(|process| async move { (process, process.wait().await) }).collect();
    match ends.next().await {
        Some((process, status)) => anyhow::anyhow!("{} ended ({status}). {}", process.name(), process.last_words()),
        // On servers that are all given there is nothing of ours that could end.
        None => std::future::pending().await,
    }
}

/// The signals that mean "stop": Ctrl-C, SIGTERM, and the terminal going away.
pub(crate) struct Signals([Signal; 3]);

impl Signals {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let watch = |kind| signal(kind).context("cannot watch for signals");
        Ok(Self([watch(SignalKind::interrupt())?, watch(SignalKind::terminate())?, watch(SignalKind::hangup())?]))
    }

    pub(crate) async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
