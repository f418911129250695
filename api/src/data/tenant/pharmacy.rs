//! The documents of a hospital's stock of medicines.

use bson::DateTime;
use serde::{Deserialize, Serialize};

use super::words::words;
use crate::http::dates::Day;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Medicine {
    #[serde(rename = "_id")]
    pub medicine_id: String,
    pub medicine: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    pub quantity: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reorder_level: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_on: Option<Day>,
    /// When it was taken out of the stock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<DateTime>,
    pub created_at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DateTime>,
    #[serde(default)]
    pub version: i64,
}

words! {
    /// Why a stock changed.
    StockReason {
        /// A delivery; adds.
        Received = "received",
        /// Handed to a patient or a ward; takes away.
        Dispensed = "dispensed",
        /// Came back unused; adds.
        Returned = "returned",
        /// Too old; takes away.
        Expired = "expired",
        /// Broken, spilled or lost; takes away.
        Damaged = "damaged",
        /// The shelf was counted; adds or takes away.
        Counted = "counted",
    }
}

impl StockReason {
    /// Whether a change in this direction can have this reason.
    #[must_use]
    pub fn explains(self, change: i64) -> bool {
        match self {
            Self::Received | Self::Returned => change > 0,
            Self::Dispensed | Self::Expired | Self::Damaged => change < 0,
            Self::Counted => change != 0,
        }
    }
}
