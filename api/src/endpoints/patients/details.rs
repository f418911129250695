//! Who a patient is: what is sent to register and to change a record, and what is answered, as far as the caller's role may
//! see it.

use axum::{Json, http::HeaderName};
use bson::{Bson, Document};
use chakravue_crds::{roles::StaffRole, texts};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::clinical::{NoteView, PrescriptionView, VitalsView};
use crate::{
    access::permissions::Permission,
    data::tenant::{
        new_id,
        patients::{BloodGroup, Patient, Sex},
    },
    http::{
        dates::{Day, Moment},
        extract::etag,
        flaw::Flaw,
        merge::{Changes, Patch, never_null},
        problem::{Answer, Problem},
        text::{Line, Prose},
    },
    program::clock::Clock,
};

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPatient, example = json!({
    "name": "Jane Smith", "birth_date": "1980-05-17", "sex": "female", "phone": "+1-555-0101", "allergies": ["penicillin"]
}))]
pub(super) struct NewPatient {
    /// On the patient's card; unique in the hospital. The next free one if there is none.
    #[garde(dive)]
    #[schema(inline)]
    record_number: Option<Line<64>>,
    #[garde(dive)]
    #[schema(inline)]
    name: Line<200>,
    /// Not in the future.
    #[garde(skip)]
    #[schema(value_type = String, format = Date, example = "1980-05-17")]
    birth_date: Day,
    #[garde(skip)]
    sex: Option<Sex>,
    #[garde(inner(custom(|text: &Line<32>, (): &()| phone_number(text))))]
    #[schema(value_type = Option<String>, pattern = r"^\+?[0-9(][0-9 ()./-]{1,29}[0-9]$")]
    phone: Option<Line<32>>,
    #[garde(inner(custom(|text: &Line<254>, (): &()| email_address(text))))]
    #[schema(value_type = Option<String>, max_length = 254, format = "email")]
    email: Option<Line<254>>,
    #[garde(dive)]
    #[schema(inline)]
    address: Option<Prose<1000>>,
    #[garde(skip)]
    blood_group: Option<BloodGroup>,
    /// At most 100.
    #[garde(custom(|list: &[_], (): &()| at_most_a_hundred(list)), dive)]
    #[serde(default)]
    #[schema(value_type = Vec<Line<200>>, max_items = 100)]
    allergies: Vec<Line<200>>,
}

#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PatientChange, example = json!({ "phone": "+1-555-0102", "email": null }))]
pub(super) struct PatientChange {
    #[serde(default, deserialize_with = "never_null")]
    #[garde(dive)]
    #[schema(value_type = Line<64>, inline, required = false)]
    record_number: Option<Line<64>>,
    #[serde(default, deserialize_with = "never_null")]
    #[garde(dive)]
    #[schema(value_type = Line<200>, inline, required = false)]
    name: Option<Line<200>>,
    #[serde(default, deserialize_with = "never_null")]
    #[garde(skip)]
    #[schema(value_type = String, format = Date, required = false)]
    birth_date: Option<Day>,
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<Sex>)]
    sex: Patch<Sex>,
    #[serde(default)]
    #[garde(inner(custom(|text: &Line<32>, (): &()| phone_number(text))))]
    #[schema(value_type = Option<String>, pattern = r"^\+?[0-9(][0-9 ()./-]{1,29}[0-9]$")]
    phone: Patch<Line<32>>,
    #[serde(default)]
    #[garde(inner(custom(|text: &Line<254>, (): &()| email_address(text))))]
    #[schema(value_type = Option<String>, max_length = 254, format = "email")]
    email: Patch<Line<254>>,
    #[serde(default)]
    #[garde(dive)]
    #[schema(value_type = Option<Prose<1000>>, inline)]
    address: Patch<Prose<1000>>,
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<BloodGroup>)]
    blood_group: Patch<BloodGroup>,
    #[serde(default)]
    #[garde(dive, custom(|list: &Patch<Vec<_>>, (): &()| patched(list)))]
    #[schema(value_type = Option<Vec<Line<200>>>, max_items = 100)]
    allergies: Patch<Vec<Line<200>>>,
}

fn email_address(text: &Line<254>) -> garde::Result {
    texts::check([&texts::EMAIL], text.as_str()).map_err(garde::Error::new)
}

fn phone_number(text: &Line<32>) -> garde::Result {
    texts::check([&texts::PHONE], text.as_str()).map_err(garde::Error::new)
}

/// Of a list.
const MOST: usize = 100;

fn at_most_a_hundred<T>(list: &[T]) -> garde::Result {
    if list.len() > MOST { Err(Flaw::TooMany { max: MOST }.into()) } else { Ok(()) }
}

fn patched<T>(list: &Patch<Vec<T>>) -> garde::Result {
    match list {
        Patch::Set(list) => at_most_a_hundred(list),
        _ => Ok(()),
    }
}

