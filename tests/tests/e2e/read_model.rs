//! The platform's view of its organizations, in the master database: whatever is done to hospitals, in whatever order, it
//! says what the objects say, and the revenue that it adds up to is the revenue of the objects.

use chakravue_crds::{HospitalOrganization, master::OrganizationRecord, plans::Plan};
use futures::TryStreamExt as _;
use kube::{ResourceExt, api::ListParams};
use mongodb::bson::{Document, doc};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::{Value, json};

use crate::support::{World, eventually, is};

const SEQUENCES: u64 = 4;
const STEPS: usize = 25;
const NAMES: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn after_any_sequence_of_deeds_the_platform_sees_what_the_objects_say() {
    let world = World::new("read model").await;
    let operator = world.sandbox.operator().start().await;
    for _ in 0..SEQUENCES {
        let seed = rand::random();
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        for step in 0..STEPS {
            deed(&world, &mut random).await;
            // Now and then in the middle, mostly at the end.
            if random.random_bool(0.2) || step + 1 == STEPS {
                agrees(&world, &format!("seed {seed}, step {step}")).await;
            }
        }
    }
    operator.terminate().await;
    world.close().await;
}

async fn deed(world: &World, random: &mut StdRng) {
    let name = format!("r{}", random.random_range(0..NAMES));
    let object_name = world.sandbox.object_name(&name);
    let existing = world.hospitals().get_opt(&object_name).await.unwrap();
    if existing.as_ref().is_some_and(|object| object.metadata.deletion_timestamp.is_some()) {
        return;
    }
    if existing.is_some() && random.random_bool(0.15) {
        world.delete(&object_name).await;
        return;
    }
    if existing.is_some() && random.random_bool(0.15) {
        // Staff comes; the operator counts it at its next look.
        let users = world.mongo.database(&object_name.replace('-', "_")).collection::<Document>("users");
        let email = format!("{}@hospital.example", random.random::<u32>());
        let user = doc! { "email": email, "role": "DOCTOR", "status": "active",
        "created_at": mongodb::bson::DateTime::now() };
        // Only where there is a database: nothing may come of this where there is none.
        if world.collection_names(&object_name.replace('-', "_")).await.contains(&"users".to_owned()) {
            users.insert_one(user).await.unwrap();
        }
    }
    let mut object = world.hospital(&name);
    object["spec"]["plan"] = json!(Plan::ALL.choose(random).unwrap().name());
    object["spec"]["displayName"] = json!(format!("Hospital {}", random.random::<u16>()));
    let was_paid = existing.as_ref().is_some_and(|object| json!(object.spec.subscription) != json!("PendingPayment"));
    let subscriptions =
        if was_paid { &["Active", "Suspended"][..] } else { &["PendingPayment", "Active", "Suspended"] };
    object["spec"]["subscription"] = json!(subscriptions.choose(random).unwrap());
    object["spec"]["deletionPolicy"] = json!(["Retain", "Delete"].choose(random).unwrap());
    if random.random_bool(0.1) {
        // One that is refused: the database is another's.
        let other = world.sandbox.database_name(&format!("r{}", random.random_range(0..NAMES)));
        object = world.hospital(&format!("thief{}", random.random_range(0..2)));
        object["spec"]["databaseName"] = json!(other);
        let thief = object["metadata"]["name"].as_str().unwrap();
        if world.hospitals().get_opt(thief).await.unwrap().is_some() {
            return;
        }
    }
    // It may just be going; then it is another one's turn.
    if let Err(error) = world.try_apply(&object).await {
        let text = error.to_string();
        assert!(text.contains("being deleted") || text.contains("not found") || text.contains("conflict"), "{text}");
    }
}

