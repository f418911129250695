//! The process: reads its command line, starts the watch over MongoDB, the probes and the controller, and stops them
//! in order at SIGTERM. If any of them ends by itself, the process ends with an error and is started again.

mod access;
mod backoff;
mod claim;
mod context;
mod controller;
mod credentials;
mod drift;
mod echoes;
mod endpoint;
mod error;
mod events;
mod finalizer;
mod http;
mod invalid;
mod loss;
mod metrics;
mod mongo;
mod pause;
mod privileges;
mod reconcile;
mod removal;
mod schema;
mod scram;
mod status;
mod telemetry;
mod tenant;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use chakravue_crds::master::MASTER_DATABASE;
use clap::{Args, Parser, Subcommand, ValueEnum};
use k8s_openapi::{api::core::v1::Namespace, jiff::SignedDuration};
use kube::{Api, ResourceExt as _, runtime::reflector};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    context::{Context, Settings},
    endpoint::Endpoint,
    mongo::Mongo,
    privileges::Login,
    telemetry::LogFormat,
};

/// How long running passes may take to finish after SIGTERM; Kubernetes kills after 30 seconds by default.
const DRAIN: Duration = Duration::from_secs(20);

#[derive(Parser)]
#[command(
    name = "chakravue-operator",
    version,
    about = "Turns every HospitalOrganization into its own MongoDB database and keeps it so"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the operator until it is told to stop.
    Run(Box<Run>),
    /// Print the MongoDB role that the operator needs and the commands that create it.
    MongodbRole(MongodbRole),
}

#[derive(Args)]
#[allow(clippy::doc_markdown, reason = "shown as the help of the command line")]
struct Run {
    /// The operator's MongoDB connection. Not a flag, because a command line can be read by everybody on the machine.
    #[arg(skip)]
    uri: String,
    /// A file that holds the operator's MongoDB URI; otherwise the environment variable MONGODB_URI holds it.
    #[arg(long, env = "MONGODB_URI_FILE")]
    mongodb_uri_file: Option<PathBuf>,
    /// The MongoDB connection that watches for changes, if there is one.
    #[arg(skip)]
    watch_uri: Option<String>,
    /// A file that holds the MongoDB URI of the login that watches for changes of collections and indexes; otherwise the
    /// environment variable WATCH_MONGODB_URI holds it. Without one, the resync alone finds them.
    #[arg(long, env = "WATCH_MONGODB_URI_FILE")]
    watch_mongodb_uri_file: Option<PathBuf>,
    /// The MongoDB address in the tenants' Secrets, without credentials. Default: the operator's own.
    #[arg(long, env = "TENANT_MONGODB_URI")]
    tenant_mongodb_uri: Option<String>,
    /// The database that holds the claims.
    #[arg(long, env = "MASTER_DATABASE", default_value = MASTER_DATABASE)]
    master_database: String,
    /// Watch only this namespace. Default: all.
    #[arg(long, env = "WATCH_NAMESPACE")]
    namespace: Option<String>,
    /// The address for probes (/livez, /readyz) and metrics (/metrics).
    #[arg(long, env = "LISTEN_ADDRESS", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// How often a healthy hospital is compared with its declaration, such as 30s, 10m or 1h.
    #[arg(long, env = "RESYNC_INTERVAL", default_value = "10m", value_parser = duration)]
    resync_interval: Duration,
    /// How often all users and roles are compared with what they should be, such as 500ms or 5s; less often where there
    /// are so many that it would take more than a twentieth of the time.
    #[arg(long, env = "ACCOUNTS_INTERVAL", default_value = "500ms", value_parser = short_duration)]
    accounts_interval: Duration,
    /// Let an object that asks for it adopt a database that exists without any claim.
    #[arg(long, env = "ALLOW_DATABASE_ADOPTION")]
    allow_database_adoption: bool,
    /// Which cluster this is, in the claims. Default: the UID of the namespace kube-system.
    #[arg(long, env = "CLUSTER_ID")]
    cluster_id: Option<String>,
    /// How logs are written; what is logged is decided by RUST_LOG.
    #[arg(long, env = "LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
}

#[derive(Args)]
struct MongodbRole {
    /// The database that holds the claims.
    #[arg(long, env = "MASTER_DATABASE", default_value = MASTER_DATABASE)]
    master_database: String,
    /// The role of the second, optional login that watches for changes of collections and indexes, instead.
    #[arg(long)]
    watch: bool,
    /// The name of the role to create. Default: chakravue-operator, or chakravue-operator-watch.
    #[arg(long)]
    role: Option<String>,
    /// The name of the user to create with it. Default: as the role's.
    #[arg(long)]
    user: Option<String>,
    /// mongosh: a script for people. json: the createRole command for programs.
    #[arg(long, short, default_value = "mongosh")]
    output: Output,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    Mongosh,
    Json,
}

