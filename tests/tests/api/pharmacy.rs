//! The pharmacy's stock: what there is, what runs low or expires, and changes that add up.

use futures::future::join_all;
use mongodb::bson::{DateTime, Document, doc};
use serde_json::{Value, json};

use crate::{
    clinic::{Clinic, delete, pointers},
    support::text,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stock_adds_up_and_never_goes_below_nothing() {
    let clinic = Clinic::new("pharmacy").await;
    let pharmacy = clinic.path("/pharmacy");
    let opd = &clinic.opd;
    let ibuprofen = json!({ "medicine": "Ibuprofen 400 mg", "batch": "B-1", "quantity": 120, "unit": "tablets",
        "reorder_level": 50, "expires_on": "2031-03-31" });
    let added = opd.post(&pharmacy, &ibuprofen).await;
    let path = added.header("location").unwrap().to_owned();
    assert_eq!((added.etag().as_str(), &added.expect(201)["low"]), ("\"1\"", &json!(false)));
    clinic
        .admin()
        .post(&pharmacy, &json!({ "medicine": "aspirin", "quantity": 5, "reorder_level": 5 }))
        .await
        .expect(201);
    clinic
        .admin()
        .post(&pharmacy, &json!({ "medicine": "Bandage", "quantity": 0, "expires_on": "2030-01-01" }))
        .await
        .expect(201);

    let names = async |query: &str| -> Vec<String> {
        let answer = clinic.doctor.get(&format!("{pharmacy}?{query}")).await.expect(200);
        answer["items"].as_array().unwrap().iter().map(|one| text(one, "medicine")).collect()
    };
    assert_eq!(names("").await, ["aspirin", "Bandage", "Ibuprofen 400 mg"]);
    assert_eq!(names("q=IBU%20400").await, ["Ibuprofen 400 mg"]);
    assert_eq!(names("q=b-1").await, ["Ibuprofen 400 mg"]);
    assert_eq!(names("low=true").await, ["aspirin"]);
    assert_eq!(names("expiring_before=2031-01-01").await, ["Bandage"]);
    let first = clinic.doctor.get(&format!("{pharmacy}?limit=1")).await.expect(200);
    assert_eq!(names(&format!("limit=1&cursor={}", text(&first, "next_cursor"))).await, ["Bandage"]);

    // Two hundred taken away ten at a time, all at once, of a hundred and twenty.
    let stock = format!("{path}/stock");
    let take = json!({ "change": -10, "reason": "dispensed" });
    let answers = join_all((0..20).map(|_| opd.post(&stock, &take))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 12);
    let refused = answers.iter().find(|answer| answer.status != 200).unwrap().problem(409, "stock-too-low");
    assert_eq!((&refused["quantity"], &refused["change"]), (&json!(0), &json!(-10)));
    let received = opd.post(&stock, &json!({ "change": 40, "reason": "received" })).await.expect(200);
    assert_eq!((&received["quantity"], &received["low"], &received["version"]), (&json!(40), &json!(true), &json!(14)));
    // One that is sent again with its key counts once, also at the same time; for another medicine it is another.
    let take_four = json!({ "change": -4, "reason": "dispensed" });
    let repeated = join_all((0..5).map(|_| opd.post_once(&stock, "take-four", &take_four))).await;
    for answer in repeated {
        assert_eq!(answer.expect(200)["quantity"], 36);
    }
    let other = opd.get(&format!("{pharmacy}?q=aspirin")).await.expect(200)["items"][0].clone();
    let others = format!("{pharmacy}/{}/stock", text(&other, "medicine_id"));
    assert_eq!(opd.post_once(&others, "take-four", &take_four).await.expect(200)["quantity"], 1);
    let more = json!({ "change": -5, "reason": "dispensed" });
    opd.post_once(&stock, "take-four", &more).await.problem(422, "idempotency-key-reused");
    // Also where the answer was made and never stored.
    let keys = clinic.stack.master().collection::<Document>("idempotency");
    let forgotten = doc! { "$unset": { "answer": "" }, "$set": { "lease_until": DateTime::from_millis(0) } };
    let forget = async || keys.update_many(doc! { "answer": { "$exists": true } }, forgotten.clone()).await.unwrap();
    forget().await;
    assert_eq!(opd.post_once(&stock, "take-four", &take_four).await.expect(200)["quantity"], 36);
    opd.post(&stock, &json!({ "change": 4, "reason": "counted" })).await.expect(200);
    for (body, pointer) in [
        (json!({ "change": 5, "reason": "dispensed" }), "/change"),
        (json!({ "change": 0, "reason": "counted" }), "/change"),
        (json!({ "change": 5, "reason": "for Jane Smith" }), "/reason"),
        (json!({ "change": 5 }), "/reason"),
        (json!({ "change": { "$inc": 5 }, "reason": "received" }), "/change"),
    ] {
        assert_eq!(pointers(&opd.post(&stock, &body).await.problem(422, "invalid")), [pointer], "{body}");
    }

    // Details change with the version that was read; the quantity does not.
    assert_eq!(
        pointers(&opd.patch(&path, "\"16\"", &json!({ "quantity": 9 })).await.problem(422, "invalid")),
        ["/quantity"]
    );
    opd.patch(&path, "\"1\"", &json!({ "unit": "boxes" })).await.problem(412, "version-mismatch");
    let changed = opd.patch(&path, "\"16\"", &json!({ "unit": "boxes", "expires_on": null })).await.expect(200);
    assert_eq!((&changed["unit"], changed.get("expires_on")), (&json!("boxes"), None));

    // Roles: everybody but reception looks, ADMIN and OPD change.
    clinic.reception.get(&pharmacy).await.problem(403, "forbidden");
    for staff in [&clinic.reception, &clinic.doctor] {
        staff.post(&pharmacy, &ibuprofen).await.problem(403, "forbidden");
        staff.post(&stock, &take).await.problem(403, "forbidden");
        delete(staff, &path, "\"17\"").await.problem(403, "forbidden");
    }
    delete(opd, &path, "\"16\"").await.problem(412, "version-mismatch");
    assert_eq!(delete(opd, &path, "\"17\"").await.status, 204);
    // Nothing is deleted, and nothing changes any more.
    let removed = opd.get(&path).await;
    assert!(removed.etag() == "\"18\"" && removed.expect(200)["removed_at"].is_string(), "{removed:?}");
    assert_eq!(names("").await, ["aspirin", "Bandage"]);
    assert_eq!(names("removed=true").await, ["Ibuprofen 400 mg"]);
    opd.post(&stock, &take).await.problem(404, "not-found");
    // A change that was made before is answered all the same.
    forget().await;
    let made = opd.post_once(&stock, "take-four", &take_four).await.expect(200);
    assert_eq!((&made["quantity"], made["removed_at"].is_string()), (&json!(40), true));
    opd.patch(&path, "\"18\"", &json!({ "unit": "boxes" })).await.problem(404, "not-found");
    delete(opd, &path, "\"18\"").await.problem(404, "not-found");
    let stored = clinic.stack.database(&clinic.hospital).collection::<Document>("pharmacy");
    assert_eq!(stored.count_documents(doc! { "deleted_at": { "$exists": true }, "quantity": 40 }).await.unwrap(), 1);
    // Until it is taken in again, with what there was of it.
    for _ in 0..2 {
        let restored = opd.post_empty(&format!("{path}/restore")).await;
        assert_eq!(restored.etag(), "\"19\"", "one that is in the stock stays as it is");
        let restored = restored.expect(200);
        assert!(restored["quantity"] == 40 && restored["removed_at"].is_null(), "{restored}");
    }
    assert_eq!(names("removed=true").await, Vec::<String>::new());
    opd.post(&stock, &take).await.expect(200);
    clinic.reception.post_empty(&format!("{path}/restore")).await.problem(403, "forbidden");
    // Another of the same name is another.
    assert_ne!(opd.post(&pharmacy, &ibuprofen).await.expect(201)["medicine_id"], removed.json()["medicine_id"]);
    assert_eq!(clinic.verify().await["intact"], Value::Bool(true));
    clinic.stack.close().await;
}
