//! Which events start a pass: a hospital that somebody changed, its Secret that somebody changed, what somebody changed
//! in its database, time, and MongoDB that comes or goes.

use std::{collections::HashSet, hash::Hash, mem, pin::pin, sync::Arc, time::Duration};

use chakravue_crds::{HospitalOrganization, naming::object_of_secret};
use futures::{FutureExt as _, Stream, StreamExt as _, TryStreamExt as _, channel::mpsc, future, stream};
use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Api, Resource as _, ResourceExt as _,
    api::{PartialObjectMeta, WatchEvent, WatchParams},
    runtime::{
        Controller, WatchStreamExt as _,
        controller::{self, Action},
        reflector::{self, ObjectRef, Store, store::Writer},
        watcher,
    },
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    backoff,
    context::Context,
    credentials::secret::MANAGED_BY,
    drift::Triggers,
    echoes::Watched,
    error::Error,
    mongo::{Health, Mongo},
    reconcile::reconcile,
    turns::class::Class,
};

/// Shorter than the idle time after which load balancers forget a connection.
const WATCH_TIMEOUT_SECONDS: u32 = 200;

/// A refused object is looked at this often at first, and more and more seldom: what refuses it (another object, say) may be
/// gone.
const REFUSED: Duration = Duration::from_secs(10);

/// A MongoDB that is away for this long is told to every hospital.
const AWAY: Duration = Duration::from_secs(10);

/// Runs passes until `stop`, then lets the running ones finish.
pub async fn run(
    context: Arc<Context>,
    namespace: Option<&str>,
    writer: Writer<Watched>,
    store: Store<Watched>,
    drift: Triggers,
    stop: CancellationToken,
) {
    let hospitals: Api<Watched> = scoped(&context.kube, namespace);
    let secrets: Api<PartialObjectMeta<Secret>> = scoped(&context.kube, namespace);
    let config = watcher::Config::default().timeout(WATCH_TIMEOUT_SECONDS);
    let config = if streams_lists(&context.kube, namespace).await { config.streaming_lists() } else { config };

    let own = Arc::clone(&context);
    // Who manages which field is more than half of an object, and asked of nobody here.
    let slim = |object: &mut Watched| object.meta_mut().managed_fields = None;
    let mut gone = Gone::default();
    let (tell_again, again) = mpsc::unbounded();
    let tell_listed = tell_again.clone();
    let remembers = Arc::clone(&context);
    let changed = reflector::reflector(
        writer,
        watcher(hospitals, config.clone()).backoff(backoff::Watching::default()).modify(slim),
    )
    // Also one that somebody took the finalizer from: no pass will see it again.
    .inspect_ok(move |event| {
        for uid in gone.of(event, Watched::uid) {
            remembers.forget(&uid);
            remembers.released.gone(&uid);
        }
    })
    .try_filter_map(move |event| {
        let changed = match event {
            watcher::Event::Apply(object) => is_news(&own, object.meta()).then_some(object),
            // The store shows what a list brings when all of it is there, and not before.
            watcher::Event::InitDone => {
                let all = own.store.state();
                let news = all.iter().filter(|hospital| is_news(&own, hospital.meta()));
                // Nobody listens any more only while the process stops.
                news.for_each(|hospital| drop(tell_listed.unbounded_send(ObjectRef::from_obj(hospital.as_ref()))));
                None
            }
            watcher::Event::Init | watcher::Event::InitApply(_) | watcher::Event::Delete(_) => None,
        };
        future::ready(Ok(changed))
    });

    let labelled = config.labels(&format!("{}={}", MANAGED_BY.0, MANAGED_BY.1));
    let touched = watcher(secrets, labelled).backoff(backoff::Watching::default());
    let (mut gone_secrets, hurries) = (Gone::default(), Arc::clone(&context));
    let of_secrets = touched
        .map(move |event| match event {
            Ok(event) => touched_by(&event, &mut gone_secrets),
            Err(error) => {
                tracing::warn!(%error, "watching Secrets goes on after an error");
                Vec::new()
            }
        })
        .flat_map(stream::iter)
        .inspect(move |hospital| {
            if let Some(object) = hurries.store.get(hospital) {
                hurries.turns.unstick(&object.uid().unwrap_or_default(), Class::Drift);
            }
        });
    let turns = mongodb_turns(context.mongo.clone(), Arc::clone(&context), tell_again, stop.clone());

    let (drifted, lost_track) = drift.split();

    Controller::for_stream(changed, store)
        .reconcile_on(again)
        .reconcile_on(of_secrets)
        .reconcile_on(drifted)
        .reconcile_all_on(turns)
        .reconcile_all_on(lost_track)
        // Who goes first, and how many at a time, is decided by turns.
        .with_config(controller::Config::default().concurrency(0))
        .graceful_shutdown_on(stop.cancelled_owned())
        .run(|object, context| reconcile(object, context).boxed(), retry, context)
        .for_each(|outcome| {
            match outcome {
                Ok(_) | Err(controller::Error::ReconcilerFailed(..) | controller::Error::ObjectNotFound(_)) => {}
                Err(error) => tracing::warn!(%error, "watching goes on after an error"),
            }
            future::ready(())
        })
        .await;
}

