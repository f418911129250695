//! The documents of a hospital's appointments.

use bson::DateTime;
use serde::{Deserialize, Serialize};

use super::words::words;
use crate::access::permissions::Permission;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appointment {
    #[serde(rename = "_id")]
    pub appointment_id: String,
    pub patient_id: String,
    /// The `user_id` of a doctor.
    pub doctor_id: String,
    pub starts_at: DateTime,
    pub ends_at: DateTime,
    pub status: AppointmentStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub created_at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DateTime>,
    #[serde(default)]
    pub version: i64,
}

words! {
    AppointmentStatus {
        Booked = "booked",
        /// The patient waits.
        Arrived = "arrived",
        /// The patient is with the doctor.
        InProgress = "in_progress",
        Done = "done",
        Cancelled = "cancelled",
        /// The patient did not come.
        Missed = "missed",
    }
}

impl AppointmentStatus {
    /// Those that take the doctor's time.
    pub const OPEN: [Self; 3] = [Self::Booked, Self::Arrived, Self::InProgress];

    /// What can become of it.
    #[must_use]
    pub fn next(self) -> &'static [Self] {
        match self {
            Self::Booked => &[Self::Arrived, Self::Cancelled, Self::Missed],
            Self::Arrived => &[Self::InProgress, Self::Cancelled, Self::Missed],
            Self::InProgress => &[Self::Done],
            Self::Done | Self::Cancelled | Self::Missed => &[],
        }
    }

    #[must_use]
    pub fn is_open(self) -> bool {
        Self::OPEN.contains(&self)
    }

    /// Whether it can be moved to another time or doctor.
    #[must_use]
    pub fn is_waiting(self) -> bool {
        matches!(self, Self::Booked | Self::Arrived)
    }

    /// What it takes to bring an appointment into this state.
    #[must_use]
    pub fn needs(self) -> Permission {
        if self == Self::Cancelled { Permission::BookAppointments } else { Permission::ManageQueue }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_stays_as_it_is_and_what_is_open_goes_on() {
        for status in AppointmentStatus::ALL {
            assert_eq!(status.is_open(), !status.next().is_empty(), "{status:?}");
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
        }
    }
}