fn main() -> anyhow::Result<()> {
    // One TLS provider, chosen here: a dependency that brings another could otherwise panic at the first connection.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        bail!("another TLS provider was installed before ours");
    }
    match Cli::parse().command {
        Command::MongodbRole(options) => {
            let (login, name) = if options.watch {
                (Login::Watch, "chakravue-operator-watch")
            } else {
                (Login::Operator { master: &options.master_database }, "chakravue-operator")
            };
            let [role, user] = [&options.role, &options.user].map(|given| given.as_deref().unwrap_or(name));
            match options.output {
                Output::Mongosh => print!("{}", privileges::mongosh_script(role, user, login)),
                Output::Json => {
                    println!("{}", serde_json::to_string(&privileges::create_role_command(role, login))?);
                }
            }
            Ok(())
        }
        Command::Run(mut options) => {
            telemetry::init(options.log_format);
            options.uri = read_uri(options.mongodb_uri_file.as_ref(), "MONGODB_URI")?.context(
                "no MongoDB: set the environment variable MONGODB_URI, or --mongodb-uri-file to a file that holds the URI",
            )?;
            options.watch_uri = read_uri(options.watch_mongodb_uri_file.as_ref(), "WATCH_MONGODB_URI")?;
            tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(*options))
        }
    }
}

/// From the file, if one is named, or from the environment.
fn read_uri(file: Option<&PathBuf>, variable: &str) -> anyhow::Result<Option<String>> {
    match file {
        Some(path) => Ok(Some(
            std::fs::read_to_string(path)
                .with_context(|| format!("the MongoDB URI cannot be read from {}", path.display()))?
                .trim()
                .to_owned(),
        )),
        None => Ok(std::env::var(variable).ok().filter(|uri| !uri.is_empty())),
    }
}

/// A client for a URI, without the driver's own message, which may quote the URI, password and all.
fn understood<T>(client: mongodb::error::Result<T>, whose: &str) -> anyhow::Result<T> {
    client.map_err(|_| {
        anyhow::anyhow!(
            "the {whose}MongoDB URI cannot be understood; it must look like mongodb://user:password@host:27017/?options"
        )
    })
}

async fn run(options: Run) -> anyhow::Result<()> {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "chakravue-operator starts");
    // First of all: the first process of a container does not hear a signal that it does not listen for.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let listener =
        TcpListener::bind(options.listen).await.with_context(|| format!("cannot listen on {}", options.listen))?;
    tracing::info!(address = %listener.local_addr()?, "probes and metrics");

    let endpoint = Endpoint::parse(options.tenant_mongodb_uri.as_deref().unwrap_or(&options.uri))?;
    let own = drift::own::OwnWrites::default();
    let mongo = understood(Mongo::new(&options.uri, &options.master_database, own.clone()).await, "")?;
    let watcher = match &options.watch_uri {
        Some(uri) => Some(understood(drift::stream::Watcher::new(uri).await, "watch login's ")?),
        None => None,
    };
    let kube = kube::Client::try_default()
        .await
        .context("no Kubernetes: set KUBECONFIG, or run in a pod with a ServiceAccount")?;

    // Probes answer from the first moment, also while MongoDB or the API server is away.
    let heartbeat = http::Heartbeat::default();
    heartbeat.beat();
    let metrics = Arc::new(metrics::Metrics::default());
    let backoff = Arc::new(backoff::Backoff::default());
    let (drift, triggers) = drift::Drift::new(own, Arc::clone(&metrics));
    let (drift, verified) = (Arc::new(drift), Arc::new(scram::Verified::default()));
    let (store, writer) = reflector::store();
    let probes = http::Probes {
        mongo: mongo.clone(),
        metrics: Arc::clone(&metrics),
        backoff: Arc::clone(&backoff),
        store: store.clone(),
        heartbeat: heartbeat.clone(),
    };
    let serving = tokio::spawn(http::serve(listener, probes, stop.clone()));
    // The stream begins at the first look at MongoDB, so it has to listen for that before anybody looks.
    let stream = drift::stream::watch(watcher, mongo.clone(), Arc::clone(&drift), Arc::clone(&metrics), stop.clone());
    let stream = tokio::spawn(stream);
    let comparison = drift::accounts::watch(
        mongo.clone(),
        Arc::clone(&drift),
        Arc::clone(&verified),
        options.accounts_interval,
        stop.clone(),
    );
    let comparison = tokio::spawn(comparison);
    let watch = tokio::spawn(mongo.clone().watch(stop.clone(), move || heartbeat.beat()));

    let namespace = options.namespace.as_deref();
    let cluster = tokio::select! {
        cluster = wait_for_cluster(&kube, namespace, options.cluster_id.clone()) => cluster,
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    };
    let tasks = TaskTracker::new();
    let context = Arc::new(Context {
        announcer: events::Announcer::new(kube.clone(), tasks.clone()),
        kube,
        mongo,
        settings: Settings {
            cluster,
            endpoint,
            allow_database_adoption: options.allow_database_adoption,
            resync: options.resync_interval,
        },
        metrics,
        backoff,
        echoes: echoes::Echoes::default(),
        verified,
        drift,
    });
    let controller = controller::run(context, namespace, writer, store.clone(), triggers, stop.clone());
    tokio::pin!(controller);

    // Whatever ends first, everything ends: a process of which a part is missing would only look alive.
    let failure = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        () = &mut controller => Some("the controller ended"),
        _ = serving => Some("the HTTP server ended"),
        _ = watch => Some("the watch over MongoDB ended"),
        _ = stream => Some("the change stream ended"),
        _ = comparison => Some("the comparison of users and roles ended"),
    };
    stop.cancel();
    if let Some(failure) = failure {
        bail!("{failure} unexpectedly");
    }
    tracing::info!("stopping: running passes may finish");
    let drained = tokio::time::timeout(DRAIN, async {
        // No pass runs before the first list, but the controller would wait for that list, which nobody reads any more.
        if http::has_listed(&store) {
            controller.await;
        }
        tasks.close();
        tasks.wait().await;
    });
    if drained.await.is_err() {
        tracing::warn!("some passes did not finish in time; the next start goes on with them");
    }
    tracing::info!("stopped");
    Ok(())
}