/// Whether somebody has changed an object, as far as its metadata tell; it goes first then.
fn is_news(context: &Context, meta: &ObjectMeta) -> bool {
    let is_news = !context.echoes.is_own(meta);
    if is_news {
        // One that waits for its resync already need not wait for that long.
        let uid = meta.uid.as_deref().unwrap_or_default();
        context.turns.hurry(uid, Class::Change);
        context.arrivals.saw(uid, meta.generation);
    }
    is_news
}

/// The hospitals whose Secret an event is of; a Secret may also have gone while nobody watched, which no event tells.
fn touched_by(
    event: &watcher::Event<PartialObjectMeta<Secret>>,
    gone: &mut Gone<ObjectRef<Watched>>,
) -> Vec<ObjectRef<Watched>> {
    let mut touched = gone.of(event, of_secret);
    if let watcher::Event::Apply(secret) | watcher::Event::InitApply(secret) = event {
        touched.extend(of_secret(secret));
    }
    touched
}

/// Which objects there are, to notice the one that is there no more: it may go while nobody watches.
struct Gone<T> {
    known: HashSet<T>,
    listed: HashSet<T>,
}

impl<T> Default for Gone<T> {
    fn default() -> Self {
        Self { known: HashSet::new(), listed: HashSet::new() }
    }
}

impl<T: Eq + Hash> Gone<T> {
    /// Those that are gone; `id` tells an object from others.
    fn of<K>(&mut self, event: &watcher::Event<K>, id: impl Fn(&K) -> Option<T>) -> Vec<T> {
        match event {
            watcher::Event::Init => self.listed.clear(),
            watcher::Event::InitApply(object) => self.listed.extend(id(object)),
            watcher::Event::InitDone => {
                let before = mem::replace(&mut self.known, mem::take(&mut self.listed));
                return before.into_iter().filter(|id| !self.known.contains(id)).collect();
            }
            watcher::Event::Apply(object) => self.known.extend(id(object)),
            watcher::Event::Delete(object) => {
                return id(object).and_then(|id| self.known.take(&id)).into_iter().collect();
            }
        }
        Vec::new()
    }
}

