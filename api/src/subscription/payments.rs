//! Payments: the [`ledger`] says what was paid, a [`provider`] takes the money, and [`settlement`] finishes what a crash
//! left half-done.
//!
//! [`Payments::pay`] is the way of one payment: a row in the ledger (of which a hospital can have one), a charge opened at
//! the provider, its reference in the row, the charge confirmed, the outcome in the row. At each of these steps the service
//! may be killed: from the row, whoever comes next knows what to ask the provider.

pub mod cards;
pub mod failure;
pub mod ledger;
pub mod payment_id;
pub mod provider;
pub mod settlement;
pub mod stripe;
pub mod test_cards;
pub mod webhook;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use bson::{DateTime, doc};
use mongodb::IndexModel;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use self::{
    failure::Failure,
    ledger::{Ledger, NewPayment, Payment, PaymentStatus},
    provider::{Charge, Instrument, Order, PaymentProvider, Reference, Reported},
    stripe::Stripe,
    test_cards::TestCards,
    webhook::{Event, NotSigned},
};
use crate::{
    data::{
        audit::{Actor, Entry},
        database_error,
        master::{Master, Record, Store, expiring},
        platform_audit::{DECLINE, PlatformAudit},
        timed::TimedCollection,
    },
    http::problem::{Answer, Kind, Problem},
    program::{
        clock::{Clock, later, to_bson},
        metrics::{self, Metrics},
        settings::section::{Mistakes, choice, duration},
    },
};

/// How long a second payment of a hospital waits for the first to be decided.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Stripe sends an event again for three days; how long an event is remembered.
const EVENTS_KEPT: Duration = Duration::from_hours(30 * 24);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentSettings {
    /// Who takes the money. There is no default: an installation that charges nothing should have been meant to.
    #[serde(deserialize_with = "choice")]
    pub provider: ProviderKind,
    #[serde(default)]
    pub stripe: StripeSettings,
    /// How often unfinished payments are looked for.
    #[serde(default = "settle_every", deserialize_with = "duration")]
    pub settle_every: Duration,
    /// After this long the provider is asked what became of an undecided payment.
    #[serde(default = "look_up_after", deserialize_with = "duration")]
    pub look_up_after: Duration,
    /// How long a card's owner has to confirm a payment, before it is given up.
    #[serde(default = "confirm_within", deserialize_with = "duration")]
    pub confirm_within: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// Test cards; nothing is charged.
    Test,
    Stripe,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StripeSettings {
    pub secret_key: Option<SecretString>,
    /// Signs the events that Stripe sends to `/stripe/webhook`.
    pub webhook_secret: Option<SecretString>,
    pub api_base: String,
}

impl Default for StripeSettings {
    fn default() -> Self {
        Self { secret_key: None, webhook_secret: None, api_base: "https://api.stripe.com".to_owned() }
    }
}

fn settle_every() -> Duration {
    Duration::from_secs(15)
}

fn look_up_after() -> Duration {
    Duration::from_mins(1)
}

fn confirm_within() -> Duration {
    Duration::from_mins(30)
}

impl PaymentSettings {
    /// Names what Stripe would lack.
    pub fn check(&self, mistakes: &mut Mistakes) {
        if self.provider != ProviderKind::Stripe {
            return;
        }
        if self.stripe.secret_key.is_none() {
            mistakes.add(
                "payments.stripe.secret_key",
                "is missing: write the secret key of your Stripe account, or set secret_key_file",
            );
        }
        if self.stripe.webhook_secret.is_none() {
            mistakes.add(
                "payments.stripe.webhook_secret",
                "is missing: write the signing secret of the webhook endpoint, or set webhook_secret_file",
            );
        }
        let api_base = &self.stripe.api_base;
        if !api_base.starts_with("https://") && !api_base.starts_with("http://127.0.0.1:") {
            mistakes.add("payments.stripe.api_base", "must begin with https://, since the secret key goes there");
        }
    }
}

/// `payment_events`: one document for every event of the provider.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct EventRecord {
    #[serde(rename = "_id")]
    id: String,
    kind: String,
    received_at: DateTime,
    /// What it says has been looked at.
    done: bool,
    expires_at: DateTime,
}

impl Record for EventRecord {
    const STORE: Store = Store::PaymentEvents;
}

#[must_use]
pub fn indexes_of_events() -> Vec<IndexModel> {
    vec![expiring()]
}

/// What became of a payment.
pub struct Attempt {
    pub payment: Payment,
    /// With which the browser goes on, where the card's owner has to confirm.
    pub client_secret: Option<SecretString>,
}

/// Clones share everything.
#[derive(Clone)]
pub struct Payments(Arc<Inner>);

