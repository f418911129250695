//! The documents of a hospital's settings: one for each that was ever set, and the service's own, whose keys begin with
//! `_` and are shown to nobody.

use bson::{DateTime, doc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Fault, Records, Transaction, words::words};
use crate::http::problem::Problem;

words! {
    /// The settings that there are.
    SettingKey {
        /// The IANA name of the hospital's time zone.
        TimeZone = "time_zone",
        /// The language of what is written to patients and staff.
        Language = "language",
        /// How long an appointment is unless somebody says otherwise.
        AppointmentMinutes = "appointment_minutes",
        OpeningHours = "opening_hours",
        /// As it stands on letters.
        Address = "address",
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    pub key: String,
    /// `null`: it was set once and is at its default again. The document stays, so that its version never comes again.
    pub value: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DateTime>,
    #[serde(default)]
    pub version: i64,
}

/// The number that the last patient got who came without one.
const LAST_RECORD_NUMBER: &str = "_last_record_number";

#[derive(Serialize, Deserialize)]
struct Counter {
    key: String,
    value: i64,
}

/// How many numbers are tried in turn.
const ONE_BY_ONE: u32 = 50;

/// A record number that no patient has, usually the next: `P000001`.
///
/// # Errors
/// When MongoDB does.
pub async fn next_record_number(transaction: &Transaction) -> Result<String, Fault> {
    let key = doc! { "key": LAST_RECORD_NUMBER };
    let counter: Option<Counter> = transaction.find_one(Records::Settings, key.clone()).await?;
    let mut value = counter.map_or(0, |counter| counter.value);
    for attempt in 0_u32.. {
        // One by one past numbers given by hand; past a whole archive that was taken over, in ever larger steps.
        value += 1_i64 << attempt.saturating_sub(ONE_BY_ONE).min(32);
        let number = format!("P{value:06}");
        if transaction.count(Records::Patients, doc! { "record_number": &number }).await? == 0 {
            let counter = Counter { key: LAST_RECORD_NUMBER.to_owned(), value };
            transaction.replace(Records::Settings, key, &counter).await?;
            return Ok(number);
        }
    }
    Err(Problem::internal().into())
}
