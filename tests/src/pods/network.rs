//! How the cluster's parts reach each other inside an enclosure. Nothing outside sees these addresses, so they are the same
//! every time; and no route leads out of it.

use std::{fs, path::Path, process::Command};

use anyhow::Context;
use serde_json::json;

use crate::{
    parts::{Tool, on_path_or_sbin},
    processes::{Output, Process, command},
};

/// Where control plane and MongoDB are.
pub(crate) const HOST: &str = "10.200.0.1";
/// Where the cluster's names are looked up.
pub(crate) const DNS: &str = "10.200.0.53";
/// All addresses of the machine, the first of which is [`HOST`].
pub(crate) const ADDRESSES: [&str; 4] = [HOST, DNS, "10.200.0.11", "10.200.0.12"];
/// The Services' addresses.
pub(crate) const SERVICES: &str = "10.200.128.0/17";
/// The first of them, which is always the API server's: where pods look for it.
pub(crate) const KUBERNETES: &str = "10.200.128.1";
/// All pods' addresses.
const PODS: &str = "10.200.0.0/17";

/// What a node is called, by its number from 1.
pub(crate) fn node_name(number: usize) -> String {
    format!("node-{number}")
}

/// The address of a node, by its number from 1.
pub(crate) fn node_address(number: usize) -> String {
    format!("10.200.0.1{number}")
}

/// The addresses of a node's pods.
fn pods_of(number: usize) -> String {
    format!("10.200.{number}.0/24")
}

/// Debian's place for CNI's plugins.
pub(crate) const PLUGINS: &str = "/usr/lib/cni";

/// Writes how pods of a node get their network: a bridge, and an address of the node's own range.
pub(crate) fn write_pod_network(folder: &Path, number: usize) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let network = json!({
        "cniVersion": "1.0.0", "name": "pods",
        "plugins": [{
            "type": "bridge", "bridge": format!("pods{number}"), "isGateway": true, "ipMasq": false, "hairpinMode": true,
            "ipam": {
                "type": "host-local", "dataDir": folder.join("addresses"),
                "ranges": [[{ "subnet": pods_of(number) }]], "routes": [{ "dst": "0.0.0.0/0" }],
            },
        }],
    });
    let path = folder.join("10-pods.conflist");
    fs::write(&path, network.to_string()).with_context(|| format!("cannot write {}", path.display()))
}

/// kube-proxy: Services' addresses, for pods and for the machine. One serves all nodes, whose network is the same.
pub(crate) fn start_proxy(program: &Path, folder: &Path, kubeconfig: &Path) -> anyhow::Result<Process> {
    let configuration = folder.join("kube-proxy.yaml");
    let text = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
        "mode": "nftables", "hostnameOverride": node_name(1), "clusterCIDR": PODS,
        "clientConnection": { "kubeconfig": kubeconfig },
        // The whole machine's, and nobody else's to change.
        "conntrack": { "maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s" },
    });
    fs::write(&configuration, text.to_string())?;
    let mut proxy = command(program);
    proxy.arg("--config").arg(&configuration);
    add_sbin(&mut proxy);
    Process::start("kube-proxy", proxy, &folder.join("logs/kube-proxy.log"), Output::Log)
}

/// `CoreDNS` for the names of Services, and for MongoDB's, which is outside the cluster.
pub(crate) fn start_dns(folder: &Path, kubeconfig: &Path) -> anyhow::Result<Process> {
    let configuration = folder.join("Corefile");
    let text = format!(
        ".:53 {{\n  errors\n  hosts {{\n    {HOST} {}\n    fallthrough\n  }}\n  \
         kubernetes cluster.local {{\n    kubeconfig {}\n  }}\n}}\n",
        super::mongodb::HOST,
        kubeconfig.display()
    );
    fs::write(&configuration, text)?;
    let mut dns = command(Tool::CoreDns.path()?);
    dns.arg("-conf").arg(&configuration);
    Process::start("coredns", dns, &folder.join("logs/coredns.log"), Output::Log)
}

/// Where Debian keeps `nft` and `ip`, which root need not have on PATH.
pub(crate) fn add_sbin(command: &mut Command) {
    let path = std::env::var("PATH").unwrap_or_default();
    if on_path_or_sbin("nft").is_some() {
        command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    }
}