struct Inner {
    ledger: Ledger,
    provider: Box<dyn PaymentProvider>,
    events: TimedCollection<EventRecord>,
    /// Present where the provider sends events.
    webhook_secret: Option<SecretString>,
    clock: Clock,
    look_up_after: Duration,
    confirm_within: Duration,
    settle_every: Duration,
    /// Something may be waiting to be settled.
    wake: Notify,
    audit: PlatformAudit,
    metrics: Metrics,
}

impl Payments {
    /// A card that pays, where this installation charges nothing.
    #[must_use]
    pub fn test_card(&self) -> Option<&'static str> {
        self.0.provider.test_card()
    }

    /// # Errors
    /// When the provider cannot be used with these settings.
    pub fn new(
        settings: &PaymentSettings,
        master: &Master,
        clock: &Clock,
        audit: PlatformAudit,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        let (provider, webhook_secret): (Box<dyn PaymentProvider>, _) = match settings.provider {
            ProviderKind::Test => (Box::new(TestCards::new(master)), None),
            ProviderKind::Stripe => {
                let secret_key = settings.stripe.secret_key.clone().context("payments.stripe.secret_key is missing")?;
                let stripe = Stripe::new(&settings.stripe.api_base, secret_key).context("Stripe cannot be called")?;
                (Box::new(stripe), settings.stripe.webhook_secret.clone())
            }
        };
        Ok(Self(Arc::new(Inner {
            ledger: Ledger::new(master, clock.clone()),
            provider,
            events: master.of(),
            webhook_secret,
            clock: clock.clone(),
            look_up_after: settings.look_up_after,
            confirm_within: settings.confirm_within,
            settle_every: settings.settle_every,
            wake: Notify::new(),
            audit,
            metrics,
        })))
    }

    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }

    /// Whether the provider can charge this at all.
    ///
    /// # Errors
    /// A problem that points at the field.
    pub fn accept(&self, instrument: &Instrument) -> Answer<()> {
        self.0.provider.accept(instrument)
    }

    /// Pays, once: a repetition of the request, and a second request while the first is under way, get the same payment.
    /// A payment that was declined is over; the next request begins a new one.
    ///
    /// # Errors
    /// When the provider or the database is away, or another payment of the hospital stays undecided.
    pub async fn pay(&self, new: &NewPayment, instrument: &Instrument, actor: &Actor) -> Answer<Attempt> {
        let ledger = &self.0.ledger;
        if let Some(payment) = ledger.of_request(&new.request_key).await? {
            return self.resume(payment, instrument, actor).await;
        }
        let patience = tokio::time::sleep(PATIENCE);
        tokio::pin!(patience);
        loop {
            if let Some(payment) = ledger.open(new, self.0.provider.name()).await? {
                return self.charge(payment, instrument, actor).await;
            }
            match ledger.open_or_paid_of(&new.organization_id).await? {
                // Just declined: there is room for this one.
                None => continue,
                Some(payment) if payment.request_key.as_ref() == Some(&new.request_key) => {
                    return self.resume(payment, instrument, actor).await;
                }
                Some(payment) if payment.status == PaymentStatus::Succeeded => {
                    return Ok(Attempt { payment, client_secret: None });
                }
                Some(payment) if ledger.is_older_than(&payment, self.0.look_up_after) => {
                    // Nobody works at it any more, and whoever was to confirm it pays anew.
                    if self.decide(payment, Duration::ZERO).await?.is_undecided() {
                        return Err(under_way());
                    }
                    continue;
                }
                Some(_) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                () = &mut patience => return Err(under_way()),
            }
        }
    }

    /// Goes on with a payment that an earlier attempt of the same request began.
    async fn resume(&self, payment: Payment, instrument: &Instrument, actor: &Actor) -> Answer<Attempt> {
        if !payment.is_undecided() {
            return Ok(Attempt { payment, client_secret: None });
        }
        let Some(reference) = payment.reference.clone() else {
            return self.charge(payment, instrument, actor).await;
        };
        let report = self.0.provider.look_up(&reference).await?;
        if matches!(report.charge, Charge::Unconfirmed) {
            return self.charge(payment, instrument, actor).await;
        }
        self.conclude(payment, Ok(report), actor).await
    }

    async fn charge(&self, payment: Payment, instrument: &Instrument, actor: &Actor) -> Answer<Attempt> {
        let order = Order {
            payment_id: &payment.id,
            organization_id: &payment.organization_id,
            plan: payment.plan,
            amount: payment.amount,
        };
        let reference = match &payment.reference {
            Some(reference) => reference.clone(),
            None => self.0.provider.open(order).await?,
        };
        let Some(payment) = self.0.ledger.note_reference(&payment, &reference).await? else {
            // It was given up in the meantime; what was opened is never confirmed.
            return Err(under_way());
        };
        let report = self.0.provider.confirm(&reference, instrument).await;
        self.conclude(payment, report, actor).await
    }

    /// Writes the outcome down. Without one the payment stays undecided, and whoever comes next asks the provider.
    async fn conclude(&self, payment: Payment, report: Reported, actor: &Actor) -> Answer<Attempt> {
        let report = report.inspect_err(|_| self.0.metrics.payment(metrics::Payment::Failed))?;
        if let Charge::Failed(failure) = report.charge
            && payment.is_undecided()
            && failure != Failure::Canceled
        {
            // Before the ledger says so: whoever is killed in between leaves the payment undecided, and all is written again.
            let entry = Entry::new(DECLINE).target("payment", payment.id.as_str());
            let entry =
                entry.detail("organization_id", payment.organization_id.as_str()).detail("code", failure.code());
            self.0.audit.record(actor, entry).await?;
        }
        let before = payment.status;
        let payment = self.0.ledger.record(&payment, &report).await?;
        if payment.status != before {
            self.announce(&payment);
        }
        let client_secret = match report.charge {
            Charge::ActionRequired { client_secret } => Some(client_secret),
            _ => None,
        };
        Ok(Attempt { payment, client_secret })
    }

    fn announce(&self, payment: &Payment) {
        self.0.metrics.payment(match payment.status {
            PaymentStatus::Succeeded => metrics::Payment::Succeeded,
            PaymentStatus::Failed => metrics::Payment::Declined,
            PaymentStatus::Pending | PaymentStatus::ActionRequired => metrics::Payment::Pending,
        });
        tracing::info!(
            payment = %payment.id,
            organization = %payment.organization_id,
            status = payment.status.name(),
            failure = payment.failure.map(Failure::code),
            "payment"
        );
    }

    /// Asks the provider what became of a payment that nobody works at any more, and gives up what was never confirmed, by
    /// the service or, within so long, by the card's owner.
    async fn decide(&self, payment: Payment, confirm_within: Duration) -> Answer<Payment> {
        let Some(reference) = payment.reference.clone() else {
            // Nothing can have been charged.
            return Ok(self.0.ledger.interrupt(&payment).await?.unwrap_or(payment));
        };
        let mut report = self.0.provider.look_up(&reference).await?;
        let is_given_up = match report.charge {
            Charge::Unconfirmed => true,
            // Somebody may be typing the bank's code.
            Charge::ActionRequired { .. } => self.0.ledger.is_older_than(&payment, confirm_within),
            _ => false,
        };
        if is_given_up {
            report = self.0.provider.cancel(&reference).await?;
        }
        Ok(self.conclude(payment, Ok(report), &Actor::system()).await?.payment)
    }

    /// Takes in an event of the provider: looks at the charge that it is about. The same event counts once.
    ///
    /// # Errors
    /// When it is not signed, or the provider or the database is away, so that it has to be sent again.
    pub async fn take_in(&self, signature: &str, body: &[u8]) -> Answer<()> {
        let secret = self.0.webhook_secret.as_ref().ok_or_else(Problem::not_found)?;
        let now = self.0.clock.now();
        webhook::verify(secret, signature, body, now).map_err(|error| {
            tracing::warn!(%error, "an event of the payment provider was refused");
            Problem::new(Kind::Malformed, not_believed(error))
        })?;
        let event: Event = serde_json::from_slice(body)
            .map_err(|_| Problem::new(Kind::Malformed, "The event is not one of Stripe's."))?;
        let record = EventRecord {
            id: event.id.clone(),
            kind: event.kind.clone(),
            received_at: to_bson(now),
            done: false,
            expires_at: to_bson(later(now, EVENTS_KEPT)),
        };
        let this = doc! { "_id": &record.id };
        match self.0.events.insert_one(&record).await {
            Err(error) if database_error::is_duplicate(&error) => {
                if self.0.events.find_one(this.clone()).await?.is_some_and(|event| event.done) {
                    return Ok(());
                }
            }
            inserted => drop(inserted?),
        }
        if let Some(charge) = event.payment_intent() {
            self.look_at(&Reference(charge.to_owned())).await?;
        }
        self.0.events.update_one(this, doc! { "$set": { "done": true } }).await?;
        Ok(())
    }

    /// Charges of others that share the account are none of ours.
    async fn look_at(&self, reference: &Reference) -> Answer<()> {
        let Some(payment) = self.0.ledger.of_reference(reference).await? else { return Ok(()) };
        let report = self.0.provider.look_up(reference).await?;
        // The request that pays is perhaps just about to confirm it.
        if !matches!(report.charge, Charge::Unconfirmed) {
            self.conclude(payment, Ok(report), &Actor::system()).await?;
            self.0.wake.notify_one();
        }
        Ok(())
    }
}

fn not_believed(error: NotSigned) -> String {
    let text = error.to_string();
    format!("{}{}.", text[..1].to_uppercase(), &text[1..])
}

fn under_way() -> Problem {
    Problem::new(
        Kind::PaymentUnderWay,
        "Another payment of this hospital is not decided yet. Nothing more was charged; try again in a moment.",
    )
    .retry_after(Duration::from_secs(10))
}
