//! The process: starts the probes, waits until it leads, then starts the watches and the controller, and stops them in
//! order at SIGTERM. If any of them ends by itself, the process ends with an error and is started again.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use chakravue_crds::cluster;
use kube::runtime::reflector;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    arrivals::Arrivals,
    backoff::Backoff,
    capacity::{self, Capacity},
    catalogue,
    cli::{self, Run},
    context::{Context, Settings},
    controller, departure, drift, echoes,
    endpoint::Endpoint,
    events, http,
    leader::{
        self, Leadership,
        election::{self, Election, Lost},
        handover::Handover,
    },
    metrics::Metrics,
    mongo::Mongo,
    orphans,
    reach::Reach,
    schema::repairs::Repairs,
    scram::Verified,
    seats::Seats,
    telemetry::Level,
    turns::Turns,
};

/// How long removals and running passes may take to finish after SIGTERM; Kubernetes kills after 30 seconds by default.
const DRAIN: Duration = Duration::from_secs(20);

#[allow(clippy::too_many_lines, reason = "the order in which things start and stop is to be read in one place")]
pub async fn run(options: Run, level: Level) -> anyhow::Result<()> {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "chakravue-operator starts");
    // First of all: the first process of a container does not hear a signal that it does not listen for.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    if let Some(path) = &options.connection.tenant_schema {
        catalogue::read(path)?;
    }
    let probes_listener = listen(options.listen, "probes").await?;
    let metrics_listener = listen(options.metrics_listen, "metrics").await?;

    let uri = options.connection.uri()?;
    let endpoint = Endpoint::parse(options.connection.tenant_mongodb_uri.as_deref().unwrap_or(&uri))?;
    let leadership = if options.leader_elect { Leadership::none() } else { Leadership::forever() };
    let metrics = Arc::new(Metrics::new(options.metrics_per_hospital));
    let own = drift::own::OwnWrites::default();
    let master = &options.connection.master_database;
    let mongo = Mongo::new(&uri, master, own.clone(), leadership.clone(), Arc::clone(&metrics)).await;
    let mongo = cli::understood(mongo, "")?;
    let watcher = match options.watch_uri()? {
        Some(uri) => Some(cli::understood(drift::stream::Watcher::new(&uri).await, "watch login's ")?),
        None => None,
    };
    let seats = Seats::new(watcher.as_ref()).context("the watch login's MongoDB URI cannot be used")?;
    let config =
        cluster::infer().await.context("no Kubernetes: set KUBECONFIG, or run in a pod with a ServiceAccount")?;
    let reach = Reach::new(&config);
    let kube = leader::guarded(config.clone(), &leadership).context("the Kubernetes configuration cannot be used")?;

    // Probes answer from the first moment, also while MongoDB or the API server is away, and on one that stands by.
    let heartbeat = http::Heartbeat::default();
    heartbeat.beat();
    let backoff = Arc::new(Backoff::default());
    let turns = Turns::new(options.limits(), Arc::clone(&metrics));
    let capacity = Arc::new(Capacity::new(options.connection.budget()));
    let (drift, triggers) = drift::Drift::new(own, Arc::clone(&metrics), turns.clone());
    let (drift, verified) = (Arc::new(drift), Arc::new(Verified::default()));
    let repairs = Repairs::new(mongo.clone(), Arc::clone(&drift));
    let (store, writer) = reflector::store();
    let state = http::State {
        mongo: mongo.clone(),
        metrics: Arc::clone(&metrics),
        backoff: Arc::clone(&backoff),
        turns: turns.clone(),
        capacity: Arc::clone(&capacity),
        repairs: repairs.clone(),
        reach: reach.clone(),
        leadership: leadership.clone(),
        stands_by: options.leader_elect,
        store: store.clone(),
        heartbeat: heartbeat.clone(),
        level,
    };
    let mut serving = tokio::spawn(http::serve(probes_listener, metrics_listener, state, stop.clone()));
    let mut health = tokio::spawn(mongo.clone().watch(stop.clone(), move || heartbeat.beat()));

    let namespace = options.connection.namespace.as_deref();
    let handover = Handover::default();
    let preparation = async {
        let cluster = reach.wait_for_cluster(&kube, namespace, options.connection.cluster_id.as_ref()).await;
        let elected = lead(&options, config, &reach, &leadership, &handover).await?;
        anyhow::Ok((cluster, elected))
    };
    let release = CancellationToken::new();
    let (cluster, elected) = tokio::select! {
        prepared = preparation => prepared?,
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
        _ = &mut serving => bail!("the HTTP servers ended unexpectedly"),
        _ = &mut health => bail!("the watch over MongoDB ended unexpectedly"),
    };
    let mut leading = keep_leading(elected, &release);
    mongo.leads();

    // The stream begins where the last leader was, or at the latest look at MongoDB, which is before any pass.
    let stream = drift::stream::watch(watcher, mongo.clone(), Arc::clone(&drift), handover, stop.clone());
    let stream = tokio::spawn(stream);
    let comparison = drift::accounts::watch(
        mongo.clone(),
        Arc::clone(&drift),
        Arc::clone(&verified),
        options.accounts_interval,
        stop.clone(),
    );
    let comparison = tokio::spawn(comparison);
    let tasks = TaskTracker::new();
    let context = Arc::new(Context {
        announcer: events::Announcer::new(kube.clone(), tasks.clone()),
        kube,
        mongo,
        settings: Settings {
            cluster,
            endpoint,
            allow_database_adoption: options.connection.allow_database_adoption,
            resync: options.resync_interval,
        },
        metrics,
        backoff,
        echoes: echoes::Echoes::default(),
        arrivals: Arrivals::default(),
        verified,
        drift,
        seats,
        repairs,
        capacity,
        turns,
        released: orphans::released::Released::default(),
        store: store.clone(),
        stop: stop.clone(),
    });
    let looks = Arc::clone(&context);
    let counting = tokio::spawn(async move { capacity::watch(&looks.capacity, &looks.mongo, &looks.stop).await });
    let looks = (Arc::clone(&context), options.connection.namespace.clone());
    let reporting = tokio::spawn(async move { orphans::watch(&looks.0, looks.1.as_deref()).await });
    let departing = Arc::clone(&context);
    let controller = controller::run(context, namespace, writer, store.clone(), triggers, stop.clone());
    tokio::pin!(controller);

    // Whatever ends first, everything ends: a process of which a part is missing would only look alive.
    let mut failure = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        lost = &mut leading => Some(lost_how(lost)),
        () = &mut controller => Some("the controller ended unexpectedly".to_owned()),
        _ = serving => Some("the HTTP servers ended unexpectedly".to_owned()),
        _ = health => Some("the watch over MongoDB ended unexpectedly".to_owned()),
        _ = stream => Some("the change stream ended unexpectedly".to_owned()),
        _ = comparison => Some("the comparison of users and roles ended unexpectedly".to_owned()),
        _ = counting => Some("the count of what MongoDB has in use ended unexpectedly".to_owned()),
        _ = reporting => Some("the look for orphans ended unexpectedly".to_owned()),
    };
    let deadline = Instant::now() + DRAIN;
    if failure.is_none() {
        tracing::info!("stopping: removals and running passes may finish");
        // Everything runs on meanwhile: there may be no operator after this one that would let go of them.
        failure = tokio::select! {
            _ = tokio::time::timeout_at(deadline, departure::last_removals(&departing)) => None,
            lost = &mut leading => Some(lost_how(lost)),
            () = &mut controller => Some("the controller ended unexpectedly".to_owned()),
        };
    }
    stop.cancel();
    if let Some(failure) = failure {
        bail!("{failure}");
    }
    let drained = async {
        // No pass runs before the first list, but the controller would wait for that list, which nobody reads any more.
        if http::has_listed(&store) {
            controller.await;
        }
        tasks.close();
        tasks.wait().await;
    };
    tokio::select! {
        drained = tokio::time::timeout_at(deadline, drained) => if drained.is_err() {
            tracing::warn!("some passes did not finish in time; the next start goes on with them");
        },
        // Who leads now must not be disturbed by what is left to do here.
        lost = &mut leading => bail!("{}", lost_how(lost)),
    }
    release.cancel();
    if let Err(error) = leading.await {
        tracing::warn!(%error, "the lease was not given up");
    }
    tracing::info!("stopped");
    Ok(())
}

