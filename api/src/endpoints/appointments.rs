//! A hospital's appointments and its queue. That a doctor is free is looked up in the transaction that books, and the
//! changes of one hospital happen one after another, so two bookings at once cannot both find the same time free.

use std::collections::HashMap;

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header},
};
use bson::{DateTime, Document, doc};
use chakravue_crds::roles::StaffRole;
use futures::TryStreamExt as _;
use garde::Validate;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::hospital_settings::appointment_minutes;
use crate::{
    audit::{Entry, Recorded},
    clock::{from_bson, to_bson},
    dates::Moment,
    extract::{ApiJson, ApiPath, ApiQuery, IfMatch, etag},
    identity::Member,
    merge::{Changes, Patch, never_null},
    paging::{self, Direction, Order, Page, Paged},
    permissions::{Permission, may},
    problem::{Answer, Kind, Problem},
    state::App,
    tenant::{
        Fault, Records, TenantDatabase, Transaction,
        appointments::{Appointment, AppointmentStatus},
        new_id,
        users::UserStatus,
    },
    text::Prose,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_appointments, book_appointment))
        .routes(routes!(read_appointment, change_appointment))
}

const BY_TIME: Order = Order(&[("starts_at", Direction::Ascending), ("_id", Direction::Ascending)]);

/// The longest appointment. It also bounds how far back a search for overlaps has to look.
const LONGEST: SignedDuration = SignedDuration::from_hours(12);

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "patient_id": "pat_01jd8x2v9t6m3k5q7r1w4y0z8a", "doctor_id": "user_01jd8x2v9t6m3k5q7r1w4y0z8a",
    "starts_at": "2026-11-24T09:00:00Z", "reason": "Headache"
}))]
struct NewAppointment {
    /// Of a patient whose record is in use.
    #[garde(length(chars, min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64)]
    patient_id: String,
    /// The `user_id` of a doctor who is active.
    #[garde(length(chars, min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64)]
    doctor_id: String,
    #[garde(skip)]
    #[schema(inline)]
    starts_at: Moment,
    /// At most 12 hours later; by default after the hospital's `appointment_minutes`.
    #[garde(skip)]
    #[schema(inline)]
    ends_at: Option<Moment>,
    #[garde(dive)]
    #[schema(inline)]
    reason: Option<Prose<1000>>,
}

#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "status": "arrived" }))]
struct AppointmentChange {
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
    status: Option<AppointmentStatus>,
}

impl AppointmentChange {
    fn moves(&self) -> bool {
        self.doctor_id.is_some() || self.starts_at.is_some() || self.ends_at.is_some()
    }

    /// The queue is moved on by those who work in it; everything else belongs to booking.
    fn needs(&self) -> impl Iterator<Item = Permission> {
        let books = self.moves() || self.reason != Patch::Keep;
        self.status.map(AppointmentStatus::needs).into_iter().chain(books.then_some(Permission::BookAppointments))
    }

    fn allowed_to(&self, role: StaffRole) -> Answer<()> {
        self.needs().try_for_each(|permission| permission.demand(role))
    }

