//! A hospital's patients: who they are, and what was noted, measured and prescribed. What a role may not see is not even
//! read from the database. Details change by PATCH; everything clinical is only ever added.

mod addition;
mod clinical;
mod details;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use bson::{DateTime, Document, doc};
use chakravue_crds::roles::StaffRole;
use futures::TryStreamExt as _;
use garde::Validate;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::details::{
    CLINICAL, NewPatient, PatientChange, PatientDetails, PatientRecord, WithEtag, answered, sees, without,
};
use crate::{
    access::{identity::Member, permissions::may},
    data::{
        audit::{Entry, Recorded},
        database_error,
        tenant::{Fault, Records, Transaction, patients::Patient, settings},
    },
    http::{
        dates::Day,
        extract::{ApiJson, ApiPath, ApiQuery, IfMatch},
        flaw::Flaw,
        idempotency::{self, Answers, Attempt, Once, Repeatable, Sender},
        merge::{Changes, Patch},
        paging::{self, Direction, Order, Page, Paged},
        problem::{Answer, Kind, Problem},
        search,
    },
    state::App,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_patients, register_patient))
        .routes(routes!(read_patient, change_patient, archive_patient))
        .routes(routes!(restore_patient))
        .merge(clinical::routes())
}

const NEWEST_FIRST: Order = Order(&[("_id", Direction::Descending)]);

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct PatientPath {
    /// The patient's id.
    #[param(example = "pat_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    patient_id: String,
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PatientQuery {
    /// A record number, or words of the name, in upper or lower case.
    #[garde(inner(custom(search::checked)))]
    #[param(max_length = 100, example = "smith")]
    q: Option<String>,
    /// Only patients who were born on this day.
    #[garde(skip)]
    #[param(inline, example = "1980-05-17")]
    birth_date: Option<Day>,
    /// `true`: those that were taken out of use, instead of those in use.
    #[garde(skip)]
    #[serde(default)]
    archived: bool,
    /// How many the page has at most.
    #[garde(range(min = 1, max = paging::MOST))]
    #[serde(default = "paging::default_limit")]
    #[param(minimum = 1, maximum = 100)]
    limit: i64,
    /// `next_cursor` of the page before, with the same filters.
    #[garde(inner(length(bytes, max = paging::LONGEST_CURSOR)))]
    cursor: Option<String>,
}

impl PatientQuery {
    fn filter(&self) -> Document {
        let mut filter = search::in_use(!self.archived);
        if let Some(day) = self.birth_date {
            filter.insert("birth_date", day);
        }
        if let Some(q) = self.q.as_deref().filter(|q| !q.trim().is_empty()) {
            let name: Vec<Document> = search::words("name", q).collect();
            filter.insert("$or", vec![search::whole("record_number", q), doc! { "$and": name }]);
        }
        filter
    }
}

/// The hospital's patients, newest first
///
/// Without anything clinical. That they were looked at is in the audit log before they are answered.
#[utoipa::path(
    get, path = "/organization/{org_id}/patients", tag = "patients",
    params(("org_id" = String, Path, description = "The hospital's id"), PatientQuery),
    responses((status = 200, description = "One page of patients", body = Paged<PatientDetails>)),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("patients.read"))),
)]
async fn list_patients(member: Member<may::ReadPatients>, ApiQuery(query): ApiQuery<PatientQuery>) -> Answer<Response> {
    let filter = query.filter();
    let page = Page { limit: query.limit, cursor: query.cursor };
    let (condition, fetch) = (page.filter(&filter, NEWEST_FIRST)?, page.fetch());
    let actor = member.actor();
    let read = member.tenant.read_patients(&actor, |db| {
        let (condition, filter, page) = (condition.clone(), filter.clone(), page.clone());
        async move {
            let found = db
                .collection::<Patient>(Records::Patients)
                .find(condition)
                .sort(NEWEST_FIRST.sort())
                .limit(fetch)
                .projection(without(|_| false))
                .await?;
            let patients = page.of(found.try_collect().await?, &filter, NEWEST_FIRST)?;
            let ids: Vec<&str> = patients.items.iter().map(|patient| patient.patient_id.as_str()).collect();
            let entry = Entry::new("patient.list").detail("count", ids.len()).detail("patient_ids", ids);
            // Before the log is waited for: a body is less to keep at hand than hundreds of small texts.
            Ok(entry.answering(Json(patients.map(PatientDetails::from)).into_response()))
        }
    });
    read.await
}