async fn listen(address: std::net::SocketAddr, what: &str) -> anyhow::Result<TcpListener> {
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address} for {what}"))?;
    tracing::info!(address = %listener.local_addr()?, "{what}");
    Ok(listener)
}

/// A lease that was won, and who keeps it.
type Elected = Option<(Election, k8s_openapi::api::coordination::v1::Lease)>;

/// Waits until this process leads, if it is to ask anybody.
async fn lead(
    options: &Run,
    config: kube::Config,
    reach: &Reach,
    leadership: &Leadership,
    handover: &Handover,
) -> anyhow::Result<Elected> {
    if !options.leader_elect {
        reach.is_whole();
        return Ok(None);
    }
    // A client of its own: the lease is what the other one's writes depend on.
    let client = kube::Client::try_from(config).context("the Kubernetes configuration cannot be used")?;
    let namespace = options.lease_namespace.clone().or_else(|| options.connection.namespace.clone());
    let settings = election::Settings {
        name: options.lease_name.clone(),
        namespace: namespace.unwrap_or_else(|| client.default_namespace().to_owned()),
        identity: election::Settings::identity(),
        duration: options.lease_duration,
    };
    let election = Election::new(client, settings, leadership.clone(), handover.clone());
    let lease = election.win(reach).await;
    Ok(Some((election, lease)))
}

/// Keeps the lease until it is to be released; without a lease there is nothing to lose.
fn keep_leading(elected: Elected, release: &CancellationToken) -> JoinHandle<Result<(), Lost>> {
    let release = release.clone();
    tokio::spawn(async move {
        if let Some((election, lease)) = elected {
            return election.keep(lease, release).await;
        }
        release.cancelled().await;
        Ok(())
    })
}

fn lost_how(lost: Result<Result<(), Lost>, tokio::task::JoinError>) -> String {
    match lost {
        Ok(Err(lost)) => format!("this operator leads no more: {lost}"),
        Ok(Ok(())) | Err(_) => "the renewal of the lease ended unexpectedly".to_owned(),
    }
}
