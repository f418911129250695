//! What adds to a hospital's data counts once, however often it is sent with its key.

use futures::future::join_all;
use mongodb::bson::{DateTime, Document, doc};
use serde_json::{Value, json};

use crate::{
    clinic::{Clinic, delete},
    support::{Staff, text},
};

/// One that adds something: who sends what to which path, and what the log has of it.
struct Addition<'a> {
    staff: &'a Staff,
    path: String,
    body: Value,
    /// With another content.
    other: Value,
    action: &'static str,
    /// What a repetition that is answered from the hospital's data reads of a patient.
    reads: Option<&'static str>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_again_with_its_key_is_added_once() {
    let clinic = Clinic::new("repeated").await;
    let patient = clinic.patient("Jane Smith").await;
    let record = clinic.path(&format!("/patients/{patient}"));
    let doctor_id = &clinic.doctor.user_id;
    let at = |hour: u8| json!({ "patient_id": patient, "doctor_id": doctor_id, "starts_at": format!("2030-01-07T{hour:02}:00:00Z") });
    let prescribed = |dose: &str| json!({ "medicine": "Ibuprofen", "dose": dose, "frequency": "daily" });
    let born = |day: &str| json!({ "name": "John Doe", "birth_date": day });
    let additions = [
        Addition {
            staff: &clinic.reception,
            path: clinic.path("/patients"),
            body: born("1980-05-17"),
            other: born("1980-05-18"),
            action: "patient.register",
            reads: Some("patient.read"),
        },
        Addition {
            staff: &clinic.doctor,
            path: format!("{record}/notes"),
            body: json!({ "text": "Better." }),
            other: json!({ "text": "Worse." }),
            action: "patient.note",
            reads: Some("patient.read"),
        },
        Addition {
            staff: &clinic.opd,
            path: format!("{record}/vitals"),
            body: json!({ "pulse_per_minute": 72, "weight_kg": 70.5 }),
            other: json!({ "pulse_per_minute": 73 }),
            action: "patient.vitals",
            reads: Some("patient.read"),
        },
        Addition {
            staff: &clinic.doctor,
            path: format!("{record}/prescriptions"),
            body: prescribed("1 tablet"),
            other: prescribed("2 tablets"),
            action: "patient.prescribe",
            reads: Some("patient.read"),
        },
        Addition {
            staff: &clinic.reception,
            path: clinic.path("/appointments"),
            body: at(9),
            other: at(10),
            action: "appointment.book",
            reads: Some("appointment.read"),
        },
        Addition {
            staff: &clinic.opd,
            path: clinic.path("/pharmacy"),
            body: json!({ "medicine": "Ibuprofen", "quantity": 5 }),
            other: json!({ "medicine": "Ibuprofen", "quantity": 6 }),
            action: "pharmacy.add",
            reads: None,
        },
    ];
    let entries =
        async |action: &str| clinic.log().await.iter().filter(|one| one.get_str("action").ok() == Some(action)).count();
    let keys = clinic.stack.master().collection::<Document>("idempotency");
    for Addition { staff, path, body, other, action, reads } in &additions {
        let (before, key) = (entries(action).await, format!("key of {action}").replace(' ', "-"));
        let replies = join_all((0..4).map(|_| staff.post_once(path, &key, body))).await;
        let made = replies[0].expect(201);
        for reply in &replies {
            assert_eq!((reply.expect(201), reply.header("etag")), (made.clone(), replies[0].header("etag")), "{path}");
            assert_eq!(reply.header("location"), replies[0].header("location"));
        }
        assert_eq!(entries(action).await, before + 1, "{path}");
        staff.post_once(path, &key, other).await.problem(422, "idempotency-key-reused");

        // Also where its answer was made and never stored; nothing that is a patient's ever is.
        let kept = doc! { "answer": { "$exists": true } };
        assert_eq!(keys.count_documents(kept.clone()).await.unwrap() > 0, reads.is_none(), "{path}");
        let forgotten = doc! { "$unset": { "answer": "" }, "$set": { "lease_until": DateTime::from_millis(0) } };
        keys.update_many(kept, forgotten).await.unwrap();
        let reply = staff.post_once(path, &key, body).await;
        assert_eq!(reply.expect(201), made, "{path}");
        assert_eq!(entries(action).await, before + 1, "{path}");
        if let Some(read) = reads {
            let (log, request) = (clinic.log().await, reply.header("x-request-id").unwrap());
            let of_it = log.iter().filter(|entry| entry.get_str("request_id").ok() == Some(request));
            let actions: Vec<_> = of_it.map(|entry| entry.get_str("action").unwrap()).collect();
            assert_eq!(actions, [*read], "{path}");
        }
    }
    // The same key elsewhere, and no key, is another request.
    let other = clinic.path(&format!("/patients/{}/notes", clinic.patient("Ada Roe").await));
    clinic.doctor.post_once(&other, "key-of-patient.note", &additions[1].body).await.expect(201);
    let notes = entries("patient.note").await;
    for _ in 0..2 {
        clinic.doctor.post(&other, &additions[1].body).await.expect(201);
    }
    assert_eq!(entries("patient.note").await, notes + 2);
    assert_eq!(clinic.verify().await["intact"], Value::Bool(true));
    clinic.stack.close().await;
}

#[tokio::test]
async fn what_was_refused_or_removed_since_is_answered_as_it_is_now() {
    let clinic = Clinic::new("repeated later").await;
    let patient = clinic.patient("Jane Smith").await;
    let body =
        json!({ "patient_id": patient, "doctor_id": clinic.doctor.user_id, "starts_at": "2030-01-07T09:00:00Z" });
    let (reception, appointments) = (&clinic.reception, clinic.path("/appointments"));
    let first = reception.post(&appointments, &body).await.expect(201);
    reception.post_once(&appointments, "second", &body).await.problem(409, "doctor-not-free");
    let path = format!("{appointments}/{}", text(&first, "appointment_id"));
    reception.patch(&path, "\"1\"", &json!({ "status": "cancelled" })).await.expect(200);
    let second = reception.post_once(&appointments, "second", &body).await.expect(201);
    assert_ne!(first["appointment_id"], second["appointment_id"]);

    let born = json!({ "name": "John Doe", "birth_date": "1980-05-17" });
    let registered = reception.post_once(&clinic.path("/patients"), "john", &born).await;
    let record = registered.header("location").unwrap();
    assert_eq!(delete(clinic.admin(), record, "\"1\"").await.status, 204);
    let again = reception.post_once(&clinic.path("/patients"), "john", &born).await;
    assert!(again.expect(201)["archived_at"].is_string());
    assert_eq!((again.header("location"), again.etag().as_str()), (Some(record), "\"2\""));
    clinic.stack.close().await;
}
