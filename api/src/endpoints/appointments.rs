//! A hospital's appointments and its queue. That a doctor is free is looked up in the transaction that books, and the
//! changes of one hospital happen one after another, so two bookings at once cannot both find the same time free.

mod booking;
mod view;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::Response,
};
use bson::{Document, doc};
use chakravue_crds::roles::StaffRole;
use futures::TryStreamExt as _;
use garde::Validate;
use jiff::SignedDuration;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::{
    booking::{AppointmentChange, LONGEST, NewAppointment, changes, earlier, end, possible},
    view::{AppointmentView, DoctorName, Names, PatientName, WithEtag, answered},
};
use super::hospital_settings::appointment_minutes;
use crate::{
    access::{identity::Member, permissions::may},
    data::{
        audit::Entry,
        tenant::{
            Fault, Records, Transaction,
            appointments::{Appointment, AppointmentStatus},
            new_id,
            users::UserStatus,
        },
    },
    http::{
        dates::{self, Moment},
        extract::{ApiJson, ApiPath, ApiQuery, IfMatch},
        flaw::Flaw,
        idempotency::{self, Answers, Attempt, Once, Repeatable, Sender},
        paging::{self, Direction, Order, Page, Paged},
        problem::{Answer, Kind, Problem},
        text::Prose,
    },
    program::clock::{from_bson, to_bson},
    state::App,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_appointments, book_appointment))
        .routes(routes!(read_appointment, change_appointment))
}

const BY_TIME: Order = Order(&[("starts_at", Direction::Ascending), ("_id", Direction::Ascending)]);

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
    #[serde(default, deserialize_with = "dates::bound")]
    #[param(inline, required = false, example = "2026-11-24T00:00:00Z")]
    from: Option<Moment>,
    /// Those that start before this time.
    #[garde(skip)]
    #[serde(default, deserialize_with = "dates::bound")]
    #[param(inline, required = false, example = "2026-11-25T00:00:00Z")]
    to: Option<Moment>,
    /// Only appointments with this doctor.
    #[garde(inner(length(chars, max = 64)))]
    #[param(max_length = 64)]
    doctor_id: Option<String>,
    /// Only appointments of this patient.
    #[garde(inner(length(chars, max = 64)))]
    #[param(max_length = 64)]
    patient_id: Option<String>,
    /// Only appointments that are in this state.
    #[garde(skip)]
    status: Option<AppointmentStatus>,
    /// How many the page has at most.
    #[garde(range(min = 1, max = paging::MOST))]
    #[serde(default = "paging::default_limit")]
    #[param(minimum = 1, maximum = 100)]
    limit: i64,
    /// `next_cursor` of the page before, with the same filters.
    #[garde(inner(length(bytes, max = paging::LONGEST_CURSOR)))]
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
    params(
        ("org_id" = String, Path, description = "The hospital's id"),
        ("Idempotency-Key" = Option<String>, Header, description = idempotency::DESCRIPTION_WITHOUT_ANSWER, pattern = "^[!-~]{1,255}$"),
    ),
    request_body = NewAppointment,
    responses(
        (status = 201, description = "The appointment that was booked", body = AppointmentView, headers(
            ("ETag" = String, description = "For If-Match"), ("Location" = String, description = "Where the appointment is"),
        )),
        (status = 409, description = "The doctor is not free, or the patient's record is archived", body = crate::http::problem::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("appointments.book"))),
)]
async fn book_appointment(
    State(app): State<App>,
    member: Member<may::BookAppointments>,
    Repeatable { body: new, repetition }: Repeatable<NewAppointment>,
) -> Answer<Response> {
    let sender = member.sender();
    let clock = app.clock.clone();
    let mut appointment = Appointment {
        appointment_id: new_id("apt"),
        patient_id: new.patient_id,
        doctor_id: new.doctor_id,
        starts_at: new.starts_at.into(),
        ends_at: new.ends_at.unwrap_or(new.starts_at).into(),
        status: AppointmentStatus::Booked,
        reason: new.reason.map(Prose::into_string),
        created_at: clock.now_bson(),
        updated_at: None,
        version: 1,
    };
    if new.ends_at.is_none() {
        let minutes = member.tenant.read(async |db| appointment_minutes(&db).await).await?;
        appointment.ends_at = end(new.starts_at.at(), SignedDuration::from_mins(minutes))?;
    }
    possible(&appointment)?;
    let work = async move |attempt: Attempt| {
        let (actor, once) = (member.actor(), Once::new(attempt, &member.user_id, clock.now()));
        let booked = member.tenant.change(&actor, move |tx| {
            let (appointment, once) = (appointment.clone(), once.clone());
            async move {
                if let Some(made) = once.made(&tx).await? {
                    let known = existing(&tx, made.target_id()).await?;
                    let names = names(&tx, &known).await?;
                    return Ok(read(&known).answering((known, names)));
                }
                let patient = patient_in_use(&tx, &appointment.patient_id).await?;
                let doctor = active_doctor(&tx, &appointment.doctor_id).await?;
                must_be_free(&tx, &appointment).await?;
                tx.insert(Records::Appointments, &appointment).await?;
                let entry = Entry::new("appointment.book")
                    .target("appointment", &appointment.appointment_id)
                    .detail("patient_id", appointment.patient_id.as_str())
                    .detail("doctor_id", appointment.doctor_id.as_str());
                Ok(once.entry(entry).answering((appointment, Names::just(Some(patient), Some(doctor)))))
            }
        });
        let (appointment, names) = booked.await?;
        let location = format!("/organization/{}/appointments/{}", member.organization_id, appointment.appointment_id);
        Ok((StatusCode::CREATED, [(header::LOCATION, location)], answered(appointment, &names, member.role)))
    };
    app.idempotency.run(repetition, Sender::Known(&sender), "book-appointment", Answers::Anew, work).await
}

