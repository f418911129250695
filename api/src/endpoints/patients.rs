//! A hospital's patients: who they are, and what was noted, measured and prescribed. What a role may not see is not even
//! read from the database. Details change by PATCH; everything clinical is only ever added.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header},
};
use bson::{Bson, DateTime, Document, doc};
use chakravue_crds::{roles::StaffRole, texts};
use futures::TryStreamExt as _;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    audit::{Entry, Recorded},
    clock::Clock,
    database_error,
    dates::{Day, Moment},
    extract::{ApiJson, ApiPath, ApiQuery, IfMatch, etag},
    identity::Member,
    merge::{Changes, Patch, never_null},
    paging::{self, Direction, Order, Page, Paged},
    permissions::{Permission, may},
    problem::{Answer, Kind, Problem},
    search,
    state::App,
    tenant::{
        Fault, Records, Transaction, new_id,
        patients::{BloodGroup, Note, Patient, Prescription, Sex, Vitals},
        settings,
    },
    text::{Line, Prose},
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_patients, register_patient))
        .routes(routes!(read_patient, change_patient, archive_patient))
        .routes(routes!(restore_patient))
        .routes(routes!(add_note))
        .routes(routes!(record_vitals))
        .routes(routes!(prescribe))
}

const NEWEST_FIRST: Order = Order(&[("_id", Direction::Descending)]);

/// MongoDB takes documents of 16 MiB; a record that comes near gets nothing more.
const FULL: i32 = 15 * 1024 * 1024;

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPatient, example = json!({
    "name": "Jane Smith", "birth_date": "1980-05-17", "sex": "female", "phone": "+1-555-0101", "allergies": ["penicillin"]
}))]
struct NewPatient {
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
    #[garde(length(max = 100), dive)]
    #[serde(default)]
    #[schema(value_type = Vec<Line<200>>, max_items = 100)]
    allergies: Vec<Line<200>>,
}

#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PatientChange, example = json!({ "phone": "+1-555-0102", "email": null }))]
struct PatientChange {
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
    #[garde(dive, custom(|list: &Patch<Vec<_>>, (): &()| at_most_a_hundred(list)))]
    #[schema(value_type = Option<Vec<Line<200>>>, max_items = 100)]
    allergies: Patch<Vec<Line<200>>>,
}

fn email_address(text: &Line<254>) -> garde::Result {
    texts::check([&texts::EMAIL], text.as_str()).map_err(garde::Error::new)
}

fn phone_number(text: &Line<32>) -> garde::Result {
    texts::check([&texts::PHONE], text.as_str()).map_err(garde::Error::new)
}

fn at_most_a_hundred<T>(list: &Patch<Vec<T>>) -> garde::Result {
    match list {
        Patch::Set(list) if list.len() > 100 => Err(garde::Error::new("must have at most 100 entries")),
        _ => Ok(()),
    }
}

fn born(day: Day, clock: &Clock) -> Answer<Day> {
    if day > Day::latest(clock.now()) {
        return Err(Problem::invalid("/birth_date", "must not be in the future"));
    }
    Ok(day)
}

