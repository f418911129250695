//! What is noted, measured and prescribed. It is only ever added to a patient's record: a mistake is corrected by another
//! entry.

use axum::{Json, extract::State, http::StatusCode};
use bson::{DateTime, Document, doc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{PatientPath, archived, details::WithEtag};
use crate::{
    audit::Entry,
    dates::Moment,
    extract::{ApiJson, ApiPath, etag},
    flaw::Flaw,
    identity::Member,
    permissions::may,
    problem::{Answer, Kind, Problem},
    state::App,
    tenant::{
        Records, new_id,
        patients::{Note, Prescription, Vitals},
    },
    text::{Line, Prose},
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(add_note)).routes(routes!(record_vitals)).routes(routes!(prescribe))
}

/// MongoDB takes documents of 16 MiB; a record that comes near gets nothing more.
const FULL: i32 = 15 * 1024 * 1024;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Note)]
pub(super) struct NoteView {
    #[schema(example = "note_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    note_id: String,
    /// The `user_id` of who wrote it.
    #[schema(example = "user_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    author_id: String,
    #[schema(inline)]
    at: Moment,
    #[schema(example = "Complains of headache since Monday.")]
    text: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Vitals)]
pub(super) struct VitalsView {
    #[schema(example = "vit_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    vitals_id: String,
    /// The `user_id` of who recorded it.
    #[schema(example = "user_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    author_id: String,
    #[schema(inline)]
    at: Moment,
    #[serde(flatten)]
    #[schema(value_type = Measured)]
    measured: Document,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Prescription)]
pub(super) struct PrescriptionView {
    #[schema(example = "rx_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    prescription_id: String,
    /// The `user_id` of who prescribed.
    #[schema(example = "user_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    author_id: String,
    #[schema(inline)]
    at: Moment,
    #[schema(example = "Ibuprofen 400 mg")]
    medicine: String,
    #[schema(example = "1 tablet")]
    dose: String,
    #[schema(example = "three times a day")]
    frequency: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 5)]
    duration_days: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "After meals")]
    instructions: Option<String>,
}

impl From<Note> for NoteView {
    fn from(Note { note_id, author_id, at, text }: Note) -> Self {
        Self { note_id, author_id, at: at.into(), text }
    }
}

impl From<Vitals> for VitalsView {
    fn from(Vitals { vitals_id, author_id, at, measured }: Vitals) -> Self {
        Self { vitals_id, author_id, at: at.into(), measured }
    }
}

impl From<Prescription> for PrescriptionView {
    fn from(prescription: Prescription) -> Self {
        Self {
            prescription_id: prescription.prescription_id,
            author_id: prescription.author_id,
            at: prescription.at.into(),
            medicine: prescription.medicine,
            dose: prescription.dose,
            frequency: prescription.frequency,
            duration_days: prescription.duration_days,
            instructions: prescription.instructions,
        }
    }
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "text": "Complains of headache since Monday." }))]
struct NewNote {
    #[garde(dive)]
    #[schema(inline)]
    text: Prose<10_000>,
}

/// What was measured, in the units that stand in the names; at least one.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "temperature_celsius": 36.8, "pulse_per_minute": 72, "systolic_mmhg": 120, "diastolic_mmhg": 80 }))]
struct Measured {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 20.0, max = 45.0))]
    #[schema(minimum = 20.0, maximum = 45.0)]
    temperature_celsius: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 0, max = 350))]
    #[schema(minimum = 0, maximum = 350)]
    pulse_per_minute: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 0, max = 120))]
    #[schema(minimum = 0, maximum = 120)]
    respiratory_rate_per_minute: Option<i32>,
    /// Together with `diastolic_mmhg`, and above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 20, max = 350))]
    #[schema(minimum = 20, maximum = 350)]
    systolic_mmhg: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 10, max = 250))]
    #[schema(minimum = 10, maximum = 250)]
    diastolic_mmhg: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 0, max = 100))]
    #[schema(minimum = 0, maximum = 100)]
    oxygen_saturation_percent: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 0.2, max = 700.0))]
    #[schema(minimum = 0.2, maximum = 700.0)]
    weight_kg: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 15.0, max = 280.0))]
    #[schema(minimum = 15.0, maximum = 280.0)]
    height_cm: Option<f64>,
}

