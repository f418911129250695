//! Finishes what was left half-done: a payment that succeeded makes its hospital active, although whoever was to do it was
//! killed, and one that stayed undecided is asked after at the provider.
//!
//! Every replica of the service does this. Each step says "set it to this" and not "change it", so two at once do no harm.

use std::{sync::Arc, time::Duration};

use chakravue_crds::organization::Subscription;
use futures::{StreamExt as _, stream};
use rand::RngExt as _;

use super::{Payments, ledger::Payment};
use crate::{
    data::{
        audit::{Actor, Entry},
        platform_audit::ACTIVATE,
    },
    hospitals::{Hospital, Hospitals},
    http::problem::{Answer, Kind},
};

/// How many payments the provider is asked about at the same time.
const AT_ONCE: usize = 8;

impl Payments {
    /// Makes the hospital active that was paid for, and notes that in the ledger and the platform's audit log.
    ///
    /// # Errors
    /// When Kubernetes or the database is away, or somebody else manages the subscription; the settlement tries again.
    pub async fn activate(&self, hospitals: &Hospitals, payment: &Payment, actor: &Actor) -> Answer<Arc<Hospital>> {
        let mut hospital = hospitals.find(&payment.organization_id)?;
        // A suspension is not lifted by a payment of earlier.
        if hospital.spec.subscription == Subscription::PendingPayment {
            hospital = begin(hospitals, payment).await?;
        }
        if payment.activated_at.is_none() {
            // Before the ledger says so: whoever is killed in between leaves the payment to the next pass.
            let entry = Entry::new(ACTIVATE).target("organization", payment.organization_id.as_str());
            let entry = entry.detail("payment_id", payment.id.as_str()).detail("plan", payment.plan.id());
            self.0.audit.record(actor, entry).await?;
            self.0.ledger.note_activation(payment).await?;
        }
        Ok(hospital)
    }

    /// Settles at once and then again and again.
    pub async fn keep_settling(self, hospitals: Hospitals) {
        hospitals.ready().await;
        loop {
            self.settle(&hospitals).await;
            tokio::select! {
                () = tokio::time::sleep(jittered(self.0.settle_every)) => {}
                () = self.0.wake.notified() => {}
            }
        }
    }

    /// One pass over everything that is unfinished. What fails now is tried again at the next.
    async fn settle(&self, hospitals: &Hospitals) {
        // First what needs no provider: one that does not answer must keep nobody waiting who has paid.
        self.activate_paid(hospitals).await;
        // Whoever is away has been logged where it was noticed.
        let undecided = self.0.ledger.undecided_for(self.0.look_up_after).await.unwrap_or_default();
        if undecided.is_empty() {
            return;
        }
        let decided = stream::iter(undecided).map(|payment| self.decide(payment, self.0.confirm_within));
        decided.buffer_unordered(AT_ONCE).for_each(async |_| {}).await;
        self.activate_paid(hospitals).await;
    }

    async fn activate_paid(&self, hospitals: &Hospitals) {
        for payment in self.0.ledger.unactivated().await.unwrap_or_default() {
            match self.activate(hospitals, &payment, &Actor::system()).await {
                Ok(_) => tracing::info!(
                    payment = %payment.id, organization = %payment.organization_id,
                    "a paid hospital was made active by the settlement"
                ),
                Err(problem) if problem.kind() == Kind::NotFound => tracing::warn!(
                    payment = %payment.id, organization = %payment.organization_id,
                    "a hospital was paid for and is gone: refund it at the provider, or create it again"
                ),
                Err(problem) => tracing::warn!(
                    payment = %payment.id, organization = %payment.organization_id, problem = problem.kind().slug(),
                    "a paid hospital cannot be made active yet"
                ),
            }
        }
    }
}

/// Begins the subscription, on the plan that was paid for: another may have been chosen since.
async fn begin(hospitals: &Hospitals, payment: &Payment) -> Answer<Arc<Hospital>> {
    match hospitals.activate(&payment.organization_id, payment.plan).await {
        // Whoever declares the plan elsewhere decides what it is. The money is taken, so the hospital gets to work.
        Err(problem) if problem.kind() == Kind::ManagedElsewhere => {
            Ok(hospitals.set_subscription(&payment.organization_id, Subscription::Active).await?.now)
        }
        outcome => outcome,
    }
}

/// Replicas that were started together should not all ask at the same time.
fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(rand::rng().random_range(0.8..1.2))
}
