//! The hospitals' connections: bounded in number, closed when nobody uses them, never shared between hospitals.

use std::{sync::Arc, time::Duration};

use chakravue_crds::{
    HospitalOrganization,
    organization::{Phase, Subscription},
    organization_id::OrganizationId,
};
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use moka::{future::Cache, policy::EvictionPolicy};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Tenant, bounds::TenantSettings, connection::Connection};
use crate::{
    data::master::Master,
    hospitals::Hospitals,
    http::problem::{Answer, Kind, Problem},
    program::{clock::Clock, metrics::Metrics},
};

#[derive(Clone, Debug)]
pub struct Tenants(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: TenantSettings,
    hospitals: Hospitals,
    secrets: Api<Secret>,
    master: Master,
    clock: Clock,
    metrics: Metrics,
    under_way: TaskTracker,
    open: Cache<OrganizationId, Tenant>,
}

impl Tenants {
    #[must_use]
    pub fn new(
        settings: &TenantSettings,
        hospitals: Hospitals,
        secrets: Api<Secret>,
        master: Master,
        clock: Clock,
        metrics: Metrics,
        under_way: TaskTracker,
    ) -> Self {
        let (settings, open) = (settings.clone(), bounded(settings));
        Self(Arc::new(Inner { settings, hospitals, secrets, master, clock, metrics, under_way, open }))
    }

    /// The data of a hospital that is ready and may be used.
    ///
    /// # Errors
    /// When there is no such hospital here, or it is not paid, not ready or suspended.
    #[must_use]
    pub fn open<'a>(&'a self, organization: &'a OrganizationId) -> BoxFuture<'a, Answer<Tenant>> {
        Box::pin(async move {
            self.usable(organization)?;
            Ok(self
                .0
                .open
                .get_with_by_ref(organization, async { Tenant::new(organization.clone(), self.clone()) })
                .await)
        })
    }

    /// How many hospitals are connected now.
    #[must_use]
    pub fn connected(&self) -> u64 {
        self.0.open.entry_count()
    }

    /// Disconnects whoever is idle. Called now and then: by itself that happens only while others come.
    pub async fn forget_idle(&self) {
        self.0.open.run_pending_tasks().await;
    }

    /// The hospital, if its data may be used now.
    pub(super) fn usable(&self, organization: &OrganizationId) -> Answer<Arc<HospitalOrganization>> {
        let hospital = self.0.hospitals.find(organization)?;
        let phase = hospital.status.as_ref().and_then(|status| status.phase);
        let bound = hospital.status.as_ref().is_some_and(|status| status.binding.is_some());
        match (hospital.spec.subscription, phase) {
            (_, Some(Phase::Terminating)) => Err(Problem::not_found()),
            (Subscription::Suspended, _) => Err(Problem::suspended()),
            (Subscription::PendingPayment, _) => {
                Err(Problem::new(Kind::HospitalNotReady, "The hospital has not paid yet, so it has no database."))
            }
            // A hospital that is being mended has its database all the while; MongoDB decides what works.
            (Subscription::Active, _) if bound => Ok(hospital),
            (Subscription::Active, _) => {
                let detail = "The hospital's database is being made. Try again in a moment.";
                Err(Problem::new(Kind::HospitalNotReady, detail).retry_after(Duration::from_secs(1)))
            }
        }
    }

    pub(super) fn connect<'a>(&'a self, organization: &'a OrganizationId) -> BoxFuture<'a, Answer<Connection>> {
        Box::pin(async move {
            let hospital = self.usable(organization)?;
            let binding = hospital.status.as_ref().and_then(|status| status.binding.as_ref());
            let secret = match binding {
                Some(binding) => self.0.secrets.get_opt(&binding.name).await?,
                None => None,
            };
            let Some(secret) = secret else {
                let detail = "The hospital's credentials are being put in order. Try again in a moment.";
                return Err(Problem::new(Kind::DatabaseUnavailable, detail).retry_after(Duration::from_secs(1)));
            };
            Connection::from_secret(&hospital, &secret, &self.0.settings, self.0.master.certificate_authority()).await
        })
    }

    pub(super) fn master(&self) -> &Master {
        &self.0.master
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(super) fn under_way(&self) -> &TaskTracker {
        &self.0.under_way
    }

    /// Cancelled when the service stops.
    pub(super) fn stopping(&self) -> &CancellationToken {
        self.0.hospitals.stopping()
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }
}

/// Where there are too many, whoever has been idle longest goes: who works now is worth more than who worked a lot before.
fn bounded<V: Clone + Send + Sync + 'static>(settings: &TenantSettings) -> Cache<OrganizationId, V> {
    Cache::builder()
        .max_capacity(settings.connected_hospitals)
        .eviction_policy(EvictionPolicy::lru())
        .time_to_idle(Duration::from_secs(settings.idle_seconds))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_works_now_stays_however_much_others_worked_before() {
        let open = bounded(&TenantSettings { connected_hospitals: 2, ..TenantSettings::default() });
        let [first, second, newest] = [(); 3].map(|()| OrganizationId::generate());
        for _ in 0..100 {
            for busy in [&first, &second] {
                open.get_with_by_ref(busy, async {}).await;
            }
            open.run_pending_tasks().await;
        }
        open.get_with_by_ref(&newest, async {}).await;
        open.run_pending_tasks().await;
        assert_eq!([&first, &second, &newest].map(|id| open.contains_key(id)), [false, true, true]);
    }
}