impl Measured {
    fn into_document(self) -> Answer<Document> {
        let needed_with = |field: &str| Flaw::NeededWith { field: field.to_owned() };
        match (self.systolic_mmhg, self.diastolic_mmhg) {
            (Some(_), None) => {
                return Err(Problem::invalid("/diastolic_mmhg", needed_with("systolic_mmhg")));
            }
            (None, Some(_)) => {
                return Err(Problem::invalid("/systolic_mmhg", needed_with("diastolic_mmhg")));
            }
            (Some(systolic), Some(diastolic)) if systolic <= diastolic => {
                return Err(Problem::invalid("/systolic_mmhg", Flaw::SystolicTooLow));
            }
            _ => {}
        }
        let measured = bson::serialize_to_document(&self).map_err(|_| Problem::internal())?;
        if measured.is_empty() {
            return Err(Problem::invalid("", Flaw::NoMeasurement));
        }
        Ok(measured)
    }
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "medicine": "Ibuprofen 400 mg", "dose": "1 tablet", "frequency": "three times a day", "duration_days": 5 }))]
struct NewPrescription {
    #[garde(dive)]
    #[schema(inline)]
    medicine: Line<200>,
    #[garde(dive)]
    #[schema(inline)]
    dose: Line<100>,
    #[garde(dive)]
    #[schema(inline)]
    frequency: Line<100>,
    #[garde(range(min = 1, max = 3650))]
    #[schema(minimum = 1, maximum = 3650)]
    duration_days: Option<i32>,
    #[garde(dive)]
    #[schema(inline)]
    instructions: Option<Prose<1000>>,
}

/// Adds a clinical note
///
/// A note is never changed: a mistake is corrected by another note.
#[utoipa::path(
    post, path = "/organization/{org_id}/patients/{patient_id}/notes", tag = "patients",
    params(("org_id" = String, Path, description = "The hospital's id"), PatientPath),
    request_body = NewNote,
    responses(
        (status = 201, description = "The note", body = NoteView, headers(("ETag" = String, description = "Of the patient's record"))),
        (status = 409, description = "The record is archived or full", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("clinical_notes.write"))),
)]
async fn add_note(
    State(app): State<App>,
    member: Member<may::WriteClinicalNotes>,
    ApiPath(PatientPath { patient_id }): ApiPath<PatientPath>,
    ApiJson(new): ApiJson<NewNote>,
) -> Answer<(StatusCode, WithEtag<NoteView>)> {
    let note = Note {
        note_id: new_id("note"),
        author_id: member.user_id.clone(),
        at: app.clock.now_bson(),
        text: new.text.into_string(),
    };
    let entry = Entry::new("patient.note").target("patient", &patient_id).detail("note_id", note.note_id.as_str());
    let version = append(&member, patient_id, "notes", &note, note.at, entry).await?;
    Ok((StatusCode::CREATED, (etag(version), Json(note.into()))))
}

/// Records vitals
#[utoipa::path(
    post, path = "/organization/{org_id}/patients/{patient_id}/vitals", tag = "patients",
    params(("org_id" = String, Path, description = "The hospital's id"), PatientPath),
    request_body = Measured,
    responses(
        (status = 201, description = "The vitals", body = VitalsView, headers(("ETag" = String, description = "Of the patient's record"))),
        (status = 409, description = "The record is archived or full", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("vitals.record"))),
)]
async fn record_vitals(
    State(app): State<App>,
    member: Member<may::RecordVitals>,
    ApiPath(PatientPath { patient_id }): ApiPath<PatientPath>,
    ApiJson(measured): ApiJson<Measured>,
) -> Answer<(StatusCode, WithEtag<VitalsView>)> {
    let vitals = Vitals {
        vitals_id: new_id("vit"),
        author_id: member.user_id.clone(),
        at: app.clock.now_bson(),
        measured: measured.into_document()?,
    };
    let entry =
        Entry::new("patient.vitals").target("patient", &patient_id).detail("vitals_id", vitals.vitals_id.as_str());
    let version = append(&member, patient_id, "vitals", &vitals, vitals.at, entry).await?;
    Ok((StatusCode::CREATED, (etag(version), Json(vitals.into()))))
}

