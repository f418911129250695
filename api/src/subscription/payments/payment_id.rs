//! The id of a payment.

use std::fmt;

use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// `pay_` and a ULID in lower case: sorts by time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PaymentId(String);

impl PaymentId {
    #[must_use]
    pub fn generate() -> Self {
        Self(format!("pay_{}", Ulid::generate().to_string().to_ascii_lowercase()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PaymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
