//! The audit log: everything that was done or seen stands in it once, nobody can change it unseen, and no crash, no rush
//! and no second replica breaks its chain.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use chakravue_testbed::Reply;
use futures::{TryStreamExt as _, future::join_all};
use mongodb::bson::{DateTime, Document, doc};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    clinic::{Clinic, delete},
    support::{CARD, PASSWORD, Signup, Stack, Staff, eventually, text},
};

#[tokio::test]
async fn everything_done_or_seen_is_in_the_log_once() {
    let clinic = Clinic::new("audit").await;
    let (admin, reception, opd, doctor) = (clinic.admin(), &clinic.reception, &clinic.opd, &clinic.doctor);
    let mut expected: Vec<(&str, &Staff, Reply)> = Vec::new();
    let (patients, appointments, pharmacy) =
        (clinic.path("/patients"), clinic.path("/appointments"), clinic.path("/pharmacy"));

    let marker = "Marker-Value-Of-A-Patient";
    let body = json!({ "name": marker, "birth_date": "1980-05-17", "phone": "+1-555-0101", "address": marker });
    let registered = reception.post(&patients, &body).await;
    let patient_id = text(&registered.expect(201), "patient_id");
    let patient = format!("{patients}/{patient_id}");
    expected.push(("patient.register", reception, registered));
    expected.push(("patient.read", doctor, doctor.get(&patient).await));
    expected.push(("patient.list", opd, opd.get(&format!("{patients}?q={marker}")).await));
    expected.push((
        "patient.update",
        reception,
        reception.patch(&patient, "\"1\"", &json!({ "address": marker.to_lowercase() })).await,
    ));
    let note = json!({ "text": marker });
    expected.push(("patient.note", doctor, doctor.post(&format!("{patient}/notes"), &note).await));
    let vitals = json!({ "pulse_per_minute": 72 });
    expected.push(("patient.vitals", opd, opd.post(&format!("{patient}/vitals"), &vitals).await));
    let prescription = json!({ "medicine": marker, "dose": "1", "frequency": "daily" });
    expected.push(("patient.prescribe", doctor, doctor.post(&format!("{patient}/prescriptions"), &prescription).await));
    let body = json!({ "patient_id": patient_id, "doctor_id": doctor.user_id, "starts_at": "2030-01-07T09:00:00Z", "reason": marker });
    let booked = reception.post(&appointments, &body).await;
    let appointment = format!("{appointments}/{}", text(&booked.expect(201), "appointment_id"));
    expected.push(("appointment.book", reception, booked));
    expected.push(("appointment.read", doctor, doctor.get(&appointment).await));
    expected.push(("appointment.list", doctor, doctor.get(&appointments).await));
    expected.push(("appointment.update", opd, opd.patch(&appointment, "\"1\"", &json!({ "status": "arrived" })).await));
    expected.push(("patient.archive", admin, delete(admin, &patient, "\"5\"").await));
    expected.push(("patient.restore", admin, admin.post_empty(&format!("{patient}/restore")).await));
    // A change that changes nothing answers the whole record, which is then read.
    let nothing = json!({});
    expected.push(("patient.read", admin, admin.post_empty(&format!("{patient}/restore")).await));
    expected.push(("patient.read", opd, opd.patch(&patient, "\"7\"", &nothing).await));
    for change in [&nothing, &json!({ "status": "arrived" })] {
        expected.push(("appointment.read", opd, opd.patch(&appointment, "\"2\"", change).await));
    }
    let added = opd.post(&pharmacy, &json!({ "medicine": "Aspirin", "quantity": 10 })).await;
    let medicine = format!("{pharmacy}/{}", text(&added.expect(201), "medicine_id"));
    expected.push(("pharmacy.add", opd, added));
    let dispensed = json!({ "change": -1, "reason": "dispensed" });
    expected.push(("pharmacy.stock", opd, opd.post(&format!("{medicine}/stock"), &dispensed).await));
    expected.push(("pharmacy.update", admin, admin.patch(&medicine, "\"2\"", &json!({ "unit": "boxes" })).await));
    expected.push(("pharmacy.remove", admin, delete(admin, &medicine, "\"3\"").await));
    expected.push(("pharmacy.restore", opd, opd.post_empty(&format!("{medicine}/restore")).await));
    let language = clinic.path("/settings/language");
    expected.push(("setting.update", admin, admin.put(&language, &json!({ "value": "fr" })).await));
    expected.push(("setting.reset", admin, delete(admin, &language, "\"1\"").await));
    let plan = json!({ "plan_id": "enterprise" });
    expected.push(("organization.change_plan", admin, admin.post(&clinic.path("/plan"), &plan).await));
    expected.push(("audit.read", admin, admin.get(&clinic.path("/audit")).await));
    expected.push(("audit.verify", admin, admin.get(&clinic.path("/audit/verify")).await));

    let log = clinic.log().await;
    for (action, staff, reply) in &expected {
        assert!((200..300).contains(&reply.status), "{action}: {reply:?}");
        let request_id = reply.header("x-request-id").unwrap();
        let entries: Vec<&Document> =
            log.iter().filter(|entry| entry.get_str("request_id").ok() == Some(request_id)).collect();
        let [entry] = entries[..] else { panic!("{action}: {} entries of its request", entries.len()) };
        assert_eq!(
            (entry.get_str("action").unwrap(), entry.get_str("actor_id").unwrap()),
            (*action, staff.user_id.as_str())
        );
    }
    // The log names fields and counts, never what is in a record.
    let whole = format!("{log:?}").to_lowercase();
    assert!(!whole.contains(&marker.to_lowercase()) && !whole.contains("555-0101"));

    // What was refused leaves no entry of a change.
    let before = clinic.log().await.len();
    reception.post(&patients, &json!({ "name": "" })).await.problem(422, "invalid");
    reception.patch(&patient, "\"1\"", &json!({ "name": "Jane" })).await.problem(412, "version-mismatch");
    doctor.delete(&patient).await.problem(403, "forbidden");
    assert_eq!(clinic.log().await.len(), before);

    // The administrator finds it all, newest first, by who, what and whom; others do not.
    let found = async |query: &str| -> Vec<Value> {
        let page = admin.get(&clinic.path(&format!("/audit?{query}"))).await.expect(200);
        page["items"].as_array().unwrap().clone()
    };
    let of_patient = found(&format!("limit=100&target_id={patient_id}")).await;
    let actions: BTreeSet<String> = of_patient.iter().map(|entry| text(entry, "action")).collect();
    for action in ["patient.register", "patient.list", "patient.note", "appointment.book", "appointment.list"] {
        assert!(actions.contains(action), "{action} is not in {actions:?}");
    }
    assert!(of_patient.windows(2).all(|two| two[0]["sequence"].as_i64() > two[1]["sequence"].as_i64()));
    let notes = found("action=patient.note").await;
    assert_eq!(
        (notes.len(), &notes[0]["actor_role"], &notes[0]["details"]["note_id"].is_string()),
        (1, &json!("DOCTOR"), &true)
    );
    assert!(
        found(&format!("actor_id={}", opd.user_id)).await.iter().all(|entry| entry["actor_id"] == opd.user_id.as_str())
    );
    assert!(found("until=2020-01-01T00:00:00Z").await.is_empty());
    assert!(!found("since=2020-01-01T00:00:00Z").await.is_empty());
    let page = admin.get(&clinic.path("/audit?limit=3")).await.expect(200);
    let next = found(&format!("limit=3&cursor={}", text(&page, "next_cursor"))).await;
    assert_eq!(next[0]["sequence"].as_i64().unwrap(), page["items"][2]["sequence"].as_i64().unwrap() - 1);
    for staff in [reception, opd, doctor] {
        staff.get(&clinic.path("/audit")).await.problem(403, "forbidden");
        staff.get(&clinic.path("/audit/verify")).await.problem(403, "forbidden");
    }
    clinic.stack.close().await;
}

