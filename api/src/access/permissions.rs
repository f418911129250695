//! Who may do what: one table that the handlers, the OpenAPI document and `GET /me` share.

use chakravue_crds::roles::StaffRole;

use crate::http::problem::{Answer, Kind, Problem};

macro_rules! permissions {
    ($($(#[doc = $meaning:literal])+ $permission:ident = $name:literal: $($role:ident)*;)+) => {
        /// Something that a member of a hospital's staff, or an administrator of the platform, may be allowed to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Permission { $($(#[doc = $meaning])+ $permission),+ }

        impl Permission {
            pub const ALL: &[Self] = &[$(Self::$permission),+];

            /// The name in `GET /me` and in the OpenAPI document.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$permission => $name),+ }
            }

            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$permission => concat!($($meaning),+).trim_ascii()),+ }
            }

            /// The roles of a hospital's staff that have it; none of what the platform's administrators may do.
            #[must_use]
            pub fn roles(self) -> &'static [StaffRole] {
                match self { $(Self::$permission => &[$(StaffRole::$role),*]),+ }
            }
        }

        /// A type for each permission, so that a handler's signature says which one its caller has.
        pub mod may {
            $($(#[doc = $meaning])+ #[derive(Clone, Copy, Debug)] pub struct $permission;

            impl super::Needs for $permission {
                const PERMISSION: super::Permission = super::Permission::$permission;
            })+
        }
    };
}

permissions! {
    /// See the hospital's own record, plan and seats.
    ReadOrganization = "organization.read": Admin Receptionist Opd Doctor;
    /// Pay, see payments and change the plan.
    ManageSubscription = "subscription.manage": Admin;
    /// See who works here, for example to book with a doctor.
    ReadUsers = "users.read": Admin Receptionist Opd Doctor;
    /// Invite, change and disable users.
    ManageUsers = "users.manage": Admin;
    /// See who a patient is and how to reach them.
    ReadPatients = "patients.read": Admin Receptionist Opd Doctor;
    /// Register patients and correct their details.
    RegisterPatients = "patients.register": Admin Receptionist Opd;
    /// Take a patient's record out of use, and back.
    ArchivePatients = "patients.archive": Admin;
    /// See measured vitals.
    ReadVitals = "vitals.read": Opd Doctor;
    /// Record vitals: temperature, pulse, blood pressure and the like.
    RecordVitals = "vitals.record": Opd Doctor;
    /// See clinical notes and prescriptions.
    ReadClinicalNotes = "clinical_notes.read": Doctor;
    /// Write clinical notes.
    WriteClinicalNotes = "clinical_notes.write": Doctor;
    /// Prescribe medicines.
    Prescribe = "prescriptions.write": Doctor;
    /// See appointments and the queue.
    ReadAppointments = "appointments.read": Admin Receptionist Opd Doctor;
    /// Book, move and cancel appointments.
    BookAppointments = "appointments.book": Admin Receptionist Opd;
    /// Move patients through the queue: arrived, in progress, done, missed.
    ManageQueue = "queue.manage": Receptionist Opd Doctor;
    /// See the pharmacy's stock.
    ReadPharmacy = "pharmacy.read": Admin Opd Doctor;
    /// Change the pharmacy's stock.
    ManagePharmacy = "pharmacy.manage": Admin Opd;
    /// See the hospital's settings.
    ReadSettings = "settings.read": Admin Receptionist Opd Doctor;
    /// Change the hospital's settings.
    ManageSettings = "settings.manage": Admin;
    /// See and verify the audit log.
    ReadAudit = "audit.read": Admin;
    /// See every hospital's record, plan, seats and payments in short, and the figures of all of them.
    ReadHospitals = "platform.hospitals.read": ;
    /// Suspend and resume hospitals, change their plans and give out the link of their first administrator.
    ManageHospitals = "platform.hospitals.manage": ;
    /// See the payments of all hospitals.
    ReadPayments = "platform.payments.read": ;
    /// See and verify the platform's own audit log.
    ReadPlatformAudit = "platform.audit.read": ;
}

impl Permission {
    /// # Errors
    /// `forbidden`, naming the permission, when the role does not have it.
    pub fn demand(self, role: StaffRole) -> Answer<()> {
        if self.roles().contains(&role) {
            return Ok(());
        }
        let detail = format!("The role {} does not have the permission {}.", role.name(), self.name());
        Err(Problem::new(Kind::Forbidden, detail).with("permission", self.name()))
    }
}

/// A permission as a type; see [`may`].
pub trait Needs: Send + Sync + 'static {
    const PERMISSION: Permission;
}

/// Everything that an administrator of the platform may do, which is nothing inside a hospital.
#[must_use]
pub fn of_platform() -> Vec<Permission> {
    Permission::ALL.iter().copied().filter(|permission| permission.roles().is_empty()).collect()
}

/// Everything that a role may do, in the table's order.
#[must_use]
pub fn of(role: StaffRole) -> Vec<Permission> {
    Permission::ALL.iter().copied().filter(|permission| permission.roles().contains(&role)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_distinct_and_every_role_can_do_something() {
        let names: HashSet<_> = Permission::ALL.iter().map(|permission| permission.name()).collect();
        assert_eq!(names.len(), Permission::ALL.len());
        for role in StaffRole::ALL {
            assert!(of(role).len() > 3, "{role:?}");
        }
        for permission in Permission::ALL {
            assert_eq!(
                permission.name().starts_with("platform."),
                of_platform().contains(permission),
                "{permission:?}"
            );
        }
    }

    #[test]
    fn the_lines_that_a_hospital_would_object_to_if_they_moved() {
        let has = |role, permission| of(role).contains(&permission);
        assert!(!has(StaffRole::Receptionist, Permission::ReadClinicalNotes));
        assert!(!has(StaffRole::Receptionist, Permission::ReadVitals));
        assert!(!has(StaffRole::Admin, Permission::ReadClinicalNotes));
        assert!(!has(StaffRole::Opd, Permission::Prescribe));
        for role in [StaffRole::Receptionist, StaffRole::Opd, StaffRole::Doctor] {
            assert!(!has(role, Permission::ManageUsers) && !has(role, Permission::ReadAudit), "{role:?}");
        }
    }
}
