//! The first hospital: applied with kubectl, as a person would do it, and awaited.

use std::time::Duration;

use anyhow::{Context, bail};
use chakravue_crds::HospitalOrganization;
use kube::{Api, Client, ResourceExt, runtime::wait::await_condition};
use tokio::time::Instant;

use super::env_file::quoted;
use crate::{kubectl::Kubectl, parts::on_path};

/// Where hospitals are, for the sample as for those that sign up.
pub(super) const NAMESPACE: &str = "hospitals";

const SAMPLE: &str = include_str!("../../samples/st-marys-hospital.yaml");
const PATIENCE: Duration = Duration::from_mins(1);

/// What a person types to run it.
pub(super) fn typed(kubectl: &Kubectl) -> String {
    if on_path("kubectl").is_some() { "kubectl".to_owned() } else { quoted(&kubectl.program.display().to_string()) }
}

/// Applies the sample and returns when its hospital is ready, with a sentence that says so.
pub(crate) async fn apply_and_wait(kubectl: &Kubectl, client: &Client) -> anyhow::Result<String> {
    let sample: HospitalOrganization = serde_saphyr::from_str(SAMPLE).context("the sample cannot be read")?;
    let namespace = sample.namespace().context("the sample has no namespace")?;
    let name = sample.name_any();

    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = kubectl.run(&["apply", "-f", "-"], SAMPLE).await {
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
