//! Patients: registered, found, changed, archived, and what each role sees of them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    clinic::{Clinic, delete, pointers},
    support::text,
};
use chakravue_testbed::Reply;

#[tokio::test]
async fn patients_are_registered_found_changed_and_archived() {
    let clinic = Clinic::new("patients").await;
    let patients = clinic.path("/patients");
    let reception = &clinic.reception;

    // Numbers are given in turn, pass over those that were given by hand, and are unique.
    let jane =
        reception.post(&patients, &json!({ "name": "Jane Smith", "birth_date": "1980-05-17", "sex": "female" })).await;
    let record = jane.expect(201);
    assert_eq!((&record["record_number"], &record["version"]), (&json!("P000001"), &json!(1)));
    let path = jane.header("location").unwrap().to_owned();
    assert_eq!(path, format!("{patients}/{}", text(&record, "patient_id")));
    let by_hand = json!({ "name": "José O'Neil", "birth_date": "2001-02-03", "record_number": "P000002" });
    reception.post(&patients, &by_hand).await.expect(201);
    let third =
        reception.post(&patients, &json!({ "name": "Janet Smithson", "birth_date": "1980-05-17" })).await.expect(201);
    assert_eq!(third["record_number"], "P000003");
    let taken = reception.post(&patients, &by_hand).await.problem(409, "record-number-taken");
    assert_eq!(pointers(&taken), ["/record_number"]);
    assert!(!taken.to_string().contains("José"));

    // Found by number, by words, by birth date; what is typed is no pattern.
    let found = async |query: &str| -> Vec<String> {
        let answer = reception.get(&format!("{patients}?{query}")).await.expect(200);
        answer["items"].as_array().unwrap().iter().map(|patient| text(patient, "name")).collect()
    };
    assert_eq!(found("").await, ["Janet Smithson", "José O'Neil", "Jane Smith"]);
    assert_eq!(found("q=smith").await, ["Janet Smithson", "Jane Smith"]);
    assert_eq!(found("q=SMITH%20jane").await, ["Janet Smithson", "Jane Smith"]);
    assert_eq!(found("q=o'neil").await, ["José O'Neil"]);
    assert_eq!(found("q=jose%CC%81").await, ["José O'Neil"], "its accent typed as a character of its own");
    assert_eq!(found("q=p000003").await, ["Janet Smithson"]);
    assert_eq!(found("birth_date=2001-02-03").await, ["José O'Neil"]);
    for nothing in ["q=.*", "q=%5E", "q=P00000", "q=smith%20neil", "birth_date=1999-01-01", "archived=true"] {
        assert!(found(nothing).await.is_empty(), "{nothing}");
    }
    for wrong in ["birth_date=yesterday", "limit=0", "limit=101", "cursor=nonsense", "sort=name", "archived=maybe"] {
        reception.get(&format!("{patients}?{wrong}")).await.problem(422, "invalid");
    }

    // Pages follow each other; a cursor belongs to its filters.
    let first = reception.get(&format!("{patients}?limit=2")).await.expect(200);
    let cursor = text(&first, "next_cursor");
    let second = reception.get(&format!("{patients}?limit=2&cursor={cursor}")).await.expect(200);
    assert_eq!((second["items"].as_array().unwrap().len(), second.get("next_cursor")), (1, None));
    reception.get(&format!("{patients}?q=smith&cursor={cursor}")).await.problem(422, "invalid");

    // Changed with the version that was read, and only then.
    let change = json!({ "phone": "+1-555-0102", "allergies": ["penicillin"] });
    let none = Reply::to(reception.request(Method::PATCH, &path).json(&change)).await;
    none.problem(428, "version-required");
    let changed = reception.patch(&path, "\"1\"", &change).await;
    assert_eq!((changed.etag().as_str(), &changed.expect(200)["phone"]), ("\"2\"", &json!("+1-555-0102")));
    reception.patch(&path, "\"1\"", &json!({ "phone": null })).await.problem(412, "version-mismatch");
    let cleared = reception.patch(&path, "\"2\"", &json!({ "phone": null })).await.expect(200);
    assert_eq!((cleared.get("phone"), &cleared["allergies"]), (None, &json!(["penicillin"])));
    let same = reception.patch(&path, "\"3\"", &json!({})).await;
    assert_eq!(same.etag(), "\"3\"");
    let number = reception.patch(&path, "\"3\"", &json!({ "record_number": "P000002" })).await;
    number.problem(409, "record-number-taken");

    // Archived: out of the list, still there, and back again.
    let admin = clinic.admin();
    assert_eq!(Reply::to(admin.request(Method::DELETE, &path)).await.status, 428);
    assert_eq!(delete(admin, &path, "\"1\"").await.status, 412);
    assert_eq!(delete(admin, &path, "\"3\"").await.status, 204);
    assert_eq!(found("q=jane").await, ["Janet Smithson"]);
    assert_eq!(found("archived=true").await, ["Jane Smith"]);
    let archived = reception.get(&path).await;
    assert!(archived.expect(200)["archived_at"].is_string());
    delete(admin, &path, &archived.etag()).await.problem(409, "patient-archived");
    reception.patch(&path, &archived.etag(), &change).await.problem(409, "patient-archived");
    clinic.doctor.post(&format!("{path}/notes"), &json!({ "text": "Late" })).await.problem(409, "patient-archived");
    let restored = admin.post_empty(&format!("{path}/restore")).await.expect(200);
    assert_eq!(restored.get("archived_at"), None);
    assert_eq!(found("q=P000001").await, ["Jane Smith"]);
    reception.get(&format!("{patients}/pat_01jd8x2v9t6m3k5q7r1w4y0z8a")).await.problem(404, "not-found");

    clinic.stack.close().await;
}