pub fn scoped<K>(client: &kube::Client, namespace: Option<&str>) -> Api<K>
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// Whether the API server sends what a list has one object at a time (before Kubernetes 1.34 an administrator has to allow
/// it). Otherwise hundreds come in one piece, and what that piece took is never given back by what stays of it.
async fn streams_lists(client: &kube::Client, namespace: Option<&str>) -> bool {
    let hospitals: Api<HospitalOrganization> = scoped(client, namespace);
    let nobody = WatchParams::default().initial_events().fields("metadata.name=-").timeout(1);
    let first = async { pin!(hospitals.watch_metadata(&nobody, "0").await?).try_next().await };
    let streams = matches!(first.await, Ok(Some(WatchEvent::Bookmark(_))));
    tracing::debug!(streams, "whether the API server streams lists");
    streams
}

/// The hospital whose connection Secret has such a name. By its name and not by its owner: that somebody takes the owner out
/// is to be seen too.
fn of_secret(secret: &PartialObjectMeta<Secret>) -> Option<ObjectRef<Watched>> {
    let name = object_of_secret(secret.metadata.name.as_deref()?)?;
    Some(ObjectRef::new(name).within(secret.metadata.namespace.as_deref()?))
}

/// When a failed object is looked at again.
#[allow(clippy::needless_pass_by_value, reason = "the controller's signature")]
fn retry(object: Arc<Watched>, error: &Error, context: Arc<Context>) -> Action {
    let uid = object.uid().unwrap_or_default();
    if !context.knows(object.meta()) {
        // It went during the pass, and was forgotten before that failed.
        return Action::await_change();
    }
    let wait = context.backoff.failed(&uid, object.meta().generation, matches!(error, Error::Refused { .. }));
    let wait = match error {
        Error::Refused { .. } => wait.max(backoff::jittered(REFUSED)),
        Error::Fault { .. } | Error::Conflict { .. } => wait,
    };
    tracing::debug!(?wait, %error, "the pass is repeated");
    // Whatever has it looked at before has seen something.
    context.turns.rest(&uid, wait);
    Action::requeue(wait)
}

/// Yields when every hospital should be looked at because MongoDB came back, or stays away. After a short absence only those
/// are, that it has kept waiting.
fn mongodb_turns(
    mongo: Mongo,
    context: Arc<Context>,
    again: mpsc::UnboundedSender<ObjectRef<Watched>>,
    stop: CancellationToken,
) -> impl Stream<Item = ()> + Send + 'static {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        let mut health = mongo.health();
        let (mut was_away, mut trouble) = (false, None);
        loop {
            let usable = matches!(*health.borrow_and_update(), Health::Usable(_) | Health::Unknown);
            if !usable {
                trouble.get_or_insert_with(Instant::now);
            } else if let Some(since) = trouble.take() {
                context.repairs.restart(since);
            }
            let turned = if usable && was_away {
                context.backoff.reset();
                true
            } else if !usable && !was_away {
                // Elections take seconds: only a lasting absence concerns every hospital.
                let back = health.wait_for(|health| matches!(health, Health::Usable(_)));
                if tokio::time::timeout(AWAY, back).await.is_ok() {
                    let all = context.store.state();
                    let failing = all.iter().filter(|hospital| {
                        context.backoff.is_failing(&hospital.uid().unwrap_or_default(), hospital.meta().generation)
                    });
                    // Nobody listens any more only while the process stops.
                    failing.for_each(|hospital| drop(again.unbounded_send(ObjectRef::from_obj(hospital.as_ref()))));
                    continue;
                }
                true
            } else {
                false
            };
            if turned {
                was_away = !usable;
                if sender.send(()).await.is_err() {
                    return;
                }
                if was_away {
                    continue;
                }
            }
            tokio::select! {
                changed = health.changed() => if changed.is_err() { return },
                () = stop.cancelled() => return,
            }
        }
    });
    stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|()| ((), receiver)) })
}

/// Whether the resource definition is installed; a watch without it would only fail again and again.
pub async fn definition_is_installed(client: &kube::Client, namespace: Option<&str>) -> kube::Result<bool> {
    let hospitals: Api<HospitalOrganization> = scoped(client, namespace);
    match hospitals.list_metadata(&kube::api::ListParams::default().limit(1)).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}