    /// The appointment as it shall be, if it may become so.
    fn applied_to(&self, current: &Appointment) -> Answer<Appointment> {
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
                wanted.ends_at = to_bson(after(starts_at.at(), length));
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
fn changes(current: &Appointment, wanted: &Appointment) -> Changes {
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

fn after(at: Timestamp, length: SignedDuration) -> Timestamp {
    at.saturating_add(length).unwrap_or(Timestamp::MAX)
}

/// Times that can be an appointment's.
fn possible(appointment: &Appointment) -> Answer<()> {
    let length = from_bson(appointment.ends_at).duration_since(from_bson(appointment.starts_at));
    if length <= SignedDuration::ZERO {
        Err(Problem::invalid("/ends_at", "must be later than starts_at"))
    } else if length > LONGEST {
        Err(Problem::invalid("/ends_at", "must be at most 12 hours after starts_at"))
    } else {
        Ok(())
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Appointment)]
struct AppointmentView {
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
struct Names {
    patients: HashMap<String, PatientName>,
    doctors: HashMap<String, DoctorName>,
}

#[derive(Clone, Debug, Deserialize)]
struct PatientName {
    #[serde(rename = "_id")]
    id: String,
    name: String,
    record_number: String,
    deleted_at: Option<DateTime>,
}

#[derive(Clone, Debug, Deserialize)]
struct DoctorName {
    #[serde(rename = "_id")]
    id: String,
    name: Option<String>,
    email: String,
    role: StaffRole,
    status: UserStatus,
}

impl Names {
    async fn of(db: &TenantDatabase, appointments: &[Appointment]) -> Result<Self, Fault> {
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

    fn just(patient: Option<PatientName>, doctor: Option<DoctorName>) -> Self {
        Self {
            patients: patient.into_iter().map(|patient| (patient.id.clone(), patient)).collect(),
            doctors: doctor.into_iter().map(|doctor| (doctor.id.clone(), doctor)).collect(),
        }
    }

    /// The appointment as somebody with this role sees it.
    fn view(&self, appointment: Appointment, role: StaffRole) -> AppointmentView {
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

type WithEtag = ([(HeaderName, String); 1], Json<AppointmentView>);

fn answered(appointment: Appointment, names: &Names, role: StaffRole) -> WithEtag {
    (etag(appointment.version), Json(names.view(appointment, role)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct AppointmentPath {
    /// The appointment's id.
    #[param(example = "apt_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    appointment_id: String,
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AppointmentQuery {
    /// Those that start at this time or later.
    #[garde(skip)]
    #[param(inline, example = "2026-11-24T00:00:00Z")]
    from: Option<Moment>,
    /// Those that start before this time.
    #[garde(skip)]
    #[param(inline, example = "2026-11-25T00:00:00Z")]
    to: Option<Moment>,
    #[garde(inner(length(chars, max = 64)))]
    #[param(max_length = 64)]
    doctor_id: Option<String>,
    #[garde(inner(length(chars, max = 64)))]
    #[param(max_length = 64)]
    patient_id: Option<String>,
    #[garde(skip)]
    status: Option<AppointmentStatus>,
    #[garde(range(min = 1, max = paging::MOST))]
    #[serde(default = "paging::default_limit")]
    #[param(minimum = 1, maximum = 100)]
    limit: i64,
    /// `next_cursor` of the page before, with the same filters.
    #[garde(inner(length(bytes, max = 1024)))]
    cursor: Option<String>,
}

impl AppointmentQuery {
    fn filter(&self) -> Document {
        let mut filter = Document::new();
        let bounds = [("$gte", self.from), ("$lt", self.to)];
        let times: Document =
            bounds.into_iter().filter_map(|(bound, at)| Some((bound.to_owned(), at?.into()))).collect();
        if !times.is_empty() {
            filter.insert("starts_at", times);
        }
        if let Some(doctor_id) = &self.doctor_id {
            filter.insert("doctor_id", doctor_id);
        }
        if let Some(patient_id) = &self.patient_id {
            filter.insert("patient_id", patient_id);
        }
        if let Some(status) = self.status {
            filter.insert("status", status);
        }
        filter
    }
}

/// The hospital's appointments, by time
///
/// Whose appointments were looked at is in the audit log before they are answered.
#[utoipa::path(
    get, path = "/organization/{org_id}/appointments", tag = "appointments",
    params(("org_id" = String, Path, description = "The hospital's id"), AppointmentQuery),
    responses((status = 200, description = "One page of appointments", body = Paged<AppointmentView>)),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("appointments.read"))),
)]
async fn list_appointments(
    member: Member<may::ReadAppointments>,
    ApiQuery(query): ApiQuery<AppointmentQuery>,
) -> Answer<Json<Paged<AppointmentView>>> {
    let filter = query.filter();
    let page = Page { limit: query.limit, cursor: query.cursor };
    let (condition, fetch) = (page.filter(&filter, BY_TIME)?, page.fetch());
    let (actor, role) = (member.actor(), member.role);
    let read = member.tenant.read_patients(&actor, |db| {
        let (condition, filter, page) = (condition.clone(), filter.clone(), page.clone());
        async move {
            let collection = db.collection::<Appointment>(Records::Appointments);
            let found = collection.find(condition).sort(BY_TIME.sort()).limit(fetch).await?;
            let appointments = page.of(found.try_collect().await?, &filter, BY_TIME)?;
            let names = Names::of(&db, &appointments.items).await?;
            let mut ids: Vec<&str> = appointments.items.iter().map(|one| one.patient_id.as_str()).collect();
            ids.sort_unstable();
            ids.dedup();
            let count = appointments.items.len();
            let entry = Entry::new("appointment.list").detail("count", count).detail("patient_ids", ids);
            Ok(entry.answering(appointments.map(|appointment| names.view(appointment, role))))
        }
    });
    Ok(Json(read.await?))
}

/// Books an appointment
#[utoipa::path(
    post, path = "/organization/{org_id}/appointments", tag = "appointments",
    params(("org_id" = String, Path, description = "The hospital's id")),
    request_body = NewAppointment,
    responses(
        (status = 201, description = "The appointment that was booked", body = AppointmentView, headers(
            ("ETag" = String, description = "For If-Match"), ("Location" = String, description = "Where the appointment is"),
        )),
        (status = 409, description = "The doctor is not free, or the patient's record is archived", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("appointments.book"))),
)]
async fn book_appointment(
    State(app): State<App>,
    member: Member<may::BookAppointments>,
    ApiJson(new): ApiJson<NewAppointment>,
) -> Answer<(StatusCode, [(HeaderName, String); 1], WithEtag)> {
    let mut appointment = Appointment {
        appointment_id: new_id("apt"),
        patient_id: new.patient_id,
        doctor_id: new.doctor_id,
        starts_at: new.starts_at.into(),
        ends_at: new.ends_at.unwrap_or(new.starts_at).into(),
        status: AppointmentStatus::Booked,
        reason: new.reason.map(Prose::into_string),
        created_at: app.clock.now_bson(),
        updated_at: None,
        version: 1,
    };
    if new.ends_at.is_none() {
        let minutes = member.tenant.read(async |db| appointment_minutes(&db).await).await?;
        appointment.ends_at = to_bson(after(new.starts_at.at(), SignedDuration::from_mins(minutes)));
    }
    possible(&appointment)?;
    let actor = member.actor();
    let booked = member.tenant.change(&actor, move |tx| {
        let appointment = appointment.clone();
        async move {
            let patient = patient_in_use(&tx, &appointment.patient_id).await?;
            let doctor = active_doctor(&tx, &appointment.doctor_id).await?;
            must_be_free(&tx, &appointment).await?;
            tx.insert(Records::Appointments, &appointment).await?;
            let entry = Entry::new("appointment.book")
                .target("appointment", &appointment.appointment_id)
                .detail("patient_id", appointment.patient_id.as_str())
                .detail("doctor_id", appointment.doctor_id.as_str());
            Ok(entry.answering((appointment, Names::just(Some(patient), Some(doctor)))))
        }
    });
    let (appointment, names) = booked.await?;
    let location = format!("/organization/{}/appointments/{}", member.organization_id, appointment.appointment_id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], answered(appointment, &names, member.role)))
}

async fn patient_in_use(tx: &Transaction, patient_id: &str) -> Result<PatientName, Fault> {
    let patient: Option<PatientName> = tx.find_one(Records::Patients, doc! { "_id": patient_id }).await?;
    match patient {
        None => Err(Problem::invalid("/patient_id", "must be the id of one of the hospital's patients").into()),
        Some(patient) if patient.deleted_at.is_some() => {
            Err(Problem::new(Kind::PatientArchived, "The patient's record is archived. Restore it first.").into())
        }
        Some(patient) => Ok(patient),
    }
}

async fn active_doctor(tx: &Transaction, doctor_id: &str) -> Result<DoctorName, Fault> {
    let user: Option<DoctorName> = tx.find_one(Records::Users, doc! { "_id": doctor_id }).await?;
    let doctor = user.filter(|user| user.role == StaffRole::Doctor && user.status == UserStatus::Active);
    Ok(doctor.ok_or_else(|| Problem::invalid("/doctor_id", "must be the user_id of a doctor who is active"))?)
}

/// Whether the doctor has no other appointment at that time.
async fn must_be_free(tx: &Transaction, wanted: &Appointment) -> Result<(), Fault> {
    let earliest = after(from_bson(wanted.starts_at), -LONGEST);
    let overlapping = doc! {
        "doctor_id": &wanted.doctor_id,
        "status": { "$in": AppointmentStatus::OPEN.to_vec() },
        "starts_at": { "$lt": wanted.ends_at, "$gt": to_bson(earliest) },
        "ends_at": { "$gt": wanted.starts_at },
        "_id": { "$ne": &wanted.appointment_id },
    };
    let Some(other) = tx.find_one::<Appointment>(Records::Appointments, overlapping).await? else { return Ok(()) };
    let (starts_at, ends_at) = (Moment::from(other.starts_at), Moment::from(other.ends_at));
    let busy = serde_json::json!({
        "appointment_id": other.appointment_id, "starts_at": starts_at, "ends_at": ends_at
    });
    let detail = format!("The doctor has another appointment from {starts_at} to {ends_at}.");
    Err(Problem::new(Kind::DoctorNotFree, detail).with("busy", busy).into())
}

/// One appointment
#[utoipa::path(
    get, path = "/organization/{org_id}/appointments/{appointment_id}", tag = "appointments",
    params(("org_id" = String, Path, description = "The hospital's id"), AppointmentPath),
    responses((status = 200, description = "The appointment", body = AppointmentView, headers(("ETag" = String, description = "For If-Match")))),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("appointments.read"))),
)]
async fn read_appointment(
    member: Member<may::ReadAppointments>,
    ApiPath(AppointmentPath { appointment_id }): ApiPath<AppointmentPath>,
) -> Answer<WithEtag> {
    let actor = member.actor();
    let read = member.tenant.read_patients(&actor, |db| {
        let appointment_id = appointment_id.clone();
        async move {
            let appointments = db.collection::<Appointment>(Records::Appointments);
            let found = appointments.find_one(doc! { "_id": &appointment_id }).await?;
            let appointment = found.ok_or_else(Problem::not_found)?;
            let names = Names::of(&db, std::slice::from_ref(&appointment)).await?;
            let entry = Entry::new("appointment.read")
                .target("appointment", &appointment_id)
                .detail("patient_id", appointment.patient_id.as_str());
            Ok(entry.answering((appointment, names)))
        }
    });
    let (appointment, names) = read.await?;
    Ok(answered(appointment, &names, member.role))
}