fn born(day: Day, clock: &Clock) -> Answer<Day> {
    if day > Day::latest(clock.now()) {
        return Err(Problem::invalid("/birth_date", Flaw::InFuture));
    }
    Ok(day)
}

impl NewPatient {
    /// The record, still without a number if none was given.
    pub(super) fn into_record(self, clock: &Clock) -> Answer<Patient> {
        Ok(Patient {
            patient_id: new_id("pat"),
            record_number: self.record_number.map(Line::into_string).unwrap_or_default(),
            name: self.name.into_string(),
            birth_date: born(self.birth_date, clock)?,
            sex: self.sex,
            phone: self.phone.map(Line::into_string),
            email: self.email.map(Line::into_string),
            address: self.address.map(Prose::into_string),
            blood_group: self.blood_group,
            allergies: self.allergies.into_iter().map(Line::into_string).collect(),
            notes: Vec::new(),
            vitals: Vec::new(),
            prescriptions: Vec::new(),
            deleted_at: None,
            created_at: clock.now_bson(),
            updated_at: None,
            version: 1,
        })
    }
}

impl PatientChange {
    pub(super) fn into_changes(self, clock: &Clock) -> Answer<Changes> {
        let birth_date = self.birth_date.map(|day| born(day, clock)).transpose()?;
        Ok(Changes::default()
            .set("record_number", self.record_number)
            .set("name", self.name)
            .set("birth_date", birth_date)
            .patch("sex", self.sex)
            .patch("phone", self.phone)
            .patch("email", self.email)
            .patch("address", self.address)
            .patch("blood_group", self.blood_group)
            .patch("allergies", self.allergies))
    }
}

/// Who a patient is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PatientDetails {
    #[schema(example = "pat_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    patient_id: String,
    #[schema(example = "P000001")]
    record_number: String,
    #[schema(example = "Jane Smith")]
    name: String,
    #[schema(inline)]
    birth_date: Day,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    sex: Option<Sex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "+1-555-0101")]
    phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "jane@example.com")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1 Main Street, Springfield")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blood_group: Option<BloodGroup>,
    #[schema(example = json!(["penicillin"]))]
    allergies: Vec<String>,
    /// When the record was taken out of use.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    archived_at: Option<Moment>,
    #[schema(inline)]
    created_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    updated_at: Option<Moment>,
    /// The `ETag` without its quotes.
    #[schema(example = 1)]
    version: i64,
}

/// A patient's record, as far as the caller's role may see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Patient)]
pub(super) struct PatientRecord {
    #[serde(flatten)]
    details: PatientDetails,
    /// With the permission `vitals.read`; oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    vitals: Option<Vec<VitalsView>>,
    /// With the permission `clinical_notes.read`; oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<Vec<NoteView>>,
    /// With the permission `clinical_notes.read`; oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    prescriptions: Option<Vec<PrescriptionView>>,
}

impl From<Patient> for PatientDetails {
    fn from(patient: Patient) -> Self {
        Self {
            patient_id: patient.patient_id,
            record_number: patient.record_number,
            name: patient.name,
            birth_date: patient.birth_date,
            sex: patient.sex,
            phone: patient.phone,
            email: patient.email,
            address: patient.address,
            blood_group: patient.blood_group,
            allergies: patient.allergies,
            archived_at: patient.deleted_at.map(Moment::from),
            created_at: patient.created_at.into(),
            updated_at: patient.updated_at.map(Moment::from),
            version: patient.version,
        }
    }
}

/// The clinical parts of a record, and what it takes to see each.
pub(super) const CLINICAL: [(&str, Permission); 3] = [
    ("vitals", Permission::ReadVitals),
    ("notes", Permission::ReadClinicalNotes),
    ("prescriptions", Permission::ReadClinicalNotes),
];

pub(super) fn sees(role: StaffRole, part: &str) -> bool {
    CLINICAL.iter().any(|(name, permission)| *name == part && permission.roles().contains(&role))
}

/// What to leave in the database: the parts for which `shown` is false.
pub(super) fn without(shown: impl Fn(&str) -> bool) -> Document {
    CLINICAL.iter().filter(|(part, _)| !shown(part)).map(|(part, _)| ((*part).to_owned(), Bson::Int32(0))).collect()
}

impl PatientRecord {
    pub(super) fn new(mut patient: Patient, role: StaffRole) -> Self {
        fn all<T, V: From<T>>(entries: Vec<T>) -> Vec<V> {
            entries.into_iter().map(V::from).collect()
        }
        let vitals = std::mem::take(&mut patient.vitals);
        let notes = std::mem::take(&mut patient.notes);
        let prescriptions = std::mem::take(&mut patient.prescriptions);
        Self {
            vitals: sees(role, "vitals").then(|| all(vitals)),
            notes: sees(role, "notes").then(|| all(notes)),
            prescriptions: sees(role, "prescriptions").then(|| all(prescriptions)),
            details: patient.into(),
        }
    }
}

/// An answer with the version that a change of the record has to name.
pub(super) type WithEtag<T> = ([(HeaderName, String); 1], Json<T>);