#[tokio::test]
async fn patients_are_found_in_either_case_of_their_script() {
    let clinic = Clinic::new("scripts").await;
    let patients = clinic.path("/patients");
    for name in ["İbrahim Işık", "თამარ", "Jörg Strauß", "STRAUSS", "Παπαδόπουλος", "Ilse Siebert"]
    {
        clinic.patient(name).await;
    }
    let found = async |q: &str| -> Vec<String> {
        let asked = clinic.reception.request(Method::GET, &patients).query(&[("q", q)]);
        let answer = Reply::to(asked).await.expect(200);
        answer["items"].as_array().unwrap().iter().map(|patient| text(patient, "name")).collect()
    };
    for (name, queries) in [
        ("İbrahim Işık", &["ibrahim", "IBRAHIM", "İBRAHİM", "i\u{307}brahi\u{307}m", "ışık", "IŞIK", "IŞIK İBR"][..]),
        ("თამარ", &["თამარ", "ᲗᲐᲛᲐᲠ", "ᲗᲐᲛ"]),
        ("Παπαδόπουλος", &["ΠΑΠΑΔΌΠΟΥΛΟΣ", "παπαδόπουλοσ", "παπαδόπουλος"]),
        ("Ilse Siebert", &["ILSE", "ılse", "İLSE", "sİEBERT", "e s"]),
    ] {
        for q in queries {
            assert_eq!(found(q).await, [name], "{q}");
        }
    }
    for q in ["STRAUSS", "strauss", "strauß", "STRAUẞ", "Straus"] {
        assert_eq!(found(q).await, ["STRAUSS", "Jörg Strauß"], "{q}");
    }
    for q in ["isik", "ibrahım s", "ᲗᲐᲛᲣᲠ", "strausse", "straß", "jorg", "παπαδοπουλος", "[iıİ]", "(?:ss|[ßẞ])"]
    {
        assert!(found(q).await.is_empty(), "{q}");
    }
    // The longest patterns are none that MongoDB refuses.
    for letter in ["i", "ß", "s", "სi", "ΐ", "\u{1f80}"] {
        assert!(found(&letter.repeat(100 / letter.chars().count())).await.is_empty(), "{letter}");
    }
    clinic.stack.close().await;
}

