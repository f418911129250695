//! A real Kubernetes control plane on loopback: etcd, kube-apiserver with RBAC on, kube-controller-manager. No root, no
//! node, no pods.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::Context;
use axum::http::Request;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, Client};
use serde_json::json;

use crate::{
    certificates::Certificates,
    files::private_folder,
    kubeconfig,
    parts::KubernetesParts,
    ports::{Port, PortBook},
    processes::{Output, Process, command},
};

const PATIENCE: Duration = Duration::from_mins(1);

/// Records who wrote what, so that tests can count; reads would drown it.
const AUDIT_POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted, Panic]
rules:
  - level: Metadata
    verbs: [create, update, patch, delete, deletecollection]
  - level: None
";

/// As [`AUDIT_POLICY`], and everything that operator and API ask for, so that a test can compare it with their rights.
const AUDIT_POLICY_OF_PODS: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted, Panic]
rules:
  - level: Metadata
    userGroups: [\"system:serviceaccounts:chakravue-system\"]
  - level: Metadata
    verbs: [create, update, patch, delete, deletecollection]
  - level: None
";

/// Whether the data must survive a power cut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Tests: etcd does not wait for the disk, and all three collect garbage seldom. They share two processors with what they
    /// test, and collecting takes a part of that.
    Throwaway,
    /// `make up` and benchmarks: as everybody runs them.
    Durable,
}

impl Durability {
    fn command(self, program: &Path) -> Command {
        let mut command = command(program);
        if self == Self::Throwaway {
            command.env("GOGC", "400");
        }
        command
    }
}

pub(crate) struct ControlPlane {
    pub(crate) kubeconfig: PathBuf,
    pub(crate) audit_log: PathBuf,
    pub(crate) server: String,
    etcd: Process,
    apiserver: Process,
    controller_manager: Process,
    /// Of etcd, its peers that it does not have, and the API server.
    ports: [Port; 3],
    /// The address at which nodes and pods reach the API server, if there are any.
    nodes: Option<&'static str>,
    durability: Durability,
}

/// What an API server is started with.
struct Serving<'a> {
    certificates: &'a Certificates,
    etcd_port: &'a Port,
    port: &'a Port,
    audit_log: &'a Path,
    nodes: Option<&'static str>,
    durability: Durability,
}

/// Where Services have their addresses when there are no pods: nobody reaches them.
const SERVICES: &str = "10.96.0.0/16";

impl ControlPlane {
    /// Starts everything in `folder` and returns when it serves.
    pub(crate) async fn start(
        parts: &KubernetesParts,
        folder: &Path,
        port_book: &mut PortBook,
        durability: Durability,
    ) -> anyhow::Result<Self> {
        let api_port = port_book.take("kube-apiserver")?;
        Self::start_on(parts, folder, port_book, durability, api_port, None).await
    }

    /// As [`Self::start`], for a cluster with nodes, which reach the API server at this address, on the port that most
    /// clusters have it on.
    pub(crate) async fn start_for_nodes(
        parts: &KubernetesParts,
        folder: &Path,
        address: &'static str,
    ) -> anyhow::Result<Self> {
        let api_port = Port::exactly(6443).context("port 6443 is in use")?;
        let mut port_book = PortBook::forgetful();
        Self::start_on(parts, folder, &mut port_book, Durability::Throwaway, api_port, Some(address)).await
    }

    async fn start_on(
        parts: &KubernetesParts,
        folder: &Path,
        port_book: &mut PortBook,
        durability: Durability,
        api_port: Port,
        nodes: Option<&'static str>,
    ) -> anyhow::Result<Self> {
        let logs = folder.join("logs");
        let certificates = Certificates::in_folder(&folder.join("certificates"))?;
        let [etcd_port, peer_port] = [port_book.take("etcd")?, port_book.take("etcd-peer")?];
        let server = match nodes {
            Some(address) => format!("https://{address}:{}", api_port.number()),
            None => format!("https://{}", api_port.address()),
        };
        let kubeconfig = folder.join("kubeconfig");
        write_kubeconfig(&kubeconfig, &server, &certificates, "administrator")?;

        let etcd = start_etcd(parts, folder, &certificates, &etcd_port, &peer_port, durability)?;
        let audit_log = logs.join("audit.log");
        let serving = Serving {
            certificates: &certificates,
            etcd_port: &etcd_port,
            port: &api_port,
            audit_log: &audit_log,
            nodes,
            durability,
        };
        let apiserver = start_apiserver(parts, folder, &serving)?;
        let client = kubeconfig::client(&kubeconfig).await?;
        apiserver.until("ready", PATIENCE, || answers_ready(&client)).await.map_err(|error| match etcd.exited() {
            Some(status) => error.context(format!("etcd ended ({status}). {}", etcd.last_words())),
            None => error,
        })?;
        let controller_manager = start_controller_manager(parts, folder, &certificates, &server, durability)?;
        controller_manager.until("at work", PATIENCE, || makes_service_accounts(&client)).await?;
        let taken = [etcd_port, peer_port, api_port];
        Ok(Self { kubeconfig, audit_log, server, etcd, apiserver, controller_manager, ports: taken, nodes, durability })
    }