/// Waits until every object has been looked at, then compares.
async fn agrees(world: &World, when: &str) {
    let (objects, records) = eventually(&format!("everything is at rest at {when}"), async || {
        let objects = world.hospitals().list(&ListParams::default()).await.unwrap().items;
        let rests = objects.iter().all(|object| {
            let seen = object.status.as_ref().and_then(|status| status.observed_generation);
            seen == object.metadata.generation
                && object.metadata.deletion_timestamp.is_none()
                && !is(object, "Reconciling", "True")
        });
        let versions: Vec<_> = objects.iter().map(ResourceExt::resource_version).collect();
        let records = records(world).await;
        let again = world.hospitals().list(&ListParams::default()).await.unwrap().items;
        let settled = again.iter().map(ResourceExt::resource_version).collect::<Vec<_>>() == versions;
        (rests && settled).then_some((objects, records))
    })
    .await;

    let holding: Vec<_> = objects.iter().filter(|object| is(object, "ClaimHeld", "True")).collect();
    for object in &holding {
        let status = object.status.as_ref().unwrap();
        let record =
            records.iter().find(|record| Some(record.organization_id.as_str()) == status.organization_id.as_deref());
        let record = record.unwrap_or_else(|| panic!("{when}: nothing is recorded of {}", object.name_any()));
        let said = json!({
            "name": object.spec.display_name, "plan": object.spec.plan, "price": object.spec.plan.monthly_price_usd(),
            "status": status.phase, "database": status.database_name, "users": status.users.as_ref().unwrap().current,
            "limit": object.spec.plan.user_limit(), "uid": object.uid(),
        });
        let facts = &record.facts;
        let seen = json!({
            "name": facts.display_name, "plan": facts.plan, "price": facts.monthly_price_usd, "status": facts.status,
            "database": record.database_name, "users": facts.users, "limit": facts.user_limit, "uid": record.owner.uid,
        });
        assert_eq!(seen, said, "{when}: {}", object.name_any());
    }
    let held = records.iter().filter(|record| json!(record.claim) == json!("Held")).count();
    assert_eq!(held, holding.len(), "{when}: claims that are held");

    let of_objects: i64 = holding.iter().map(|object| price(object)).sum();
    let of_records: i64 = records.iter().map(OrganizationRecord::monthly_revenue_usd).sum();
    assert_eq!(of_records, of_objects, "{when}: monthly revenue");
    // As the platform adds it up, in the database.
    let claims = world.mongo.database(world.sandbox.master_database()).collection::<Document>("organizations");
    let stages = [
        doc! { "$match": { "claim": "Held", "status": "Active" } },
        doc! { "$group": { "_id": null, "sum": { "$sum": "$monthly_price_usd" } } },
    ];
    let sums: Vec<Document> = claims.aggregate(stages).await.unwrap().try_collect().await.unwrap();
    assert_eq!(sums.first().map_or(0, |sum| sum.get_i64("sum").unwrap()), of_objects, "{when}: by the database");
}

fn price(object: &HospitalOrganization) -> i64 {
    let phase = object.status.as_ref().and_then(|status| status.phase);
    if json!(phase) == json!("Active") { object.spec.plan.monthly_price_usd() } else { 0 }
}

async fn records(world: &World) -> Vec<OrganizationRecord> {
    let master = world.mongo.database(world.sandbox.master_database());
    let found = master.collection::<OrganizationRecord>("organizations").find(doc! {}).await.unwrap();
    found.try_collect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smaller_plan_than_the_staff_needs_is_told_with_the_numbers_and_cuts_nobody_off() {
    let world = World::new("seats").await;
    let operator = world.sandbox.operator().start().await;
    let mut object = world.hospital("seats");
    object["spec"]["plan"] = json!("Professional");
    let name = world.apply(&object).await.name_any();
    world.wait_ready(&name).await;
    let tenant = world.tenant(&name).await.database(&world.sandbox.database_name("seats"));
    let users = tenant.collection::<Document>("users");
    for n in 0..7 {
        let at = mongodb::bson::DateTime::now();
        let email = format!("{n}@hospital.example");
        users
            .insert_one(doc! { "email": email, "role": "DOCTOR", "status": "active", "created_at": at })
            .await
            .unwrap();
    }
    object["spec"]["plan"] = json!("Starter");
    world.apply(&object).await;
    let told = world.wait(&name, "told", |o| is(o, "SeatsExceeded", "True")).await;
    assert!(is(&told, "Ready", "True"));
    let message = crate::support::condition(&told, "SeatsExceeded").unwrap().message.clone();
    assert!(message.contains("7 users") && message.contains("5 seats"), "{message}");
    let status = told.status.unwrap();
    assert_eq!((status.users.unwrap().seats.as_str(), status.monthly_price_usd), ("7/5", Some(99)));
    assert_eq!(users.count_documents(doc! {}).await.unwrap(), 7, "over the same connection");
    let claim = world.claim_on(&world.sandbox.database_name("seats")).await.unwrap();
    let facts = ["users", "user_limit", "monthly_price_usd"].map(|field| claim.get_i64(field).unwrap());
    assert_eq!(facts, [7, 5, 99]);

    object["spec"]["plan"] = json!("Enterprise");
    world.apply(&object).await;
    let enough = world.wait(&name, "enough", |o| o.status.as_ref().unwrap().monthly_price_usd == Some(999)).await;
    assert!(crate::support::condition(&enough, "SeatsExceeded").is_none());
    assert_eq!(json!(enough.status.unwrap().users.unwrap().limit), Value::Null);
    operator.terminate().await;
    world.close().await;
}