/// What was done to whom stands in no index, and a request has a time to end in.
#[tokio::test]
async fn a_long_log_is_looked_through_in_parts() {
    let clinic = Clinic::new("long log").await;
    let patient_id = clinic.patient("Jane Smith").await;
    let log = clinic.stack.database(&clinic.hospital).collection::<Document>("audit_logs");
    let last = clinic.log().await.last().unwrap().get_i64("sequence").unwrap();
    let later = DateTime::now().timestamp_millis() + 7_200_000;
    let entries = (1..=20_005).map(|number| {
        doc! {
            "sequence": last + number, "at": DateTime::from_millis(later + number), "actor_id": "user_1",
            "actor_role": "DOCTOR", "action": "pharmacy.add", "previous_hash": "0".repeat(64), "hash": "0".repeat(64),
        }
    });
    log.insert_many(entries).await.unwrap();
    let found = async |query: &str| {
        let path = clinic.path(&format!("/audit?target_id={patient_id}{query}"));
        let page = clinic.admin().get(&path).await.expect(200);
        let actions: Vec<String> =
            page["items"].as_array().unwrap().iter().map(|entry| text(entry, "action")).collect();
        (actions, page["next_cursor"].as_str().map(ToOwned::to_owned))
    };
    let (actions, cursor) = found("").await;
    assert!(actions.is_empty());
    let registered = vec!["patient.register".to_owned()];
    assert_eq!(found(&format!("&cursor={}", cursor.expect("the log goes on"))).await, (registered.clone(), None));
    // Whoever says when is not sent through what came later, or was before.
    let at = |milliseconds: i64| DateTime::from_millis(later + milliseconds).try_to_rfc3339_string().unwrap();
    assert_eq!(found(&format!("&until={}", at(-3_700_000))).await, (registered, None));
    let (actions, cursor) = found(&format!("&since={}", at(3_620_010))).await;
    assert_eq!((actions, cursor), (vec![], None));
    clinic.stack.close().await;
}

