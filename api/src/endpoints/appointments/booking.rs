//! What is said to book an appointment or to change one, and what may become of it.

use bson::DateTime;
use chakravue_crds::roles::StaffRole;
use garde::Validate;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    access::permissions::Permission,
    data::tenant::appointments::{Appointment, AppointmentStatus},
    http::{
        dates::Moment,
        flaw::Flaw,
        merge::{Changes, Patch, never_null},
        problem::{Answer, Kind, Problem},
        text::Prose,
    },
    program::clock::{from_bson, to_bson},
};

/// The longest appointment. It also bounds how far back a search for overlaps has to look.
pub(super) const LONGEST: SignedDuration = SignedDuration::from_hours(12);

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "patient_id": "pat_01jd8x2v9t6m3k5q7r1w4y0z8a", "doctor_id": "user_01jd8x2v9t6m3k5q7r1w4y0z8a",
    "starts_at": "2026-11-24T09:00:00Z", "reason": "Headache"
}))]
pub(super) struct NewAppointment {
    /// Of a patient whose record is in use.
    #[garde(length(chars, min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64)]
    pub(super) patient_id: String,
    /// The `user_id` of a doctor who is active.
    #[garde(length(chars, min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64)]
    pub(super) doctor_id: String,
    #[garde(skip)]
    #[schema(inline)]
    pub(super) starts_at: Moment,
    /// At most 12 hours later; by default after the hospital's `appointment_minutes`.
    #[garde(skip)]
    #[schema(inline)]
    pub(super) ends_at: Option<Moment>,
    #[garde(dive)]
    #[schema(inline)]
    pub(super) reason: Option<Prose<1000>>,
}

#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "status": "arrived" }))]
pub(super) struct AppointmentChange {
    #[serde(default, deserialize_with = "never_null")]
    #[garde(inner(length(chars, min = 1, max = 64)))]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 64)]
    doctor_id: Option<String>,
    /// Without `ends_at`, the appointment keeps its length.
    #[serde(default, deserialize_with = "never_null")]
    #[garde(skip)]
    #[schema(value_type = String, format = DateTime, required = false)]
    starts_at: Option<Moment>,
    #[serde(default, deserialize_with = "never_null")]
    #[garde(skip)]
    #[schema(value_type = String, format = DateTime, required = false)]
    ends_at: Option<Moment>,
    #[serde(default)]
    #[garde(dive)]
    #[schema(value_type = Option<Prose<1000>>, inline)]
    reason: Patch<Prose<1000>>,
    /// `booked` → `arrived`, `cancelled` or `missed`; `arrived` → `in_progress`, `cancelled` or `missed`; `in_progress` →
    /// `done`.
    #[serde(default, deserialize_with = "never_null")]
    #[garde(skip)]
    #[schema(value_type = AppointmentStatus, required = false)]
    pub(super) status: Option<AppointmentStatus>,
}

impl AppointmentChange {
    pub(super) fn moves(&self) -> bool {
        self.doctor_id.is_some() || self.starts_at.is_some() || self.ends_at.is_some()
    }

    /// The queue is moved on by those who work in it; everything else belongs to booking.
    pub(super) fn needs(&self) -> impl Iterator<Item = Permission> {
        let books = self.moves() || self.reason != Patch::Keep;
        self.status.map(AppointmentStatus::needs).into_iter().chain(books.then_some(Permission::BookAppointments))
    }

    pub(super) fn allowed_to(&self, role: StaffRole) -> Answer<()> {
        self.needs().try_for_each(|permission| permission.demand(role))
    }

    /// The appointment as it shall be, if it may become so.
    pub(super) fn applied_to(&self, current: &Appointment) -> Answer<Appointment> {
        let mut wanted = current.clone();
        if let Some(status) = self.status.filter(|status| *status != current.status) {
            if !current.status.next().contains(&status) {
                let detail = format!("A {} appointment cannot become {}.", current.status.name(), status.name());
                let next: Vec<&str> = current.status.next().iter().map(|status| status.name()).collect();
                return Err(Problem::new(Kind::Conflict, detail).with("next", next));
            }
            wanted.status = status;
        }
        if self.moves() {
            if !(current.status.is_waiting() && wanted.status.is_waiting()) {
                return Err(Problem::new(
                    Kind::Conflict,
                    "Only an appointment that is booked, or whose patient waits, can be moved.",
                ));
            }
            let length = from_bson(current.ends_at).duration_since(from_bson(current.starts_at));
            if let Some(starts_at) = self.starts_at {
                wanted.starts_at = starts_at.into();
                wanted.ends_at = end(starts_at.at(), length)?;
            }
            if let Some(ends_at) = self.ends_at {
                wanted.ends_at = ends_at.into();
            }
            if let Some(doctor_id) = &self.doctor_id {
                wanted.doctor_id.clone_from(doctor_id);
            }
            possible(&wanted)?;
        }
        match &self.reason {
            Patch::Keep => {}
            _ if !current.status.is_open() => {
                return Err(Problem::new(Kind::Conflict, "The appointment is over; its reason stays as it is."));
            }
            Patch::Clear => wanted.reason = None,
            Patch::Set(reason) => wanted.reason = Some(reason.as_str().to_owned()),
        }
        Ok(wanted)
    }
}

/// What is different, for the database and for the audit log.
pub(super) fn changes(current: &Appointment, wanted: &Appointment) -> Changes {
    fn changed<T: PartialEq + Clone>(old: &T, new: &T) -> Option<T> {
        (old != new).then(|| new.clone())
    }
    let reason = match (&current.reason, &wanted.reason) {
        (old, new) if old == new => Patch::Keep,
        (_, None) => Patch::Clear,
        (_, Some(new)) => Patch::Set(new.clone()),
    };
    Changes::default()
        .set("doctor_id", changed(&current.doctor_id, &wanted.doctor_id))
        .set("starts_at", changed(&current.starts_at, &wanted.starts_at))
        .set("ends_at", changed(&current.ends_at, &wanted.ends_at))
        .set("status", changed(&current.status, &wanted.status))
        .patch("reason", reason)
}

