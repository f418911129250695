//! The Lease by which operators agree who leads. Every write to it names the version that it was decided upon, so of two
//! candidates one gets a conflict and looks again.
//!
//! A candidate takes a lease over when it has watched it unchanged for as long as it lasts, by the candidate's own
//! clock: no two clocks have to agree. The holder counts from before it sends a renewal, and stops a fifth earlier.
//!
//! Anybody who may edit a Lease may write into it how long it lasts, and a holder that died never corrects that. So a
//! candidate never believes that it lasts less than its own would, nor more than [`LONGEST`], which no holder's does.
//!
//! A watch tells a candidate at once of a renewal, so that it counts from then, and of a lease that is given up. It is a
//! bell and no more: what is decided is decided upon a fresh look.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use futures::TryStreamExt as _;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
    jiff::Timestamp,
};
use kube::{
    Api, Client,
    api::{PostParams, WatchParams},
    core::WatchEvent,
};
use tokio_util::sync::CancellationToken;

use super::{Leadership, handover::Handover};
use crate::{answer::within, reach::Reach};

/// No lease lasts longer, whatever was asked for: an operator that is gone is not waited for until somebody comes to look.
pub const LONGEST: Duration = Duration::from_mins(10);

/// What a candidate has to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The Lease's name and namespace.
    pub name: String,
    pub namespace: String,
    /// Who this process is: no two processes may say the same.
    pub identity: String,
    /// How long a lease lasts that is not renewed, in whole seconds.
    pub duration: Duration,
}

impl Settings {
    /// The name that nobody else has: a process that is started again in the same pod is another candidate.
    pub fn identity() -> String {
        let host = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
        format!("{}_{:016x}", host.as_deref().unwrap_or("chakravue-operator"), rand::random::<u64>())
    }

    /// For how long a lease is believed to be its holder's that was found so. An operator of before or after this one may
    /// have been told another duration.
    fn believed(&self, found: &Lease) -> Duration {
        let seconds = found.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
        let stored = seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
        stored.unwrap_or_default().min(LONGEST).max(self.duration)
    }

    /// How often the holder renews, and how long it waits for the answer.
    fn renewal(&self) -> Duration {
        self.duration / 3
    }

    /// When the holder stops, counted from before its last renewal: what is on its way then still arrives in time.
    fn term(&self) -> Duration {
        self.duration * 4 / 5
    }

    /// How soon what failed is tried again, and how often a candidate looks that is not told.
    fn look_again(&self) -> Duration {
        (self.duration / 10).min(Duration::from_secs(2))
    }
}

/// A process that leads or wants to.
pub struct Election {
    leases: Api<Lease>,
    settings: Settings,
    leadership: Leadership,
    handover: Handover,
}

/// Who holds a lease that was just made.
const NOBODY: &str = "nobody";

/// How a candidate saw the lease last. It counts from the last change of what says who holds it: somebody who labels it again
/// and again must not keep it for one who is gone.
struct Sight {
    version: Option<String>,
    spec: Option<LeaseSpec>,
    since: Instant,
    lasts: Duration,
}

impl Sight {
    /// From when on it is nobody's, unless it changes.
    fn over(&self) -> Instant {
        self.since + self.lasts
    }
}

/// Why a leader leads no more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    #[error("the lease could not be renewed in time")]
    NotRenewed,
    #[error("the lease was taken by {0}")]
    Taken(String),
    #[error("the lease was deleted")]
    Deleted,
}

impl Election {
    /// `client` must not be one that asks this very leadership before it writes.
    pub fn new(client: Client, settings: Settings, leadership: Leadership, handover: Handover) -> Self {
        let settings = Settings { duration: settings.duration.min(LONGEST), ..settings };
        Self { leases: Api::namespaced(client, &settings.namespace), settings, leadership, handover }
    }

    /// Returns when this process leads, with the lease as it was written. Who stands by is ready once it has seen the lease.
    pub async fn win(&self, reach: &Reach) -> Lease {
        let mut sight: Option<Sight> = None;
        let mut said = None;
        loop {
            match self.look(&mut sight).await {
                Ok(Some(lease)) => {
                    reach.is_whole();
                    tracing::info!(identity = self.settings.identity, "this operator leads");
                    return lease;
                }
                Ok(None) => {
                    reach.is_whole();
                    if said.is_none() {
                        tracing::info!("another operator leads; this one stands by");
                    }
                    said = Some(String::new());
                    self.until_worth_a_look(sight.as_ref()).await;
                }
                Err(error) => {
                    let (namespace, name) = (&self.settings.namespace, &self.settings.name);
                    let error = reach.sentence(&format!("read or write the Lease {namespace}/{name}"), &error);
                    if reach.is_hindered(&error) || said.as_ref() != Some(&error) {
                        tracing::warn!("{error}");
                        said = Some(error);
                    }
                    tokio::time::sleep(self.settings.look_again()).await;
                }
            }
        }
    }

