//! Before the operator goes for good: hospitals that are being removed wait for it to let go of them, and without it they would
//! wait for ever. The chart runs this before it is uninstalled, so that hospitals and operator can be removed at once.

use std::{fmt::Write as _, pin::pin, time::Duration};

use anyhow::Context as _;
use chakravue_crds::HospitalOrganization;
use futures::StreamExt as _;
use kube::{
    ResourceExt as _,
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt as _,
        reflector::{self, Store},
        watcher,
    },
};

use crate::{cli::AwaitRemovals, controller::scoped};

type Hospital = PartialObjectMeta<HospitalOrganization>;

/// Returns when no hospital is being removed, or when the patience is over, and prints which. That is no failure: whoever
/// uninstalls has decided, and a MongoDB that is away must not hold them up.
pub async fn await_removals(options: AwaitRemovals) -> anyhow::Result<()> {
    let config = kube::Config::infer().await.context("no Kubernetes: set KUBECONFIG")?;
    let client = kube::Client::try_from(config).context("this Kubernetes cannot be used")?;
    let (store, writer) = reflector::store();
    let hospitals = watcher(scoped::<Hospital>(&client, options.namespace.as_deref()), watcher::Config::default());
    let mut seen = pin!(hospitals.default_backoff().reflect(writer));
    let settled = async {
        while let Some(event) = seen.next().await {
            match event {
                Ok(watcher::Event::InitDone | watcher::Event::Apply(_) | watcher::Event::Delete(_))
                    if being_removed(&store).is_empty() =>
                {
                    return;
                }
                Ok(_) => {}
                Err(error) => eprintln!("hospitals cannot be watched: {error}"),
            }
        }
    };
    if tokio::time::timeout(options.timeout, settled).await.is_ok() {
        println!("no hospital is being removed");
    } else {
        print!("{}", left(&being_removed(&store), options.timeout));
    }
    Ok(())
}

fn being_removed(store: &Store<Hospital>) -> Vec<String> {
    let all = store.state();
    let going = all.iter().filter(|hospital| hospital.metadata.deletion_timestamp.is_some());
    let mut names: Vec<String> =
        going.map(|hospital| format!("{}/{}", hospital.namespace().unwrap_or_default(), hospital.name_any())).collect();
    names.sort();
    names
}

fn left(names: &[String], patience: Duration) -> String {
    let mut text = format!(
        "after {} s {} hospital(s) are still being removed; they wait until an operator runs again:\n",
        patience.as_secs(),
        names.len()
    );
    for name in names {
        // Writing to a String cannot fail.
        writeln!(text, "  {name}").ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{
        apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
        jiff::Timestamp,
    };
    use kube::{core::PartialObjectMetaExt as _, runtime::reflector::store};

    use super::*;

    #[test]
    fn only_what_is_being_removed_is_waited_for_and_named() {
        let (store, mut writer) = store();
        let hospital = |name: &str, going: bool| {
            let metadata = ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some("hospitals".to_owned()),
                deletion_timestamp: going.then_some(Time(Timestamp::UNIX_EPOCH)),
                ..ObjectMeta::default()
            };
            metadata.into_response_partial::<HospitalOrganization>()
        };
        writer.apply_watcher_event(&watcher::Event::Apply(hospital("stays", false)));
        assert!(being_removed(&store).is_empty());
        writer.apply_watcher_event(&watcher::Event::Apply(hospital("goes", true)));
        assert_eq!(being_removed(&store), ["hospitals/goes"]);
        let said = left(&being_removed(&store), Duration::from_mins(1));
        assert!(said.starts_with("after 60 s 1 hospital(s)") && said.ends_with("\n  hospitals/goes\n"), "{said}");
        writer.apply_watcher_event(&watcher::Event::Delete(hospital("goes", true)));
        assert!(being_removed(&store).is_empty());
    }
}