#[tokio::test]
async fn whoever_gets_around_the_database_is_found() {
    let mut clinic = Clinic::new("tamper").await;
    for name in ["Jane Smith", "John Doe", "Ada Roe", "Max Low"] {
        clinic.patient(name).await;
    }
    let whole = clinic.verify().await;
    assert_eq!((&whole["intact"], whole["entries"].as_u64().unwrap() > 6), (&json!(true), true), "{whole}");

    // In parts, the last of which ends where the log does.
    let part = async |after: i64, limit: i64| {
        clinic.admin().get(&clinic.path(&format!("/audit/verify?after={after}&limit={limit}"))).await
    };
    let mut after = 0;
    while let Some(next) = part(after, 3).await.expect(200)["continue_after"].as_i64() {
        // Each part is recorded, so that the log grows meanwhile.
        assert_eq!(next, after + 3);
        after = next;
    }
    assert!(after > 6, "{after}");
    part(1_000_000, 3).await.problem(404, "not-found");

    // The hospital's own login cannot do it.
    let tenant = clinic.stack.tenant(&clinic.hospital.organization_id).await;
    let own = tenant.database(&clinic.hospital.database_name).collection::<Document>("audit_logs");
    assert!(own.count_documents(doc! { "sequence": 3 }).await.is_ok());
    let set = doc! { "$set": { "action": "patient.read" } };
    assert_eq!(refused(own.update_one(doc! { "sequence": 3 }, set.clone()).await), Some(13));
    assert_eq!(refused(own.delete_one(doc! { "sequence": 3 }).await), Some(13));
    assert_eq!(refused(own.replace_one(doc! { "sequence": 3 }, doc! {}).await), Some(13));
    assert_eq!(refused(own.drop().await), Some(13));

    // MongoDB's administrator can; each time it is found at its place, and whole again when it is undone.
    let log = clinic.stack.database(&clinic.hospital).collection::<Document>("audit_logs");
    let entry = async |sequence: i64| log.find_one(doc! { "sequence": sequence }).await.unwrap().unwrap();
    let broken_at = async || clinic.verify().await["broken"]["sequence"].as_i64();
    let third = entry(3).await;
    let broken_behind = async |after: i64| part(after, 100).await.expect(200)["broken"]["sequence"].as_i64();
    for tampered in [
        set,
        doc! { "$set": { "actor_id": "user_01jd8x2v9t6m3k5q7r1w4y0z8a" } },
        doc! { "$set": { "details.count": 0 } },
        doc! { "$set": { "approved": true } },
        doc! { "$unset": { "request_id": "", "target": "" } },
        doc! { "$currentDate": { "at": true } },
    ] {
        log.update_one(doc! { "sequence": 3 }, tampered.clone()).await.unwrap();
        assert_eq!(broken_at().await, Some(3), "{tampered}");
        assert_eq!([broken_behind(2).await, broken_behind(3).await], [Some(3); 2], "{tampered}");
        log.replace_one(doc! { "sequence": 3 }, &third).await.unwrap();
        assert_eq!(broken_at().await, None, "undone: {tampered}");
    }
    log.delete_one(doc! { "sequence": 3 }).await.unwrap();
    assert_eq!(broken_at().await, Some(3), "removed from the middle");
    log.insert_one(&third).await.unwrap();
    let first = entry(1).await;
    log.delete_one(doc! { "sequence": 1 }).await.unwrap();
    assert_eq!(broken_at().await, Some(1), "removed from the beginning");
    log.insert_one(&first).await.unwrap();
    for (from, to) in [(4_i64, 1_000_000_i64), (5, 4), (1_000_000, 5)] {
        log.update_one(doc! { "sequence": from }, doc! { "$set": { "sequence": to } }).await.unwrap();
    }
    assert_eq!(broken_at().await, Some(4), "reordered");
    for (from, to) in [(4_i64, 1_000_000_i64), (5, 4), (1_000_000, 5)] {
        log.update_one(doc! { "sequence": from }, doc! { "$set": { "sequence": to } }).await.unwrap();
    }
    assert_eq!(broken_at().await, None);

    // The end is cut off while nobody looks: what the master database remembers shows it, then and ever after.
    let last = clinic.log().await.last().unwrap().get_i64("sequence").unwrap();
    let anchors = clinic.stack.master().collection::<Document>("audit_anchors");
    let organization = doc! { "_id": &clinic.hospital.organization_id };
    eventually("the end of the log is noted", async || {
        let noted = anchors.find_one(organization.clone()).await.unwrap()?;
        (noted.get_i64("sequence").unwrap() >= last).then_some(())
    })
    .await;
    clinic.stack.api.kill();
    log.delete_many(doc! { "sequence": { "$gte": last } }).await.unwrap();
    clinic.stack.api.restart().await;
    let cut = clinic.verify().await;
    assert_eq!((&cut["intact"], &cut["broken"]["sequence"]), (&json!(false), &json!(last)), "{cut}");
    for _ in 0..3 {
        clinic.patient("Eve Later").await;
    }
    let refilled = clinic.verify().await;
    assert_eq!((&refilled["intact"], &refilled["broken"]["sequence"]), (&json!(false), &json!(last)), "{refilled}");
    clinic.stack.close().await;
}

