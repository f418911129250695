//! The catalogue at work, through the hospital's own login: validators accept what a hospital writes and refuse what
//! would break a reader; unique indexes refuse doubles; every query of a hospital's day finds its index.

use kube::ResourceExt as _;
use mongodb::bson::{Bson, DateTime, Document, doc};

use crate::support::{World, code};

/// A document of each collection as the API writes it.
fn documents() -> Vec<(&'static str, Document)> {
    let now = DateTime::now();
    vec![
        (
            "users",
            doc! {
                "_id": "user_1", "email": "doctor@hospital.example", "name": "Dr. Ada", "role": "DOCTOR",
                "status": "active", "password_hash": "$argon2id$v=19$m=19456,t=2,p=1$x$y", "last_login": now,
                "created_at": now, "version": 1,
            },
        ),
        (
            "patients",
            doc! {
                "record_number": "P-1", "name": "नीता शर्मा", "birth_date": "1980-05-17", "sex": "female",
                "allergies": ["penicillin"], "notes": [{ "at": now, "text": "well" }], "created_at": now,
            },
        ),
        (
            "appointments",
            doc! {
                "patient_id": "patient_1", "doctor_id": "user_1", "starts_at": now, "status": "booked",
                "created_at": now, "a_field_of_a_later_version": true,
            },
        ),
        (
            "pharmacy",
            doc! { "medicine": "Ibuprofen 400", "quantity": 12_i64, "expires_on": "2030-01-31", "created_at": now },
        ),
        ("settings", doc! { "key": "opening_hours", "value": { "from": 8, "to": 18 } }),
        (
            "audit_logs",
            doc! {
                "sequence": 1_i64, "at": now, "actor_id": "user_1", "action": "patient.read",
                "previous_hash": "0".repeat(64), "hash": "f".repeat(64),
            },
        ),
    ]
}

/// What would break a reader: the field that is changed, and its bad value (nothing: the field is missing).
fn breakages() -> Vec<(&'static str, &'static str, Option<Bson>)> {
    vec![
        ("users", "email", None),
        ("users", "email", Some("no address".into())),
        ("users", "role", Some("doctor".into())),
        ("users", "role", Some("SURGEON".into())),
        ("users", "status", Some("asleep".into())),
        ("users", "created_at", Some("yesterday".into())),
        ("patients", "record_number", None),
        ("patients", "record_number", Some("".into())),
        ("patients", "name", Some(7.into())),
        ("patients", "birth_date", Some("17.05.1980".into())),
        ("patients", "birth_date", Some(DateTime::now().into())),
        ("appointments", "doctor_id", None),
        ("appointments", "starts_at", Some("2026-01-01T10:00:00Z".into())),
        ("appointments", "status", Some("maybe".into())),
        ("pharmacy", "medicine", None),
        ("pharmacy", "quantity", Some((-1).into())),
        ("pharmacy", "quantity", Some(1.5.into())),
        ("pharmacy", "expires_on", Some("soon".into())),
        ("settings", "key", None),
        ("settings", "value", None),
        ("audit_logs", "sequence", Some(0.into())),
        ("audit_logs", "hash", Some("xyz".into())),
        ("audit_logs", "previous_hash", None),
        ("audit_logs", "actor_id", Some(Bson::Null)),
    ]
}

#[tokio::test]
async fn a_hospitals_documents_are_accepted_and_what_would_break_a_reader_is_refused() {
    let world = World::new("catalogue").await;
    let operator = world.sandbox.operator().start().await;
    let name = world.ready_hospital("documents").await.name_any();
    let tenant = world.tenant(&name).await.database(&world.sandbox.database_name("documents"));
    let insert = |collection: &str, document: Document| {
        let collection = tenant.collection::<Document>(collection);
        async move { code(&collection.insert_one(document).await) }
    };

    for (collection, document) in documents() {
        assert_eq!(insert(collection, document).await, 0, "{collection}");
    }
    for (collection, field, bad) in breakages() {
        let mut document = documents().into_iter().find(|(name, _)| *name == collection).unwrap().1;
        document.remove("_id");
        match bad.clone() {
            Some(bad) => document.insert(field, bad),
            None => document.remove(field),
        };
        assert_eq!(insert(collection, document).await, 121, "{collection}.{field} {bad:?}");
    }

    // The same again, differing in nothing that a unique index looks at; an address also in other letters.
    for (collection, mut document) in documents() {
        if !["users", "patients", "settings", "audit_logs"].contains(&collection) {
            continue;
        }
        document.remove("_id");
        if collection == "users" {
            document.insert("email", "DOCTOR@Hospital.Example");
        }
        assert_eq!(insert(collection, document).await, 11000, "{collection}");
    }

    operator.terminate().await;
    world.close().await;
}