#[tokio::test]
async fn bad_records_are_refused_with_a_pointer_and_change_nothing() {
    let clinic = Clinic::new("badpatients").await;
    let patients = clinic.path("/patients");
    let good = json!({ "name": "Jane Smith", "birth_date": "1980-05-17" });
    for (field, value) in [
        ("name", json!({ "$ne": "" })),
        ("name", json!(["Jane"])),
        ("name", json!("x".repeat(201))),
        ("name", json!(null)),
        ("birth_date", json!("1980-02-30")),
        ("birth_date", json!("2999-01-01")),
        ("birth_date", json!({ "$gt": "" })),
        ("record_number", json!("9".repeat(65))),
        ("email", json!("no address")),
        ("role", json!("ADMIN")),
        ("_id", json!("pat_1")),
        ("version", json!(9)),
        ("organization_id", json!(clinic.hospital.organization_id)),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let problem = clinic.reception.post(&patients, &body).await.problem(422, "invalid");
        assert_eq!(pointers(&problem), [format!("/{field}")], "{body}");
    }
    let missing = clinic.reception.post(&patients, &json!({ "name": "Jane Smith" })).await.problem(422, "invalid");
    assert_eq!(pointers(&missing), ["/birth_date"]);
    let listed = clinic.reception.get(&patients).await.expect(200);
    assert_eq!(listed["items"], json!([]));
    clinic.stack.close().await;
}

#[tokio::test]
async fn each_role_sees_and_adds_what_is_its_own() {
    let clinic = Clinic::new("clinical").await;
    let path = clinic.path(&format!("/patients/{}", clinic.patient("Jane Smith").await));
    let (note, vitals, prescription) = (
        json!({ "text": "Complains of headache.\nNo fever." }),
        json!({ "temperature_celsius": 36.8, "pulse_per_minute": 72, "systolic_mmhg": 120, "diastolic_mmhg": 80 }),
        json!({ "medicine": "Ibuprofen 400 mg", "dose": "1 tablet", "frequency": "three times a day", "duration_days": 5 }),
    );
    // Who may add: notes, vitals, prescriptions.
    let mut version = 1;
    for (role, staff) in clinic.staff() {
        let allowed = match role {
            "DOCTOR" => [true, true, true],
            "OPD" => [false, true, false],
            _ => [false, false, false],
        };
        for ((part, body), allowed) in
            [("notes", &note), ("vitals", &vitals), ("prescriptions", &prescription)].into_iter().zip(allowed)
        {
            let answer = staff.post(&format!("{path}/{part}"), body).await;
            if allowed {
                let entry = answer.expect(201);
                version += 1;
                assert_eq!((answer.etag(), &entry["author_id"]), (format!("\"{version}\""), &json!(staff.user_id)));
            } else {
                answer.problem(403, "forbidden");
            }
        }
    }
    // Who sees: vitals, notes, prescriptions. Lists have none of it.
    for (role, staff) in clinic.staff() {
        let record = staff.get(&path).await.expect(200);
        let seen =
            ["vitals", "notes", "prescriptions"].map(|part| record.get(part).and_then(Value::as_array).map(Vec::len));
        let expected = match role {
            "DOCTOR" => [Some(2), Some(1), Some(1)],
            "OPD" => [Some(2), None, None],
            _ => [None, None, None],
        };
        assert_eq!(seen, expected, "{role}: {record}");
        let list = staff.get(&clinic.path("/patients")).await.expect(200).to_string();
        for hidden in ["headache", "36.8", "Ibuprofen", "vitals", "notes"] {
            assert!(!list.contains(hidden), "{role} sees {hidden} in {list}");
        }
    }
    let record = clinic.doctor.get(&path).await.expect(200);
    assert_eq!(record["vitals"][0]["temperature_celsius"], 36.8);
    assert_eq!(record["vitals"][0]["pulse_per_minute"], 72);
    assert_eq!(record["notes"][0]["text"], "Complains of headache.\nNo fever.");
    // What cannot be measured.
    for (body, pointer) in [
        (json!({ "temperature_celsius": 98.6 }), "/temperature_celsius"),
        (json!({ "systolic_mmhg": 120 }), "/diastolic_mmhg"),
        (json!({ "pulse_per_minute": "72" }), "/pulse_per_minute"),
        (json!({ "pulse": 72 }), "/pulse"),
        (json!({}), ""),
    ] {
        let problem = clinic.opd.post(&format!("{path}/vitals"), &body).await.problem(422, "invalid");
        assert_eq!(pointers(&problem), [pointer], "{body}");
    }
    // A receptionist corrects details, a doctor does not; only the administrator archives.
    let etag = clinic.reception.get(&path).await.etag();
    clinic.doctor.patch(&path, &etag, &json!({ "name": "Jane Doe" })).await.problem(403, "forbidden");
    for staff in [&clinic.reception, &clinic.opd, &clinic.doctor] {
        delete(staff, &path, &etag).await.problem(403, "forbidden");
    }
    clinic.stack.close().await;
}