impl NewPatient {
    /// The record, still without a number if none was given.
    fn into_record(self, clock: &Clock) -> Answer<Patient> {
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
    fn into_changes(self, clock: &Clock) -> Answer<Changes> {
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
struct PatientDetails {
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
struct PatientRecord {
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

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Note)]
struct NoteView {
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
struct VitalsView {
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
struct PrescriptionView {
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

/// The clinical parts of a record, and what it takes to see each.
const CLINICAL: [(&str, Permission); 3] = [
    ("vitals", Permission::ReadVitals),
    ("notes", Permission::ReadClinicalNotes),
    ("prescriptions", Permission::ReadClinicalNotes),
];

fn sees(role: StaffRole, part: &str) -> bool {
    CLINICAL.iter().any(|(name, permission)| *name == part && permission.roles().contains(&role))
}

/// What to leave in the database: the parts for which `shown` is false.
fn without(shown: impl Fn(&str) -> bool) -> Document {
    CLINICAL.iter().filter(|(part, _)| !shown(part)).map(|(part, _)| ((*part).to_owned(), Bson::Int32(0))).collect()
}

impl PatientRecord {
    fn new(mut patient: Patient, role: StaffRole) -> Self {
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

type WithEtag<T> = ([(HeaderName, String); 1], Json<T>);

fn answered(patient: Patient, role: StaffRole) -> WithEtag<PatientRecord> {
    (etag(patient.version), Json(PatientRecord::new(patient, role)))
}

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
    #[garde(skip)]
    #[param(inline, example = "1980-05-17")]
    birth_date: Option<Day>,
    /// `true`: those that were taken out of use, instead of those in use.
    #[garde(skip)]
    #[serde(default)]
    archived: bool,
    #[garde(range(min = 1, max = paging::MOST))]
    #[serde(default = "paging::default_limit")]
    #[param(minimum = 1, maximum = 100)]
    limit: i64,
    /// `next_cursor` of the page before, with the same filters.
    #[garde(inner(length(bytes, max = 1024)))]
    cursor: Option<String>,
}

impl PatientQuery {
    fn filter(&self) -> Document {
        let mut filter = doc! { "deleted_at": if self.archived { doc! { "$ne": null }.into() } else { Bson::Null } };
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
async fn list_patients(
    member: Member<may::ReadPatients>,
    ApiQuery(query): ApiQuery<PatientQuery>,
) -> Answer<Json<Paged<PatientDetails>>> {
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
            Ok(entry.answering(patients))
        }
    });
    Ok(Json(read.await?.map(PatientDetails::from)))
}

/// Registers a patient
#[utoipa::path(
    post, path = "/organization/{org_id}/patients", tag = "patients",
    params(("org_id" = String, Path, description = "The hospital's id")),
    request_body = NewPatient,
    responses(
        (status = 201, description = "The record that was made", body = PatientRecord, headers(
            ("ETag" = String, description = "For If-Match"), ("Location" = String, description = "Where the record is"),
        )),
        (status = 409, description = "Another patient has the record number", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("patients.register"))),
)]
async fn register_patient(
    State(app): State<App>,
    member: Member<may::RegisterPatients>,
    ApiJson(new): ApiJson<NewPatient>,
) -> Answer<(StatusCode, [(HeaderName, String); 1], WithEtag<PatientRecord>)> {
    let record = new.into_record(&app.clock)?;
    let actor = member.actor();
    let patient = member.tenant.change(&actor, move |tx| {
        let mut patient = record.clone();
        async move {
            if patient.record_number.is_empty() {
                patient.record_number = settings::next_record_number(&tx).await?;
            }
            tx.insert(Records::Patients, &patient).await.map_err(number_taken)?;
            Ok(Entry::new("patient.register").target("patient", &patient.patient_id).answering(patient))
        }
    });
    let patient = patient.await?;
    let location = format!("/organization/{}/patients/{}", member.organization_id, patient.patient_id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], answered(patient, member.role)))
}

fn number_taken(fault: Fault) -> Fault {
    match fault {
        Fault::Database(error) if database_error::is_duplicate(&error) => {
            Problem::new(Kind::RecordNumberTaken, "Another patient has this record number.")
                .field("/record_number", "is taken")
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
            let seen: Vec<&str> = CLINICAL.iter().map(|(part, _)| *part).filter(|part| sees(role, part)).collect();
            Ok(Entry::new("patient.read").target("patient", &patient_id).detail("parts", seen).answering(patient))
        }
    });
    Ok(answered(patient.await?, role))
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
        (status = 409, description = "Another patient has the record number, or the record is archived", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
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
    let actor = member.actor();
    let patient = member.tenant.change(&actor, move |tx| {
        let (patient_id, changes) = (patient_id.clone(), changes.clone());
        async move {
            let patient = in_use(&tx, &patient_id).await?;
            if_match.check(patient.version)?;
            if changes.is_empty() {
                return Ok(Recorded::nothing(patient));
            }
            let updated = tx.update(Records::Patients, doc! { "_id": &patient_id }, changes.update(now)).await;
            let updated: Patient = updated.map_err(number_taken)?.ok_or_else(Problem::not_found)?;
            let entry = Entry::new("patient.update").target("patient", &patient_id).detail("fields", changes.fields());
            Ok(entry.answering(updated))
        }
    });
    Ok(answered(patient.await?, member.role))
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
        (status = 409, description = "It was archived before", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
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
    let actor = member.actor();
    let patient = member.tenant.change(&actor, move |tx| {
        let patient_id = patient_id.clone();
        async move {
            let patient = existing(&tx, &patient_id).await?;
            if patient.deleted_at.is_none() {
                return Ok(Recorded::nothing(patient));
            }
            let changes = Changes::default().patch("deleted_at", Patch::<DateTime>::Clear);
            let restored = tx.update(Records::Patients, doc! { "_id": &patient_id }, changes.update(now)).await?;
            let restored: Patient = restored.ok_or_else(Problem::not_found)?;
            Ok(Entry::new("patient.restore").target("patient", &patient_id).answering(restored))
        }
    });
    Ok(answered(patient.await?, member.role))
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
        match (self.systolic_mmhg, self.diastolic_mmhg) {
            (Some(_), None) => {
                return Err(Problem::invalid("/diastolic_mmhg", "is needed together with systolic_mmhg"));
            }
            (None, Some(_)) => {
                return Err(Problem::invalid("/systolic_mmhg", "is needed together with diastolic_mmhg"));
            }
            (Some(systolic), Some(diastolic)) if systolic <= diastolic => {
                return Err(Problem::invalid("/systolic_mmhg", "must be above diastolic_mmhg"));
            }
            _ => {}
        }
        let measured = bson::serialize_to_document(&self).map_err(|_| Problem::internal())?;
        if measured.is_empty() {
            return Err(Problem::invalid("", "must have at least one measurement"));
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
