//! Appointments: booked once for each time, moved, and the way through the queue.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::{
    clinic::{Clinic, pointers},
    support::text,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doctor_has_one_patient_at_a_time() {
    let clinic = Clinic::new("appointments").await;
    let appointments = clinic.path("/appointments");
    let (jane, john) = (clinic.patient("Jane Smith").await, clinic.patient("John Doe").await);
    let doctor = clinic.doctor.user_id.clone();
    let at = |patient: &str, starts: &str| json!({ "patient_id": patient, "doctor_id": doctor, "starts_at": format!("2030-01-07T{starts}:00Z") });
    let reception = &clinic.reception;

    // As long as the hospital says.
    let booked = reception.post(&appointments, &at(&jane, "09:00")).await;
    let nine = booked.expect(201);
    assert_eq!((&nine["ends_at"], &nine["status"]), (&json!("2030-01-07T09:30:00Z"), &json!("booked")));
    assert_eq!((&nine["patient_name"], &nine["record_number"]), (&json!("Jane Smith"), &json!("P000001")));
    assert_eq!(nine["doctor_name"], "Somebody");
    assert_eq!(booked.header("location").unwrap(), format!("{appointments}/{}", text(&nine, "appointment_id")));
    clinic.admin().put(&clinic.path("/settings/appointment_minutes"), &json!({ "value": 15 })).await.expect(200);
    let half_past = reception.post(&appointments, &at(&john, "09:30")).await.expect(201);
    assert_eq!(half_past["ends_at"], "2030-01-07T09:45:00Z");

    // Not twice, and the answer says when the doctor is busy.
    let busy = reception.post(&appointments, &at(&john, "09:20")).await.problem(409, "doctor-not-free");
    assert!(text(&busy, "detail").contains("from 2030-01-07T09:00:00Z to 2030-01-07T09:30:00Z"), "{busy}");
    assert_eq!(busy["busy"]["appointment_id"], nine["appointment_id"]);
    // Not at once either: exactly one of those that come together.
    let ten = at(&jane, "10:00");
    let answers = join_all((0..8).map(|_| reception.post(&appointments, &ten))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);

    // Whoever is no patient, no doctor, or not there any more.
    for (field, value) in [
        ("patient_id", json!("pat_01jd8x2v9t6m3k5q7r1w4y0z8a")),
        ("doctor_id", json!(clinic.opd.user_id)),
        ("doctor_id", json!({ "$ne": "" })),
        ("ends_at", json!("2030-01-07T11:00:00Z")),
        ("ends_at", json!("2030-01-08T00:00:00Z")),
        ("starts_at", json!("2030-01-07T11:00:00")),
    ] {
        let mut body = at(&jane, "11:00");
        body[field] = value;
        let problem = reception.post(&appointments, &body).await.problem(422, "invalid");
        assert_eq!(pointers(&problem), [format!("/{field}")], "{body}");
    }
    let invited = clinic.hospital.invite("second@clinic.example", "DOCTOR").await;
    let mut body = at(&jane, "11:00");
    body["doctor_id"] = json!(invited.user_id);
    assert_eq!(pointers(&reception.post(&appointments, &body).await.problem(422, "invalid")), ["/doctor_id"]);
    let path = clinic.path(&format!("/patients/{john}"));
    let etag = clinic.admin().get(&path).await.etag();
    assert_eq!(crate::clinic::delete(clinic.admin(), &path, &etag).await.status, 204);
    reception.post(&appointments, &at(&john, "12:00")).await.problem(409, "patient-archived");

    // Moved to a free time, keeping its length; not onto another.
    let half_past_path = format!("{appointments}/{}", text(&half_past, "appointment_id"));
    let onto = json!({ "starts_at": "2030-01-07T09:10:00Z" });
    let later = json!({ "starts_at": "2030-01-07T09:35:00Z", "reason": "Cough" });
    reception.patch(&half_past_path, "\"1\"", &later).await.problem(409, "patient-archived");
    clinic.admin().post_empty(&format!("{path}/restore")).await.expect(200);
    reception.patch(&half_past_path, "\"1\"", &onto).await.problem(409, "doctor-not-free");
    let moved = reception.patch(&half_past_path, "\"1\"", &later).await;
    assert_eq!((moved.etag().as_str(), &moved.expect(200)["ends_at"]), ("\"2\"", &json!("2030-01-07T09:50:00Z")));
    reception.patch(&half_past_path, "\"1\"", &later).await.problem(412, "version-mismatch");

    // A list for a doctor's day, a patient, the queue.
    let count = async |query: &str| {
        let answer = clinic.doctor.get(&format!("{appointments}?{query}")).await.expect(200);
        let starts: Vec<String> =
            answer["items"].as_array().unwrap().iter().map(|one| text(one, "starts_at")).collect();
        assert!(starts.is_sorted());
        starts.len()
    };
    assert_eq!(count("").await, 3);
    assert_eq!(count("from=2030-01-07T09:30:00Z&to=2030-01-07T10:00:00Z").await, 1);
    assert_eq!(count(&format!("patient_id={jane}")).await, 2);
    assert_eq!(count(&format!("doctor_id={doctor}&status=booked")).await, 3);
    assert_eq!(count("status=done").await, 0);
    assert_eq!(count("to=9999-12-31T23:59:59Z").await, 3);
    for starts in ["9999-12-30T21:59:00Z", "9999-12-31T23:59:59Z"] {
        let mut endless = at(&jane, "09:00");
        endless["starts_at"] = json!(starts);
        let problem = reception.post(&appointments, &endless).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["pointer"], "/starts_at", "{problem}");
        assert_eq!(problem["errors"][0]["code"], "too_late", "{problem}");
    }
    let first = clinic.doctor.get(&format!("{appointments}?limit=2")).await.expect(200);
    assert_eq!(count(&format!("limit=2&cursor={}", text(&first, "next_cursor"))).await, 1);
    clinic.doctor.get(&format!("{appointments}?status=lost")).await.problem(422, "invalid");

    // A cancelled appointment frees its time.
    let nine_path = format!("{appointments}/{}", text(&nine, "appointment_id"));
    reception.patch(&nine_path, "\"1\"", &json!({ "status": "cancelled" })).await.expect(200);
    reception.post(&appointments, &at(&jane, "09:00")).await.expect(201);
    clinic.stack.close().await;
}