#[tokio::test]
async fn a_log_that_was_restored_from_a_backup_goes_on_where_it_ends() {
    let clinic = Clinic::new("restored log").await;
    for name in ["Jane Smith", "John Doe"] {
        clinic.patient(name).await;
    }
    let sequences =
        async || -> Vec<i64> { clinic.log().await.iter().map(|entry| entry.get_i64("sequence").unwrap()).collect() };
    let last = *sequences().await.last().unwrap();
    let anchors = clinic.stack.master().collection::<Document>("audit_anchors");
    eventually("the end of the log is noted", async || {
        let noted = anchors.find_one(doc! { "_id": &clinic.hospital.organization_id }).await.unwrap()?;
        (noted.get_i64("sequence").unwrap() >= last).then_some(())
    })
    .await;
    // A change that is refused has looked where the log ends, and keeps that no longer than itself.
    let nobody = clinic.path("/patients/pat_01jd8x2v9t6m3k5q7r1w4y0z8a");
    clinic.reception.patch(&nobody, "\"1\"", &json!({ "address": "1 Low Road" })).await.problem(404, "not-found");
    // The backup is from before the last entry. The service runs all the while.
    let log = clinic.stack.database(&clinic.hospital).collection::<Document>("audit_logs");
    log.delete_one(doc! { "sequence": last }).await.unwrap();
    clinic.patient("Ada Roe").await;
    let whole: Vec<i64> = (1..=last).collect();
    assert_eq!(sequences().await, whole, "no gap is left");
    clinic.stack.close().await;
}

