//! The platform's view of its organizations, in the master database: whatever is done to hospitals, in whatever order, it
//! says what the objects say, and the revenue that it adds up to is the revenue of the objects.

use chakravue_crds::{
    HospitalOrganizationStatus,
    annotations::PAUSED,
    master::OrganizationRecord,
    organization::{HospitalOrganizationSpec, Phase},
    plans::Plan,
};
use futures::TryStreamExt as _;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    ResourceExt,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams},
};
use mongodb::bson::{Document, doc};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::{Value, json};

use crate::{
    invalid::{in_a_loosened_world, untyped},
    support::{USER, World, eventually, is},
};

const SEQUENCES: u64 = 4;
const STEPS: usize = 25;
const NAMES: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn after_any_sequence_of_deeds_the_platform_sees_what_the_objects_say() {
    // Where anything is let in, some objects cannot be read for a while.
    if in_a_loosened_world("read model", async |world| any_sequences(world, 0.12).await).await.is_none() {
        let world = World::new("read model").await;
        any_sequences(&world, 0.0).await;
        world.close().await;
    }
}

/// `spoils` says how often a hospital is made one that cannot be read.
async fn any_sequences(world: &World, spoils: f64) {
    let operator = world.sandbox.operator().start().await;
    for _ in 0..SEQUENCES {
        let seed = rand::random();
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        for step in 0..STEPS {
            deed(world, &mut random, spoils).await;
            // Now and then in the middle, mostly at the end.
            if random.random_bool(0.2) || step + 1 == STEPS {
                agrees(world, &format!("seed {seed}, step {step}")).await;
            }
        }
    }
    operator.terminate().await;
}

async fn deed(world: &World, random: &mut StdRng, spoils: f64) {
    let name = format!("r{}", random.random_range(0..NAMES));
    let object_name = world.sandbox.object_name(&name);
    let existing = untyped(world).get_opt(&object_name).await.unwrap();
    if let Some(going) = existing.as_ref().filter(|object| object.metadata.deletion_timestamp.is_some()) {
        if random.random_bool(0.5) {
            go_on(world, going).await;
        }
        return;
    }
    if existing.is_some() && random.random_bool(0.15) {
        untyped(world).delete(&object_name, &DeleteParams::default()).await.unwrap();
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
    let was_paid = existing.as_ref().is_some_and(|object| object.data["spec"]["subscription"] != "PendingPayment");
    let subscriptions =
        if was_paid { &["Active", "Suspended"][..] } else { &["PendingPayment", "Active", "Suspended"] };
    object["spec"]["subscription"] = json!(subscriptions.choose(random).unwrap());
    object["spec"]["deletionPolicy"] = json!(["Retain", "Delete"].choose(random).unwrap());
    if random.random_bool(spoils) {
        object["spec"]["plan"] = json!("Gold");
    } else if random.random_bool(0.15) {
        // Whatever is declared with it or after it waits; who is applied without it goes on.
        object["metadata"]["annotations"] = json!({ PAUSED: "true" });
    }
    if random.random_bool(0.1) {
        // One that is refused: the database is another's.
        let other = world.sandbox.database_name(&format!("r{}", random.random_range(0..NAMES)));
        object = world.hospital(&format!("thief{}", random.random_range(0..2)));
        object["spec"]["databaseName"] = json!(other);
        let thief = object["metadata"]["name"].as_str().unwrap();
        if untyped(world).get_opt(thief).await.unwrap().is_some() {
            return;
        }
    }
    // It may just be going; then it is another one's turn.
    let name = object["metadata"]["name"].as_str().unwrap();
    let applied = untyped(world).patch(name, &PatchParams::apply(USER).force(), &Patch::Apply(&object)).await;
    if let Err(error) = applied {
        let text = error.to_string();
        assert!(text.contains("being deleted") || text.contains("not found") || text.contains("conflict"), "{text}");
    }
}

/// Takes away what has a deletion wait, if anything does.
async fn go_on(world: &World, going: &DynamicObject) {
    let nothing = Patch::Merge(json!({ "metadata": { "annotations": { PAUSED: null } } }));
    match untyped(world).patch(&going.name_any(), &PatchParams::default(), &nothing).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => {}
        other => drop(other.unwrap()),
    }
}

/// A hospital as it is compared with the platform's view.
struct Object {
    raw: DynamicObject,
    /// Absent in one that cannot be read.
    spec: Option<HospitalOrganizationSpec>,
    status: HospitalOrganizationStatus,
}

