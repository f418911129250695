//! What a member of a hospital's staff can be. One table: API, UI and the `users` validator all read it.

use serde::{Deserialize, Serialize};

/// A role inside one hospital, written in capitals wherever people or programs meet it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StaffRole {
    /// Runs the hospital's account: staff, settings, subscription.
    Admin,
    /// Registers patients and books appointments.
    Receptionist,
    /// Runs the outpatient department: vitals and the queue.
    Opd,
    /// Treats patients: clinical notes and prescriptions.
    Doctor,
}

impl StaffRole {
    pub const ALL: [Self; 4] = [Self::Admin, Self::Receptionist, Self::Opd, Self::Doctor];

    /// The name in documents, JSON and the user interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "ADMIN",
            Self::Receptionist => "RECEPTIONIST",
            Self::Opd => "OPD",
            Self::Doctor => "DOCTOR",
        }
    }
}
