//! kubectl as a person uses it: another program than ours, which has its own mind about objects and columns.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::Context;
use tokio::{io::AsyncWriteExt, process::Command};

use crate::parts::{self, KubernetesParts, Wanted, on_path};

/// kubectl with the administrator's rights on one cluster; see [`Sandbox::kubectl`](crate::Sandbox::kubectl).
#[derive(Clone, Debug)]
pub struct Kubectl {
    pub(crate) program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    /// The one that was built with the cluster, because it fits, else the machine's.
    pub(crate) fn find(parts: Option<&KubernetesParts>, kubeconfig: &Path) -> anyhow::Result<Self> {
        let program = parts
            .map(|parts| parts.kubectl.clone())
            .or_else(|| on_path("kubectl"))
            .context("`kubectl` is not on PATH; install it to use a cluster of your own")?;
        Ok(Self { program, kubeconfig: kubeconfig.to_owned() })
    }

    /// For a cluster that runs already; `ours` says whether it was started from our parts.
    pub(crate) fn of_running(kubeconfig: &Path, ours: bool) -> anyhow::Result<Self> {
        let parts = parts::prepare(Wanted { kubernetes: ours, mongod: false })?;
        Self::find(parts.kubernetes.as_ref(), kubeconfig)
    }

    /// Runs it with `input` on its standard input and returns its standard output.
    ///
    /// # Errors
    /// When it fails, with what it said on standard error.
    pub async fn run(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let run = async {
            let mut kubectl = Command::new(&self.program)
                .args(arguments)
                .env("KUBECONFIG", &self.kubeconfig)
                // Beside the cluster: what another one had on this port must not count.
                .env("KUBECACHEDIR", self.kubeconfig.with_file_name("cache"))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()?;
            if let Some(mut pipe) = kubectl.stdin.take() {
                // One that fails early does not read to the end; its own words say why.
                pipe.write_all(input.as_bytes()).await.ok();
            }
            kubectl.wait_with_output().await
        };
        let output = run.await.map_err(|error| format!("cannot run {}: {error}", self.program.display()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }
}
