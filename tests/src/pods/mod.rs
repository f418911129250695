//! A whole Kubernetes with real pods on this machine: what the chart is tried on, and what `make up-pods` shows.
//!
//! It needs root on Linux, and runs in an [`Enclosure`], so that it leaves nothing behind. Inside stand a control plane,
//! a scheduler, two nodes with containerd and kubelet, kube-proxy, `CoreDNS` and a MongoDB with TLS.
//!
//! To read it from the ground up: `enclosure` (a place of its own), `network` (its addresses), `mongodb`, `node`, this file
//! (all of it together), `images` (ours, built and imported), `installation` (the chart and what it needs), `up` (`make
//! up-pods`).

mod enclosure;
mod images;
mod installation;
mod mongodb;
pub(crate) mod network;
mod node;
mod relay;
pub(crate) mod up;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Node as KubernetesNode;
use kube::{Api, Client, api::ListParams};

pub use self::{
    enclosure::{Enclosure, Impossible, KERNEL_SETTINGS, inside, possible},
    images::Images,
    installation::{Installation, NAMESPACE, RELEASE},
    mongodb::AUTHORITY_IN_PODS,
};
use self::{
    mongodb::Mongodb,
    node::{NODES, Node},
};
use crate::{
    certificates::{Certificates, Holder},
    control_plane::{ControlPlane, write_kubeconfig},
    kubeconfig,
    kubectl::Kubectl,
    mongod::connect,
    parts::{self, KubernetesParts, Tool, Wanted},
    processes::{Output, Process, command},
};

const PATIENCE: Duration = Duration::from_mins(2);

/// Builds or downloads every program that a cluster with pods takes. No way leads out of an enclosure, so this is done before.
///
/// # Errors
/// When something cannot be built.
pub fn prepare() -> anyhow::Result<()> {
    parts::prepare(Wanted { kubernetes: true, mongod: true })?;
    parts::prepare_node()?;
    [Tool::CoreDns, Tool::Helm].into_iter().try_for_each(|tool| tool.path().map(drop))
}

/// The cluster; everything ends when this is dropped.
pub struct Pods {
    folder: PathBuf,
    control_plane: ControlPlane,
    _others: [Process; 3],
    nodes: Vec<Node>,
    mongodb: Mongodb,
    kubernetes: KubernetesParts,
}

impl Pods {
    /// Starts everything in the folder of the enclosure that this process runs in, and returns when the nodes are ready.
    ///
    /// # Errors
    /// When something cannot be built or started.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        let prepare =
            || anyhow::Ok((parts::prepare(Wanted { kubernetes: true, mongod: true })?, parts::prepare_node()?));
        let (programs, node_parts) = tokio::task::spawn_blocking(prepare).await??;
        let kubernetes = programs.kubernetes.context("the programs of Kubernetes were not prepared")?;
        let mongod = programs.mongod.context("mongod was not prepared")?;