/// Prescribes a medicine
///
/// A prescription is never changed: another note or prescription says what holds instead.
#[utoipa::path(
    post, path = "/organization/{org_id}/patients/{patient_id}/prescriptions", tag = "patients",
    params(("org_id" = String, Path, description = "The hospital's id"), PatientPath),
    request_body = NewPrescription,
    responses(
        (status = 201, description = "The prescription", body = PrescriptionView, headers(("ETag" = String, description = "Of the patient's record"))),
        (status = 409, description = "The record is archived or full", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("prescriptions.write"))),
)]
async fn prescribe(
    State(app): State<App>,
    member: Member<may::Prescribe>,
    ApiPath(PatientPath { patient_id }): ApiPath<PatientPath>,
    ApiJson(new): ApiJson<NewPrescription>,
) -> Answer<(StatusCode, WithEtag<PrescriptionView>)> {
    let prescription = Prescription {
        prescription_id: new_id("rx"),
        author_id: member.user_id.clone(),
        at: app.clock.now_bson(),
        medicine: new.medicine.into_string(),
        dose: new.dose.into_string(),
        frequency: new.frequency.into_string(),
        duration_days: new.duration_days,
        instructions: new.instructions.map(Prose::into_string),
    };
    let entry = Entry::new("patient.prescribe")
        .target("patient", &patient_id)
        .detail("prescription_id", prescription.prescription_id.as_str());
    let version = append(&member, patient_id, "prescriptions", &prescription, prescription.at, entry).await?;
    Ok((StatusCode::CREATED, (etag(version), Json(prescription.into()))))
}

/// What of a record an addition needs to know of it; the rest stays in the database.
#[derive(Deserialize)]
struct Head {
    version: i64,
    deleted_at: Option<DateTime>,
}

/// Adds an entry to one of a record's clinical parts and answers the record's new version.
async fn append<P, T: Serialize>(
    member: &Member<P>,
    patient_id: String,
    part: &'static str,
    entry: &T,
    at: DateTime,
    recorded: Entry,
) -> Answer<i64> {
    let entry = bson::serialize_to_document(entry).map_err(|_| Problem::internal())?;
    let add = doc! { "$push": { part: entry }, "$set": { "updated_at": at }, "$inc": { "version": 1_i64 } };
    let actor = member.actor();
    let added = member.tenant.change(&actor, move |tx| {
        let (patient_id, add, recorded) = (patient_id.clone(), add.clone(), recorded.clone());
        async move {
            let room = doc! { "$lt": [{ "$bsonSize": "$$ROOT" }, FULL] };
            let fits = doc! { "_id": &patient_id, "deleted_at": null, "$expr": room };
            if let Some(head) = tx.update::<Head>(Records::Patients, fits, add).await? {
                return Ok(recorded.answering(head.version));
            }
            let head: Option<Head> = tx.find_one(Records::Patients, doc! { "_id": &patient_id }).await?;
            Err(match head {
                None => Problem::not_found(),
                Some(head) if head.deleted_at.is_some() => archived(),
                Some(_) => Problem::new(
                    Kind::Conflict,
                    "The patient's record is full. Register a second record for the patient.",
                ),
            }
            .into())
        }
    });
    added.await
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::extract;

    #[test]
    fn vitals_are_possible_and_more_than_none() {
        let measured = |body: Value| extract::parse::<Measured>(body.to_string().as_bytes())?.into_document();
        assert_eq!(measured(json!({ "pulse_per_minute": 0 })).unwrap(), doc! { "pulse_per_minute": 0 });
        for (body, pointer) in [
            (json!({}), ""),
            (json!({ "temperature_celsius": 98.6 }), "/temperature_celsius"),
            (json!({ "pulse_per_minute": 72.5 }), "/pulse_per_minute"),
            (json!({ "systolic_mmhg": 120 }), "/diastolic_mmhg"),
            (json!({ "systolic_mmhg": 80, "diastolic_mmhg": 120 }), "/systolic_mmhg"),
            (json!({ "pulse": 72 }), "/pulse"),
        ] {
            let problem = measured(body.clone()).unwrap_err();
            assert_eq!(problem.errors()[0].pointer.as_deref(), Some(pointer), "{body}");
        }
    }
}
