//! What every payment provider can do.
//!
//! A charge has two steps, so that no crash between any two of them charges twice or loses a charge. It is opened, which
//! takes no money, and its reference goes into the ledger; then it is confirmed. Whoever finds a payment undecided later
//! asks by that reference, and a charge that was not confirmed can be cancelled, after which no confirmation succeeds.

use std::time::Duration;

use chakravue_crds::{organization_id::OrganizationId, plans::Plan};
use futures::future::BoxFuture;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{
    cards::{CardCode, CardExpiry, CardNumber, CardSummary},
    failure::Failure,
    payment_id::PaymentId,
};
use crate::http::problem::{Answer, Kind, Problem};

/// Where the money comes from.
pub enum Instrument {
    Card {
        number: CardNumber,
        expiry: Option<CardExpiry>,
        code: Option<CardCode>,
    },
    /// What the provider's own form in the browser made of a card that the service never sees.
    PaymentMethod(String),
}

/// What is to be paid.
pub struct Order<'a> {
    pub payment_id: &'a PaymentId,
    pub organization_id: &'a OrganizationId,
    pub plan: Plan,
    /// Whole US dollars.
    pub amount: i64,
}

/// The provider's own name of a charge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reference(pub String);

/// How far a charge is.
pub enum Charge {
    /// Opened; no money moves before it is confirmed.
    Unconfirmed,
    Succeeded,
    Failed(Failure),
    /// The provider decides later.
    Pending,
    /// The card's owner has to prove that it is theirs, in the browser.
    ActionRequired {
        client_secret: SecretString,
    },
}

/// What the provider says of a charge.
pub struct Report {
    pub charge: Charge,
    pub card: Option<CardSummary>,
}

/// Why the provider gave no report. Whether the charge was made is then open, and is asked again later.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    #[error("the payment provider does not answer: {0}")]
    Unavailable(String),
    /// Its key is wrong, or it does not understand the service.
    #[error("the payment provider refuses the service's request: {0}")]
    Refused(String),
}

impl From<ProviderError> for Problem {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Unavailable(_) => tracing::warn!(%error, "a payment stays undecided"),
            ProviderError::Refused(_) => tracing::error!(%error, "a payment stays undecided"),
        }
        let detail = "The payment provider cannot be asked at the moment. Nothing is charged twice; try again.";
        Self::new(Kind::PaymentProviderUnavailable, detail).retry_after(Duration::from_secs(5))
    }
}

pub type Reported = Result<Report, ProviderError>;

pub trait PaymentProvider: Send + Sync {
    /// The name in the ledger.
    fn name(&self) -> &'static str;

    /// A card that pays where nothing is charged.
    fn test_card(&self) -> Option<&'static str> {
        None
    }

    /// Whether it can charge this at all; asked before anything is written.
    ///
    /// # Errors
    /// A problem that points at the field.
    fn accept(&self, instrument: &Instrument) -> Answer<()>;

    /// Opens a charge; for the same payment always the same one.
    fn open<'a>(&'a self, order: Order<'a>) -> BoxFuture<'a, Result<Reference, ProviderError>>;

    /// Charges. Of a charge that was confirmed or cancelled before, it only reports.
    fn confirm<'a>(&'a self, reference: &'a Reference, instrument: &'a Instrument) -> BoxFuture<'a, Reported>;

    fn look_up<'a>(&'a self, reference: &'a Reference) -> BoxFuture<'a, Reported>;

    /// Gives a charge up that has taken no money; of any other, it only reports.
    fn cancel<'a>(&'a self, reference: &'a Reference) -> BoxFuture<'a, Reported>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_names_in_the_ledger() {
        for failure in [
            Failure::CardDeclined,
            Failure::InsufficientFunds,
            Failure::ExpiredCard,
            Failure::IncorrectCvc,
            Failure::ProcessingError,
            Failure::AuthenticationFailed,
            Failure::Interrupted,
            Failure::Canceled,
        ] {
            assert_eq!(serde_json::to_value(failure).unwrap(), failure.code());
        }
    }
}