    /// Kills the API server and starts it again; returns when it serves.
    pub(crate) async fn restart_apiserver(&mut self, parts: &KubernetesParts, folder: &Path) -> anyhow::Result<()> {
        self.apiserver.kill();
        let certificates = Certificates::in_folder(&folder.join("certificates"))?;
        let [etcd_port, _, port] = &self.ports;
        let serving = Serving {
            certificates: &certificates,
            etcd_port,
            port,
            audit_log: &self.audit_log,
            nodes: self.nodes,
            durability: self.durability,
        };
        self.apiserver = start_apiserver(parts, folder, &serving)?;
        let client = kubeconfig::client(&self.kubeconfig).await?;
        self.apiserver.until("ready", PATIENCE, || answers_ready(&client)).await
    }

    /// Copies what etcd holds. It has to stand still for that, and nobody may write meanwhile.
    pub(crate) async fn backup(&mut self, parts: &KubernetesParts, folder: &Path, backup: &Path) -> anyhow::Result<()> {
        self.apiserver.kill();
        self.etcd.stop().await;
        copy(&folder.join("etcd"), backup)?;
        self.start_again(parts, folder).await
    }

    pub(crate) async fn restore(
        &mut self,
        parts: &KubernetesParts,
        folder: &Path,
        backup: &Path,
    ) -> anyhow::Result<()> {
        self.apiserver.kill();
        self.etcd.stop().await;
        let data = folder.join("etcd");
        fs::remove_dir_all(&data).with_context(|| format!("cannot remove {}", data.display()))?;
        copy(backup, &data)?;
        self.start_again(parts, folder).await
    }

    async fn start_again(&mut self, parts: &KubernetesParts, folder: &Path) -> anyhow::Result<()> {
        let certificates = Certificates::in_folder(&folder.join("certificates"))?;
        let [port, peer_port, _] = &self.ports;
        self.etcd = start_etcd(parts, folder, &certificates, port, peer_port, self.durability)?;
        self.restart_apiserver(parts, folder).await
    }

    pub(crate) fn etcd(&self) -> &Process {
        &self.etcd
    }

    /// In the order in which they are to be stopped: each needs those after it.
    pub(crate) fn processes(&self) -> [&Process; 3] {
        [&self.controller_manager, &self.apiserver, &self.etcd]
    }
}

fn start_etcd(
    parts: &KubernetesParts,
    folder: &Path,
    certificates: &Certificates,
    port: &Port,
    peer_port: &Port,
    durability: Durability,
) -> anyhow::Result<Process> {
    let data = folder.join("etcd");
    private_folder(&data)?;
    let url = format!("https://{}", port.address());
    let peer_url = format!("https://{}", peer_port.address());
    let mut etcd = durability.command(&parts.etcd);
    etcd.arg("--data-dir").arg(&data);
    etcd.args(["--listen-client-urls", &url, "--advertise-client-urls", &url]);
    etcd.args(["--listen-peer-urls", &peer_url, "--initial-advertise-peer-urls", &peer_url]);
    etcd.arg(format!("--initial-cluster=default={peer_url}"));
    // Only holders of our certificates get in; other users of this machine do not.
    for (prefix, authentication) in [("", "client-cert-auth"), ("peer-", "peer-client-cert-auth")] {
        etcd.arg(format!("--{authentication}"));
        etcd.arg(format!("--{prefix}trusted-ca-file")).arg(certificates.certificate("ca"));
        etcd.arg(format!("--{prefix}cert-file")).arg(certificates.certificate("server"));
        etcd.arg(format!("--{prefix}key-file")).arg(certificates.key("server"));
    }
    if durability == Durability::Throwaway {
        etcd.arg("--unsafe-no-fsync");
    }
    Process::start("etcd", etcd, &folder.join("logs/etcd.log"), Output::Log)
}

