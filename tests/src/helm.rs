//! Helm as a person uses it, of the version that one asks for.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::Context;
use tokio::{io::AsyncWriteExt, process::Command};

use crate::parts::Tool;

/// Helm on one cluster, or on none.
#[derive(Clone, Debug)]
pub struct Helm {
    program: PathBuf,
    kubeconfig: Option<PathBuf>,
    home: PathBuf,
}

impl Helm {
    /// `tool` says which version; `home` is a folder for what Helm keeps. Without a kubeconfig it asks no cluster.
    ///
    /// # Errors
    /// When it cannot be built.
    pub async fn new(tool: Tool, kubeconfig: Option<&Path>, home: &Path) -> anyhow::Result<Self> {
        let program = tokio::task::spawn_blocking(move || tool.path()).await.context("it could not be prepared")??;
        Ok(Self { program, kubeconfig: kubeconfig.map(Path::to_owned), home: home.join("helm") })
    }

    /// The chart of this checkout.
    #[must_use]
    pub fn chart() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/chakravue")
    }

    /// Runs it; `values` is what `--values -` reads. Returns its standard output.
    ///
    /// # Errors
    /// When it fails, with what it said.
    pub async fn run(&self, arguments: &[&str], values: &str) -> Result<String, String> {
        let run = async {
            let mut helm = Command::new(&self.program);
            helm.args(arguments).env_remove("KUBECONFIG").env_remove("HELM_NAMESPACE");
            for (name, folder) in [("CACHE", "cache"), ("CONFIG", "config"), ("DATA", "data")] {
                helm.env(format!("HELM_{name}_HOME"), self.home.join(folder));
            }
            helm.env("KUBECONFIG", self.kubeconfig.as_deref().unwrap_or(Path::new("/dev/null")));
            let mut child =
                helm.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
            if let Some(mut pipe) = child.stdin.take() {
                // One that fails early does not read to the end; its own words say why.
                pipe.write_all(values.as_bytes()).await.ok();
            }
            child.wait_with_output().await
        };
        let output = run.await.map_err(|error| format!("cannot run {}: {error}", self.program.display()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(format!("{}\n{}", text(&output.stdout), text(&output.stderr)).trim().to_owned())
        }
    }
}
