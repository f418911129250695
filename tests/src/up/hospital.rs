//! The first hospital: applied with kubectl, as a person would do it, and awaited.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail};
use chakravue_crds::HospitalOrganization;
use kube::{Api, Client, ResourceExt, runtime::wait::await_condition};
use tokio::{io::AsyncWriteExt, process::Command, time::Instant};

use super::env_file::quoted;
use crate::{
    install,
    parts::{KubernetesParts, on_path},
};

const SAMPLE: &str = include_str!("../../samples/st-marys-hospital.yaml");
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    /// The one that was built with the cluster, because it fits, else the machine's.
    pub(super) fn find(parts: Option<&KubernetesParts>, kubeconfig: &Path) -> anyhow::Result<Self> {
        let program = parts
            .map(|parts| parts.kubectl.clone())
            .or_else(|| on_path("kubectl"))
            .context("`kubectl` is not on PATH; install it to use a cluster of your own")?;
        Ok(Self { program, kubeconfig: kubeconfig.to_owned() })
    }

    /// What a person types to run it.
    pub(super) fn typed(&self) -> String {
        if on_path("kubectl").is_some() { "kubectl".to_owned() } else { quoted(&self.program.display().to_string()) }
    }

    async fn apply(&self, yaml: &str) -> Result<(), String> {
        let run = async {
            let mut kubectl = Command::new(&self.program)
                .args(["apply", "-f", "-"])
                .env("KUBECONFIG", &self.kubeconfig)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()?;
            if let Some(mut input) = kubectl.stdin.take() {
                input.write_all(yaml.as_bytes()).await?;
            }
            kubectl.wait_with_output().await
        };
        let output = run.await.map_err(|error| format!("cannot run {}: {error}", self.program.display()))?;
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
    }
}

/// Applies the sample and returns when its hospital is ready, with a sentence that says so.
pub(super) async fn apply_and_wait(kubectl: &Kubectl, client: &Client) -> anyhow::Result<String> {
    let sample: HospitalOrganization = serde_saphyr::from_str(SAMPLE).context("the sample cannot be read")?;
    let namespace = sample.namespace().context("the sample has no namespace")?;
    let name = sample.name_any();
    install::namespace(client, &namespace).await?;

    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = kubectl.apply(SAMPLE).await {
        // The API server serves a new kind a moment before it lists it.
        if !error.contains("no matches for kind") || Instant::now() > deadline {
            bail!("kubectl cannot apply the sample {namespace}/{name}: {error}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let hospitals = Api::<HospitalOrganization>::namespaced(client.clone(), &namespace);
    let ready = await_condition(hospitals.clone(), &name, |hospital: Option<&HospitalOrganization>| {
        hospital.is_some_and(is_ready)
    });
    if let Ok(ready) = tokio::time::timeout_at(deadline, ready).await {
        ready.with_context(|| format!("cannot watch the hospital {namespace}/{name}"))?;
        return Ok(format!("{name} in namespace {namespace} is ready"));
    }
    let now = hospitals.get(&name).await;
    let why = now.map_or_else(|error| error.to_string(), |hospital| why_not_ready(&hospital));
    bail!("the hospital {namespace}/{name} was not ready within {} s: {why}", PATIENCE.as_secs())
}

/// Ready as it is now, not as it was before the last change.
fn is_ready(hospital: &HospitalOrganization) -> bool {
    hospital.status.as_ref().is_some_and(|status| {
        let mut conditions = status.conditions.iter();
        status.observed_generation == hospital.metadata.generation
            && conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
    })
}

fn why_not_ready(hospital: &HospitalOrganization) -> String {
    let mut conditions = hospital.status.iter().flat_map(|status| &status.conditions);
    conditions.find(|condition| condition.type_ == "Ready").map_or_else(
        || "the operator has said nothing about it".to_owned(),
        |ready| format!("{}: {}", ready.reason, ready.message),
    )
}
