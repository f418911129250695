//! The documents of a hospital's patients.

use bson::{DateTime, Document};
use serde::{Deserialize, Serialize};

use super::words::words;
use crate::http::dates::Day;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Patient {
    #[serde(rename = "_id")]
    pub patient_id: String,
    /// On the patient's card; unique in the hospital.
    pub record_number: String,
    pub name: String,
    pub birth_date: Day,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sex: Option<Sex>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blood_group: Option<BloodGroup>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allergies: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vitals: Vec<Vitals>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prescriptions: Vec<Prescription>,
    /// When the record was taken out of use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<DateTime>,
    pub created_at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DateTime>,
    #[serde(default)]
    pub version: i64,
}

words! {
    Sex {
        Female = "female",
        Male = "male",
        Other = "other",
        Unknown = "unknown",
    }
}

words! {
    BloodGroup {
        ONegative = "O-",
        OPositive = "O+",
        ANegative = "A-",
        APositive = "A+",
        BNegative = "B-",
        BPositive = "B+",
        AbNegative = "AB-",
        AbPositive = "AB+",
    }
}

/// Written once and never changed, as is everything clinical: a mistake is corrected by another entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub note_id: String,
    pub author_id: String,
    pub at: DateTime,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vitals {
    pub vitals_id: String,
    pub author_id: String,
    pub at: DateTime,
    /// Numbers by names that say their units. A document, so that what a later version measures can be read too.
    pub measured: Document,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prescription {
    pub prescription_id: String,
    pub author_id: String,
    pub at: DateTime,
    pub medicine: String,
    pub dose: String,
    pub frequency: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_days: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
}