/// Registers a patient
#[utoipa::path(
    post, path = "/organization/{org_id}/patients", tag = "patients",
    params(
        ("org_id" = String, Path, description = "The hospital's id"),
        ("Idempotency-Key" = Option<String>, Header, description = idempotency::DESCRIPTION_WITHOUT_ANSWER, pattern = "^[!-~]{1,255}$"),
    ),
    request_body = NewPatient,
    responses(
        (status = 201, description = "The record that was made", body = PatientRecord, headers(
            ("ETag" = String, description = "For If-Match"), ("Location" = String, description = "Where the record is"),
        )),
        (status = 409, description = "Another patient has the record number", body = crate::http::problem::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("patients.register"))),
)]
async fn register_patient(
    State(app): State<App>,
    member: Member<may::RegisterPatients>,
    Repeatable { body, repetition }: Repeatable<NewPatient>,
) -> Answer<Response> {
    let record = body.into_record(&app.clock)?;
    let sender = member.sender();
    let clock = app.clock.clone();
    let work = async move |attempt: Attempt| {
        let (actor, role) = (member.actor(), member.role);
        let once = Once::new(attempt, &member.user_id, clock.now());
        let patient = member.tenant.change(&actor, move |tx| {
            let (mut patient, once) = (record.clone(), once.clone());
            async move {
                if let Some(made) = once.made(&tx).await? {
                    return Ok(read(existing(&tx, made.target_id()).await?, role));
                }
                if patient.record_number.is_empty() {
                    patient.record_number = settings::next_record_number(&tx).await?;
                }
                tx.insert(Records::Patients, &patient).await.map_err(number_taken)?;
                let entry = Entry::new("patient.register").target("patient", &patient.patient_id);
                Ok(once.entry(entry).answering(patient))
            }
        });
        let patient = patient.await?;
        let location = format!("/organization/{}/patients/{}", member.organization_id, patient.patient_id);
        Ok((StatusCode::CREATED, [(header::LOCATION, location)], answered(patient, role)))
    };
    app.idempotency.run(repetition, Sender::Known(&sender), "register-patient", Answers::Anew, work).await
}

fn number_taken(fault: Fault) -> Fault {
    match fault {
        Fault::Database(error) if database_error::is_duplicate(&error) => {
            Problem::new(Kind::RecordNumberTaken, "Another patient has this record number.")
                .field("/record_number", Flaw::Taken)
                .into()
        }
        fault => fault,
    }
}

/// One patient's record
///
/// Vitals, notes and prescriptions only for roles that may see them. That it was read is in the audit log before it is
/// answered. A record that was archived can still be read.
#[utoipa::path(
    get, path = "/organization/{org_id}/patients/{patient_id}", tag = "patients",
    params(("org_id" = String, Path, description = "The hospital's id"), PatientPath),
    responses((status = 200, description = "The record", body = PatientRecord, headers(("ETag" = String, description = "For If-Match")))),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("patients.read"))),
)]
async fn read_patient(
    member: Member<may::ReadPatients>,
    ApiPath(PatientPath { patient_id }): ApiPath<PatientPath>,
) -> Answer<WithEtag<PatientRecord>> {
    let role = member.role;
    let actor = member.actor();
    let patient = member.tenant.read_patients(&actor, |db| {
        let patient_id = patient_id.clone();
        async move {
            let patients = db.collection::<Patient>(Records::Patients);
            let found =
                patients.find_one(doc! { "_id": &patient_id }).projection(without(|part| sees(role, part))).await?;
            let patient = found.ok_or_else(Problem::not_found)?;
            Ok(read(patient, role))
        }
    });
    Ok(answered(patient.await?, role))
}

/// The record, and that somebody of this role read it. A change that changes nothing answers the record, too.
fn read(patient: Patient, role: StaffRole) -> Recorded<Patient> {
    let seen: Vec<&str> = CLINICAL.iter().map(|(part, _)| *part).filter(|part| sees(role, part)).collect();
    Entry::new("patient.read").target("patient", &patient.patient_id).detail("parts", seen).answering(patient)
}

/// Changes a patient's details
///
/// Fields that are absent stay as they are; `null` clears a field.
#[utoipa::path(
    patch, path = "/organization/{org_id}/patients/{patient_id}", tag = "patients",
    params(
        ("org_id" = String, Path, description = "The hospital's id"), PatientPath,
        ("If-Match" = String, Header, description = "The ETag of the record that was read", example = "\"1\"", pattern = "^\"[0-9]{1,18}\"$"),
    ),
    request_body = PatientChange,
    responses(
        (status = 200, description = "The record as it is now", body = PatientRecord, headers(("ETag" = String, description = "For If-Match"))),
        (status = 409, description = "Another patient has the record number, or the record is archived", body = crate::http::problem::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("patients.register"))),
)]
async fn change_patient(
    State(app): State<App>,
    member: Member<may::RegisterPatients>,
    ApiPath(PatientPath { patient_id }): ApiPath<PatientPath>,
    if_match: IfMatch,
    ApiJson(change): ApiJson<PatientChange>,
) -> Answer<WithEtag<PatientRecord>> {
    let changes = change.into_changes(&app.clock)?;
    let now = app.clock.now_bson();
    let (actor, role) = (member.actor(), member.role);
    let patient = member.tenant.change(&actor, move |tx| {
        let (patient_id, changes) = (patient_id.clone(), changes.clone());
        async move {
            let patient = in_use(&tx, &patient_id).await?;
            if_match.check(patient.version)?;
            if changes.is_empty() {
                return Ok(read(patient, role));
            }
            let updated = tx.update(Records::Patients, doc! { "_id": &patient_id }, changes.update(now)).await;
            let updated: Patient = updated.map_err(number_taken)?.ok_or_else(Problem::not_found)?;
            let entry = Entry::new("patient.update").target("patient", &patient_id).detail("fields", changes.fields());
            Ok(entry.answering(updated))
        }
    });
    Ok(answered(patient.await?, role))
}

