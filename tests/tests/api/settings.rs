//! A hospital's settings: a closed catalogue with defaults, where nobody overwrites what they have not seen.

use chakravue_testbed::Reply;
use reqwest::Method;
use serde_json::json;

use crate::clinic::{Clinic, delete, pointers};

#[tokio::test]
async fn settings_have_types_defaults_and_versions() {
    let clinic = Clinic::new("settings").await;
    let settings = clinic.path("/settings");
    let one = |key: &str| format!("{settings}/{key}");
    let admin = clinic.admin();

    // A patient without a number makes the service keep a counter there, which is nobody's setting.
    clinic.patient("Jane Smith").await;
    for (role, staff) in clinic.staff() {
        let all = staff.get(&settings).await.expect(200);
        let keys: Vec<&str> = all["items"].as_array().unwrap().iter().map(|one| one["key"].as_str().unwrap()).collect();
        assert_eq!(keys, ["time_zone", "language", "appointment_minutes", "opening_hours", "address"], "{role}");
    }
    let unknown = admin.get(&one("_last_record_number")).await.problem(404, "not-found");
    assert_eq!(unknown["known"][0], "time_zone");
    admin.put(&one("colour"), &json!({ "value": "red" })).await.problem(404, "not-found");

    let zone = admin.get(&one("time_zone")).await;
    assert_eq!((zone.etag().as_str(), &zone.expect(200)["value"]), ("\"0\"", &json!("UTC")));
    let put = async |key: &str, headers: &[(&str, &str)], value| {
        let request = admin.request(Method::PUT, &one(key)).json(&json!({ "value": value }));
        Reply::to(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
    };
    let set = put("time_zone", &[("If-None-Match", "*")], json!("Asia/Kolkata")).await;
    assert_eq!((set.etag().as_str(), &set.expect(200)["is_default"]), ("\"1\"", &json!(false)));
    put("time_zone", &[("If-None-Match", "*")], json!("UTC")).await.problem(412, "version-mismatch");
    put("time_zone", &[], json!("UTC")).await.problem(428, "version-required");
    put("time_zone", &[("If-Match", "\"0\"")], json!("UTC")).await.problem(412, "version-mismatch");
    put("time_zone", &[("If-Match", "\"1\"")], json!("Europe/Paris")).await.expect(200);
    delete(admin, &one("time_zone"), "\"1\"").await.problem(412, "version-mismatch");
    assert_eq!(delete(admin, &one("time_zone"), "\"2\"").await.status, 204);
    let reset = admin.get(&one("time_zone")).await;
    assert_eq!((reset.etag().as_str(), &reset.expect(200)["value"]), ("\"3\"", &json!("UTC")));
    // An ETag from before never fits again.
    put("time_zone", &[("If-Match", "\"1\"")], json!("Asia/Kolkata")).await.problem(412, "version-mismatch");
    put("time_zone", &[], json!("Asia/Kolkata")).await.expect(200);

    let hours = json!({ "monday": [{ "from": "08:00", "to": "12:30" }, { "from": "13:30", "to": "18:00" }] });
    let stored = put("opening_hours", &[], hours.clone()).await.expect(200);
    assert_eq!((&stored["value"]["monday"], &stored["value"]["sunday"]), (&hours["monday"], &json!([])));
    for (key, value, pointer) in [
        ("time_zone", json!("Mars/Olympus"), "/value"),
        ("language", json!({ "$ne": "" }), "/value"),
        ("appointment_minutes", json!(4), "/value"),
        ("appointment_minutes", json!("30"), "/value"),
        ("opening_hours", json!({ "monday": [{ "from": "12:00", "to": "08:00" }] }), "/value/monday"),
        ("address", json!(""), "/value"),
    ] {
        assert_eq!(pointers(&put(key, &[], value).await.problem(422, "invalid")), [pointer], "{key}");
    }
    for staff in [&clinic.reception, &clinic.opd, &clinic.doctor] {
        staff.put(&one("language"), &json!({ "value": "fr" })).await.problem(403, "forbidden");
    }
    clinic.stack.close().await;
}