    /// Until the lease as it was seen is over, or is another one.
    async fn until_worth_a_look(&self, sight: Option<&Sight>) {
        let Some((version, over)) = sight.and_then(|sight| Some((sight.version.as_ref()?, sight.over()))) else {
            return tokio::time::sleep(self.settings.look_again()).await;
        };
        let changed = async {
            if !self.changes(version).await {
                tokio::time::sleep(self.settings.look_again()).await;
            }
        };
        tokio::select! {
            () = tokio::time::sleep_until(over.into()) => {}
            () = changed => {}
        }
    }

    /// Returns when the lease is not of this version any more; or `false` when nobody can tell.
    async fn changes(&self, version: &str) -> bool {
        let only = WatchParams::default().fields(&format!("metadata.name={}", self.settings.name));
        let only = WatchParams { bookmarks: false, ..only };
        let told = async { pin!(self.leases.watch(&only, version).await?).try_next().await };
        matches!(told.await, Ok(Some(WatchEvent::Added(_) | WatchEvent::Modified(_) | WatchEvent::Deleted(_))))
    }

    /// One look at the lease; takes it where it is free.
    async fn look(&self, sight: &mut Option<Sight>) -> kube::Result<Option<Lease>> {
        let found = match self.in_time(self.leases.get_opt(&self.settings.name)).await? {
            Some(found) => Some(found),
            None => self.make().await?,
        };
        let Some(found) = found else {
            *sight = None;
            return Ok(None);
        };
        let (version, spec) = (found.metadata.resource_version.clone(), found.spec.clone());
        let seen = match sight.take() {
            Some(known) if known.spec == spec => Sight { version, ..known },
            _ => Sight { version, spec, since: Instant::now(), lasts: self.settings.believed(&found) },
        };
        let is_over = Instant::now() >= sight.insert(seen).over();
        // An answer that was lost may have been that the lease is ours.
        let is_own = holder(&found) == Some(self.settings.identity.as_str());
        if !is_over && !is_own && !is_vacant(&found) {
            return Ok(None);
        }
        self.take(found).await
    }