async fn existing(tx: &Transaction, appointment_id: &str) -> Result<Appointment, Fault> {
    Ok(tx.find_one(Records::Appointments, doc! { "_id": appointment_id }).await?.ok_or_else(Problem::not_found)?)
}

/// What a person reads of an appointment's patient and doctor.
async fn names(tx: &Transaction, appointment: &Appointment) -> Result<Names, Fault> {
    let patient: Option<PatientName> = tx.find_one(Records::Patients, doc! { "_id": &appointment.patient_id }).await?;
    let doctor: Option<DoctorName> = tx.find_one(Records::Users, doc! { "_id": &appointment.doctor_id }).await?;
    Ok(Names::just(patient, doctor))
}

async fn patient_in_use(tx: &Transaction, patient_id: &str) -> Result<PatientName, Fault> {
    let patient: Option<PatientName> = tx.find_one(Records::Patients, doc! { "_id": patient_id }).await?;
    match patient {
        None => Err(Problem::invalid("/patient_id", Flaw::UnknownPatient).into()),
        Some(patient) if patient.deleted_at.is_some() => {
            Err(Problem::new(Kind::PatientArchived, "The patient's record is archived. Restore it first.").into())
        }
        Some(patient) => Ok(patient),
    }
}

async fn active_doctor(tx: &Transaction, doctor_id: &str) -> Result<DoctorName, Fault> {
    let user: Option<DoctorName> = tx.find_one(Records::Users, doc! { "_id": doctor_id }).await?;
    let doctor = user.filter(|user| user.role == StaffRole::Doctor && user.status == UserStatus::Active);
    Ok(doctor.ok_or_else(|| Problem::invalid("/doctor_id", Flaw::UnknownDoctor))?)
}

/// Whether the doctor has no other appointment at that time.
async fn must_be_free(tx: &Transaction, wanted: &Appointment) -> Result<(), Fault> {
    let earliest = earlier(from_bson(wanted.starts_at), LONGEST);
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
    let found = member.tenant.read_patients(&actor, |db| {
        let appointment_id = appointment_id.clone();
        async move {
            let appointments = db.collection::<Appointment>(Records::Appointments);
            let appointment = appointments.find_one(doc! { "_id": &appointment_id }).await?;
            let appointment = appointment.ok_or_else(Problem::not_found)?;
            let names = Names::of(&db, std::slice::from_ref(&appointment)).await?;
            Ok(read(&appointment).answering((appointment, names)))
        }
    });
    let (appointment, names) = found.await?;
    Ok(answered(appointment, &names, member.role))
}

/// That somebody read the appointment, also as the answer to a change that changes nothing.
fn read(appointment: &Appointment) -> Entry {
    Entry::new("appointment.read")
        .target("appointment", &appointment.appointment_id)
        .detail("patient_id", appointment.patient_id.as_str())
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
        (status = 409, description = "The doctor is not free, the patient's record is archived, or the appointment's status does not allow this", body = crate::http::problem::ProblemBody, content_type = "application/problem+json"),
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
            let current = existing(&tx, &appointment_id).await?;
            if_match.check(current.version)?;
            let wanted = change.applied_to(&current)?;
            let changes = changes(&current, &wanted);
            if change.moves() {
                patient_in_use(&tx, &wanted.patient_id).await?;
                active_doctor(&tx, &wanted.doctor_id).await?;
                must_be_free(&tx, &wanted).await?;
            }
            let names = names(&tx, &wanted).await?;
            if changes.is_empty() {
                return Ok(read(&current).answering((current, names)));
            }
            let id = doc! { "_id": &appointment_id };
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
    use bson::DateTime;

    use super::*;

    fn at(text: &str) -> DateTime {
        to_bson(text.parse().unwrap())
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
