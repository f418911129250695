//! What is noted, measured and prescribed. It is only ever added to a patient's record: a mistake is corrected by another
//! entry.

use std::borrow::Cow;

use axum::{extract::State, response::Response};
use bson::Document;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{PatientPath, addition::append};
use crate::{
    access::{identity::Member, permissions::may},
    data::tenant::{
        new_id,
        patients::{Note, Prescription, Vitals},
    },
    http::{
        dates::Moment,
        extract::ApiPath,
        flaw::Flaw,
        idempotency::{self, Repeatable},
        merge::never_null,
        problem::{Answer, Problem},
        text::{Line, Prose},
    },
    state::App,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(add_note)).routes(routes!(record_vitals)).routes(routes!(prescribe))
}

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
    #[schema(value_type = Readings)]
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
#[schema(
    min_properties = 1,
    example = json!({ "temperature_celsius": 36.8, "pulse_per_minute": 72, "systolic_mmhg": 120, "diastolic_mmhg": 80 })
)]
struct Measured {
    #[serde(default, deserialize_with = "never_null", skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 20.0, max = 45.0))]
    #[schema(minimum = 20.0, maximum = 45.0, nullable = false)]
    temperature_celsius: Option<f64>,
    #[serde(default, deserialize_with = "never_null", skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 0, max = 350))]
    #[schema(minimum = 0, maximum = 350, nullable = false)]
    pulse_per_minute: Option<i32>,
    #[serde(default, deserialize_with = "never_null", skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 0, max = 120))]
    #[schema(minimum = 0, maximum = 120, nullable = false)]
    respiratory_rate_per_minute: Option<i32>,
    /// Only together with `diastolic_mmhg`, and above it.
    #[serde(default, deserialize_with = "never_null", skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 20, max = 350))]
    #[schema(minimum = 20, maximum = 350, nullable = false)]
    systolic_mmhg: Option<i32>,
    #[serde(default, deserialize_with = "never_null", skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 10, max = 250))]
    #[schema(minimum = 10, maximum = 250, nullable = false)]
    diastolic_mmhg: Option<i32>,
    #[serde(default, deserialize_with = "never_null", skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 0, max = 100))]
    #[schema(minimum = 0, maximum = 100, nullable = false)]
    oxygen_saturation_percent: Option<i32>,
    #[serde(default, deserialize_with = "never_null", skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 0.2, max = 700.0))]
    #[schema(minimum = 0.2, maximum = 700.0, nullable = false)]
    weight_kg: Option<f64>,
    #[serde(default, deserialize_with = "never_null", skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 15.0, max = 280.0))]
    #[schema(minimum = 15.0, maximum = 280.0, nullable = false)]
    height_cm: Option<f64>,
}

/// The same as an answer has it, beside other fields: without what is only asked of a request.
struct Readings;

impl PartialSchema for Readings {
    fn schema() -> RefOr<Schema> {
        let mut schema = Measured::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            object.description = Some("What was measured, in the units that stand in the names.".to_owned());
            (object.additional_properties, object.min_properties, object.example) = (None, None, None);
        }
        schema
    }
}

impl ToSchema for Readings {
    fn name() -> Cow<'static, str> {
        "Readings".into()
    }
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
    params(
        ("org_id" = String, Path, description = "The hospital's id"), PatientPath,
        ("Idempotency-Key" = Option<String>, Header, description = idempotency::DESCRIPTION_WITHOUT_ANSWER, pattern = "^[!-~]{1,255}$"),
    ),
    request_body = NewNote,
    responses(
        (status = 201, description = "The note", body = NoteView, headers(("ETag" = String, description = "Of the patient's record"))),
        (status = 409, description = "The record is archived or full", body = crate::http::problem::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("clinical_notes.write"))),
)]
async fn add_note(
    State(app): State<App>,
    member: Member<may::WriteClinicalNotes>,
    ApiPath(PatientPath { patient_id }): ApiPath<PatientPath>,
    Repeatable { body: new, repetition }: Repeatable<NewNote>,
) -> Answer<Response> {
    let note = Note {
        note_id: new_id("note"),
        author_id: member.user_id.clone(),
        at: app.clock.now_bson(),
        text: new.text.into_string(),
    };
    append::<_, _, NoteView>(&app, member, patient_id, note, repetition).await
}

/// Records vitals
#[utoipa::path(
    post, path = "/organization/{org_id}/patients/{patient_id}/vitals", tag = "patients",
    params(
        ("org_id" = String, Path, description = "The hospital's id"), PatientPath,
        ("Idempotency-Key" = Option<String>, Header, description = idempotency::DESCRIPTION_WITHOUT_ANSWER, pattern = "^[!-~]{1,255}$"),
    ),
    request_body = Measured,
    responses(
        (status = 201, description = "The vitals", body = VitalsView, headers(("ETag" = String, description = "Of the patient's record"))),
        (status = 409, description = "The record is archived or full", body = crate::http::problem::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("vitals.record"))),
)]
async fn record_vitals(
    State(app): State<App>,
    member: Member<may::RecordVitals>,
    ApiPath(PatientPath { patient_id }): ApiPath<PatientPath>,
    Repeatable { body: measured, repetition }: Repeatable<Measured>,
) -> Answer<Response> {
    let vitals = Vitals {
        vitals_id: new_id("vit"),
        author_id: member.user_id.clone(),
        at: app.clock.now_bson(),
        measured: measured.into_document()?,
    };
    append::<_, _, VitalsView>(&app, member, patient_id, vitals, repetition).await
}

/// Prescribes a medicine
///
/// A prescription is never changed: another note or prescription says what holds instead.
#[utoipa::path(
    post, path = "/organization/{org_id}/patients/{patient_id}/prescriptions", tag = "patients",
    params(
        ("org_id" = String, Path, description = "The hospital's id"), PatientPath,
        ("Idempotency-Key" = Option<String>, Header, description = idempotency::DESCRIPTION_WITHOUT_ANSWER, pattern = "^[!-~]{1,255}$"),
    ),
    request_body = NewPrescription,
    responses(
        (status = 201, description = "The prescription", body = PrescriptionView, headers(("ETag" = String, description = "Of the patient's record"))),
        (status = 409, description = "The record is archived or full", body = crate::http::problem::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("prescriptions.write"))),
)]
async fn prescribe(
    State(app): State<App>,
    member: Member<may::Prescribe>,
    ApiPath(PatientPath { patient_id }): ApiPath<PatientPath>,
    Repeatable { body: new, repetition }: Repeatable<NewPrescription>,
) -> Answer<Response> {
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
    append::<_, _, PrescriptionView>(&app, member, patient_id, prescription, repetition).await
}

#[cfg(test)]
mod tests {
    use bson::doc;
    use serde_json::{Value, json};

    use super::*;
    use crate::http::extract;

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
            (json!({ "pulse_per_minute": null }), "/pulse_per_minute"),
        ] {
            let problem = measured(body.clone()).unwrap_err();
            assert_eq!(problem.errors()[0].pointer.as_deref(), Some(pointer), "{body}");
        }
    }
}