#[tokio::test]
async fn the_queue_goes_its_way_and_each_role_moves_its_part() {
    let clinic = Clinic::new("queue").await;
    let appointments = clinic.path("/appointments");
    let patient = clinic.patient("Jane Smith").await;
    let mut hour = 0;
    let mut book = async || {
        hour += 1;
        let body = json!({ "patient_id": patient, "doctor_id": clinic.doctor.user_id,
            "starts_at": format!("2030-01-07T{hour:02}:00:00Z") });
        let booked = clinic.reception.post(&appointments, &body).await.expect(201);
        format!("{appointments}/{}", text(&booked, "appointment_id"))
    };
    let set = |status: &str| json!({ "status": status });

    let path = book().await;
    let etag = |version: u32| format!("\"{version}\"");
    clinic.doctor.patch(&path, &etag(1), &set("in_progress")).await.problem(409, "conflict");
    clinic.admin().patch(&path, &etag(1), &set("arrived")).await.problem(403, "forbidden");
    clinic.opd.patch(&path, &etag(1), &set("arrived")).await.expect(200);
    clinic.doctor.patch(&path, &etag(2), &set("cancelled")).await.problem(403, "forbidden");
    clinic.doctor.patch(&path, &etag(2), &json!({ "reason": "Cough" })).await.problem(403, "forbidden");
    clinic.doctor.patch(&path, &etag(2), &set("in_progress")).await.expect(200);
    let moved = json!({ "starts_at": "2030-01-09T09:00:00Z" });
    clinic.reception.patch(&path, &etag(3), &moved).await.problem(409, "conflict");
    clinic.reception.patch(&path, &etag(3), &set("cancelled")).await.problem(409, "conflict");
    clinic.doctor.patch(&path, &etag(3), &set("done")).await.expect(200);
    let over = clinic.opd.patch(&path, &etag(4), &set("arrived")).await.problem(409, "conflict");
    assert_eq!(over["next"], json!([]));
    clinic.reception.patch(&path, &etag(4), &json!({ "reason": "Cough" })).await.problem(409, "conflict");
    clinic.reception.patch(&path, &etag(4), &set("lost")).await.problem(422, "invalid");

    let path = book().await;
    clinic.admin().patch(&path, &etag(1), &set("cancelled")).await.expect(200);
    let path = book().await;
    clinic.reception.patch(&path, &etag(1), &set("missed")).await.expect(200);
    for (role, staff) in clinic.staff() {
        assert_eq!(staff.get(&path).await.expect(200)["status"], "missed", "{role}");
    }
    let body =
        json!({ "patient_id": patient, "doctor_id": clinic.doctor.user_id, "starts_at": "2030-02-01T09:00:00Z" });
    clinic.doctor.post(&appointments, &body).await.problem(403, "forbidden");
    let statuses = clinic.opd.get(&appointments).await.expect(200);
    let statuses: Vec<&Value> = statuses["items"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(statuses, ["done", "cancelled", "missed"]);
    clinic.stack.close().await;
}
