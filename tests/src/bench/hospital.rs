//! A hospital as the benchmark declares it, and a watch that notes the moment at which one is ready.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use chakravue_crds::{HospitalOrganization, naming::DatabaseName};
use chakravue_testbed::Sandbox;
use futures::{StreamExt as _, TryStreamExt as _, future::try_join_all};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::json;
use tokio::{sync::mpsc, task::JoinSet};

const PATIENCE: Duration = Duration::from_mins(1);
/// How many are made at a time, so that the wait for them has an end.
const AT_A_TIME: usize = 50;
/// For a thousand hospitals.
const LONG_PATIENCE: Duration = Duration::from_mins(15);

/// The hospitals of one sandbox.
pub struct Hospitals {
    api: Api<HospitalOrganization>,
    /// Which object was seen ready, and when.
    ready: mpsc::UnboundedReceiver<(String, Instant)>,
    /// Those that have been counted.
    known: HashSet<String>,
    /// The watch ends with this.
    _watch: JoinSet<()>,
}

impl Hospitals {
    /// Opens the watch, so that no measurement has to.
    pub async fn watch(sandbox: &Sandbox) -> Self {
        let api: Api<HospitalOrganization> = Api::namespaced(sandbox.admin().await, sandbox.namespace());
        let (seen, ready) = mpsc::unbounded_channel();
        let mut watch = JoinSet::new();
        watch.spawn(
            watcher(api.clone(), watcher::Config::default())
                .default_backoff()
                .applied_objects()
                .try_filter(|object| std::future::ready(is_ready(object)))
                .for_each(move |object| {
                    if let Ok(object) = object {
                        // Nobody may be interested any more.
                        seen.send((object.name_any(), Instant::now())).ok();
                    }
                    std::future::ready(())
                }),
        );
        Self { api, ready, known: HashSet::new(), _watch: watch }
    }

    /// Applies an active hospital as GitOps tools do and returns how long it took until the watch showed it ready.
    pub async fn apply_until_ready(&mut self, name: &str) -> anyhow::Result<Duration> {
        let start = Instant::now();
        self.apply(name).await?;
        // The watch notes the moment by itself, so it does not matter when we come to ask.
        let seen = tokio::time::timeout(PATIENCE, seen(&mut self.ready, name)).await;
        if let Ok(seen) = seen {
            self.known.insert(name.to_owned());
            return Ok(seen?.duration_since(start));
        }
        let status = self.api.get(name).await?.status;
        bail!("{name} was not ready within {} s; its status: {status:#?}", PATIENCE.as_secs())
    }

    /// Applies an active hospital as GitOps tools do.
    pub async fn apply(&self, name: &str) -> anyhow::Result<()> {
        let hospital = json!({
            "apiVersion": "chakravue.io/v1alpha1",
            "kind": "HospitalOrganization",
            "metadata": { "name": name },
            "spec": {
                "displayName": "A measured hospital",
                "contact": { "email": "admin@hospital.example" },
                "plan": "Professional",
                "subscription": "Active",
                "deletionPolicy": "Delete",
            },
        });
        let by = PatchParams::apply("bench").force();
        self.api.patch(name, &by, &Patch::Apply(&hospital)).await.with_context(|| format!("apply {name}"))?;
        Ok(())
    }

    /// As [`Self::apply`], all of them, some at a time, until the last is ready.
    pub async fn make(&mut self, names: &[String]) -> anyhow::Result<()> {
        let mut made = 0;
        for some in names.chunks(AT_A_TIME) {
            try_join_all(some.iter().map(|name| self.apply(name))).await?;
            self.until_ready(some.len()).await?;
            made += some.len();
            eprint!("\r{made} of {} hospitals ", names.len());
        }
        eprintln!();
        Ok(())
    }

    /// When as many hospitals as this were ready that were not before, whoever made them.
    pub async fn until_ready(&mut self, count: usize) -> anyhow::Result<Instant> {
        let mut new = HashSet::new();
        let all_seen = async {
            loop {
                let (name, when) = self.ready.recv().await.context("the watch on the hospitals ended")?;
                if !self.known.contains(&name) {
                    new.insert(name);
                }
                if new.len() == count {
                    return anyhow::Ok(when);
                }
            }
        };
        let when = tokio::time::timeout(PATIENCE, all_seen).await;
        let when = when.with_context(|| format!("{} of {count} were ready within {PATIENCE:?}", new.len()))??;
        self.known.extend(new);
        Ok(when)
    }

    /// The next that the watch shows ready, and when; one that was ready before may come again. It loses nothing when it is
    /// given up while it waits.
    pub async fn next_ready(&mut self) -> anyhow::Result<(String, Instant)> {
        self.ready.recv().await.context("the watch on the hospitals ended")
    }

    /// The hospital as it is now.
    pub async fn object(&self, name: &str) -> anyhow::Result<HospitalOrganization> {
        self.api.get(name).await.with_context(|| format!("read {name}"))
    }

    /// Deletes a hospital with its data and returns when it is gone.
    pub async fn remove(&self, name: &str) -> anyhow::Result<()> {
        self.give_up_data(name).await?;
        self.api.delete(name, &DeleteParams::default()).await?;
        let gone = async {
            while self.api.get_metadata_opt(name).await?.is_some() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, gone).await.with_context(|| format!("{name} was not removed in time"))?
    }

    /// As [`Self::remove`], every hospital of the sandbox, all at once; answers how long that took.
    pub async fn remove_all(&self) -> anyhow::Result<Duration> {
        self.remove_until(0).await
    }

    /// As [`Self::remove_all`], but so many are left.
    pub async fn remove_until(&self, left: usize) -> anyhow::Result<Duration> {
        let all = self.api.list_metadata(&ListParams::default()).await?;
        let names: Vec<String> = all.iter().skip(left).map(ResourceExt::name_any).collect();
        try_join_all(names.iter().map(|name| self.give_up_data(name))).await?;
        let began = Instant::now();
        try_join_all(names.iter().map(async |name| self.api.delete(name, &DeleteParams::default()).await)).await?;
        loop {
            // One tells how many more there are, and costs the server little while it is measured.
            let one = self.api.list_metadata(&ListParams::default().limit(1)).await?;
            let more = one.metadata.remaining_item_count.and_then(|more| usize::try_from(more).ok());
            let there = one.items.len() + more.unwrap_or_default();
            if there <= left {
                return Ok(began.elapsed());
            }
            ensure!(began.elapsed() < LONG_PATIENCE, "{there} hospitals were not removed within {LONG_PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Lets the data go with the object.
    async fn give_up_data(&self, name: &str) -> anyhow::Result<()> {
        let with_data = json!({ "spec": { "deletionPolicy": "Delete" } });
        self.api.patch(name, &PatchParams::default(), &Patch::Merge(&with_data)).await?;
        Ok(())
    }
}

/// The database that belongs to an object of this name.
pub fn database_of(name: &str) -> anyhow::Result<DatabaseName> {
    Ok(DatabaseName::derive(name)?)
}

async fn seen(ready: &mut mpsc::UnboundedReceiver<(String, Instant)>, name: &str) -> anyhow::Result<Instant> {
    loop {
        let (who, when) = ready.recv().await.context("the watch on the hospitals ended")?;
        if who == name {
            return Ok(when);
        }
    }
}

fn is_ready(object: &HospitalOrganization) -> bool {
    object.status.as_ref().is_some_and(|status| {
        status.observed_generation == object.metadata.generation
            && status.conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    })
}
