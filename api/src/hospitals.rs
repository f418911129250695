//! The hospitals as Kubernetes has them: the API's only way to their objects.
//!
//! A watch of the tenants' namespace keeps every object in memory, in a cell of its own that can be waited on. Reading
//! asks nobody; changes go through [`apply`], by server-side apply with a field manager of the API's own, never forced.

pub mod apply;
pub mod progress;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    pin::pin,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use chakravue_crds::{
    OrganizationId,
    conditions::{ConditionType, holds},
    organization::{Phase, Subscription},
    plans::Plan,
};
use futures::StreamExt as _;
use kube::{
    Api, Client, ResourceExt as _,
    core::DeserializeGuard,
    runtime::{WatchStreamExt as _, watcher},
};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    hospitals::apply::{Change, Changed, Created, Mode, NewHospital},
    http::problem::{Answer, Kind, Problem},
    program::kubernetes::Watching,
};

pub use chakravue_crds::HospitalOrganization as Hospital;

/// The server ends a watch after this long, so that a connection that died silently is noticed.
const WATCH_TIMEOUT_SECONDS: u32 = 290;

/// Whether Kubernetes answers is asked at most this often, and for so long.
const LOOK: Duration = Duration::from_secs(2);

/// How long it is asked for one object while others wait.
const SOON: Duration = Duration::from_secs(1);

/// An object that is not there, looked for only to hear whether Kubernetes answers.
const NOBODY: &str = "does-kubernetes-answer";

/// How many changes somebody who listens to all of them may be behind before having to look at everything anew.
const CHANGES_KEPT: usize = 1024;

/// What a cell holds: the object as it was seen last, or nothing while there is none.
pub type Seen = Option<Arc<Hospital>>;

/// The hospitals of one namespace. Clones share the same view.
#[derive(Clone)]
pub struct Hospitals(Arc<Inner>);

impl fmt::Debug for Hospitals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hospitals").field("namespace", &self.0.namespace).finish_non_exhaustive()
    }
}

struct Inner {
    api: Api<Hospital>,
    namespace: String,
    cells: RwLock<Cells>,
    changes: broadcast::Sender<Arc<Hospital>>,
    listing: watch::Sender<Listing>,
    /// When Kubernetes was asked last, and whether it answered.
    answered: tokio::sync::Mutex<Option<(Instant, bool)>>,
    stop: CancellationToken,
}

/// Whether the objects were listed once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listing {
    Awaited(Unlisted),
    Done,
}

/// Why Kubernetes has not listed the hospitals, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unlisted {
    #[error("Kubernetes does not answer")]
    NoAnswer,
    #[error(
        "the HospitalOrganization definition is not installed in the cluster (404): kubectl apply -f \
         charts/chakravue/files/hospitalorganizations.yaml"
    )]
    NoDefinition,
    #[error("Kubernetes does not know who the service is (401): give it a token or a kubeconfig that is valid there")]
    Stranger,
    #[error(
        "Kubernetes does not let the service list them (403): bind its account to the role that the chart makes for it"
    )]
    Forbidden,
    #[error("Kubernetes answers with an error ({0})")]
    Fails(u16),
}

impl Unlisted {
    fn of(error: &watcher::Error) -> Self {
        use kube::Error::Api;
        use watcher::Error as W;
        match error {
            W::InitialListFailed(Api(status)) | W::WatchStartFailed(Api(status)) | W::WatchError(status) => {
                match status.code {
                    401 => Self::Stranger,
                    403 => Self::Forbidden,
                    404 => Self::NoDefinition,
                    code => Self::Fails(code),
                }
            }
            _ => Self::NoAnswer,
        }
    }
}

/// How long somebody still waits for a hospital once the service is to stop: what is under way has to be answered before it
/// is cut off ([`DRAIN`](crate::program::server::DRAIN)).
const LEFT_AT_STOP: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Cells {
    by_name: HashMap<String, watch::Sender<Seen>>,
    /// The name of each hospital whose claim is held.
    by_id: HashMap<OrganizationId, String>,
}