/// When an appointment of this length ends.
///
/// # Errors
/// When nobody can say: it would be shorter than it was meant.
pub(super) fn end(starts_at: Timestamp, length: SignedDuration) -> Answer<DateTime> {
    let too_late = |_| {
        let limit = Timestamp::MAX.saturating_sub(length).unwrap_or(Timestamp::MAX).to_string();
        Problem::invalid("/starts_at", Flaw::TooLate { limit })
    };
    starts_at.checked_add(length).map(to_bson).map_err(too_late)
}

pub(super) fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

/// Times that can be an appointment's.
pub(super) fn possible(appointment: &Appointment) -> Answer<()> {
    let length = from_bson(appointment.ends_at).duration_since(from_bson(appointment.starts_at));
    if length <= SignedDuration::ZERO {
        Err(Problem::invalid("/ends_at", Flaw::EndsTooEarly))
    } else if length > LONGEST {
        Err(Problem::invalid("/ends_at", Flaw::EndsTooLate { hours: LONGEST.as_hours() }))
    } else {
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::http::extract;

    fn at(text: &str) -> DateTime {
        to_bson(text.parse().unwrap())
    }

    pub fn booked() -> Appointment {
        Appointment {
            appointment_id: "apt_1".into(),
            patient_id: "pat_1".into(),
            doctor_id: "user_1".into(),
            starts_at: at("2026-11-24T09:00:00Z"),
            ends_at: at("2026-11-24T09:30:00Z"),
            status: AppointmentStatus::Booked,
            reason: Some("Headache".into()),
            created_at: at("2026-11-23T09:00:00Z"),
            updated_at: None,
            version: 1,
        }
    }

    fn change(body: &Value) -> AppointmentChange {
        extract::parse(body.to_string().as_bytes()).unwrap()
    }

    fn applied(current: &Appointment, body: &Value) -> Answer<Appointment> {
        change(body).applied_to(current)
    }

    #[test]
    fn an_appointment_that_is_moved_keeps_its_length() {
        let moved = applied(&booked(), &json!({ "starts_at": "2026-11-24T11:00:00+01:00" })).unwrap();
        assert_eq!((moved.starts_at, moved.ends_at), (at("2026-11-24T10:00:00Z"), at("2026-11-24T10:30:00Z")));
        assert_eq!(changes(&booked(), &moved).fields(), ["ends_at", "starts_at"]);
        let longer = applied(&booked(), &json!({ "ends_at": "2026-11-24T10:00:00Z", "reason": null })).unwrap();
        assert_eq!(changes(&booked(), &longer).fields(), ["ends_at", "reason"]);
        assert!(changes(&booked(), &applied(&booked(), &json!({ "status": "booked" })).unwrap()).is_empty());
    }

    #[test]
    fn impossible_times_are_pointed_at() {
        for body in [
            json!({ "ends_at": "2026-11-24T09:00:00Z" }),
            json!({ "ends_at": "2026-11-24T08:00:00Z" }),
            json!({ "ends_at": "2026-11-24T21:00:01Z" }),
        ] {
            let problem = applied(&booked(), &body).unwrap_err();
            assert_eq!(problem.errors()[0].pointer.as_deref(), Some("/ends_at"), "{body}");
        }
        let problem = applied(&booked(), &json!({ "starts_at": "9999-12-30T21:45:00Z" })).unwrap_err();
        let limit = "9999-12-30T21:30:00.999999999Z".to_owned();
        assert_eq!(
            (&problem.errors()[0].pointer, &problem.errors()[0].flaw),
            (&Some("/starts_at".into()), &Flaw::TooLate { limit })
        );
    }

    #[test]
    fn only_the_queue_s_own_way_is_open() {
        let becomes =
            |status: AppointmentStatus, body: Value| applied(&Appointment { status, ..booked() }, &body).is_ok();
        for from in AppointmentStatus::ALL {
            for to in AppointmentStatus::ALL {
                let allowed = from == to || from.next().contains(to);
                assert_eq!(becomes(*from, json!({ "status": to.name() })), allowed, "{from:?} to {to:?}");
            }
            let body = json!({ "starts_at": "2026-11-25T09:00:00Z" });
            assert_eq!(becomes(*from, body), from.is_waiting(), "moving {from:?}");
            assert_eq!(becomes(*from, json!({ "reason": "Cough" })), from.is_open(), "the reason of {from:?}");
        }
        assert!(!becomes(AppointmentStatus::Booked, json!({ "status": "cancelled", "doctor_id": "user_2" })));
    }

    #[test]
    fn each_change_takes_its_permission() {
        let may = |role, body: Value| change(&body).allowed_to(role).is_ok();
        let (arrive, cancel, shift) =
            (json!({ "status": "arrived" }), json!({ "status": "cancelled" }), json!({ "doctor_id": "user_2" }));
        for (role, expected) in [
            (StaffRole::Admin, [false, true, true]),
            (StaffRole::Receptionist, [true, true, true]),
            (StaffRole::Opd, [true, true, true]),
            (StaffRole::Doctor, [true, false, false]),
        ] {
            let bodies = [arrive.clone(), cancel.clone(), shift.clone()];
            assert_eq!(bodies.map(|body| may(role, body)), expected, "{role:?}");
        }
        assert!(!may(StaffRole::Doctor, json!({ "status": "arrived", "reason": null })));
    }
}
