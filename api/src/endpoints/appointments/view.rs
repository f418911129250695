//! An appointment as its reader sees it: with names instead of ids, and with what the reader may make of it.

use std::collections::HashMap;

use axum::{Json, http::HeaderName};
use bson::{DateTime, doc};
use chakravue_crds::roles::StaffRole;
use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    data::tenant::{
        Fault, Records, TenantDatabase,
        appointments::{Appointment, AppointmentStatus},
        users::UserStatus,
    },
    http::{dates::Moment, extract::etag},
};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Appointment)]
pub(super) struct AppointmentView {
    #[schema(example = "apt_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    appointment_id: String,
    #[schema(example = "pat_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    patient_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Jane Smith")]
    patient_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "P000001")]
    record_number: Option<String>,
    #[schema(example = "user_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    doctor_id: String,
    /// The doctor's name, or e-mail address where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Dr. Ana Gómez")]
    doctor_name: Option<String>,
    #[schema(inline)]
    starts_at: Moment,
    #[schema(inline)]
    ends_at: Moment,
    status: AppointmentStatus,
    /// What the caller may make of it now.
    #[schema(example = json!(["arrived", "cancelled", "missed"]))]
    next: Vec<AppointmentStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Headache")]
    reason: Option<String>,
    #[schema(inline)]
    created_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    updated_at: Option<Moment>,
    /// The `ETag` without its quotes.
    #[schema(example = 1)]
    version: i64,
}

/// Of the patients and doctors of some appointments, what a person reads instead of their ids.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    patients: HashMap<String, PatientName>,
    doctors: HashMap<String, DoctorName>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct PatientName {
    #[serde(rename = "_id")]
    pub(super) id: String,
    pub(super) name: String,
    pub(super) record_number: String,
    pub(super) deleted_at: Option<DateTime>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct DoctorName {
    #[serde(rename = "_id")]
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) email: String,
    pub(super) role: StaffRole,
    pub(super) status: UserStatus,
}

impl Names {
    pub(super) async fn of(db: &TenantDatabase, appointments: &[Appointment]) -> Result<Self, Fault> {
        let ids = |id: fn(&Appointment) -> &String| {
            doc! { "_id": { "$in": appointments.iter().map(id).collect::<Vec<_>>() } }
        };
        if appointments.is_empty() {
            return Ok(Self::default());
        }
        let patients = db
            .collection::<PatientName>(Records::Patients)
            .find(ids(|appointment| &appointment.patient_id))
            .projection(doc! { "name": 1, "record_number": 1, "deleted_at": 1 })
            .await?;
        let doctors = db
            .collection::<DoctorName>(Records::Users)
            .find(ids(|appointment| &appointment.doctor_id))
            .projection(doc! { "name": 1, "email": 1, "role": 1, "status": 1 })
            .await?;
        Ok(Self {
            patients: patients.map_ok(|patient| (patient.id.clone(), patient)).try_collect().await?,
            doctors: doctors.map_ok(|doctor| (doctor.id.clone(), doctor)).try_collect().await?,
        })
    }

    pub(super) fn just(patient: Option<PatientName>, doctor: Option<DoctorName>) -> Self {
        Self {
            patients: patient.into_iter().map(|patient| (patient.id.clone(), patient)).collect(),
            doctors: doctor.into_iter().map(|doctor| (doctor.id.clone(), doctor)).collect(),
        }
    }

    /// The appointment as somebody with this role sees it.
    pub(super) fn view(&self, appointment: Appointment, role: StaffRole) -> AppointmentView {
        let may = |status: &AppointmentStatus| status.needs().roles().contains(&role);
        let patient = self.patients.get(&appointment.patient_id);
        let doctor = self.doctors.get(&appointment.doctor_id);
        AppointmentView {
            patient_name: patient.map(|patient| patient.name.clone()),
            record_number: patient.map(|patient| patient.record_number.clone()),
            doctor_name: doctor.map(|doctor| doctor.name.clone().unwrap_or_else(|| doctor.email.clone())),
            appointment_id: appointment.appointment_id,
            patient_id: appointment.patient_id,
            doctor_id: appointment.doctor_id,
            starts_at: appointment.starts_at.into(),
            ends_at: appointment.ends_at.into(),
            next: appointment.status.next().iter().copied().filter(may).collect(),
            status: appointment.status,
            reason: appointment.reason,
            created_at: appointment.created_at.into(),
            updated_at: appointment.updated_at.map(Moment::from),
            version: appointment.version,
        }
    }
}

pub(super) type WithEtag = ([(HeaderName, String); 1], Json<AppointmentView>);

pub(super) fn answered(appointment: Appointment, names: &Names, role: StaffRole) -> WithEtag {
    (etag(appointment.version), Json(names.view(appointment, role)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoints::appointments::booking::tests::booked;

    #[test]
    fn an_appointment_says_what_its_reader_may_make_of_it() {
        use AppointmentStatus::{Arrived, Booked, Cancelled, InProgress, Missed};
        for (role, status, next) in [
            (StaffRole::Receptionist, Booked, vec![Arrived, Cancelled, Missed]),
            (StaffRole::Doctor, Booked, vec![Arrived, Missed]),
            (StaffRole::Doctor, Arrived, vec![InProgress, Missed]),
            (StaffRole::Admin, Arrived, vec![Cancelled]),
            (StaffRole::Opd, Cancelled, vec![]),
        ] {
            let view = Names::default().view(Appointment { status, ..booked() }, role);
            assert_eq!(view.next, next, "{role:?} {status:?}");
        }
    }
}
