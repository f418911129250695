//! The ledger: one document for every attempt to pay. A unique index lets a hospital have one payment that is open or
//! succeeded, so that nothing a client does charges twice.
//!
//! A payment goes from `pending` to `succeeded` or `failed`, perhaps by way of `action_required`. A succeeded one without
//! `activated_at` is money taken for a hospital that nobody has made active yet; see [`super::settlement`].

use std::time::Duration;

use bson::{DateTime, Document, doc};
use chakravue_crds::{organization_id::OrganizationId, plans::Plan};
use mongodb::{IndexModel, options::ReturnDocument};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    cards::CardSummary,
    failure::Failure,
    payment_id::PaymentId,
    provider::{Charge, Reference, Report},
};
use crate::{
    data::{
        database_error,
        master::{Master, Record, Store, index, unique_where},
        timed::TimedCollection,
    },
    http::{
        idempotency::RequestKey,
        paging::{Direction, Order, Page, Paged},
        problem::{Answer, Problem},
    },
    program::clock::{Clock, to_bson},
};

pub const CURRENCY: &str = "USD";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// The provider has not decided.
    Pending,
    /// The card's owner has to confirm it in the browser.
    ActionRequired,
    Succeeded,
    Failed,
}

impl PaymentStatus {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::ActionRequired => "action_required",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// `payments`: one attempt to pay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Payment {
    #[serde(rename = "_id")]
    pub id: PaymentId,
    pub organization_id: OrganizationId,
    pub plan: Plan,
    /// Whole units of the currency.
    pub amount: i64,
    pub currency: String,
    pub status: PaymentStatus,
    pub provider: String,
    /// The provider's name of the charge, before any money moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardSummary>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Of the request that pays, so that its repetition finds the payment. A payment that was given up has none any more:
    /// the repetition begins a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_key: Option<RequestKey>,
    pub created_at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded_at: Option<DateTime>,
    /// When the hospital was made active with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activated_at: Option<DateTime>,
}

impl Record for Payment {
    const STORE: Store = Store::Payments;
}

#[must_use]
pub fn indexes() -> Vec<IndexModel> {
    vec![
        unique_where("request", doc! { "request_key": 1 }, doc! { "request_key": { "$exists": true } }),
        // What makes a double click one charge.
        unique_where("open_or_paid", doc! { "organization_id": 1 }, open_or_paid()),
        index("hospital", doc! { "organization_id": 1, "_id": -1 }),
        index("reference", doc! { "reference": 1 }),
        index("unfinished", doc! { "status": 1, "activated_at": 1 }),
    ]
}

impl Payment {
    #[must_use]
    pub fn is_undecided(&self) -> bool {
        matches!(self.status, PaymentStatus::Pending | PaymentStatus::ActionRequired)
    }
}

/// The payments of which a hospital can have only one.
fn open_or_paid() -> Document {
    let statuses = [PaymentStatus::Pending, PaymentStatus::ActionRequired, PaymentStatus::Succeeded];
    doc! { "status": { "$in": statuses.map(PaymentStatus::name).to_vec() } }
}

fn undecided() -> Document {
    let statuses = [PaymentStatus::Pending, PaymentStatus::ActionRequired];
    doc! { "status": { "$in": statuses.map(PaymentStatus::name).to_vec() } }
}

/// The newest first.
const NEWEST: Order = Order(&[("_id", Direction::Descending)]);

/// What a payment is for.
#[derive(Clone, Debug)]
pub struct NewPayment {
    pub organization_id: OrganizationId,
    pub plan: Plan,
    pub request_key: RequestKey,
}

#[derive(Clone)]
pub struct Ledger {
    payments: TimedCollection<Payment>,
    clock: Clock,
}

impl Ledger {
    #[must_use]
    pub fn new(master: &Master, clock: Clock) -> Self {
        Self { payments: master.of(), clock }
    }

    /// Begins a payment. `None`: the hospital has one that is open or succeeded, or this request has one.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn open(&self, new: &NewPayment, provider: &str) -> Answer<Option<Payment>> {
        let payment = Payment {
            id: PaymentId::generate(),
            organization_id: new.organization_id.clone(),
            plan: new.plan,
            amount: new.plan.monthly_price_usd(),
            currency: CURRENCY.to_owned(),
            status: PaymentStatus::Pending,
            provider: provider.to_owned(),
            reference: None,
            card: None,
            failure: None,
            request_key: Some(new.request_key.clone()),
            created_at: self.clock.now_bson(),
            succeeded_at: None,
            activated_at: None,
        };
        match self.payments.insert_one(&payment).await {
            Ok(_) => Ok(Some(payment)),
            Err(error) if database_error::is_duplicate(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// # Errors
    /// When the database is away.
    pub async fn of_request(&self, key: &RequestKey) -> Answer<Option<Payment>> {
        Ok(self.payments.find_one(doc! { "request_key": key }).await?)
    }

    /// The hospital's open or succeeded payment.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn open_or_paid_of(&self, organization: &OrganizationId) -> Answer<Option<Payment>> {
        let mut filter = open_or_paid();
        filter.insert("organization_id", organization.as_str());
        Ok(self.payments.find_one(filter).await?)
    }

    /// # Errors
    /// When the database is away.
    pub async fn of_reference(&self, reference: &Reference) -> Answer<Option<Payment>> {
        Ok(self.payments.find_one(doc! { "reference": &reference.0 }).await?)
    }

    /// Notes the charge before it is confirmed. `None`: the payment has been decided in the meantime, so it must not be.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn note_reference(&self, payment: &Payment, reference: &Reference) -> Answer<Option<Payment>> {
        let filter = doc! { "_id": payment.id.as_str(), "status": PaymentStatus::Pending.name() };
        self.update(filter, doc! { "$set": { "reference": &reference.0 } }).await
    }