impl Cells {
    /// Another object may have the id by now: what was kept when the object was deleted goes to whoever claims it.
    fn forget_id_of(&mut self, known: Option<&Hospital>) {
        let Some((known, id)) = known.and_then(|known| Some((known, id_of(known)?))) else { return };
        if self.by_id.get(&id).is_some_and(|name| *name == known.name_any()) {
            self.by_id.remove(&id);
        }
    }
}

/// A hospital did not come to be as it was waited for.
#[derive(Clone, Debug)]
pub struct NotYet {
    pub last_seen: Seen,
}

impl Hospitals {
    /// Begins to watch. After `stop`, too: what is under way then may be waiting for the operator's answer.
    #[must_use]
    pub fn start(client: Client, namespace: &str, stop: CancellationToken) -> Self {
        let hospitals = Self(Arc::new(Inner {
            api: Api::namespaced(client.clone(), namespace),
            namespace: namespace.to_owned(),
            cells: RwLock::default(),
            changes: broadcast::channel(CHANGES_KEPT).0,
            listing: watch::Sender::new(Listing::Awaited(Unlisted::NoAnswer)),
            answered: tokio::sync::Mutex::default(),
            stop: stop.clone(),
        }));
        if !stop.is_cancelled() {
            tokio::spawn(hospitals.clone().watch(Api::namespaced(client, namespace)));
        }
        hospitals
    }

