//! Pods die, in the middle of requests: each container by SIGKILL, the operator that leads, one that is deleted by force, and
//! all pods of a node that is drained.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use chakravue_testbed::pods::NAMESPACE;
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Pod, discovery::v1::EndpointSlice};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
    runtime::wait::await_condition,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::{
    clinic::{Clinic, DECLARED},
    support::{PATIENCE, eventually},
    traffic::Traffic,
};

/// A value of the chart, and what it says.
pub const SHORT_LEASE: &str = "operator.leaderElection.leaseDuration=6s";
const LEASE: Duration = Duration::from_secs(6);
/// How late the next one may be, and be noticed, on a machine that is busy with pods.
const LATE: Duration = Duration::from_secs(1);

/// One after the other, while people work. Requests that a dead process had taken are lost with it; what was answered is not.
pub async fn of_any_one_container(clinic: &Clinic) {
    let traffic = Traffic::start(clinic).await;
    for component in ["api", "operator"] {
        for pod in clinic.pods_of(component).await {
            let name = pod.name_any();
            kill(&pod);
            let pods = Api::<Pod>::namespaced(clinic.kube.clone(), NAMESPACE);
            let restarted = await_condition(pods, &name, |pod: Option<&Pod>| {
                let statuses = pod.and_then(|pod| pod.status.as_ref()?.container_statuses.as_ref());
                statuses.is_some_and(|all| all.iter().all(|container| container.ready && container.restart_count > 0))
            });
            let restarted = tokio::time::timeout(PATIENCE, restarted).await;
            restarted.unwrap_or_else(|_| panic!("{name} does not come back")).unwrap();
            traffic.until_more().await;
        }
    }
    let (patients, _) = traffic.stop().await;
    clinic.still_has(&patients).await;
    clinic.until_ready(DECLARED).await;
}

/// Its process by SIGKILL, so that it cannot give the Lease up, and its pod, so that it does not come back by itself.
pub async fn of_the_operator_that_leads(clinic: &Clinic) {
    let leader = holder(clinic).await.expect("somebody leads");
    let pods = clinic.pods_of("operator").await;
    let (leading, standing_by): (Vec<_>, Vec<_>) = pods.iter().partition(|pod| leader.starts_with(&pod.name_any()));
    let ([leading], [standing_by]) = (&leading[..], &standing_by[..]) else { panic!("{leader} is none of two pods") };
    kill(leading);
    let killed = Instant::now();
    let now = DeleteParams::default().grace_period(0);
    Api::<Pod>::namespaced(clinic.kube.clone(), NAMESPACE).delete(&leading.name_any(), &now).await.unwrap();

    // What is declared meanwhile waits, and is done by the other one.
    let change = Patch::Merge(json!({ "spec": { "contact": { "phone": "+1-555-0001" } } }));
    clinic.hospitals().patch(DECLARED, &PatchParams::default(), &change).await.unwrap();
    let successor =
        eventually("another operator leads", async || holder(clinic).await.filter(|new| *new != leader)).await;
    let took = killed.elapsed();
    assert!(successor.starts_with(&standing_by.name_any()), "{successor} leads, not {}", standing_by.name_any());
    assert!(took < LEASE + LATE, "it took {took:?} until another operator led");
    clinic.until_ready(DECLARED).await;
    both_are_ready(clinic).await;
}

/// Pods are asked to end and end in order, so no request fails.
pub async fn by_a_drain(clinic: &Clinic) {
    let node = clinic.nodes.last().unwrap();
    let traffic = Traffic::start(clinic).await;
    clinic.kubectl(&["drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=2m"]).await;
    both_are_ready(clinic).await;
    traffic.stop_without_a_gap(clinic).await;
    for pod in clinic.pods_of("api").await.iter().chain(&clinic.pods_of("operator").await) {
        assert_ne!(pod.spec.as_ref().unwrap().node_name.as_ref(), Some(node), "{} is still there", pod.name_any());
    }
    clinic.kubectl(&["uncordon", node]).await;
}

/// As somebody in a hurry does it: the object is gone at once, its process a moment later, without the time to end in order.
pub async fn of_a_pod_by_force(clinic: &Clinic) {
    let traffic = Traffic::start(clinic).await;
    let before = clinic.pods_of("api").await;
    let gone = before.first().unwrap();
    clinic.kubectl(&["-n", NAMESPACE, "delete", "pod", &gone.name_any(), "--grace-period=0", "--force"]).await;
    // The other ones serve meanwhile.
    traffic.until_more().await;
    both_are_ready(clinic).await;
    let after = clinic.pods_of("api").await;
    assert_eq!(after.len(), before.len());
    let addresses: BTreeSet<String> = after.iter().filter_map(address).collect();
    assert!(!addresses.contains(&address(gone).unwrap()), "the new pod has another address");
    eventually("the Service leads to the pods that there are", async || {
        let slices = Api::<EndpointSlice>::namespaced(clinic.kube.clone(), NAMESPACE);
        let slices =
            slices.list(&ListParams::default().labels("kubernetes.io/service-name=chakravue-api")).await.unwrap();
        let served = slices.into_iter().flat_map(|slice| slice.endpoints).flat_map(|endpoint| endpoint.addresses);
        (served.collect::<BTreeSet<_>>() == addresses).then_some(())
    })
    .await;
    traffic.until_more().await;
    let (patients, failures) = traffic.stop().await;
    // At the most what its process had taken of each of the two people.
    assert!(failures.len() <= 2, "{failures:#?}");
    clinic.still_has(&patients).await;
}

fn address(pod: &Pod) -> Option<String> {
    pod.status.as_ref()?.pod_ip.clone()
}

async fn both_are_ready(clinic: &Clinic) {
    for deployment in ["deployment/chakravue-operator", "deployment/chakravue-api"] {
        clinic.kubectl(&["-n", NAMESPACE, "rollout", "status", deployment, "--timeout=2m"]).await;
    }
}

/// Who holds the Lease.
async fn holder(clinic: &Clinic) -> Option<String> {
    let leases = Api::<Lease>::namespaced(clinic.kube.clone(), NAMESPACE);
    let lease = leases.get("chakravue-operator").await.unwrap();
    lease.spec?.holder_identity.filter(|holder| !holder.is_empty())
}

/// SIGKILL for the program of a pod, as the kernel ends what takes too much memory.
fn kill(pod: &Pod) {
    let uid = pod.uid().unwrap();
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok).map(|entry| entry.path());
    let of_pod = |process: &Path| {
        let read = |file: &str| fs::read_to_string(process.join(file)).unwrap_or_default();
        // Beside the program there is one that holds the pod's network.
        read("cgroup").contains(&uid) && read("comm").starts_with("chakravue-")
    };
    let process =
        processes.filter(|process| of_pod(process)).find_map(|process| process.file_name()?.to_str()?.parse().ok());
    let process = process.unwrap_or_else(|| panic!("{} has no process", pod.name_any()));
    kill_process(Pid::from_raw(process).unwrap(), Signal::KILL).unwrap();
}
