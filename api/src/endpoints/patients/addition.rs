//! Adding to a patient's record, once however often the request comes.

use axum::{Json, http::StatusCode, response::Response};
use bson::{Bson, DateTime, Document, doc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::archived;
use crate::{
    access::identity::Member,
    data::{
        audit::Entry,
        tenant::{
            Fault, Records, Transaction,
            patients::{Note, Prescription, Vitals},
        },
    },
    http::{
        extract::etag,
        idempotency::{Answers, Attempt, Once, Repetition, Sender},
        problem::{Answer, Kind, Problem},
    },
    state::App,
};

/// MongoDB takes documents of 16 MiB; a record that comes near gets nothing more.
const FULL: i32 = 15 * 1024 * 1024;

/// What is only ever added to a patient's record.
pub(super) trait Addition: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Of the record.
    const PART: &'static str;
    /// The field with its id, in the record and in the audit log.
    const ID: &'static str;
    /// What the audit log calls it.
    const ACTION: &'static str;

    fn id(&self) -> &str;
    fn at(&self) -> DateTime;
}

impl Addition for Note {
    const PART: &'static str = "notes";
    const ID: &'static str = "note_id";
    const ACTION: &'static str = "patient.note";

    fn id(&self) -> &str {
        &self.note_id
    }

    fn at(&self) -> DateTime {
        self.at
    }
}

impl Addition for Vitals {
    const PART: &'static str = "vitals";
    const ID: &'static str = "vitals_id";
    const ACTION: &'static str = "patient.vitals";

    fn id(&self) -> &str {
        &self.vitals_id
    }

    fn at(&self) -> DateTime {
        self.at
    }
}

impl Addition for Prescription {
    const PART: &'static str = "prescriptions";
    const ID: &'static str = "prescription_id";
    const ACTION: &'static str = "patient.prescribe";

    fn id(&self) -> &str {
        &self.prescription_id
    }

    fn at(&self) -> DateTime {
        self.at
    }
}

/// What of a record an addition needs to know of it; the rest stays in the database.
#[derive(Deserialize)]
struct Head {
    version: i64,
    deleted_at: Option<DateTime>,
}

/// Adds to a record, and answers what was added with the record's version.
pub(super) async fn append<P, A, V>(
    app: &App,
    member: Member<P>,
    patient_id: String,
    new: A,
    repetition: Repetition,
) -> Answer<Response>
where
    P: Send + 'static,
    A: Addition,
    V: From<A> + Serialize,
{
    let added = bson::serialize_to_document(&new).map_err(|_| Problem::internal())?;
    let add = doc! { "$push": { A::PART: added }, "$set": { "updated_at": new.at() }, "$inc": { "version": 1_i64 } };
    // The body does not say which patient: the same key for another is another request.
    let sender = format!("{} {patient_id}", member.sender());
    let clock = app.clock.clone();
    let work = async move |attempt: Attempt| {
        let (actor, once) = (member.actor(), Once::new(attempt, &member.user_id, clock.now()));
        let added = member.tenant.change(&actor, move |tx| {
            let (patient_id, new, add, once) = (patient_id.clone(), new.clone(), add.clone(), once.clone());
            async move {
                if let Some(made) = once.made(&tx).await? {
                    let read = Entry::new("patient.read").target("patient", &patient_id).detail("parts", vec![A::PART]);
                    let id = made.details.get(A::ID).and_then(Value::as_str).unwrap_or_default();
                    return Ok(read.answering(known::<A>(&tx, &patient_id, id).await?));
                }
                let room = doc! { "$lt": [{ "$bsonSize": "$$ROOT" }, FULL] };
                let fits = doc! { "_id": &patient_id, "deleted_at": null, "$expr": room };
                if let Some(head) = tx.update::<Head>(Records::Patients, fits, add).await? {
                    let entry = Entry::new(A::ACTION).target("patient", &patient_id).detail(A::ID, new.id());
                    return Ok(once.entry(entry).answering((head.version, new)));
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
        let (version, added) = added.await?;
        Ok((StatusCode::CREATED, etag(version), Json(V::from(added))))
    };
    app.idempotency.run(repetition, Sender::Known(&sender), A::ACTION, Answers::Anew, work).await
}

/// What was added before, and the record's version now.
async fn known<A: Addition>(tx: &Transaction, patient_id: &str, id: &str) -> Result<(i64, A), Fault> {
    let record: Option<Document> = tx.find_one(Records::Patients, doc! { "_id": patient_id }).await?;
    let record = record.ok_or_else(Problem::not_found)?;
    let all = record.get_array(A::PART).into_iter().flatten().filter_map(Bson::as_document);
    let is_it = |one: &&Document| one.get_str(A::ID).is_ok_and(|known| known == id);
    let one = all.rev().find(is_it).cloned().ok_or_else(Problem::not_found)?;
    let addition = bson::deserialize_from_document(one).map_err(|_| Problem::internal())?;
    Ok((record.get_i64("version").unwrap_or_default(), addition))
}
