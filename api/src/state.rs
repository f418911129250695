//! Everything that handlers share, put together once at the start.

use std::sync::Arc;

use anyhow::Context as _;
use kube::Api;
use tokio_util::sync::CancellationToken;

use crate::{
    blind_index::BlindIndex, clock::Clock, hospitals::Hospitals, idempotency::Idempotency, limits::Limits,
    master::Master, sessions::Sessions, settings::Settings, sign_in::hashing::Hasher, signups::Signups,
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
            settings,
            clock,
            master,
            hospitals,
            tenants,
        }))
    }
}