fn start_apiserver(parts: &KubernetesParts, folder: &Path, serving: &Serving<'_>) -> anyhow::Result<Process> {
    let Serving { certificates, etcd_port, port, audit_log, nodes, durability } = *serving;
    let policy = folder.join("audit-policy.yaml");
    let text = if nodes.is_some() { AUDIT_POLICY_OF_PODS } else { AUDIT_POLICY };
    fs::write(&policy, text).with_context(|| format!("cannot write {}", policy.display()))?;
    let mut apiserver = durability.command(&parts.apiserver);
    apiserver.arg(format!("--etcd-servers=https://{}", etcd_port.address()));
    apiserver.arg("--etcd-cafile").arg(certificates.certificate("ca"));
    apiserver.arg("--etcd-certfile").arg(certificates.certificate("server"));
    apiserver.arg("--etcd-keyfile").arg(certificates.key("server"));
    apiserver.arg(format!("--secure-port={}", port.number()));
    apiserver.arg("--tls-cert-file").arg(certificates.certificate("server"));
    apiserver.arg("--tls-private-key-file").arg(certificates.key("server"));
    apiserver.arg("--client-ca-file").arg(certificates.certificate("ca"));
    apiserver.arg("--service-account-key-file").arg(certificates.token_public_key());
    apiserver.arg("--service-account-signing-key-file").arg(certificates.key("tokens"));
    apiserver.arg("--audit-policy-file").arg(&policy);
    apiserver.arg("--audit-log-path").arg(audit_log);
    if let Some(address) = nodes {
        apiserver.arg(format!("--bind-address={address}")).arg(format!("--advertise-address={address}"));
        apiserver.arg(format!("--service-cluster-ip-range={}", crate::pods::network::SERVICES));
        // To the kubelets, for logs and commands in pods.
        apiserver.arg("--kubelet-client-certificate").arg(certificates.certificate("administrator"));
        apiserver.arg("--kubelet-client-key").arg(certificates.key("administrator"));
        apiserver.args(["--kubelet-preferred-address-types=InternalIP", "--authorization-mode=Node,RBAC"]);
    } else {
        apiserver.arg("--bind-address=127.0.0.1").arg(format!("--service-cluster-ip-range={SERVICES}"));
        // There are no pods that would need the Service `kubernetes`, and a loopback address is refused for it.
        apiserver.args(["--endpoint-reconciler-type=none", "--authorization-mode=RBAC"]);
    }
    apiserver.args([
        "--service-account-issuer=https://kubernetes.default.svc",
        "--anonymous-auth=false",
        // A write is in the log before its answer is out, so that a test reads it right after.
        "--audit-log-mode=blocking-strict",
        "--audit-log-maxsize=100",
        "--audit-log-maxbackup=1",
    ]);
    Process::start("kube-apiserver", apiserver, &folder.join("logs/kube-apiserver.log"), Output::Log)
}

fn start_controller_manager(
    parts: &KubernetesParts,
    folder: &Path,
    certificates: &Certificates,
    server: &str,
    durability: Durability,
) -> anyhow::Result<Process> {
    let kubeconfig = folder.join("kube-controller-manager.kubeconfig");
    write_kubeconfig(&kubeconfig, server, certificates, "kube-controller-manager")?;
    let mut manager = durability.command(&parts.controller_manager);
    manager.arg("--kubeconfig").arg(&kubeconfig);
    manager.arg("--root-ca-file").arg(certificates.certificate("ca"));
    manager.arg("--service-account-private-key-file").arg(certificates.key("tokens"));
    // No port of its own: nobody asks it anything.
    manager.args(["--use-service-account-credentials", "--leader-elect=false", "--secure-port=0"]);
    // On an empty cluster it makes an account for each controller; the usual rate would take seconds for that.
    manager.args(["--kube-api-qps=500", "--kube-api-burst=1000"]);
    let log = folder.join("logs/kube-controller-manager.log");
    Process::start("kube-controller-manager", manager, &log, Output::Log)
}

/// A kubeconfig for a holder of one of the certificates.
pub(crate) fn write_kubeconfig(
    path: &Path,
    server: &str,
    certificates: &Certificates,
    user: &str,
) -> anyhow::Result<()> {
    let authority = json!({ "certificate-authority-data": kubeconfig::inline(&certificates.certificate("ca"))? });
    let user = json!({
        "client-certificate-data": kubeconfig::inline(&certificates.certificate(user))?,
        "client-key-data": kubeconfig::inline(&certificates.key(user))?,
    });
    kubeconfig::write(path, server, &authority, &user)
}

/// A folder with everything in it.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    private_folder(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let (from, to) = (entry.as_ref().map(fs::DirEntry::path), entry.as_ref().map(|e| to.join(e.file_name())));
        let (Ok(from), Ok(to)) = (from, to) else { continue };
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        }
    }
    Ok(())
}

async fn answers_ready(client: &Client) -> bool {
    match Request::get("/readyz").body(Vec::new()) {
        Ok(request) => client.request_text(request).await.is_ok(),
        Err(_) => false,
    }
}

/// The controllers run when the first of them has given the default namespace its `ServiceAccount`.
async fn makes_service_accounts(client: &Client) -> bool {
    Api::<ServiceAccount>::namespaced(client.clone(), "default").get("default").await.is_ok()
}
