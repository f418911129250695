//! The commands that look and change nothing: `plan` and `orphans`. Their clients are those of a process that does not
//! lead, so none of them can send a write.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context as _;
use chakravue_crds::cluster;
use kube::runtime::reflector;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    arrivals::Arrivals,
    backoff::Backoff,
    capacity::Capacity,
    catalogue,
    cli::{self, Connection, Report},
    context::{Context, Settings},
    drift::{Drift, own::OwnWrites},
    echoes::Echoes,
    endpoint::Endpoint,
    events::Announcer,
    leader::{self, Leadership},
    metrics::Metrics,
    mongo::Mongo,
    orphans::{self, Hospitals, released::Released},
    plan::{self, Outcome},
    reach::Reach,
    schema::repairs::Repairs,
    scram::Verified,
    seats::Seats,
    turns::{Limits, Turns},
};

/// Prints what would be done; fails if something would be refused or cannot be known.
pub async fn plan(options: cli::Plan) -> anyhow::Result<ExitCode> {
    let (context, client) = connect(&options.connection).await?;
    let namespace = options.connection.namespace.as_deref();
    let hospitals = match &options.filename {
        Some(path) => plan::from_file(&client, path, namespace).await?,
        None => plan::from_cluster(&client, namespace).await?,
    };
    let mongodb = context.mongo.inspect().await.map(drop);
    let plans = plan::plan(&context, hospitals, &mongodb).await;
    match options.output {
        Report::Text => print!("{}", plan::told(&plans)),
        Report::Json => println!("{}", serde_json::to_string_pretty(&serde_json::json!({ "hospitals": plans }))?),
    }
    let can_be_done = |plan: &plan::Plan| matches!(plan.outcome, Outcome::Unchanged | Outcome::Changes);
    Ok(if plans.iter().all(can_be_done) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints what has lost its counterpart.
pub async fn orphans(options: cli::Orphans) -> anyhow::Result<ExitCode> {
    let (context, _) = connect(&options.connection).await?;
    context.mongo.inspect().await?;
    let namespace = options.connection.namespace.as_deref();
    let orphans = orphans::find(&context, namespace, &Hospitals::Listed).await?;
    match options.output {
        Report::Text => print!("{}", orphans::told(&orphans)),
        Report::Json => println!("{}", serde_json::to_string_pretty(&serde_json::json!({ "orphans": orphans }))?),
    }
    Ok(ExitCode::SUCCESS)
}

/// What a pass would have, with clients that send no write; and a client of the person's own.
async fn connect(connection: &Connection) -> anyhow::Result<(Context, kube::Client)> {
    if let Some(path) = &connection.tenant_schema {
        catalogue::read(path)?;
    }
    let uri = connection.uri()?;
    let metrics = Arc::new(Metrics::default());
    let nobody = Leadership::none();
    let endpoint = Endpoint::parse(connection.tenant_mongodb_uri.as_deref().unwrap_or(&uri))?;
    let master = &connection.master_database;
    let mongo = Mongo::new(&uri, master, OwnWrites::default(), nobody.clone(), Arc::clone(&metrics)).await;
    let mongo = cli::understood(mongo, "")?;
    let config = cluster::infer().await.context("no Kubernetes: set KUBECONFIG")?;
    let own = kube::Client::try_from(config.clone()).context("the Kubernetes configuration cannot be used")?;
    let reach = Reach::new(&config);
    let kube = leader::guarded(config, &nobody).context("the Kubernetes configuration cannot be used")?;
    let cluster = reach
        .identify_cluster(&kube, connection.namespace.as_deref(), connection.cluster_id.as_ref())
        .await
        .map_err(anyhow::Error::msg)?;
    let turns = Turns::new(Limits { passes: 1, migrations: 1 }, Arc::clone(&metrics));
    let (drift, _) = Drift::new(OwnWrites::default(), Arc::clone(&metrics), turns.clone());
    let drift = Arc::new(drift);
    let context = Context {
        announcer: Announcer::new(kube.clone(), TaskTracker::new()),
        kube,
        repairs: Repairs::new(mongo.clone(), Arc::clone(&drift)),
        mongo,
        settings: Settings {
            cluster,
            endpoint,
            allow_database_adoption: connection.allow_database_adoption,
            resync: std::time::Duration::MAX,
        },
        metrics,
        backoff: Arc::new(Backoff::default()),
        echoes: Echoes::default(),
        arrivals: Arrivals::default(),
        verified: Arc::new(Verified::default()),
        drift,
        seats: Seats::default(),
        capacity: Arc::new(Capacity::new(connection.budget())),
        turns,
        released: Released::default(),
        store: reflector::store().0,
        stop: CancellationToken::new(),
    };
    Ok((context, own))
}
