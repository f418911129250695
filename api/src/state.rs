//! Everything that handlers share, put together once at the start.

use std::sync::Arc;

use anyhow::Context as _;
use kube::Api;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    access::{
        blind_index::BlindIndex,
        mail::Mailer,
        memberships::Memberships,
        platform_users::PlatformUsers,
        sessions::Sessions,
        sign_in::{hashing::Hasher, soft_lock::SoftLock},
    },
    data::{master::Master, platform_audit::PlatformAudit, tenant::Tenants},
    hospitals::Hospitals,
    http::{idempotency::Idempotency, limits::Limits},
    program::{
        clock::Clock,
        indexes,
        metrics::{Metrics, Now},
        settings::Settings,
    },
    subscription::{payments::Payments, signups::Signups},
};

/// The state of the router: `State<App>` in a handler.
pub type App = Arc<AppState>;

pub struct AppState {
    pub settings: Settings,
    pub clock: Clock,
    pub master: Master,
    pub hospitals: Hospitals,
    pub tenants: Tenants,
    pub sessions: Sessions,
    pub signups: Signups,
    pub hasher: Hasher,
    pub soft_lock: SoftLock,
    pub limits: Limits,
    pub blind_index: BlindIndex,
    pub memberships: Memberships,
    pub platform_users: PlatformUsers,
    pub mailer: Mailer,
    pub idempotency: Idempotency,
    pub payments: Payments,
    pub platform_audit: PlatformAudit,
    pub metrics: Metrics,
    /// What goes on whether or not anybody waits for it, and is finished before the service ends.
    pub under_way: TaskTracker,
}

impl AppState {
    /// Puts the service together. Neither MongoDB nor Kubernetes need answer yet: `/readyz` tells when they do.
    ///
    /// # Errors
    /// When the settings name something that cannot be used.
    pub async fn start(
        settings: Settings,
        clock: Clock,
        kube: kube::Client,
        stop: CancellationToken,
    ) -> anyhow::Result<App> {
        let master = Master::new(&settings.mongodb.uri, &settings.master_database, indexes::of).await?;
        let hospitals = Hospitals::start(kube.clone(), &settings.namespace, stop);
        let secrets = Api::namespaced(kube, &settings.namespace);
        let metrics = Metrics::default();
        let under_way = TaskTracker::new();
        let tenants = Tenants::new(
            &settings.tenants,
            hospitals.clone(),
            secrets,
            master.clone(),
            clock.clone(),
            metrics.clone(),
            under_way.clone(),
        );
        let platform_audit = PlatformAudit::new(&master, clock.clone());
        let payments = Payments::new(&settings.payments, &master, &clock, platform_audit.clone(), metrics.clone())?;
        let sessions = Sessions::new(&settings.sessions, master.clone(), hospitals.clone(), clock.clone());
        let blind_index = BlindIndex::new(&settings.secret_key);
        Ok(Arc::new(Self {
            sessions,
            signups: Signups::new(&master, blind_index.clone(), clock.clone()),
            hasher: Hasher::new(&settings.hashing).context("the password workers cannot be started")?,
            soft_lock: SoftLock::new(master.clone(), clock.clone()),
            limits: Limits::new(&settings.limits, &clock),
            memberships: Memberships::new(master.clone(), blind_index.clone()),
            platform_users: PlatformUsers::new(master.clone(), blind_index.clone(), clock.clone()),
            blind_index,
            mailer: Mailer::new(&settings.mail, under_way.clone())?,
            idempotency: Idempotency::new(&master, settings.secret_key.clone()),
            payments,
            platform_audit,
            metrics,
            under_way,
            settings,
            clock,
            master,
            hospitals,
            tenants,
        }))
    }

    /// What the metrics cannot count by themselves.
    #[must_use]
    pub fn now(&self) -> Now {
        Now {
            hashing_waiting: self.hasher.waiting(),
            tenant_clients: self.tenants.connected(),
            hospitals: self.hospitals.count(),
        }
    }
}

/// A service whose MongoDB and Kubernetes are not there.
#[cfg(test)]
pub(crate) async fn unreachable() -> App {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = Settings::for_tests();
    let nowhere = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
    let kube = kube::Client::try_from(nowhere).unwrap();
    AppState::start(settings, Clock::fixed(jiff::Timestamp::UNIX_EPOCH), kube, CancellationToken::new()).await.unwrap()
}