#[tokio::test]
async fn the_end_of_a_log_is_noted_when_the_service_stops() {
    let Clinic { stack, hospital, reception, .. } = Clinic::new("stopped log").await;
    let patients = hospital.path("/patients");
    reception.post(&patients, &json!({ "name": "Jane Smith", "birth_date": "1980-05-17" })).await.expect(201);
    assert!(stack.api.terminate().await.success());
    let log = stack.mongo.database(&hospital.database_name).collection::<Document>("audit_logs");
    let last = log.find_one(doc! {}).sort(doc! { "sequence": -1 }).await.unwrap().unwrap();
    let anchors = stack.mongo.database(stack.sandbox.master_database()).collection::<Document>("audit_anchors");
    let noted = anchors.find_one(doc! { "_id": &hospital.organization_id }).await.unwrap().unwrap();
    assert_eq!(noted.get_i64("sequence").unwrap(), last.get_i64("sequence").unwrap());
    stack.operator.terminate().await;
    stack.sandbox.close().await;
}

/// What a primary has that most members have not is lost when another becomes primary.
#[tokio::test]
async fn an_entry_is_built_only_on_what_no_change_of_the_primary_takes_back() {
    let clinic = Clinic::new("majority").await;
    let (own, platform) = (clinic.stack.database(&clinic.hospital), clinic.stack.master());
    for database in [&own, &platform] {
        database.run_command(doc! { "profile": 2 }).await.unwrap();
    }
    let nobody = clinic.path("/patients/pat_01jd8x2v9t6m3k5q7r1w4y0z8a");
    clinic.reception.patch(&nobody, "\"1\"", &json!({ "address": "1 Low Road" })).await.problem(404, "not-found");
    clinic.patient("Jane Smith").await;
    clinic.doctor.get(&clinic.path("/patients")).await.expect(200);
    clinic.stack.signup("Another", "starter").await;
    for database in [&own, &platform] {
        database.run_command(doc! { "profile": 0 }).await.unwrap();
        let ends = doc! { "command.find": "audit_logs", "command.sort.sequence": -1, "command.txnNumber": null,
        "command.filter": {} };
        let looks = database.collection::<Document>("system.profile").find(ends).await.unwrap();
        let looks: Vec<Document> = looks.try_collect().await.unwrap();
        assert!(!looks.is_empty());
        for look in looks {
            let command = look.get_document("command").unwrap();
            let level = command.get_document("readConcern").and_then(|concern| concern.get_str("level"));
            assert_eq!(level.ok(), Some("majority"), "{command}");
        }
    }
    clinic.stack.close().await;
}