        let certificates = certificates(folder)?;
        let cluster = async {
            let control_plane = ControlPlane::start_for_nodes(&kubernetes, folder, network::HOST).await?;
            let kubeconfig_of = |user: &str| {
                let path = folder.join(format!("{user}.kubeconfig"));
                write_kubeconfig(&path, &control_plane.server, &certificates, user)?;
                anyhow::Ok(path)
            };
            let mut scheduler = command(&node_parts.scheduler);
            scheduler.arg("--kubeconfig").arg(kubeconfig_of("kube-scheduler")?);
            scheduler.args(["--leader-elect=false", "--secure-port=0"]);
            let log = folder.join("logs/kube-scheduler.log");
            let others = [
                Process::start("kube-scheduler", scheduler, &log, Output::Log)?,
                network::start_proxy(&node_parts.proxy, folder, &kubeconfig_of("kube-proxy")?)?,
                network::start_dns(folder, &control_plane.kubeconfig)?,
            ];
            let authority = certificates.certificate("ca");
            let nodes = (1..=NODES).map(|number| {
                let (authority, node_parts) = (&authority, &node_parts);
                let kubeconfig = kubeconfig_of(&network::node_name(number));
                async move { Node::start(node_parts, folder, number, (authority, &kubeconfig?)).await }
            });
            let nodes = try_join_all(nodes).await?;
            let client = kubeconfig::client(&control_plane.kubeconfig).await?;
            until_ready(&client, &nodes).await?;
            anyhow::Ok((control_plane, others, nodes))
        };
        let mongodb = Mongodb::start(&mongod, folder, &certificates);
        let ((control_plane, others, nodes), mongodb) = tokio::try_join!(cluster, mongodb)?;
        Ok(Self { folder: folder.to_owned(), control_plane, _others: others, nodes, mongodb, kubernetes })
    }

    /// A folder for files, which goes with the enclosure.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The administrator's kubeconfig file.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.control_plane.kubeconfig
    }

    /// A Kubernetes client for the administrator.
    ///
    /// # Panics
    /// When the kubeconfig cannot be used.
    pub async fn admin(&self) -> Client {
        kubeconfig::client(self.kubeconfig()).await.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// kubectl with the administrator's rights.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn kubectl(&self) -> Kubectl {
        Kubectl::find(Some(&self.kubernetes), self.kubeconfig()).unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// The connection string of MongoDB's administrator.
    #[must_use]
    pub fn mongodb_uri(&self) -> &str {
        &self.mongodb.administrator
    }

    /// A MongoDB client for the administrator.
    ///
    /// # Panics
    /// When the connection string cannot be used.
    pub async fn mongodb(&self) -> ::mongodb::Client {
        connect(self.mongodb_uri()).await.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Lets MongoDB stand still, as on a machine that is out of memory, until [`Self::wake_mongodb`].
    pub fn freeze_mongodb(&self) {
        self.mongodb.process().freeze();
    }

    /// It goes on in the middle of whatever it was doing.
    pub fn wake_mongodb(&self) {
        self.mongodb.process().wake();
    }

    /// Everything that operator and API asked the API server for, and every write, one JSON object per line.
    #[must_use]
    pub fn audit_log(&self) -> &Path {
        &self.control_plane.audit_log
    }

    /// The file with the certificate of MongoDB's authority.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.join("certificates/ca.crt")
    }

    /// The names of the nodes.
    #[must_use]
    pub fn nodes(&self) -> Vec<String> {
        (1..=self.nodes.len()).map(network::node_name).collect()
    }

    /// Makes an image known to every node, from a file in the format that `docker save` writes.
    ///
    /// # Errors
    /// When a node does not take it.
    pub async fn import(&self, archive: &Path) -> anyhow::Result<()> {
        try_join_all(self.nodes.iter().map(|node| node.import(archive))).await?;
        Ok(())
    }
}

/// Certificates for everybody: also for the nodes, by whose names the API server knows what each may see.
fn certificates(folder: &Path) -> anyhow::Result<Certificates> {
    let of_the_system = |name: &str| Holder { file: name.to_owned(), user: format!("system:{name}"), group: None };
    let of_a_node = |number| {
        let name = network::node_name(number);
        Holder { user: format!("system:node:{name}"), file: name, group: Some("system:nodes") }
    };
    let holders: Vec<Holder> =
        ["kube-scheduler", "kube-proxy"].map(of_the_system).into_iter().chain((1..=NODES).map(of_a_node)).collect();
    Certificates::for_others_too(
        &folder.join("certificates"),
        &[network::HOST, network::KUBERNETES, mongodb::HOST],
        &holders,
    )
}

/// Returns when every node takes pods.
async fn until_ready(client: &Client, nodes: &[Node]) -> anyhow::Result<()> {
    let api = Api::<KubernetesNode>::all(client.clone());
    let ready = || async {
        let Ok(found) = api.list(&ListParams::default()).await else { return false };
        found.iter().filter(|node| is_ready(node)).count() == nodes.len()
    };
    for node in nodes {
        node.kubelet().until("ready", PATIENCE, ready).await?;
    }
    Ok(())
}

fn is_ready(node: &KubernetesNode) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