pub(super) fn answered(patient: Patient, role: StaffRole) -> WithEtag<PatientRecord> {
    (etag(patient.version), Json(PatientRecord::new(patient, role)))
}

#[cfg(test)]
mod tests {
    use bson::doc;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        data::tenant::patients::{Note, Vitals},
        http::{extract, problem::Kind},
    };

    fn clock() -> Clock {
        Clock::fixed("2026-11-23T09:00:00Z".parse().unwrap())
    }

    fn registered(body: &Value) -> Answer<Patient> {
        extract::parse::<NewPatient>(body.to_string().as_bytes())?.into_record(&clock())
    }

    fn jane() -> Value {
        json!({ "name": " Jane Smith ", "birth_date": "1980-05-17" })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut body = jane();
        body[field] = value;
        body
    }

    #[test]
    fn a_record_is_what_was_sent_and_nothing_more() {
        let patient = registered(&jane()).unwrap();
        assert_eq!((patient.name.as_str(), patient.version), ("Jane Smith", 1));
        assert!(patient.patient_id.starts_with("pat_") && patient.record_number.is_empty());
        // As it is stored: fields that were not sent are absent, not null, as the validator wants it.
        let stored = bson::serialize_to_document(&patient).unwrap();
        let fields: Vec<&str> = stored.keys().map(String::as_str).collect();
        assert_eq!(fields, ["_id", "record_number", "name", "birth_date", "created_at", "version"]);
    }

    #[test]
    fn wrong_fields_are_pointed_at() {
        for (field, value) in [
            ("name", json!({ "$ne": "" })),
            ("name", json!("   ")),
            ("name", json!("x".repeat(201))),
            ("birth_date", json!("1980-02-30")),
            ("birth_date", json!("2026-11-24")),
            ("birth_date", json!(19_800_517)),
            ("sex", json!("f")),
            ("phone", json!("call me")),
            ("email", json!("jane")),
            ("blood_group", json!("C+")),
            ("record_number", json!("")),
            ("address", json!("x".repeat(1001))),
            ("_id", json!("pat_1")),
            ("version", json!(7)),
            ("role", json!("ADMIN")),
            ("notes", json!([])),
            ("deleted_at", json!(null)),
        ] {
            let problem = registered(&with(field, value.clone())).unwrap_err();
            let pointer = format!("/{field}");
            assert_eq!(problem.kind(), Kind::Invalid, "{field}: {value}");
            assert_eq!(problem.errors()[0].pointer.as_deref(), Some(pointer.as_str()), "{field}: {value}");
        }
        let problem = registered(&with("allergies", json!(["nuts", ""]))).unwrap_err();
        assert_eq!(problem.errors()[0].pointer.as_deref(), Some("/allergies/1"));
        assert!(registered(&with("birth_date", json!("2026-11-23"))).is_ok());
    }

    #[test]
    fn a_change_names_its_fields() {
        let changes = |body: Value| {
            let change: PatientChange = extract::parse(body.to_string().as_bytes())?;
            change.into_changes(&clock())
        };
        let found = changes(json!({ "phone": null, "name": "Jane Doe", "allergies": ["nuts"] })).unwrap();
        assert_eq!(found.fields(), ["allergies", "name", "phone"]);
        for wrong in [json!({ "name": null }), json!({ "birth_date": "2030-01-01" }), json!({ "patient_id": "x" })] {
            assert_eq!(changes(wrong.clone()).unwrap_err().kind(), Kind::Invalid, "{wrong}");
        }
    }

    #[test]
    fn each_role_sees_its_parts() {
        let mut patient = registered(&jane()).unwrap();
        let (author_id, at) = ("user_1".to_owned(), clock().now_bson());
        patient.notes.push(Note { note_id: "note_1".into(), author_id: author_id.clone(), at, text: "secret".into() });
        let measured = doc! { "pulse_per_minute": 72, "weight_kg": 68.5 };
        patient.vitals.push(Vitals { vitals_id: "vit_1".into(), author_id, at, measured });
        let seen = |role| serde_json::to_value(PatientRecord::new(patient.clone(), role)).unwrap();
        for role in [StaffRole::Admin, StaffRole::Receptionist] {
            let seen = seen(role);
            assert!(CLINICAL.iter().all(|(part, _)| seen.get(part).is_none()), "{role:?}: {seen}");
        }
        let opd = seen(StaffRole::Opd);
        assert_eq!(opd["vitals"][0]["pulse_per_minute"], 72);
        assert!(opd.get("notes").is_none() && opd.get("prescriptions").is_none());
        let doctor = seen(StaffRole::Doctor);
        assert_eq!((&doctor["notes"][0]["text"], &doctor["prescriptions"]), (&json!("secret"), &json!([])));
        assert_eq!(without(|part| sees(StaffRole::Opd, part)), doc! { "notes": 0, "prescriptions": 0 });
        assert_eq!(without(|part| sees(StaffRole::Doctor, part)), doc! {});
    }
}
