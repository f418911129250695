//! What every pass needs: the two servers, the settings, and what the operator remembers between passes.

use std::{sync::Arc, time::Duration};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    ResourceExt as _,
    runtime::reflector::{ObjectRef, Store},
};
use tokio_util::sync::CancellationToken;

use crate::{
    arrivals::Arrivals,
    backoff::Backoff,
    capacity::Capacity,
    drift::Drift,
    echoes::{Echoes, Watched},
    endpoint::Endpoint,
    events::Announcer,
    metrics::Metrics,
    mongo::Mongo,
    orphans::released::Released,
    schema::repairs::Repairs,
    scram::Verified,
    seats::Seats,
    turns::Turns,
};

/// The operator's name as a field manager in Kubernetes.
pub const FIELD_MANAGER: &str = "chakravue-operator";

pub struct Context {
    pub kube: kube::Client,
    pub mongo: Mongo,
    pub settings: Settings,
    pub announcer: Announcer,
    pub metrics: Arc<Metrics>,
    pub backoff: Arc<Backoff>,
    pub echoes: Echoes,
    pub arrivals: Arrivals,
    pub verified: Arc<Verified>,
    pub drift: Arc<Drift>,
    pub seats: Seats,
    pub repairs: Repairs,
    pub capacity: Arc<Capacity>,
    pub turns: Turns,
    /// Objects that were let go by force.
    pub released: Released,
    /// Every hospital, as the watch brought it.
    pub store: Store<Watched>,
    /// Cancelled when the process is to stop.
    pub stop: CancellationToken,
}

impl Context {
    /// Whether this very object is still there, as far as the watch has told.
    pub fn knows(&self, meta: &ObjectMeta) -> bool {
        let (Some(namespace), Some(name)) = (&meta.namespace, &meta.name) else { return false };
        let found = self.store.get(&ObjectRef::new(name).within(namespace));
        found.is_some_and(|found| found.uid() == meta.uid)
    }

    /// Nothing is remembered of an object that is gone.
    pub fn forget(&self, uid: &str) {
        self.backoff.succeeded(uid);
        self.echoes.forget(uid);
        self.arrivals.forget(uid);
        self.verified.forget(uid);
        self.drift.forget(uid);
        self.repairs.close(uid);
        self.capacity.finished(uid);
        self.turns.forget(uid);
    }
}

#[derive(Clone, Debug)]
pub struct Settings {
    /// The UID of kube-system: which cluster this is.
    pub cluster: String,
    /// Where tenants find MongoDB.
    pub endpoint: Endpoint,
    /// Whether a database without a claim may be adopted by an object that asks for it.
    pub allow_database_adoption: bool,
    /// How often a healthy hospital is compared with its declaration.
    pub resync: Duration,
}