/// Moves an appointment, or moves its patient through the queue
///
/// Times, doctor, reason and cancelling take the permission `appointments.book`, every other status `queue.manage`.
#[utoipa::path(
    patch, path = "/organization/{org_id}/appointments/{appointment_id}", tag = "appointments",
    params(
        ("org_id" = String, Path, description = "The hospital's id"), AppointmentPath,
        ("If-Match" = String, Header, description = "The ETag of the appointment that was read", example = "\"1\"", pattern = "^\"[0-9]{1,18}\"$"),
    ),
    request_body = AppointmentChange,
    responses(
        (status = 200, description = "The appointment as it is now", body = AppointmentView, headers(("ETag" = String, description = "For If-Match"))),
        (status = 409, description = "The doctor is not free, or the appointment's status does not allow this", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("appointments.book or queue.manage"))),
)]
async fn change_appointment(
    State(app): State<App>,
    member: Member<may::ReadAppointments>,
    ApiPath(AppointmentPath { appointment_id }): ApiPath<AppointmentPath>,
    if_match: IfMatch,
    ApiJson(change): ApiJson<AppointmentChange>,
) -> Answer<WithEtag> {
    change.allowed_to(member.role)?;
    let now = app.clock.now_bson();
    let actor = member.actor();
    let changed = member.tenant.change(&actor, move |tx| {
        let (appointment_id, change) = (appointment_id.clone(), change.clone());
        async move {
            let id = doc! { "_id": &appointment_id };
            let current: Option<Appointment> = tx.find_one(Records::Appointments, id.clone()).await?;
            let current = current.ok_or_else(Problem::not_found)?;
            if_match.check(current.version)?;
            let wanted = change.applied_to(&current)?;
            let changes = changes(&current, &wanted);
            if change.moves() {
                active_doctor(&tx, &wanted.doctor_id).await?;
                must_be_free(&tx, &wanted).await?;
            }
            let patient: Option<PatientName> =
                tx.find_one(Records::Patients, doc! { "_id": &wanted.patient_id }).await?;
            let doctor: Option<DoctorName> = tx.find_one(Records::Users, doc! { "_id": &wanted.doctor_id }).await?;
            let names = Names::just(patient, doctor);
            if changes.is_empty() {
                return Ok(Recorded::nothing((current, names)));
            }
            let updated: Option<Appointment> = tx.update(Records::Appointments, id, changes.update(now)).await?;
            let entry = Entry::new("appointment.update")
                .target("appointment", &appointment_id)
                .detail("patient_id", wanted.patient_id)
                .detail("fields", changes.fields());
            let entry = match change.status {
                Some(status) => entry.detail("status", status.name()),
                None => entry,
            };
            Ok(entry.answering((updated.ok_or_else(Problem::not_found)?, names)))
        }
    });
    let (appointment, names) = changed.await?;
    Ok(answered(appointment, &names, member.role))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::extract;

    fn at(text: &str) -> DateTime {
        to_bson(text.parse().unwrap())
    }

    fn booked() -> Appointment {
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

    #[test]
    fn a_list_is_bounded_by_what_is_asked() {
        let uri = "/?from=2026-11-24T00:00:00Z&to=2026-11-25T00:00:00Z&doctor_id=user_1&status=in_progress";
        let axum::extract::Query(query) =
            axum::extract::Query::<AppointmentQuery>::try_from_uri(&uri.parse().unwrap()).unwrap();
        assert_eq!(
            query.filter(),
            doc! {
                "starts_at": { "$gte": at("2026-11-24T00:00:00Z"), "$lt": at("2026-11-25T00:00:00Z") },
                "doctor_id": "user_1", "status": "in_progress",
            }
        );
    }
}
