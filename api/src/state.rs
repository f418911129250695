//! Everything that handlers share, put together once at the start.

use std::sync::Arc;

use anyhow::Context as _;
use kube::Api;
use tokio_util::sync::CancellationToken;

use crate::{
    blind_index::BlindIndex,
    clock::Clock,
    hospitals::Hospitals,
    idempotency::Idempotency,
    limits::Limits,
    master::Master,
    metrics::{Metrics, Now},
    payments::Payments,
    sessions::Sessions,
    settings::Settings,
    sign_in::hashing::Hasher,
    signups::Signups,
    tenant::Tenants,
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
    pub limits: Limits,
    pub blind_index: BlindIndex,
    pub idempotency: Idempotency,
    pub payments: Payments,
    pub metrics: Metrics,
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
        let master = Master::new(&settings.mongodb.uri, &settings.master_database).await?;
        let hospitals = Hospitals::start(kube.clone(), &settings.namespace, stop.clone());
        let secrets = Api::namespaced(kube, &settings.namespace);
        let tenants = Tenants::new(&settings.tenants, hospitals.clone(), secrets, master.clone(), clock.clone());
        let payments = Payments::new(&settings.payments, &master, &clock)?;
        payments.settle_in_background(hospitals.clone(), stop);
        Ok(Arc::new(Self {
            sessions: Sessions::new(&settings.sessions, master.clone(), clock.clone()),
            signups: Signups::new(master.clone(), clock.clone()),
            hasher: Hasher::new(&settings.hashing).context("the password workers cannot be started")?,
            limits: Limits::new(&settings.limits, &clock),
            blind_index: BlindIndex::new(&settings.secret_key),
            idempotency: Idempotency::new(&master, settings.secret_key.clone()),
            payments,
            metrics: Metrics::default(),
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