    /// Gives up a payment of which nothing was charged, unless a charge was noted in the meantime.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn interrupt(&self, payment: &Payment) -> Answer<Option<Payment>> {
        let filter = doc! {
            "_id": payment.id.as_str(),
            "status": PaymentStatus::Pending.name(),
            "reference": { "$exists": false },
        };
        let given_up = doc! { "status": PaymentStatus::Failed.name(), "failure": Failure::Interrupted.code() };
        self.update(filter, doc! { "$set": given_up, "$unset": { "request_key": "" } }).await
    }

    /// Writes down what the provider says, and gives the payment as it is then.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn record(&self, payment: &Payment, report: &Report) -> Answer<Payment> {
        let mut change = Document::new();
        if let Some(card) = &report.card {
            change.insert("card", doc! { "brand": &card.brand, "last4": &card.last4 });
        }
        let (mut filter, mut forget) = (undecided(), Document::new());
        let status = match &report.charge {
            Charge::Unconfirmed | Charge::Pending => PaymentStatus::Pending,
            Charge::ActionRequired { .. } => PaymentStatus::ActionRequired,
            Charge::Failed(failure) => {
                change.insert("failure", failure.code());
                if *failure == Failure::Canceled {
                    forget.insert("request_key", "");
                }
                PaymentStatus::Failed
            }
            Charge::Succeeded => {
                // Money that was taken counts, whatever was thought before.
                filter = doc! { "status": { "$ne": PaymentStatus::Succeeded.name() } };
                change.insert("succeeded_at", self.clock.now_bson());
                PaymentStatus::Succeeded
            }
        };
        change.insert("status", status.name());
        filter.insert("_id", payment.id.as_str());
        let mut update = doc! { "$set": change };
        if !forget.is_empty() {
            update.insert("$unset", forget);
        }
        let changed = self.payments.find_one_and_update(filter, update).return_document(ReturnDocument::After).await;
        let changed = match changed {
            Err(error) if database_error::is_duplicate(&error) => {
                tracing::error!(
                    payment = %payment.id,
                    organization = %payment.organization_id,
                    "a charge succeeded for a hospital that has paid already: refund it at the provider"
                );
                None
            }
            changed => changed?,
        };
        match changed {
            Some(payment) => Ok(payment),
            None => self.payments.find_one(doc! { "_id": payment.id.as_str() }).await?.ok_or_else(Problem::internal),
        }
    }

    /// The hospital was made active with this payment.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn note_activation(&self, payment: &Payment) -> Answer<()> {
        let filter = doc! { "_id": payment.id.as_str(), "activated_at": { "$exists": false } };
        self.update(filter, doc! { "$set": { "activated_at": self.clock.now_bson() } }).await?;
        Ok(())
    }

    async fn update(&self, filter: Document, change: Document) -> Answer<Option<Payment>> {
        Ok(self.payments.find_one_and_update(filter, change).return_document(ReturnDocument::After).await?)
    }

    /// Succeeded payments whose hospitals were not made active.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn unactivated(&self) -> Answer<Vec<Payment>> {
        let filter = doc! { "status": PaymentStatus::Succeeded.name(), "activated_at": { "$exists": false } };
        Ok(self.payments.find(filter).all().await?)
    }

    /// Payments that were begun so long ago that whoever began them no longer works at them.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn undecided_for(&self, age: Duration) -> Answer<Vec<Payment>> {
        let mut filter = undecided();
        filter.insert("created_at", doc! { "$lte": self.before(age) });
        Ok(self.payments.find(filter).all().await?)
    }

    #[must_use]
    pub fn is_older_than(&self, payment: &Payment, age: Duration) -> bool {
        payment.created_at <= self.before(age)
    }

    fn before(&self, age: Duration) -> DateTime {
        to_bson(self.clock.now().saturating_sub(age).unwrap_or(jiff::Timestamp::MIN))
    }

    /// Payments of one hospital or of all, the newest first.
    ///
    /// # Errors
    /// When the cursor is not one of this list, or the database is away.
    pub async fn list(&self, filter: &Document, page: &Page) -> Answer<Paged<Payment>> {
        let found =
            self.payments.find(page.filter(filter, NEWEST)?).sort(NEWEST.sort()).limit(page.fetch()).all().await?;
        page.of(found, filter, NEWEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_statuses_are_those_of_the_documents() {
        for status in
            [PaymentStatus::Pending, PaymentStatus::ActionRequired, PaymentStatus::Succeeded, PaymentStatus::Failed]
        {
            assert_eq!(bson::serialize_to_bson(&status).unwrap(), status.name().into());
        }
    }

    #[test]
    fn ids_are_distinct_and_in_order() {
        let (a, b) = (PaymentId::generate(), PaymentId::generate());
        assert_ne!(a, b);
        assert!(a.as_str().starts_with("pay_") && a.as_str().len() == 30);
    }
}
