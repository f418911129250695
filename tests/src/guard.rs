//! `testbed guard`: the servers of one test process, for as long as that process lives.
//!
//! It holds the writing end of our standard input. However it ends (normally, by a panic, by Ctrl-C or SIGKILL), the
//! kernel closes that pipe, and everything here is stopped in order and removed. If we are killed, the kernel kills
//! the servers (see `processes`), and the next guard removes the folder.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    thread,
};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use crate::{
    control_plane::Durability,
    files::private_folder,
    folders, install, kubeconfig, parts,
    ports::PortBook,
    processes::Process,
    servers::{Cluster, Given, Mongodb},
};

/// What the folders of guards in the temporary folder are called.
const FOLDER_PREFIX: &str = "chakravue-testbed-";

/// The one line that a guard prints when everything serves.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) folder: PathBuf,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) mongodb_uri: String,
    pub(crate) audit_log: Option<PathBuf>,
    /// Process ids by program.
    pub(crate) processes: BTreeMap<String, u32>,
}

/// A name for the folder of a new guard.
pub(crate) fn new_folder() -> PathBuf {
    folders::new_folder(FOLDER_PREFIX)
}

/// Starts everything in `folder`, says so on standard output, and holds it until standard input closes.
pub(crate) async fn run(folder: &Path, durability: Durability) -> anyhow::Result<()> {
    folders::remove_abandoned(FOLDER_PREFIX, |_| ());
    let stop = stop_signal()?;
    tokio::pin!(stop);
    private_folder(folder)?;
    let folder = folder.canonicalize().with_context(|| format!("cannot find {}", folder.display()))?;
    let _lock = folders::lock(&folder)?;

    let result = tokio::select! {
        // Dropping a half-made start kills what it started.
        () = &mut stop => Ok(()),
        servers = Servers::start(&folder, durability) => match servers {
            Ok(servers) => {
                let report = serde_json::to_string(&servers.report(&folder)).context("the report cannot be written");
                let said = report.and_then(|line| writeln!(std::io::stdout(), "{line}").context("nobody listens"));
                if said.is_ok() {
                    stop.await;
                }
                servers.stop().await;
                said
            }
            Err(error) => Err(error),
        },
    };
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    result
}

struct Servers {
    cluster: Cluster,
    mongodb: Mongodb,
}

impl Servers {
    async fn start(folder: &Path, durability: Durability) -> anyhow::Result<Self> {
        let given = Given::from_environment()?;
        let wanted = given.wanted();
        let parts = tokio::task::spawn_blocking(move || parts::prepare(wanted)).await??;
        let cluster = async {
            let mut port_book = PortBook::forgetful();
            let cluster = Cluster::start(&given, &parts, folder, &mut port_book, durability).await?;
            install::crd(&kubeconfig::client(cluster.kubeconfig()).await?).await?;
            anyhow::Ok(cluster)
        };
        let mut port_book = PortBook::forgetful();
        let (cluster, mongodb) = tokio::try_join!(cluster, Mongodb::start(&given, &parts, folder, &mut port_book))?;
        Ok(Self { cluster, mongodb })
    }

    fn processes(&self) -> impl Iterator<Item = &Process> {
        self.cluster.processes().into_iter().chain(self.mongodb.process())
    }

    fn report(&self, folder: &Path) -> Report {
        Report {
            folder: folder.to_owned(),
            kubeconfig: self.cluster.kubeconfig().to_owned(),
            mongodb_uri: self.mongodb.uri().to_owned(),
            audit_log: self.cluster.audit_log().map(Path::to_owned),
            processes: self.processes().map(|process| (process.name().to_owned(), process.pid())).collect(),
        }
    }

    async fn stop(&self) {
        for process in self.processes() {
            process.stop().await;
        }
    }
}

/// Completes when whoever started us is gone or tells us to stop.
pub(crate) fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?;
    let (closed, input_closed) = oneshot::channel();
    thread::spawn(move || {
        // Whatever comes is ignored; what counts is that nothing comes any more.
        std::io::copy(&mut std::io::stdin().lock().by_ref(), &mut std::io::sink()).ok();
        closed.send(()).ok();
    });
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = input_closed => {}
        }
    })
}