async fn existing(tx: &Transaction, patient_id: &str) -> Result<Patient, Fault> {
    Ok(tx.find_one(Records::Patients, doc! { "_id": patient_id }).await?.ok_or_else(Problem::not_found)?)
}

async fn in_use(tx: &Transaction, patient_id: &str) -> Result<Patient, Fault> {
    let patient = existing(tx, patient_id).await?;
    if patient.deleted_at.is_some() {
        return Err(archived().into());
    }
    Ok(patient)
}

fn archived() -> Problem {
    Problem::new(Kind::PatientArchived, "The patient's record is archived. Restore it first.")
}

/// Takes a patient's record out of use
///
/// Nothing is deleted: the record can be read, listed with `archived=true`, and restored.
#[utoipa::path(
    delete, path = "/organization/{org_id}/patients/{patient_id}", tag = "patients",
    params(
        ("org_id" = String, Path, description = "The hospital's id"), PatientPath,
        ("If-Match" = String, Header, description = "The ETag of the record that was read", example = "\"1\"", pattern = "^\"[0-9]{1,18}\"$"),
    ),
    responses(
        (status = 204, description = "The record is archived"),
        (status = 409, description = "It was archived before", body = crate::http::problem::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("patients.archive"))),
)]
async fn archive_patient(
    State(app): State<App>,
    member: Member<may::ArchivePatients>,
    ApiPath(PatientPath { patient_id }): ApiPath<PatientPath>,
    if_match: IfMatch,
) -> Answer<StatusCode> {
    let now = app.clock.now_bson();
    let actor = member.actor();
    let archived = member.tenant.change(&actor, move |tx| {
        let patient_id = patient_id.clone();
        async move {
            if_match.check(in_use(&tx, &patient_id).await?.version)?;
            let changes = Changes::default().set("deleted_at", Some(now));
            tx.update::<Patient>(Records::Patients, doc! { "_id": &patient_id }, changes.update(now)).await?;
            Ok(Entry::new("patient.archive").target("patient", &patient_id).answering(()))
        }
    });
    archived.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes an archived record into use again
///
/// A record that is in use stays as it is.
#[utoipa::path(
    post, path = "/organization/{org_id}/patients/{patient_id}/restore", tag = "patients",
    params(("org_id" = String, Path, description = "The hospital's id"), PatientPath),
    responses((status = 200, description = "The record as it is now", body = PatientRecord, headers(("ETag" = String, description = "For If-Match")))),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("patients.archive"))),
)]
async fn restore_patient(
    State(app): State<App>,
    member: Member<may::ArchivePatients>,
    ApiPath(PatientPath { patient_id }): ApiPath<PatientPath>,
) -> Answer<WithEtag<PatientRecord>> {
    let now = app.clock.now_bson();
    let (actor, role) = (member.actor(), member.role);
    let patient = member.tenant.change(&actor, move |tx| {
        let patient_id = patient_id.clone();
        async move {
            let patient = existing(&tx, &patient_id).await?;
            if patient.deleted_at.is_none() {
                return Ok(read(patient, role));
            }
            let changes = Changes::default().patch("deleted_at", Patch::<DateTime>::Clear);
            let restored = tx.update(Records::Patients, doc! { "_id": &patient_id }, changes.update(now)).await?;
            let restored: Patient = restored.ok_or_else(Problem::not_found)?;
            Ok(Entry::new("patient.restore").target("patient", &patient_id).answering(restored))
        }
    });
    Ok(answered(patient.await?, role))
}

#[cfg(test)]
mod tests {
    use bson::Bson;

    use super::*;

    #[test]
    fn a_search_is_for_the_number_or_every_word_of_the_name() {
        let filter = |q: &str| {
            let uri = format!("/?{q}").parse().unwrap();
            let axum::extract::Query(query) = axum::extract::Query::<PatientQuery>::try_from_uri(&uri).unwrap();
            query.filter()
        };
        assert_eq!(filter(""), doc! { "deleted_at": null });
        assert_eq!(filter("archived=true&q=%20"), doc! { "deleted_at": { "$ne": null } });
        let found = filter("q=smith%20j(&birth_date=1980-05-17");
        assert_eq!(found.get_str("birth_date").ok(), Some("1980-05-17"));
        assert_eq!(
            found.get_array("$or").unwrap()[1].as_document().unwrap().get_array("$and").unwrap()[1],
            Bson::from(doc! { "name": { "$regex": r"j\(", "$options": "i" } })
        );
    }
}