impl Object {
    fn of(raw: DynamicObject) -> Self {
        let spec = serde_json::from_value(raw.data["spec"].clone()).ok();
        let status = raw.data.get("status").cloned().unwrap_or_else(|| json!({}));
        Self { spec, status: serde_json::from_value(status).unwrap(), raw }
    }

    fn condition(&self, type_: &str) -> Option<&Condition> {
        self.status.conditions.iter().find(|condition| condition.type_ == type_ && condition.status == "True")
    }

    fn holds_claim(&self) -> bool {
        self.condition("ClaimHeld").is_some()
    }

    fn is_paused(&self) -> bool {
        self.raw.annotations().contains_key(PAUSED)
    }

    /// Whether the operator has done everything about it that it will do.
    fn rests(&self, records: &[OrganizationRecord]) -> bool {
        let generation = self.raw.metadata.generation;
        let paused = self.condition("Paused");
        if self.raw.metadata.deletion_timestamp.is_some() {
            false
        } else if self.is_paused() {
            paused.is_some_and(|paused| paused.observed_generation == generation)
        } else if self.spec.is_none() {
            // The platform is told a moment after the object.
            let told = |record: &OrganizationRecord| record.facts.status == Phase::Failed;
            self.status.observed_generation == generation && records.iter().filter(|r| self.owns(r)).all(told)
        } else {
            self.status.observed_generation == generation && paused.is_none() && self.condition("Reconciling").is_none()
        }
    }

    fn owns(&self, record: &OrganizationRecord) -> bool {
        json!(record.claim) == json!("Held") && Some(&record.owner.uid) == self.raw.metadata.uid.as_ref()
    }

    /// What it brings in a month.
    fn revenue(&self) -> i64 {
        let price = self.status.monthly_price_usd.unwrap_or_default();
        if self.status.phase == Some(Phase::Active) { price } else { 0 }
    }
}

/// Waits until every object has been looked at, then compares.
async fn agrees(world: &World, when: &str) {
    let list = async || untyped(world).list(&ListParams::default()).await.unwrap().items;
    let (objects, records) = eventually(&format!("everything is at rest at {when}"), async || {
        let objects = list().await;
        for going in objects.iter().filter(|object| object.metadata.deletion_timestamp.is_some()) {
            go_on(world, going).await;
        }
        let versions: Vec<_> = objects.iter().map(ResourceExt::resource_version).collect();
        let records = records(world).await;
        let settled = list().await.iter().map(ResourceExt::resource_version).collect::<Vec<_>>() == versions;
        let objects: Vec<_> = objects.into_iter().map(Object::of).collect();
        let rest = objects.iter().all(|object| object.rests(&records));
        (rest && settled).then_some((objects, records))
    })
    .await;

    let holding: Vec<_> = objects.iter().filter(|object| object.holds_claim()).collect();
    for object in &holding {
        let (status, name) = (&object.status, object.raw.name_any());
        let record =
            records.iter().find(|record| Some(record.organization_id.as_str()) == status.organization_id.as_deref());
        let record = record.unwrap_or_else(|| panic!("{when}: nothing is recorded of {name}"));
        let users = status.users.as_ref().unwrap();
        let said = json!({
            "price": status.monthly_price_usd, "status": status.phase, "database": status.database_name,
            "users": users.current, "limit": users.limit, "uid": object.raw.metadata.uid,
        });
        let facts = &record.facts;
        let seen = json!({
            "price": facts.monthly_price_usd, "status": facts.status, "database": record.database_name,
            "users": facts.users, "limit": facts.user_limit, "uid": record.owner.uid,
        });
        assert_eq!(seen, said, "{when}: {name}");
        // What was declared meanwhile, or cannot be read, is not in force.
        if let Some(spec) = object.spec.as_ref().filter(|_| !object.is_paused()) {
            let declared = json!([spec.display_name, spec.plan, spec.plan.monthly_price_usd(), spec.plan.user_limit()]);
            let seen = json!([facts.display_name, facts.plan, facts.monthly_price_usd, facts.user_limit]);
            assert_eq!(seen, declared, "{when}: {name}");
        }
    }
    let held = records.iter().filter(|record| json!(record.claim) == json!("Held")).count();
    assert_eq!(held, holding.len(), "{when}: claims that are held");

    let of_objects: i64 = holding.iter().map(|object| object.revenue()).sum();
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
    let (paused, unreadable) = (objects.iter().filter(|o| o.is_paused()), objects.iter().filter(|o| o.spec.is_none()));
    println!(
        "{when}: {} objects, {} of them paused and {} unreadable, USD {of_objects} a month",
        objects.len(),
        paused.count(),
        unreadable.count()
    );
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
    assert!(message.contains("7 seats are taken") && message.contains("Starter has 5"), "{message}");
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