#[tokio::test]
async fn every_query_of_a_hospitals_day_finds_its_index() {
    let world = World::new("queries").await;
    let operator = world.sandbox.operator().start().await;
    world.ready_hospital("queries").await;
    let database = world.mongo.database(&world.sandbox.database_name("queries"));
    let (now, any_case) = (DateTime::now(), doc! { "locale": "en", "strength": 2 });
    let find = |collection: &str, filter: Document, sort: Document| doc! { "find": collection, "filter": filter, "sort": sort };
    let in_any_case = |mut query: Document| {
        query.insert("collation", any_case.clone());
        query
    };
    // A page behind another one, as the API asks for it: after `value` of the field, or with it and after an id.
    let behind = |filter: Document, field: &str, value: Bson| {
        let after = doc! { field: { "$gt": value.clone() } };
        let among_equals = doc! { field: value, "_id": { "$gt": "a" } };
        doc! { "$and": [filter, { "$or": [after, among_equals] }] }
    };
    let (by_time, by_name) = (doc! { "starts_at": 1, "_id": 1 }, doc! { "medicine": 1, "_id": 1 });
    let (of_doctor, of_patient) = (doc! { "doctor_id": "d" }, doc! { "patient_id": "p" });
    let (day, in_stock) = (doc! { "starts_at": { "$gte": now } }, doc! { "deleted_at": null });
    let later = |filter: &Document| behind(filter.clone(), "starts_at", now.into());
    let queries = [
        ("doctor_time", find("appointments", of_doctor.clone(), by_time.clone())),
        ("doctor_time", find("appointments", later(&of_doctor), by_time.clone())),
        ("patient_time", find("appointments", of_patient.clone(), by_time.clone())),
        ("patient_time", find("appointments", later(&of_patient), by_time.clone())),
        ("time", find("appointments", day.clone(), by_time.clone())),
        ("time", find("appointments", later(&day), by_time.clone())),
        ("medicine", in_any_case(find("pharmacy", in_stock.clone(), by_name.clone()))),
        ("medicine", in_any_case(find("pharmacy", behind(in_stock, "medicine", "b".into()), by_name))),
        ("email_unique", in_any_case(find("users", doc! { "email": "A@b.example" }, doc! {}))),
        ("record_number_unique", find("patients", doc! { "record_number": "P-1" }, doc! {})),
        (
            "name_birth_date",
            in_any_case(find("patients", doc! { "name": "jane smith", "birth_date": "1980-05-17" }, doc! {})),
        ),
        // The beginning of a name, as somebody types it.
        (
            "name_birth_date",
            in_any_case(find("patients", doc! { "name": { "$gte": "jan", "$lt": "jao" } }, doc! { "name": 1 })),
        ),
        (
            "doctor_time",
            find("appointments", doc! { "doctor_id": "d", "starts_at": { "$gte": now } }, doc! { "starts_at": 1 }),
        ),
        ("patient_time", find("appointments", doc! { "patient_id": "p" }, doc! { "starts_at": -1 })),
        ("time", find("appointments", doc! { "starts_at": { "$gte": now } }, doc! { "starts_at": 1 })),
        ("medicine", in_any_case(find("pharmacy", doc! { "medicine": "ibuprofen 400" }, doc! {}))),
        ("expiry", find("pharmacy", doc! { "expires_on": { "$lt": "2027-01-01" } }, doc! { "expires_on": 1 })),
        ("key_unique", find("settings", doc! { "key": "language" }, doc! {})),
        ("time", find("audit_logs", doc! { "at": { "$gte": now } }, doc! { "at": -1 })),
        ("actor_time", find("audit_logs", doc! { "actor_id": "user_1" }, doc! { "at": -1 })),
        // The end of the chain, where the next entry goes.
        ("sequence_unique", find("audit_logs", doc! { "sequence": { "$gt": 0 } }, doc! { "sequence": -1 })),
    ];
    for (index, query) in queries {
        let what = query.to_string();
        let answer = database.run_command(doc! { "explain": query, "verbosity": "queryPlanner" }).await.unwrap();
        let plan = answer.get_document("queryPlanner").unwrap().get_document("winningPlan").unwrap().to_string();
        assert!(plan.contains(&format!("\"indexName\": \"{index}\"")), "{what} does not use {index}: {plan}");
        assert!(!plan.contains("\"SORT\"") && !plan.contains("COLLSCAN"), "{what} sorts or scans: {plan}");
    }

    operator.terminate().await;
    world.close().await;
}
