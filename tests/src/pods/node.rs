//! A node: containerd and a kubelet, with folders, sockets and pods' addresses of its own, so that several fit on one
//! machine.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use serde_json::json;

use super::{
    enclosure::make_control_group,
    network::{self, add_sbin},
};
use crate::{
    parts::NodeParts,
    processes::{Output, Process, command},
};

/// Nodes of a cluster: two, so that one can be drained.
pub(crate) const NODES: usize = 2;
/// The image whose container holds a pod's network.
pub(crate) const PAUSE: &str = "localhost/pause:1";

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Node {
    _containerd: Process,
    kubelet: Process,
    socket: PathBuf,
}

impl Node {
    /// Starts containerd and, when that answers, the kubelet, which registers the node by itself.
    pub(crate) async fn start(
        parts: &NodeParts,
        folder: &Path,
        number: usize,
        (authority, kubeconfig): (&Path, &Path),
    ) -> anyhow::Result<Self> {
        let home = folder.join(network::node_name(number));
        let logs = folder.join("logs");
        fs::create_dir_all(&home).with_context(|| format!("cannot create {}", home.display()))?;
        network::write_pod_network(&home.join("cni"), number)?;

        // A socket's path may not be longer than 107 characters.
        let socket = PathBuf::from(format!("/run/{}.sock", network::node_name(number)));
        let configuration = home.join("containerd.toml");
        fs::write(&configuration, containerd_configuration(&home, &socket))?;
        let mut containerd = command("containerd");
        containerd.arg("--config").arg(&configuration);
        add_sbin(&mut containerd);
        let log = logs.join(format!("containerd-{number}.log"));
        let containerd = Process::start("containerd", containerd, &log, Output::Log)?;
        containerd.until("listening", PATIENCE, || async { socket.exists() }).await?;

        let configuration = home.join("kubelet.yaml");
        let group = make_control_group(folder, &network::node_name(number))?;
        fs::write(&configuration, kubelet_configuration(&home, number, &socket, &group, authority).to_string())?;
        let mut kubelet = command(&parts.kubelet);
        kubelet.arg("--config").arg(&configuration).arg("--kubeconfig").arg(kubeconfig);
        kubelet.arg("--root-dir").arg(home.join("kubelet")).arg("--cert-dir").arg(home.join("certificates"));
        kubelet.args(["--hostname-override", &network::node_name(number), "--node-ip", &network::node_address(number)]);
        add_sbin(&mut kubelet);
        let log = logs.join(format!("kubelet-{number}.log"));
        let kubelet = Process::start("kubelet", kubelet, &log, Output::Log)?;
        Ok(Self { _containerd: containerd, kubelet, socket })
    }

    pub(crate) fn kubelet(&self) -> &Process {
        &self.kubelet
    }

    /// Makes an image known to the node, from a file in the format that `docker save` writes.
    pub(crate) async fn import(&self, archive: &Path) -> anyhow::Result<()> {
        let output = tokio::process::Command::new("ctr")
            .arg("--address")
            .arg(&self.socket)
            .args(["--namespace", "k8s.io", "images", "import"])
            .arg(archive)
            .output()
            .await
            .context("cannot run ctr")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "containerd does not take the image {}: {}", archive.display(), said.trim());
        Ok(())
    }
}

fn containerd_configuration(home: &Path, socket: &Path) -> String {
    // Without restrict_oom_score_adj no pod starts where the machine does not give the right to lower that score.
    format!(
        r#"version = 2
root = "{home}/containerd"
state = "{home}/containerd-state"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{}"
    conf_dir = "{home}/cni"
"#,
        network::PLUGINS,
        home = home.display(),
        socket = socket.display(),
    )
}

fn kubelet_configuration(
    home: &Path,
    number: usize,
    socket: &Path,
    group: &str,
    authority: &Path,
) -> serde_json::Value {
    let port = 10_250 + 10 * number;
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": format!("unix://{}", socket.display()),
        "port": port, "healthzPort": port + 1,
        "authentication": {
            "anonymous": { "enabled": false }, "webhook": { "enabled": true },
            "x509": { "clientCAFile": authority },
        },
        "authorization": { "mode": "Webhook" },
        "clusterDNS": [network::DNS], "clusterDomain": "cluster.local", "resolvConf": "",
        "podLogsDir": home.join("pod-logs"),
        // Whatever kind of control groups this machine has.
        "failCgroupV1": false, "cgroupDriver": "cgroupfs", "cgroupRoot": group, "enforceNodeAllocatable": [],
        "failSwapOn": false,
        // A disk that is nearly full is not ours to tidy up.
        "evictionHard": { "memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%" },
        "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99,
        // A test does not wait for what is checked once a minute in a real cluster.
        "nodeStatusUpdateFrequency": "4s", "syncFrequency": "5s",
        "shutdownGracePeriod": "0s",
    })
}
