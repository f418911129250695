//! From an applied object to a database: what is made, what the hospital's own user may do, and when nothing is made.

use chakravue_crds::{naming::secret_name, tenant_schema::TENANT_SCHEMA};
use k8s_openapi::{
    api::core::v1::ConfigMap,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{
    Api, Resource as _, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use mongodb::bson::{DateTime, Document, doc};
use serde_json::json;

use crate::support::{World, client, code, condition, eventually, is};

#[tokio::test]
async fn an_applied_hospital_becomes_a_database_with_the_whole_catalogue() {
    let world = World::new("provisioning").await;
    let operator = world.sandbox.operator().start().await;
    let hospital = world.ready_hospital("complete").await;
    let name = hospital.name_any();
    let database = world.sandbox.database_name("complete");

    let mut wanted: Vec<_> = TENANT_SCHEMA.collections.iter().map(|c| c.name.to_owned()).collect();
    wanted.sort();
    assert_eq!(world.collection_names(&database).await, wanted);
    for collection in &TENANT_SCHEMA.collections {
        let mut names: Vec<_> = world
            .indexes(&database, collection.name)
            .await
            .iter()
            .map(|i| i.get_str("name").unwrap().to_owned())
            .collect();
        names.sort();
        let mut wanted: Vec<_> = collection.indexes.iter().map(|i| i.name.to_owned()).collect();
        wanted.push("_id_".to_owned());
        wanted.sort();
        assert_eq!(names, wanted, "{}", collection.name);
        // Every collection refuses a document that fits nothing.
        let outcome = world.mongo.database(&database).collection::<Document>(collection.name).insert_one(doc! {}).await;
        assert_eq!(code(&outcome), 121, "{}", collection.name);
    }

    let status = hospital.status.clone().unwrap();
    assert_eq!(status.database_name.as_deref(), Some(database.as_str()));
    assert_eq!(status.users.unwrap().seats, "0/5");
    assert_eq!(status.monthly_price_usd, Some(99));
    assert_eq!(status.collections.len(), 6);
    assert!(status.collections.iter().all(|c| c.documents_validated && !c.indexes.is_empty()));
    assert!(is(&hospital, "ClaimHeld", "True") && is(&hospital, "CredentialsReady", "True"));
    assert!(is(&hospital, "SchemaReady", "True") && is(&hospital, "SubscriptionActive", "True"));

    let secret = world.secret(&name).await;
    let keys: Vec<_> = secret.keys().map(String::as_str).collect();
    assert_eq!(keys, ["database", "host", "password", "port", "provider", "type", "uri", "username"]);
    let claim = world.claim_on(&database).await.unwrap();
    assert_eq!(claim.get_str("_id").unwrap(), status.organization_id.unwrap());

    assert!(operator.terminate().await.success());
    world.close().await;
}

#[tokio::test]
async fn the_hospitals_user_can_work_and_reach_nothing_else() {
    let world = World::new("isolation").await;
    let operator = world.sandbox.operator().start().await;
    let (own, _other) = tokio::join!(world.ready_hospital("own"), world.ready_hospital("other"));
    let (database, other) = (world.sandbox.database_name("own"), world.sandbox.database_name("other"));
    let tenant = world.tenant(&own.name_any()).await;
    let own = tenant.database(&database);
    let settings = own.collection::<Document>("settings");
    let audit = own.collection::<Document>("audit_logs");

    // What a hospital does all day.
    settings.insert_one(doc! { "key": "language", "value": "en" }).await.unwrap();
    settings.update_one(doc! { "key": "language" }, doc! { "$set": { "value": "de" } }).await.unwrap();
    assert_eq!(settings.count_documents(doc! {}).await.unwrap(), 1);
    settings.delete_one(doc! { "key": "language" }).await.unwrap();
    audit.insert_one(audit_entry()).await.unwrap();
    assert!(audit.find_one(doc! {}).await.unwrap().is_some());

    // Everything else is refused by MongoDB itself.
    let one = doc! { "_id": 1 };
    let run = |command: Document| own.run_command(command);
    let pipeline = |stage: Document| {
        let own = own.clone();
        async move { own.collection::<Document>("patients").aggregate([stage]).await.map(drop) }
    };
    let read = |database: &str, collection: &str| {
        let collection = tenant.database(database).collection::<Document>(collection);
        async move { collection.find_one(doc! {}).await.map(drop) }
    };
    let refused = [
        ("read another hospital", code(&read(&other, "patients").await)),
        ("read the master database", code(&read(world.sandbox.master_database(), "organizations").await)),
        ("read admin", code(&read("admin", "system.users").await)),
        ("create a collection", code(&run(doc! { "create": "seventh" }).await)),
        (
            "create an index",
            code(&run(doc! { "createIndexes": "patients", "indexes": [{ "key": { "x": 1 }, "name": "x" }] }).await),
        ),
        ("drop an index", code(&run(doc! { "dropIndexes": "patients", "index": "name_birth_date" }).await)),
        ("drop a collection", code(&run(doc! { "drop": "patients" }).await)),
        ("drop the database", code(&run(doc! { "dropDatabase": 1 }).await)),
        ("change a validator", code(&run(doc! { "collMod": "patients", "validator": {} }).await)),
        (
            "rename",
            code(
                &tenant
                    .database("admin")
                    .run_command(
                        doc! { "renameCollection": format!("{database}.patients"), "to": format!("{database}.x") },
                    )
                    .await,
            ),
        ),
        ("insert into a seventh collection", code(&own.collection::<Document>("seventh").insert_one(&one).await)),
        ("change the audit log", code(&audit.update_one(doc! {}, doc! { "$set": { "action": "x" } }).await)),
        ("delete from the audit log", code(&audit.delete_one(doc! {}).await)),
        ("$out into a seventh collection", code(&pipeline(doc! { "$out": "seventh" }).await)),
        ("$out into another hospital", code(&pipeline(doc! { "$out": { "db": &other, "coll": "patients" } }).await)),
        ("$out over the audit log", code(&pipeline(doc! { "$out": "audit_logs" }).await)),
        ("$merge into a seventh collection", code(&pipeline(doc! { "$merge": { "into": "seventh" } }).await)),
        (
            "$merge into another hospital",
            code(&pipeline(doc! { "$merge": { "into": { "db": &other, "coll": "patients" } } }).await),
        ),
        (
            "$merge that changes the audit log",
            code(&pipeline(doc! { "$merge": { "into": "audit_logs", "whenMatched": "replace" } }).await),
        ),
        ("join a seventh collection", code(&pipeline(doc! { "$unionWith": "seventh" }).await)),
        (
            "insert past the validator",
            code(&run(doc! { "insert": "patients", "documents": [&one], "bypassDocumentValidation": true }).await),
        ),
        ("make a user", code(&run(doc! { "createUser": "x", "pwd": "y", "roles": [] }).await)),
        ("list users", code(&run(doc! { "usersInfo": 1 }).await)),
    ];
    for (what, code) in refused {
        assert_eq!(code, 13, "{what}");
    }
    let names = tenant.list_database_names().await.unwrap();
    assert!(names.iter().all(|name| *name == database), "sees {names:?}");

    operator.terminate().await;
    world.close().await;
}

#[tokio::test]
async fn a_hospital_that_has_not_paid_has_nothing_until_it_pays() {
    let world = World::new("pending").await;
    let operator = world.sandbox.operator().start().await;
    let mut object = world.hospital("unpaid");
    object["spec"]["subscription"] = json!("PendingPayment");
    let name = world.apply(&object).await.name_any();
    let database = world.sandbox.database_name("unpaid");

    let waiting = world
        .wait(&name, "PendingPayment", |o| is(o, "SubscriptionActive", "False") && is(o, "ClaimHeld", "True"))
        .await;
    let status = waiting.status.unwrap();
    assert_eq!(status.phase.unwrap().as_str(), "PendingPayment");
    assert_eq!(status.binding, None);
    assert_eq!(world.collection_names(&database).await, Vec::<String>::new());
    assert_eq!(world.users_and_roles(&database).await, (vec![], vec![]));
    assert_eq!(world.secrets().get_opt(&format!("{name}-mongodb")).await.unwrap(), None);

    object["spec"]["subscription"] = json!("Active");
    world.apply(&object).await;
    let ready = world.wait_ready(&name).await;
    assert_eq!(ready.status.unwrap().organization_id, status.organization_id);
    world.tenant(&name).await.database(&database).run_command(doc! { "ping": 1 }).await.unwrap();

    operator.terminate().await;
    world.close().await;
}

#[tokio::test]
async fn suspension_takes_effect_on_an_open_connection_and_ends_without_a_new_one() {
    let world = World::new("suspension").await;
    let operator = world.sandbox.operator().start().await;
    let name = world.ready_hospital("suspended").await.name_any();
    let database = world.sandbox.database_name("suspended");
    let tenant = client(&world.secret(&name).await["uri"]).await;
    let settings = tenant.database(&database).collection::<Document>("settings");
    settings.insert_one(doc! { "key": "a", "value": 1 }).await.unwrap();

    let mut object = world.hospital("suspended");
    object["spec"]["subscription"] = json!("Suspended");
    world.apply(&object).await;
    let suspended =
        world.wait(&name, "suspended", |o| is(o, "SubscriptionActive", "False") && !is(o, "Reconciling", "True")).await;
    assert_eq!(suspended.status.unwrap().phase.unwrap().as_str(), "Suspended");
    assert_eq!(code(&settings.find_one(doc! {}).await), 13);

    object["spec"]["subscription"] = json!("Active");
    world.apply(&object).await;
    world.wait_ready(&name).await;
    assert_eq!(settings.count_documents(doc! {}).await.unwrap(), 1, "the data stayed");

    operator.terminate().await;
    world.close().await;
}

#[tokio::test]
async fn a_suspension_takes_effect_although_the_secret_is_somebody_elses() {
    let world = World::new("foreign secret").await;
    let operator = world.sandbox.operator().start().await;
    let name = world.ready_hospital("foreign").await.name_any();
    let database = world.sandbox.database_name("foreign");
    let tenant = client(&world.secret(&name).await["uri"]).await;
    let settings = tenant.database(&database).collection::<Document>("settings");
    settings.insert_one(doc! { "key": "a", "value": 1 }).await.unwrap();

    let maps: Api<ConfigMap> = Api::namespaced(world.kube.clone(), world.sandbox.namespace());
    let other = ConfigMap {
        metadata: ObjectMeta { name: Some("other".into()), ..ObjectMeta::default() },
        ..ConfigMap::default()
    };
    let other = maps.create(&PostParams::default(), &other).await.unwrap();
    let owner = OwnerReference { controller: Some(true), ..other.owner_ref(&()).unwrap() };
    let taken = Patch::Merge(json!({ "metadata": { "ownerReferences": [owner] } }));
    world.secrets().patch(&secret_name(&name), &PatchParams::default(), &taken).await.unwrap();
    world
        .wait(&name, "refused", |o| condition(o, "CredentialsReady").is_some_and(|c| c.reason == "SecretNotOurs"))
        .await;
    assert_eq!(settings.count_documents(doc! {}).await.unwrap(), 1, "what is paid for stays usable");

    let mut object = world.hospital("foreign");
    object["spec"]["subscription"] = json!("Suspended");
    world.apply(&object).await;
    eventually("the open connection is refused", async || {
        (code(&settings.find_one(doc! {}).await) == 13).then_some(())
    })
    .await;
    operator.terminate().await;
    world.close().await;
}

fn audit_entry() -> Document {
    doc! {
        "sequence": 1,
        "at": DateTime::now(),
        "actor_id": "user_1",
        "action": "login",
        "previous_hash": "0".repeat(64),
        "hash": "a".repeat(64),
    }
}
