//! Why a payment failed, in the words that clients see.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a payment failed. The name is the `code` that clients see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    CardDeclined,
    InsufficientFunds,
    ExpiredCard,
    IncorrectCvc,
    ProcessingError,
    AuthenticationFailed,
    /// The service stopped before anything was charged.
    Interrupted,
    /// It was given up undecided.
    Canceled,
}

impl Failure {
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::CardDeclined => "card_declined",
            Self::InsufficientFunds => "insufficient_funds",
            Self::ExpiredCard => "expired_card",
            Self::IncorrectCvc => "incorrect_cvc",
            Self::ProcessingError => "processing_error",
            Self::AuthenticationFailed => "authentication_failed",
            Self::Interrupted => "interrupted",
            Self::Canceled => "canceled",
        }
    }

    /// What happened and what to do.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::CardDeclined => "The card was declined. Use another card, or ask your bank why.",
            Self::InsufficientFunds => "The card has not enough funds. Use another card.",
            Self::ExpiredCard => "The card has expired. Use another card.",
            Self::IncorrectCvc => "The card's security code is not right. Check it and try again.",
            Self::ProcessingError => "The card could not be processed. Try again in a moment, or use another card.",
            Self::AuthenticationFailed => "The card's owner could not be confirmed. Try again, or use another card.",
            Self::Interrupted => "The payment was interrupted before anything was charged. Try again.",
            Self::Canceled => "The payment was cancelled before anything was charged. Try again.",
        }
    }
}