/// Waits for the API server and the resource definition, and answers which cluster this is.
async fn wait_for_cluster(kube: &kube::Client, namespace: Option<&str>, cluster_id: Option<String>) -> String {
    let mut said = String::new();
    loop {
        let problem = match identify_cluster(kube, namespace, cluster_id.as_ref()).await {
            Ok(cluster) => return cluster,
            Err(problem) => problem,
        };
        if said != problem {
            tracing::error!("{problem}");
            said = problem;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn identify_cluster(
    kube: &kube::Client,
    namespace: Option<&str>,
    cluster_id: Option<&String>,
) -> Result<String, String> {
    match controller::definition_is_installed(kube, namespace).await {
        Ok(true) => {}
        Ok(false) => {
            return Err("The HospitalOrganization definition is not installed: \
                 kubectl apply -f charts/chakravue/crds/hospitalorganizations.yaml"
                .to_owned());
        }
        Err(error) => return Err(error::Error::kubernetes("list the hospitals", &error).to_string()),
    }
    if let Some(id) = cluster_id {
        return Ok(id.clone());
    }
    let kube_system = Api::<Namespace>::all(kube.clone())
        .get_metadata("kube-system")
        .await
        .map_err(|error| error::Error::kubernetes("tell the UID of namespace kube-system", &error).to_string())?;
    kube_system.uid().ok_or_else(|| "namespace kube-system has no UID".to_owned())
}

/// 30s, 10m, 1h 30m.
fn duration(text: &str) -> Result<Duration, String> {
    at_least(Duration::from_secs(1), text)
        .map_err(|refused| refused.unwrap_or("must be at least one second".to_owned()))
}

/// 500ms, 5s.
fn short_duration(text: &str) -> Result<Duration, String> {
    at_least(Duration::from_millis(50), text).map_err(|refused| refused.unwrap_or("must be at least 50ms".to_owned()))
}

/// The error is `None` for a duration that is too short.
fn at_least(least: Duration, text: &str) -> Result<Duration, Option<String>> {
    let parsed: SignedDuration = text.parse().map_err(|_| Some("use a duration such as 30s, 10m or 1h".to_owned()))?;
    Duration::try_from(parsed).ok().filter(|duration| *duration >= least).ok_or(None)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_are_read_or_refused() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("10m"), Ok(Duration::from_mins(10)));
        for text in ["", "0s", "m", "90", "-1s", "99999999999999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(short_duration("500ms"), Ok(Duration::from_millis(500)));
        assert!(short_duration("49ms").is_err());
    }
}