/// MongoDB's code of a refusal.
fn refused<T: std::fmt::Debug>(result: mongodb::error::Result<T>) -> Option<i32> {
    use mongodb::error::{ErrorKind, WriteFailure};
    match &*result.unwrap_err().kind {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rush_at_two_replicas_leaves_one_unbroken_chain() {
    let clinic = Clinic::new("rush").await;
    let second = clinic.stack.sandbox.api().start().await;
    second.wait_ready().await;
    let other = second.client().bearer(clinic.reception.token());
    let patients = clinic.path("/patients");
    let seen = clinic.patient("Seen Often").await;
    let before = clinic.log().await.len();
    let work = (0..50).flat_map(|number| {
        let (here, there) = (clinic.reception.client.clone(), other.clone());
        let (patients, seen) = (patients.clone(), seen.clone());
        let who = if number % 2 == 0 { (here, there) } else { (there, here) };
        let change = {
            let (patients, client) = (patients.clone(), who.0);
            tokio::spawn(async move {
                let body = json!({ "name": format!("Patient {number}"), "birth_date": "1980-05-17" });
                text(&client.post(&patients, &body).await.expect(201), "record_number")
            })
        };
        let read = tokio::spawn(async move {
            who.1.get(&format!("{patients}/{seen}")).await.expect(200);
            String::new()
        });
        [change, read]
    });
    let answers = join_all(work.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap);
    let numbers: BTreeSet<String> = answers.filter(|number| !number.is_empty()).collect();
    assert_eq!(numbers.len(), 50, "each patient has a number of their own");

    let log = clinic.log().await;
    assert_eq!(log.len(), before + 100);
    for (at, entry) in log.iter().enumerate() {
        assert_eq!(entry.get_i64("sequence").unwrap(), i64::try_from(at).unwrap() + 1);
    }
    assert_eq!(clinic.verify().await, json!({ "intact": true, "entries": log.len() }));
    second.terminate().await;
    clinic.stack.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_leaves_no_change_without_entry_and_no_entry_without_change() {
    let mut clinic = Clinic::new("crash").await;
    let patients = clinic.path("/patients");
    let sent = Arc::new(AtomicUsize::new(0));
    for round in 0..3 {
        let crashed = Arc::new(AtomicBool::new(false));
        let workers: Vec<_> = (0..8)
            .map(|_| {
                let (client, patients) = (clinic.reception.client.clone(), patients.clone());
                let (crashed, sent) = (crashed.clone(), sent.clone());
                tokio::spawn(async move {
                    while !crashed.load(Ordering::Relaxed) {
                        let body = json!({ "name": "Somebody", "birth_date": "1980-05-17" });
                        // A connection that is cut says nothing of whether the patient is registered.
                        let _ = Reply::try_to(client.request(Method::POST, &patients).json(&body)).await;
                        sent.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let before = sent.load(Ordering::Relaxed);
        eventually("work is under way", async || {
            (sent.load(Ordering::Relaxed) > before + 20 + 7 * round).then_some(())
        })
        .await;
        clinic.stack.api.kill();
        crashed.store(true, Ordering::Relaxed);
        join_all(workers).await;
        clinic.stack.api.restart().await;
        // MongoDB keeps what the killed process left open for a minute; nobody waits for that.
        let since = Instant::now();
        clinic.reception.get(&patients).await.expect(200);
        clinic.patient("Right Afterwards").await;
        assert!(since.elapsed() < Duration::from_secs(20), "it took {:?} to work again", since.elapsed());
    }
    // Whatever was in flight is decided when the next change is in.
    clinic.patient("Afterwards").await;
    let stored = clinic.stack.database(&clinic.hospital).collection::<Document>("patients");
    let stored: BTreeSet<String> =
        stored.distinct("_id", doc! {}).await.unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    let log = clinic.log().await;
    let registered = log.iter().filter(|entry| entry.get_str("action").ok() == Some("patient.register"));
    let recorded: Vec<String> =
        registered.map(|entry| entry.get_document("target").unwrap().get_str("id").unwrap().to_owned()).collect();
    assert!(recorded.len() > 60);
    assert_eq!(recorded.iter().cloned().collect::<BTreeSet<_>>(), stored);
    assert_eq!(recorded.len(), stored.len(), "an entry is there twice");
    assert_eq!(clinic.verify().await, json!({ "intact": true, "entries": log.len() }));
    clinic.stack.close().await;
}

#[tokio::test]
async fn the_platforms_log_knows_sign_ups_and_declined_payments() {
    let stack = Stack::new("platform log").await;
    let platform = stack.platform_administrator().await;
    let request = stack.signup_request("Mercy", "professional");
    let key = "platform-log-sign-up-1";
    // The same request, of which the first answer did not arrive.
    let first = stack.client().post_once("/signup", key, &request).await.expect(201);
    let again = stack.client().post_once("/signup", key, &request).await.expect(201);
    assert_eq!(first, again);
    let signup = Signup::of(&first);
    let payer = stack.client().bearer(&signup.setup_token);
    for card in ["4000000000009995", "4000000000000002"] {
        payer.post("/process-payment", &signup.payment(card)).await.problem(402, "payment-declined");
    }
    payer.post("/process-payment", &signup.payment(CARD)).await.expect(200);

    let log = async |query: &str| -> Vec<Value> {
        let page = platform.get(&format!("/master/audit-log?{query}")).await.expect(200);
        page["items"].as_array().unwrap().clone()
    };
    let signed_up = log("action=organization.sign_up").await;
    let [entry] = &signed_up[..] else { panic!("{signed_up:?}") };
    assert_eq!(entry["target"], json!({ "type": "organization", "id": signup.organization_id }));
    assert_eq!((&entry["actor_role"], &entry["details"]), (&json!("SETUP"), &json!({ "plan": "professional" })));
    assert!(entry["request_id"].is_string(), "{entry}");
    let declined = log("action=payment.decline").await;
    let codes: Vec<_> = declined.iter().map(|entry| entry["details"]["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["card_declined", "insufficient_funds"], "the newest first");
    for entry in &declined {
        assert_eq!(entry["details"]["organization_id"], signup.organization_id.as_str());
        assert_eq!(entry["actor_id"], signed_up[0]["actor_id"], "who signed up has tried to pay");
    }
    // In pages, without gap.
    let page = platform.get("/master/audit-log?limit=2").await.expect(200);
    let next = log(&format!("limit=2&cursor={}", text(&page, "next_cursor"))).await;
    assert_eq!(next[0]["sequence"].as_i64().unwrap(), page["items"][1]["sequence"].as_i64().unwrap() - 1);
    let whole = format!("{:?}", log("limit=100").await);
    for kept_out in ["Mercy", "4000000000", request["organization_email"].as_str().unwrap()] {
        assert!(!whole.contains(kept_out), "{kept_out} is in {whole}");
    }

    let verified = platform.get("/master/audit-log/verify").await.expect(200);
    assert_eq!(verified["intact"], true, "{verified}");
    let entries = stack.master().collection::<Document>("audit_logs");
    let sequence = declined[0]["sequence"].as_i64().unwrap();
    entries.update_one(doc! { "sequence": sequence }, doc! { "$set": { "actor_id": "nobody" } }).await.unwrap();
    let verified = platform.get("/master/audit-log/verify").await.expect(200);
    assert_eq!((&verified["intact"], &verified["broken"]["sequence"]), (&json!(false), &json!(sequence)));
    stack.close().await;
}

#[tokio::test]
async fn what_the_platforms_log_does_not_take_does_not_happen_to_its_accounts() {
    let stack = Stack::new("audit, platform accounts").await;
    let administrator = stack.platform_administrator().await;
    let accounts = async || -> Vec<Document> {
        let accounts = stack.master().collection("organization_users");
        let found = accounts.find(doc! { "kind": "platform_administrator" }).sort(doc! { "_id": 1 }).await.unwrap();
        found.try_collect().await.unwrap()
    };
    // As if the service were killed before the entry: it is not written.
    let refuse = async |action: &str| {
        let validator = doc! { "action": { "$ne": action } };
        stack.master().run_command(doc! { "collMod": "audit_logs", "validator": validator }).await.unwrap();
    };
    let before = accounts().await;
    let other = "glass elephants paint the harbour";
    let change = json!({ "current_password": PASSWORD, "new_password": other });
    refuse("user.change_password").await;
    assert_eq!(administrator.post("/me/password", &change).await.status, 500);
    let sign_in = async |password: &str| {
        let body = json!({ "email": before[0].get_str("email").unwrap(), "password": password });
        stack.client().post("/login", &body).await
    };
    let administrator = Staff::signed_in(&stack.client(), &sign_in(PASSWORD).await.expect(200));
    refuse("administrator.invite").await;
    let invite = async || stack.sandbox.api().run(&["admin", "invite", "--email", "second@chakravue.example"]).await;
    invite().await.unwrap_err();
    let hashes = |accounts: &[Document]| -> Vec<String> {
        accounts.iter().map(|account| account.get_str("password_hash").unwrap().to_owned()).collect()
    };
    assert_eq!(hashes(&accounts().await), hashes(&before), "nobody came, and nobody has another password");

    refuse("nothing").await;
    administrator.post("/me/password", &change).await.expect(200);
    invite().await.unwrap();
    sign_in(other).await.expect(200);
    assert_eq!(accounts().await.len(), 2);
    let entries = stack.master().collection::<Document>("audit_logs");
    for (action, times) in [("user.change_password", 1), ("administrator.invite", 2)] {
        assert_eq!(entries.count_documents(doc! { "action": action }).await.unwrap(), times, "{action}");
    }
    stack.close().await;
}