    /// Whether the objects were listed once. From then on what is known may be old while Kubernetes is away, but whole.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.unlisted().is_none()
    }

    /// Whether Kubernetes answers now, or did a moment ago. The watch cannot tell: it is silent while nothing changes.
    pub async fn answers(&self) -> bool {
        // Held meanwhile, so that many who want to know at once ask once.
        let mut answered = self.0.answered.lock().await;
        if let Some((at, answers)) = *answered
            && at.elapsed() < LOOK
        {
            return answers;
        }
        let asked = tokio::time::timeout(LOOK, self.0.api.get_metadata_opt(NOBODY)).await;
        let answers = matches!(asked, Ok(Ok(_)));
        *answered = Some((Instant::now(), answers));
        answers
    }

    /// Returns when the objects were listed once.
    pub async fn ready(&self) {
        // It cannot fail: the sender lives in `self`.
        let _ = self.0.listing.subscribe().wait_for(|listing| *listing == Listing::Done).await;
    }

    /// Why they were not listed yet, if they were not.
    #[must_use]
    pub fn unlisted(&self) -> Option<Unlisted> {
        match *self.0.listing.borrow() {
            Listing::Awaited(why) => Some(why),
            Listing::Done => None,
        }
    }

    /// Cancelled when the service stops: long answers end then.
    #[must_use]
    pub fn stopping(&self) -> &CancellationToken {
        &self.0.stop
    }

    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// The hospital with this id.
    #[must_use]
    pub fn get(&self, id: &OrganizationId) -> Seen {
        let cells = self.read();
        cells.by_id.get(id).and_then(|name| cells.by_name.get(name)).and_then(|cell| cell.borrow().clone())
    }

    /// The same, or a problem that tells nothing.
    ///
    /// # Errors
    /// When there is none, or Kubernetes has not said yet which there are.
    pub fn find(&self, id: &OrganizationId) -> Answer<Arc<Hospital>> {
        self.get(id).ok_or_else(|| self.known().err().unwrap_or_else(Problem::not_found))
    }

    /// # Errors
    /// When Kubernetes has not said yet which there are.
    pub fn known(&self) -> Answer<()> {
        if self.is_ready() {
            return Ok(());
        }
        let detail = "The hospitals are not known yet, because Kubernetes has not listed them. Try again in a moment.";
        Err(Problem::new(Kind::KubernetesUnavailable, detail).retry_after(Duration::from_secs(2)))
    }

    #[must_use]
    pub fn get_by_name(&self, name: &str) -> Seen {
        self.read().by_name.get(name).and_then(|cell| cell.borrow().clone())
    }

    /// All of them, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Hospital>> {
        self.read().by_name.values().filter_map(|cell| cell.borrow().clone()).collect()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.read().by_name.values().filter(|cell| cell.borrow().is_some()).count() as u64
    }

    /// Follows one object, also one that does not exist yet.
    #[must_use]
    pub fn subscribe(&self, name: &str) -> watch::Receiver<Seen> {
        if let Some(cell) = self.read().by_name.get(name) {
            return cell.subscribe();
        }
        self.write().by_name.entry(name.to_owned()).or_default().subscribe()
    }

    /// Every object as it changes. Whoever is too slow is told so (`Lagged`) and looks at [`Hospitals::all`].
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Arc<Hospital>> {
        self.0.changes.subscribe()
    }

    /// Waits until an object is as `wanted`.
    ///
    /// # Errors
    /// When it is not within `patience`, with what it was at the end.
    pub async fn wait_until(
        &self,
        name: &str,
        patience: Duration,
        mut wanted: impl FnMut(&Hospital) -> bool,
    ) -> Result<Arc<Hospital>, NotYet> {
        let mut seen = self.subscribe(name);
        let stopped = async {
            self.0.stop.cancelled().await;
            tokio::time::sleep(LEFT_AT_STOP).await;
        };
        let found = tokio::select! {
            found = seen.wait_for(|seen| seen.as_ref().is_some_and(|hospital| wanted(hospital))) => {
                found.ok().and_then(|seen| seen.clone())
            }
            () = tokio::time::sleep(patience) => None,
            () = stopped => None,
        };
        found.ok_or_else(|| NotYet { last_seen: self.get_by_name(name) })
    }

    /// The hospital as Kubernetes has it at this moment, whatever this replica has heard. For what holds others up
    /// meanwhile, so it does not wait long.
    ///
    /// # Errors
    /// When it is gone, or Kubernetes does not answer soon.
    pub async fn current(&self, id: &OrganizationId) -> Answer<Arc<Hospital>> {
        let name = self.find(id)?.name_any();
        let asked = tokio::time::timeout(SOON, self.0.api.get_opt(&name)).await;
        let found = asked.map_err(|_| Problem::kubernetes_away())??.filter(|found| id_of(found).as_ref() == Some(id));
        found.map(|found| self.hear(found)).ok_or_else(Problem::not_found)
    }

    /// Makes a hospital's object, or finds the one that an earlier attempt of the same signup made.
    ///
    /// # Errors
    /// When Kubernetes refuses a field or does not answer.
    pub async fn create(&self, new: &NewHospital) -> Answer<Created> {
        let created = apply::create(&self.0.api, new).await?;
        if let Created::Ours(hospital) = &created {
            self.put(Hospital::clone(hospital));
        }
        Ok(created)
    }

    /// Sets the subscription.
    ///
    /// # Errors
    /// A conflict that names who manages the field, if that is not the API.
    pub async fn set_subscription(
        &self,
        id: &OrganizationId,
        subscription: Subscription,
    ) -> Answer<Changed<Arc<Hospital>>> {
        self.change(id, Change::Subscription(subscription)).await
    }

    /// Whether the subscription could be set, without setting it: before money is taken for it.
    ///
    /// # Errors
    /// Those of [`Hospitals::set_subscription`].
    pub async fn check_subscription(&self, id: &OrganizationId, subscription: Subscription) -> Answer<()> {
        let name = self.find(id)?.name_any();
        apply::change(&self.0.api, &name, id, Change::Subscription(subscription), Mode::Try).await?;
        Ok(())
    }

    /// Sets the plan.
    ///
    /// # Errors
    /// A conflict that names who manages the field, if that is not the API.
    pub async fn set_plan(&self, id: &OrganizationId, plan: Plan) -> Answer<Changed<Arc<Hospital>>> {
        self.change(id, Change::Plan(plan)).await
    }

    /// Gives a hospital that is on the plan `from` the plan `to` back; on any other it stays.
    ///
    /// # Errors
    /// Those of [`Hospitals::set_plan`].
    pub async fn take_plan_back(&self, id: &OrganizationId, from: Plan, to: Plan) -> Answer<()> {
        self.change(id, Change::PlanBack { from, to }).await?;
        Ok(())
    }

    /// Sets the plan of a hospital that has not paid.
    ///
    /// # Errors
    /// Those of [`Hospitals::set_plan`], and `already-paid`.
    pub async fn choose_plan(&self, id: &OrganizationId, plan: Plan) -> Answer<Arc<Hospital>> {
        Ok(self.change(id, Change::PlanBeforePayment(plan)).await?.now)
    }

    /// Begins the subscription, on this plan.
    ///
    /// # Errors
    /// A conflict that names who manages one of the two, if that is not the API.
    pub async fn activate(&self, id: &OrganizationId, plan: Plan) -> Answer<Arc<Hospital>> {
        Ok(self.change(id, Change::Activation(plan)).await?.now)
    }

    async fn change(&self, id: &OrganizationId, change: Change) -> Answer<Changed<Arc<Hospital>>> {
        let name = self.find(id)?.name_any();
        let Changed { was, was_on, now } = apply::change(&self.0.api, &name, id, change, Mode::Make).await?;
        // Requests on this replica need not wait for the watch to bring it.
        Ok(Changed { was, was_on, now: self.hear(now) })
    }

    async fn watch(self, api: Api<DeserializeGuard<Hospital>>) {
        let config = watcher::Config::default().any_semantic().timeout(WATCH_TIMEOUT_SECONDS);
        let mut events = pin!(watcher(api, config).backoff(Watching::default()));
        let mut listed = HashSet::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Init) => listed.clear(),
                Ok(watcher::Event::InitApply(object)) => {
                    listed.insert(object.name_any());
                    self.take(object);
                }
                Ok(watcher::Event::InitDone) => {
                    self.keep_only(&listed);
                    self.0.listing.send_replace(Listing::Done);
                }
                Ok(watcher::Event::Apply(object)) => self.take(object),
                Ok(watcher::Event::Delete(object)) => self.remove(&object.name_any()),
                Err(error) => {
                    self.not_listed(Unlisted::of(&error));
                    tracing::warn!(%error, "the watch of the hospitals was interrupted; it goes on by itself");
                }
            }
        }
    }

    /// Of a watch that breaks off later there is nothing to say: what is known stays known.
    fn not_listed(&self, why: Unlisted) {
        let is_news = self.0.listing.send_if_modified(|listing| {
            let news = Listing::Awaited(why);
            let is_news = *listing != Listing::Done && *listing != news;
            if is_news {
                *listing = news;
            }
            is_news
        });
        if is_news {
            tracing::error!("the hospitals of namespace {} are not known yet: {why}", self.0.namespace);
        }
    }

    /// An object that does not fit the definition cannot be worked with; what was known of it before stays.
    fn take(&self, object: DeserializeGuard<Hospital>) {
        match object.0 {
            Ok(hospital) => drop(self.put(hospital)),
            Err(invalid) => tracing::warn!(
                hospital = invalid.metadata.name,
                error = invalid.error,
                "a HospitalOrganization does not fit the resource definition and is left out"
            ),
        }
    }

    /// What Kubernetes answered about an object that is known. The watch may have brought its end meanwhile, or another object
    /// of its name, and would not bring that again.
    fn hear(&self, hospital: Hospital) -> Arc<Hospital> {
        match self.get_by_name(&hospital.name_any()) {
            Some(known) if known.uid() == hospital.uid() => self.put(hospital),
            _ => Arc::new(hospital),
        }
    }

    fn put(&self, mut hospital: Hospital) -> Arc<Hospital> {
        // Half of an object, and only needed for a change, which reads the object anew.
        hospital.metadata.managed_fields = None;
        let name = hospital.name_any();
        let hospital = Arc::new(hospital);
        let mut cells = self.write();
        let cell = cells.by_name.entry(name.clone()).or_default();
        let known = cell.borrow().clone();
        if let Some(known) = known.as_ref().filter(|known| is_later(known, &hospital)) {
            return known.clone();
        }
        cell.send_replace(Some(hospital.clone()));
        cells.forget_id_of(known.as_deref());
        if let Some(id) = id_of(&hospital) {
            cells.by_id.insert(id, name);
        }
        drop(cells);
        // Nobody may be listening.
        let _ = self.0.changes.send(hospital.clone());
        hospital
    }

    fn remove(&self, name: &str) {
        let mut cells = self.write();
        let Some(cell) = cells.by_name.get(name) else { return };
        let known = cell.send_replace(None);
        if cell.receiver_count() == 0 {
            cells.by_name.remove(name);
        }
        cells.forget_id_of(known.as_deref());
    }

    fn keep_only(&self, listed: &HashSet<String>) {
        let known: Vec<String> = self.read().by_name.keys().cloned().collect();
        for name in known.iter().filter(|name| !listed.contains(*name)) {
            self.remove(name);
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Cells> {
        self.0.cells.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Cells> {
        self.0.cells.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `a` is a later version of the same object than `b`. Versions of one object are numbers that grow.
fn is_later(a: &Hospital, b: &Hospital) -> bool {
    a.uid() == b.uid() && version_of(a) > version_of(b)
}

/// The version of a hospital's object, which grows with every change of it.
#[must_use]
pub fn version_of(hospital: &Hospital) -> Option<i64> {
    hospital.resource_version()?.parse().ok()
}

/// The id of a hospital whose claim is held.
#[must_use]
pub fn id_of(hospital: &Hospital) -> Option<OrganizationId> {
    hospital.status.as_ref()?.organization_id.as_ref()?.parse().ok()
}

/// Where the hospital is in its life. Before the operator has seen it, or that it is paid, it is what its subscription will
/// make of it.
#[must_use]
pub fn phase_of(hospital: &Hospital) -> Phase {
    let seen = hospital.status.as_ref().and_then(|status| status.phase);
    match (hospital.spec.subscription, seen) {
        (Subscription::Active, None | Some(Phase::PendingPayment)) => Phase::Provisioning,
        (_, Some(seen)) => seen,
        (Subscription::PendingPayment, None) => Phase::PendingPayment,
        (Subscription::Suspended, None) => Phase::Suspended,
    }
}

/// Whether the operator has brought the hospital to what its object says now, and it can be used.
#[must_use]
pub fn is_ready(hospital: &Hospital) -> bool {
    let Some(status) = &hospital.status else { return false };
    status.observed_generation == hospital.metadata.generation && holds(&status.conditions, ConditionType::Ready)
}

/// A phase as the API's JSON and queries say it: `pending_payment`.
#[must_use]
pub fn status_name(phase: Phase) -> &'static str {
    match phase {
        Phase::PendingPayment => "pending_payment",
        Phase::Provisioning => "provisioning",
        Phase::Active => "active",
        Phase::Suspended => "suspended",
        Phase::Failed => "failed",
        Phase::Terminating => "terminating",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// A hospital at a version of its object, waiting for payment until it has more.
    pub fn hospital(name: &str, version: u64) -> Hospital {
        serde_json::from_value(json!({
            "apiVersion": "chakravue.io/v1alpha1", "kind": "HospitalOrganization",
            "metadata": { "name": name, "namespace": "hospitals", "uid": "u", "generation": 1,
                          "resourceVersion": version.to_string() },
            "spec": { "displayName": "St. Mary's Hospital", "contact": { "email": "admin@stmarys.com" },
                      "plan": "Professional" },
        }))
        .unwrap()
    }

    /// Hospitals that nothing watches: what a test puts there is what there is.
    fn unwatched() -> Hospitals {
        let config = kube::Config::new("http://127.0.0.1:9".parse().unwrap());
        let client = Client::try_from(config).unwrap();
        let stop = CancellationToken::new();
        stop.cancel();
        Hospitals::start(client, "hospitals", stop)
    }

    #[tokio::test]
    async fn an_older_version_does_not_replace_a_newer_one() {
        let hospitals = unwatched();
        hospitals.put(hospital("a", 12));
        hospitals.put(hospital("a", 9));
        assert_eq!(hospitals.get_by_name("a").unwrap().resource_version().unwrap(), "12");
        let mut recreated = hospital("a", 3);
        recreated.metadata.uid = Some("v".to_owned());
        hospitals.put(recreated);
        assert_eq!(hospitals.get_by_name("a").unwrap().uid().unwrap(), "v");
    }

    #[tokio::test]
    async fn a_hospital_is_found_by_its_id_until_it_is_gone() {
        let hospitals = unwatched();
        let id = OrganizationId::generate();
        let mut object = hospital("a", 1);
        object.status = serde_json::from_value(json!({ "organizationId": id.as_str() })).unwrap();
        hospitals.put(object);
        assert_eq!(hospitals.find(&id).unwrap().name_any(), "a");
        hospitals.keep_only(&HashSet::new());
        assert!(hospitals.get(&id).is_none() && hospitals.all().is_empty());
    }

    fn having_id(name: &str, version: u64, id: &OrganizationId) -> Hospital {
        let mut object = hospital(name, version);
        object.status = serde_json::from_value(json!({ "organizationId": id.as_str() })).unwrap();
        object
    }

    #[tokio::test]
    async fn who_takes_over_an_id_keeps_it_when_the_object_of_before_is_found_gone() {
        let (hospitals, id) = (unwatched(), OrganizationId::generate());
        hospitals.put(having_id("before", 1, &id));
        hospitals.put(having_id("now", 2, &id));
        hospitals.keep_only(&HashSet::from(["now".to_owned()]));
        assert_eq!(hospitals.find(&id).unwrap().name_any(), "now");
    }

    #[tokio::test]
    async fn an_answer_that_comes_after_the_end_brings_nothing_back() {
        let (hospitals, id) = (unwatched(), OrganizationId::generate());
        let object = having_id("a", 1, &id);
        hospitals.put(object.clone());
        hospitals.remove("a");
        hospitals.hear(object.clone());
        assert!(hospitals.get(&id).is_none() && hospitals.all().is_empty());
        let mut recreated = hospital("a", 9);
        recreated.metadata.uid = Some("v".to_owned());
        hospitals.put(recreated);
        hospitals.hear(object);
        assert_eq!(hospitals.get_by_name("a").unwrap().uid().unwrap(), "v");
        hospitals.hear(hospital("a", 10));
        assert_eq!(hospitals.get_by_name("a").unwrap().resource_version().unwrap(), "9");
    }

    #[tokio::test]
    async fn waiting_ends_with_the_object_or_with_what_was_seen() {
        let hospitals = unwatched();
        let waiter = {
            let hospitals = hospitals.clone();
            let wanted = |hospital: &Hospital| hospital.resource_version().as_deref() == Some("2");
            tokio::spawn(async move { hospitals.wait_until("a", Duration::from_mins(1), wanted).await })
        };
        hospitals.put(hospital("a", 1));
        hospitals.put(hospital("a", 2));
        assert!(waiter.await.unwrap().is_ok());
        let not_yet = hospitals.wait_until("a", Duration::ZERO, |_| false).await.unwrap_err();
        assert_eq!(not_yet.last_seen.unwrap().name_any(), "a");
        assert!(hospitals.wait_until("b", Duration::ZERO, |_| true).await.is_err());
    }

    #[test]
    fn a_hospital_is_ready_only_for_what_its_object_says_now() {
        let mut object = hospital("a", 1);
        assert!(!is_ready(&object));
        assert_eq!(status_name(phase_of(&object)), "pending_payment");
        object.status = serde_json::from_value(json!({ "observedGeneration": 1, "phase": "Active", "conditions": [
            { "type": "Ready", "status": "True", "reason": "AsDeclared", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z" },
        ] }))
        .unwrap();
        assert!(is_ready(&object));
        object.metadata.generation = Some(2);
        assert!(!is_ready(&object));
    }
}
