//! Whatever is not as it should be is noticed: an invariant that holds whatever happens would prove nothing. With the
//! operator gone, nobody mends what is spoiled here.

use chakravue_crds::{
    master::ORGANIZATIONS,
    naming::{TENANT_ROLE, secret_name},
};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use mongodb::bson::{Bson, Document, doc};
use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

use crate::{
    hospitals::{Deed, Hospitals, database},
    invariants,
    kinds::Kind,
    support::{World, patient},
};

/// What is done to a database, what takes it back, and what has to be said of it.
type Spoiled = (String, Vec<Document>, Vec<Document>, &'static str);

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_not_right_is_noticed() {
    let world = World::new("notices").await;
    let watch = world.sandbox.watch_mongodb_uri().await;
    let operator = world.sandbox.operator().watch_mongodb_uri(&watch).start().await;
    let mut hospitals = Hospitals::found(&world).await;
    let mut random = StdRng::seed_from_u64(1);
    for kind in [Kind::Suspend, Kind::DeleteAndRetain] {
        let deed: Deed = hospitals.deed(&world, kind, &mut random).unwrap();
        assert_eq!(hospitals.happen(&world, &deed).await, Some(kind));
    }
    invariants::hold(&world, &hospitals, &operator).await.unwrap();
    operator.terminate().await;

    let active = hospitals.declared.iter().find(|(_, object)| object["spec"]["subscription"] == "Active").unwrap().0;
    let own = database(active);
    let retained = database(hospitals.retained.first().unwrap());
    let secret = world.secret(active).await;
    let spoiled = [
        in_the_schema(&own),
        in_the_access(&own, &retained, &hospitals.organizations[active], &secret["password"]),
        in_the_claim(&world, &own, &retained).await,
        left_over(&world, &own, &retained),
    ];
    for (database, spoil, mend, what) in spoiled.into_iter().flatten() {
        run(&world, &database, &spoil).await;
        notices(&world, &hospitals, what, &format!("{spoil:?}")).await;
        run(&world, &database, &mend).await;
    }
    in_kubernetes(&world, &hospitals, active).await;
    invariants::look(&world, &hospitals).await.unwrap();
    world.close().await;
}

async fn run(world: &World, database: &str, commands: &[Document]) {
    for command in commands {
        let answer = world.mongo.database(database).run_command(command.clone()).await;
        answer.unwrap_or_else(|error| panic!("{command}: {error}"));
    }
}

async fn notices(world: &World, hospitals: &Hospitals, what: &str, spoiled: &str) {
    let said = invariants::look(world, hospitals).await.expect_err(&format!("nobody noticed: {spoiled}"));
    assert!(said.contains(what), "{spoiled}: {said}");
}

/// Indexes and validators.
fn in_the_schema(own: &str) -> Vec<Spoiled> {
    let drop = |collection: &str, name: &str| doc! { "dropIndexes": collection, "index": name };
    let make = |collection: &str, index: Document| doc! { "createIndexes": collection, "indexes": [index] };
    let simple = doc! { "locale": "simple" };
    let english = doc! { "locale": "en", "strength": 2 };
    let index = |name: &str, keys: Document, collation: &Document| {
        doc! { "name": name, "key": keys, "collation": collation }
    };
    let unique = |name: &str, keys: Document, collation: &Document| {
        let mut unique = index(name, keys, collation);
        unique.insert("unique", true);
        unique
    };
    let replaced = |collection: &str, by: Document, before: Document| {
        let name = before.get_str("name").unwrap().to_owned();
        let spoil = vec![drop(collection, &name), make(collection, by)];
        (own.to_owned(), spoil, vec![drop(collection, &name), make(collection, before)], "indexes")
    };
    let action = |action: &str| doc! { "collMod": "pharmacy", "validationAction": action };
    let level = |level: &str| doc! { "collMod": "pharmacy", "validationLevel": level };
    let medicine = index("medicine", doc! { "medicine": 1, "_id": 1 }, &english);
    vec![
        (own.to_owned(), vec![drop("pharmacy", "medicine")], vec![make("pharmacy", medicine.clone())], "indexes"),
        replaced("pharmacy", index("medicine", doc! { "medicine": 1, "_id": 1 }, &simple), medicine),
        replaced(
            "appointments",
            index("doctor_time", doc! { "starts_at": 1, "doctor_id": 1, "_id": 1 }, &simple),
            index("doctor_time", doc! { "doctor_id": 1, "starts_at": 1, "_id": 1 }, &simple),
        ),
        replaced(
            "patients",
            index("record_number_unique", doc! { "record_number": 1 }, &simple),
            unique("record_number_unique", doc! { "record_number": 1 }, &simple),
        ),
        (own.to_owned(), vec![action("warn")], vec![action("error")], "validationAction"),
        (own.to_owned(), vec![level("moderate")], vec![level("strict")], "validationLevel"),
        (own.to_owned(), vec![doc! { "create": "seventh" }], vec![doc! { "drop": "seventh" }], "collections"),
    ]
}

/// What the role and the user may do, and the user's password.
fn in_the_access(own: &str, retained: &str, organization: &str, password: &str) -> Vec<Spoiled> {
    let role = |database: &str, role: &str| vec![Bson::from(doc! { "db": database, "role": role })];
    let grant = |roles: Vec<Bson>| vec![doc! { "grantRolesToUser": own, "roles": roles }];
    let revoke = |roles: Vec<Bson>| vec![doc! { "revokeRolesFromUser": own, "roles": roles }];
    let right = |collection: &str, action: &str| {
        vec![Bson::from(doc! { "resource": { "db": own, "collection": collection }, "actions": [action] })]
    };
    let wider = |right: Vec<Bson>| vec![doc! { "grantPrivilegesToRole": TENANT_ROLE, "privileges": right }];
    let narrower = |right: Vec<Bson>| vec![doc! { "revokePrivilegesFromRole": TENANT_ROLE, "privileges": right }];
    let update = |change: Document| {
        let mut update = doc! { "updateUser": own };
        update.extend(change);
        vec![update]
    };
    let is = |password: &str| update(doc! { "pwd": password, "mechanisms": ["SCRAM-SHA-256"] });
    let of = |organization: &str| update(doc! { "customData": { "organization_id": organization } });
    let another = doc! { "createUser": "another", "pwd": "by hand", "roles": [] };
    let more = doc! { "createRole": "more", "privileges": [], "roles": [] };
    let changes = [
        (wider(right("audit_logs", "remove")), narrower(right("audit_logs", "remove")), "privileges of its role"),
        (narrower(right("patients", "find")), wider(right("patients", "find")), "privileges of its role"),
        (grant(role(retained, "read")), revoke(role(retained, "read")), "roles of its user"),
        (grant(role(own, "dbAdmin")), revoke(role(own, "dbAdmin")), "roles of its user"),
        (revoke(role(own, TENANT_ROLE)), grant(role(own, TENANT_ROLE)), "roles of its user"),
        (of("another"), of(organization), "organization of its user"),
        (is("by hand"), is(password), "what it gets to read"),
        (vec![another], vec![doc! { "dropUser": "another" }], "users"),
        (vec![more], vec![doc! { "dropRole": "more" }], "roles"),
    ];
    changes.map(|(spoil, mend, what)| (own.to_owned(), spoil, mend, what)).into()
}

/// What the platform is told, and whose the database is.
async fn in_the_claim(world: &World, own: &str, retained: &str) -> Vec<Spoiled> {
    let master = world.sandbox.master_database().to_owned();
    let mut changes = Vec::new();
    for (database, field, value, what) in [
        (own, "plan", Bson::from("Enterprise"), "the platform's view"),
        (own, "monthly_price_usd", 1_i64.into(), "the platform's view"),
        (own, "users", 7_i64.into(), "the platform's view"),
        (own, "user_limit", 7_i64.into(), "the platform's view"),
        (own, "status", "Suspended".into(), "the platform's view"),
        (own, "display_name", "Another".into(), "the platform's view"),
        (own, "owner.uid", "another".into(), "the claim's owner"),
        (own, "claim", "Dropping".into(), "the claim"),
        (own, "schema_version", 0_i64.into(), "its schema"),
        (own, "collections", doc! {}.into(), "the collections that the claim remembers"),
        (retained, "claim", "Held".into(), "the claim of"),
        (retained, "database_name", format!("{retained}_away").into(), "the organization of"),
    ] {
        let claim = world.claim_on(database).await.unwrap();
        let before = match field.split_once('.') {
            Some((outer, inner)) => claim.get_document(outer).unwrap().get(inner),
            None => claim.get(field),
        };
        let of_it = doc! { "_id": claim.get_str("_id").unwrap() };
        let set = |value: Bson| {
            vec![doc! { "update": ORGANIZATIONS, "updates": [{ "q": &of_it, "u": { "$set": { field: value } } }] }]
        };
        changes.push((master.clone(), set(value), set(before.unwrap().clone()), what));
    }
    changes
}

/// What belongs to nobody, and what is gone.
fn left_over(world: &World, own: &str, retained: &str) -> Vec<Spoiled> {
    let nobodys = world.sandbox.database_name("nobody");
    let user = |name: &str| vec![doc! { "createUser": name, "pwd": "by hand", "roles": [] }];
    let gone = |name: &str| vec![doc! { "dropUser": name }];
    let number = doc! { "record_number": "1" };
    let discharge = |database: &str| {
        let delete = doc! { "delete": "patients", "deletes": [{ "q": &number, "limit": 1 }] };
        let insert = doc! { "insert": "patients", "documents": [patient("1")] };
        (database.to_owned(), vec![delete], vec![insert], "patients are lost")
    };
    vec![
        (nobodys.clone(), vec![doc! { "create": "patients" }], vec![doc! { "dropDatabase": 1 }], "databases of nobody"),
        (nobodys, user("nobody"), gone("nobody"), "users"),
        (retained.to_owned(), user(retained), gone(retained), "users"),
        discharge(own),
        discharge(retained),
    ]
}

/// What the status tells, and Secrets of nobody.
async fn in_kubernetes(world: &World, hospitals: &Hospitals, name: &str) {
    let by = PatchParams::default();
    let status = json!(world.hospitals().get(name).await.unwrap().status);
    let mut conditions = status["conditions"].clone();
    for condition in conditions.as_array_mut().unwrap() {
        if condition["type"] == "SchemaReady" {
            condition["reason"] = json!("Repairing");
        }
    }
    for (field, value) in [
        ("phase", json!("Suspended")),
        ("observedGeneration", json!(0)),
        ("organizationId", json!("another")),
        ("databaseName", json!("another")),
        ("binding", json!({ "name": "another" })),
        ("schemaVersion", json!(0)),
        ("collections", json!(status["collections"].as_array().unwrap()[1..])),
        ("unmanaged", json!({ "collections": ["more"], "count": 1 })),
        ("credentials", json!({ "rotatedAt": "2020-01-01T00:00:00Z" })),
        ("dataLoss", json!({ "detectedAt": "now", "collections": ["patients"] })),
        ("users", json!({ "current": 1, "limit": 5, "seats": "1/5" })),
        ("monthlyPriceUsd", json!(1)),
        ("conditions", conditions),
    ] {
        let set = |value: &Value| Patch::Merge(json!({ "status": { field: value } }));
        world.hospitals().patch_status(name, &by, &set(&value)).await.unwrap();
        notices(world, hospitals, &format!("{field} of its status"), field).await;
        world.hospitals().patch_status(name, &by, &set(&status[field])).await.unwrap();
    }

    let own = secret_name(name);
    let before = json!(world.secrets().get(&own).await.unwrap());
    for (field, value, what) in [
        ("data", json!({ "more": "bW9yZQ==" }), "what its Secret has"),
        ("data", json!({ "username": "bW9yZQ==" }), "username of its Secret"),
        ("data", json!({ "password": "bW9yZQ==" }), "its Secret's URI"),
        ("metadata", json!({ "ownerReferences": null }), "owners of Secret"),
        ("metadata", json!({ "annotations": { "chakravue.io/rotated-at": "now" } }), "credentials of its status"),
        ("metadata", json!({ "annotations": { "chakravue.io/rotation": "1" } }), "for what request"),
    ] {
        world.secrets().patch(&own, &by, &Patch::Merge(json!({ field: value }))).await.unwrap();
        notices(world, hospitals, what, &format!("{field} {value} of its Secret")).await;
        let mut mend = before[field].clone();
        if field == "metadata" {
            mend["annotations"]["chakravue.io/rotation"] = Value::Null;
        }
        for added in ["more", "resourceVersion", "managedFields"] {
            mend[added] = Value::Null;
        }
        world.secrets().patch(&own, &by, &Patch::Merge(json!({ field: mend }))).await.unwrap();
    }
    let secret: Secret = serde_json::from_value(json!({ "metadata": { "name": "nobodys-mongodb" } })).unwrap();
    world.secrets().create(&PostParams::default(), &secret).await.unwrap();
    notices(world, hospitals, "belongs to nobody", "a Secret of nobody").await;
    world.secrets().delete("nobodys-mongodb", &DeleteParams::default()).await.unwrap();
}