    /// Makes a lease that nobody holds, and that has to be watched like any other: one that was deleted has a holder who
    /// may not have noticed yet, and a request to make one can arrive late. `None`: somebody was faster.
    async fn make(&self) -> kube::Result<Option<Lease>> {
        let (name, namespace) = (self.settings.name.clone(), self.settings.namespace.clone());
        let metadata = ObjectMeta { name: Some(name), namespace: Some(namespace), ..ObjectMeta::default() };
        let spec = LeaseSpec { holder_identity: Some(NOBODY.to_owned()), ..self.spec() };
        let lease = Lease { metadata, spec: Some(spec) };
        match self.in_time(self.leases.create(&PostParams::default(), &lease)).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(None),
            other => other.map(Some),
        }
    }

    /// `None`: somebody was faster.
    async fn take(&self, found: Lease) -> kube::Result<Option<Lease>> {
        let transitions = found.spec.as_ref().and_then(|spec| spec.lease_transitions);
        let spec = LeaseSpec {
            acquire_time: Some(MicroTime(Timestamp::now())),
            lease_transitions: Some(transitions.map_or(0, |before| before.saturating_add(1))),
            ..self.spec()
        };
        let sent = Instant::now();
        match self.replace(Lease { spec: Some(spec), ..found }).await {
            Ok(lease) => {
                self.handover.read(&lease);
                self.leadership.holds_until(sent + self.settings.term());
                Ok(Some(lease))
            }
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Renews the lease until `release`, then gives it to whoever wants it; or until it is lost, which ends at once
    /// whatever this process still wants to write.
    pub async fn keep(self, mut lease: Lease, release: CancellationToken) -> Result<(), Lost> {
        let mut renewed_at = Instant::now();
        loop {
            let ends = renewed_at + self.settings.term();
            let renewed = async {
                tokio::time::sleep(self.settings.renewal()).await;
                loop {
                    let sent = Instant::now();
                    match self.renew(&lease).await {
                        Ok(renewed) => return Ok((renewed, sent)),
                        Err(Ok(lost)) => return Err(lost),
                        Err(Err(error)) => {
                            tracing::warn!("the lease is not renewed: {}; trying again", told(&error));
                            tokio::time::sleep(self.settings.look_again()).await;
                        }
                    }
                }
            };
            let outcome = tokio::select! {
                biased;
                () = tokio::time::sleep_until(ends.into()) => Err(Lost::NotRenewed),
                () = release.cancelled() => {
                    self.leadership.give_up();
                    self.vacate(lease).await;
                    return Ok(());
                }
                renewed = renewed => renewed,
            };
            match outcome {
                Ok((renewed, sent)) => {
                    self.leadership.holds_until(sent + self.settings.term());
                    (lease, renewed_at) = (renewed, sent);
                }
                Err(lost) => {
                    self.leadership.give_up();
                    return Err(lost);
                }
            }
        }
    }

    async fn renew(&self, lease: &Lease) -> Result<Lease, Result<Lost, kube::Error>> {
        let before = lease.spec.clone().unwrap_or_default();
        let spec =
            LeaseSpec { acquire_time: before.acquire_time, lease_transitions: before.lease_transitions, ..self.spec() };
        match self.replace(Lease { spec: Some(spec.clone()), ..lease.clone() }).await {
            Ok(renewed) => Ok(renewed),
            Err(kube::Error::Api(status)) if status.is_not_found() => Err(Ok(Lost::Deleted)),
            // Somebody wrote to it: a label is nobody's business, another holder is.
            Err(kube::Error::Api(status)) if status.is_conflict() => {
                match self.in_time(self.leases.get_opt(&self.settings.name)).await {
                    Ok(None) => Err(Ok(Lost::Deleted)),
                    Ok(Some(found)) if holder(&found) == Some(self.settings.identity.as_str()) => {
                        self.replace(Lease { spec: Some(spec), ..found }).await.map_err(Err)
                    }
                    Ok(Some(found)) => Err(Ok(Lost::Taken(holder(&found).unwrap_or("nobody").to_owned()))),
                    Err(error) => Err(Err(error)),
                }
            }
            Err(error) => Err(Err(error)),
        }
    }

    /// Lets the next one begin at once. It is no failure if this fails: the lease runs out.
    async fn vacate(&self, lease: Lease) {
        let vacated = |lease: Lease| {
            let spec = LeaseSpec { holder_identity: None, renew_time: None, ..lease.spec.clone().unwrap_or_default() };
            self.replace(Lease { spec: Some(spec), ..lease })
        };
        let outcome = match vacated(lease).await {
            // A renewal that was on its way arrived.
            Err(kube::Error::Api(status)) if status.is_conflict() => {
                match self.in_time(self.leases.get_opt(&self.settings.name)).await {
                    Ok(Some(found)) if holder(&found) == Some(self.settings.identity.as_str()) => vacated(found).await,
                    Ok(_) => return,
                    Err(error) => Err(error),
                }
            }
            outcome => outcome,
        };
        if let Err(error) = outcome {
            tracing::warn!("the lease is not given up but runs out: {}", told(&error));
        }
    }

    /// The version in the metadata makes a write that somebody else did in between a conflict.
    async fn replace(&self, mut lease: Lease) -> kube::Result<Lease> {
        self.handover.write(&mut lease);
        match self.put(&lease).await {
            // Whatever the API server has against the place must not cost the lease.
            Err(kube::Error::Api(status)) if status.is_invalid() => {
                tracing::warn!(
                    "the Lease {}/{} takes no annotation any more: the next leader will not go on in the change stream",
                    self.settings.namespace,
                    self.settings.name
                );
                Handover::leave_out(&mut lease);
                self.put(&lease).await
            }
            outcome => outcome,
        }
    }

    async fn put(&self, lease: &Lease) -> kube::Result<Lease> {
        self.in_time(self.leases.replace(&self.settings.name, &PostParams::default(), lease)).await
    }

    async fn in_time<T>(&self, request: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
        within(self.settings.renewal(), request).await
    }

    fn spec(&self) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(self.settings.identity.clone()),
            lease_duration_seconds: i32::try_from(self.settings.duration.as_secs()).ok(),
            renew_time: Some(MicroTime(Timestamp::now())),
            ..LeaseSpec::default()
        }
    }
}

fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

/// Whether the holder has given it up, who leaves no time of a renewal. A name that somebody took out may be of one who works on.
fn is_vacant(lease: &Lease) -> bool {
    holder(lease).is_none() && lease.spec.as_ref().is_none_or(|spec| spec.renew_time.is_none())
}

fn told(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} ({})", status.reason, status.code),
        _ => "no answer".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_stops_before_anybody_else_can_begin() {
        for seconds in [1, 3, 15, 30, 600] {
            let duration = Duration::from_secs(seconds);
            let settings = lasting(seconds);
            assert!(settings.renewal() + settings.look_again() < settings.term(), "one failed renewal is survived");
            assert!(settings.term() < duration);
        }
    }

    #[test]
    fn what_somebody_wrote_into_the_lease_is_believed_within_bounds() {
        let found = |lease_duration_seconds| Lease {
            spec: Some(LeaseSpec { lease_duration_seconds, ..LeaseSpec::default() }),
            ..Lease::default()
        };
        for (own, stored, believed) in [
            (15, Some(15), 15),
            (15, Some(1), 15),
            (15, Some(0), 15),
            (15, Some(-1), 15),
            (15, None, 15),
            (15, Some(60), 60),
            (15, Some(i32::MAX), 600),
            (600, Some(15), 600),
        ] {
            let seconds = lasting(own).believed(&found(stored)).as_secs();
            assert_eq!(seconds, believed, "{stored:?} seen by one whose own lasts {own} s");
        }
        assert_eq!(lasting(15).believed(&Lease::default()), Duration::from_secs(15));
    }

    fn lasting(seconds: u64) -> Settings {
        let duration = Duration::from_secs(seconds);
        Settings { name: "l".into(), namespace: "n".into(), identity: "a".into(), duration }
    }

    #[test]
    fn no_two_processes_are_called_the_same() {
        assert_ne!(Settings::identity(), Settings::identity());
    }
}
