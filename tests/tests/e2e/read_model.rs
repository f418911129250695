//! The platform's view of its organizations, in the master database: whatever is done to hospitals, in whatever order, it
//! says what the objects say, and the revenue that it adds up to is the revenue of the objects.
//!
//! A run that fails prints its seeds; `READ_MODEL_SEED=…,…` runs the sequences of those alone, each on what the one before it
//! left (what the servers answer when is not the same, of course).

use std::{
    collections::{BTreeMap, HashSet},
    env,
    time::{Duration, Instant},
};

use chakravue_crds::{
    HospitalOrganizationStatus,
    annotations::{ADOPT_ORGANIZATION, FORCE_RELEASE, PAUSED},
    master::{ClaimState, OrganizationRecord},
    organization::{HospitalOrganizationSpec, Phase},
    plans::Plan,
};
use chakravue_testbed::proxy::{MongoProxy, WriteLog};
use futures::TryStreamExt as _;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    ResourceExt,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams},
};
use mongodb::bson::{DateTime, Document, doc};
use rand::{
    RngExt as _, SeedableRng as _,
    rngs::StdRng,
    seq::{IndexedRandom as _, IteratorRandom as _},
};
use serde_json::{Value, json};

use crate::{
    invalid::{in_a_loosened_world, untyped},
    support::{PATIENCE, USER, World, eventually, is},
};

const SEQUENCES: u64 = 4;
const STEPS: usize = 25;
const NAMES: usize = 6;

/// For how long MongoDB is away.
const AWAY: Duration = Duration::from_secs(20);

/// What a lie in a status always has, so that it is known for one.
const NO_PRICE: i64 = -5;

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
    // By way of a proxy, as MongoDB has to be away where somebody lets a hospital go by force.
    let own = world.sandbox.operator_mongodb_uri();
    let (login, place) = own.strip_prefix("mongodb://").unwrap().split_once('@').unwrap();
    let (host, rest) = place.split_once('/').unwrap();
    let mongo = MongoProxy::start(host, WriteLog::new()).unwrap();
    let operator = world.sandbox.operator().mongodb_uri(format!("mongodb://{login}@{}/{rest}", mongo.address()));
    let operator = operator.tenant_mongodb_uri(&format!("mongodb://{host}/{rest}")).start().await;
    let given = env::var("READ_MODEL_SEED").ok();
    let given = given.map(|text| text.split(',').map(|seed| seed.parse::<u64>().unwrap()).collect::<Vec<_>>());
    let seeds = given.unwrap_or_else(|| (0..SEQUENCES).map(|_| rand::random()).collect());
    let mut seen = Seen { at: DateTime::now(), records: BTreeMap::new() };
    for seed in seeds {
        println!("READ_MODEL_SEED={seed}");
        let mut random = StdRng::seed_from_u64(seed);
        // Takes its time, so not in every sequence.
        let by_force = random.random_bool(0.5).then(|| random.random_range(STEPS / 2..STEPS));
        for step in 0..STEPS {
            let when = format!("READ_MODEL_SEED={seed}, step {step}");
            if Some(step) == by_force {
                // Whatever was changed before is carried out before.
                seen.look(world, &when).await;
                let_go_by_force(world, &mongo, &mut random).await;
            }
            deed(world, &mut random, spoils).await;
            // Now and then in the middle, mostly at the end.
            if random.random_bool(0.2) || step + 1 == STEPS {
                seen.look(world, &when).await;
            }
        }
    }
    operator.terminate().await;
}

async fn deed(world: &World, random: &mut StdRng, spoils: f64) {
    if random.random_bool(0.1) {
        return inherit(world, random).await;
    }
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
    if random.random_bool(0.15)
        && let Some(object) = &existing
    {
        return lie(world, object, random).await;
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

/// Somebody adopts what is retained of another hospital; or the one who did goes again.
async fn inherit(world: &World, random: &mut StdRng) {
    let mut heir = world.hospital(&format!("heir{}", random.random_range(0..2)));
    let retained = records(world).await.into_iter().filter(|record| record.claim == ClaimState::Retained);
    let retained = retained.choose(random);
    let name = heir["metadata"]["name"].as_str().unwrap().to_owned();
    match (untyped(world).get_opt(&name).await.unwrap(), retained) {
        (Some(there), _) if there.metadata.deletion_timestamp.is_some() => go_on(world, &there).await,
        (Some(_), _) => drop(untyped(world).delete(&name, &DeleteParams::default()).await.unwrap()),
        (None, Some(record)) => {
            heir["metadata"]["annotations"] = json!({ ADOPT_ORGANIZATION: record.organization_id });
            heir["spec"]["databaseName"] = json!(record.database_name);
            heir["spec"]["deletionPolicy"] = json!(["Retain", "Delete"].choose(random).unwrap());
            world.apply(&heir).await;
            println!("{name} is to have {}", record.database_name);
        }
        (None, None) => {}
    }
}

/// Writes nonsense into the status of a hospital that is looked at.
async fn lie(world: &World, object: &DynamicObject, random: &mut StdRng) {
    let lies = [
        json!({ "users": { "current": 900, "limit": 1, "seats": "900/1" } }),
        json!({ "phase": "Failed", "observedGeneration": 900 }),
        json!({ "databaseName": world.sandbox.database_name("r0"), "organizationId": "org_00000000000000000000000000" }),
        json!({ "conditions": [] }),
    ];
    let mut lie = lies.choose(random).unwrap().clone();
    lie["monthlyPriceUsd"] = json!(NO_PRICE);
    let object = Object::of(object.clone());
    // What is not looked at keeps what somebody wrote, until it is.
    if object.is_paused() || object.spec.is_none() {
        return;
    }
    let (name, patch) = (object.raw.name_any(), Patch::Merge(json!({ "status": lie })));
    match untyped(world).patch_status(&name, &PatchParams::default(), &patch).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => return,
        other => drop(other.unwrap()),
    }
    println!("{name} is said to have {lie}");
    // Before somebody pauses it, or the lie would stay.
    eventually(&format!("the status of {name} is true again after {lie}"), async || {
        let now = untyped(world).get_opt(&name).await.unwrap();
        now.is_none_or(|now| now.data["status"]["monthlyPriceUsd"] != json!(NO_PRICE)).then_some(())
    })
    .await;
}

/// Deletes a hospital while MongoDB is away, with leave to go without it.
async fn let_go_by_force(world: &World, mongo: &MongoProxy, random: &mut StdRng) {
    let all = untyped(world).list(&ListParams::default()).await.unwrap().items.into_iter().map(Object::of);
    let goes = |object: &Object| {
        object.holds_claim() && object.spec.is_some() && object.raw.metadata.deletion_timestamp.is_none()
    };
    let Some(object) = all.filter(goes).choose(random) else { return };
    let name = object.raw.name_any();
    let began = Instant::now();
    mongo.set_down(true);
    let database = object.spec.as_ref().and_then(|spec| spec.database_name.clone()).unwrap_or(name.replace('-', "_"));
    let annotations = json!({ "metadata": { "annotations": { FORCE_RELEASE: database, PAUSED: null } } });
    untyped(world).patch(&name, &PatchParams::default(), &Patch::Merge(&annotations)).await.unwrap();
    untyped(world).delete(&name, &DeleteParams::default()).await.unwrap();
    eventually(&format!("{name} is let go"), async || {
        let found = untyped(world).get_opt(&name).await.unwrap();
        found.is_none_or(|found| found.metadata.uid != object.raw.metadata.uid).then_some(())
    })
    .await;
    // For so long that everybody is looked at again when it is back: who fails in a shorter absence, as of an election, may
    // wait for two minutes by itself.
    tokio::time::sleep(AWAY.saturating_sub(began.elapsed())).await;
    mongo.set_down(false);
    // Before somebody makes it anew: one that is not looked at, as it is paused, would keep it from being written down.
    eventually(&format!("what is left behind of {name} is written down"), async || {
        let uid = object.raw.uid();
        let of_it = |record: &&OrganizationRecord| Some(&record.owner.uid) == uid.as_ref();
        records(world).await.iter().find(of_it).is_some_and(|record| record.left_behind.is_some()).then_some(())
    })
    .await;
    println!("{name} was let go by force");
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
        if self.status.monthly_price_usd == Some(NO_PRICE) {
            return false;
        }
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

/// What was recorded when it was last looked at.
struct Seen {
    /// Before that look began.
    at: DateTime,
    records: BTreeMap<String, OrganizationRecord>,
}

impl Seen {
    async fn look(&mut self, world: &World, when: &str) {
        let at = DateTime::now();
        let records = agrees(world, when).await;
        self.dates_fit(at, records, when);
    }

    /// Whether each date is as it was, or is of between then and now. When an organization came to be and when its database
    /// was first complete never changes, whoever holds it.
    fn dates_fit(&mut self, at: DateTime, records: Vec<OrganizationRecord>, when: &str) {
        let (since, now) = (self.at, DateTime::now());
        let before = std::mem::take(&mut self.records);
        for record in records {
            let id = record.organization_id.as_str().to_owned();
            let known = before.get(&id);
            let fits = |what: &str, was: Option<DateTime>, is: Option<DateTime>| {
                let just_now = was != is && is.is_some_and(|is| (since..=now).contains(&is));
                assert!(was == is || just_now, "{when}: {what} of {id} was {was:?} at {since} and is {is:?} at {now}");
            };
            let stays = |what: &str, was: Option<DateTime>, is: Option<DateTime>| {
                assert!(was.is_none() || was == is, "{when}: {what} of {id} was {was:?} and is {is:?}");
                fits(what, was, is);
            };
            stays("claimed_at", known.map(|known| known.claimed_at), Some(record.claimed_at));
            stays("provisioned_at", known.and_then(|known| known.provisioned_at), record.provisioned_at);
            assert_eq!(record.provisioned_at.is_some(), record.schema_version.is_some(), "{when}: {id} is provisioned");
            assert!(record.provisioned_at.is_none_or(|at| at >= record.claimed_at), "{when}: {record:?}");
            let is_retained = record.claim == ClaimState::Retained;
            assert_eq!(record.retained_at.is_some(), is_retained, "{when}: {id} is retained");
            if is_retained {
                fits("retained_at", known.and_then(|known| known.retained_at), record.retained_at);
            }
            if let Some(left) = &record.left_behind {
                let was = known.and_then(|known| known.left_behind.as_ref()).map(|left| left.at);
                fits("left_behind", was, Some(left.at));
            }
            self.records.insert(id, record);
        }
        self.at = at;
    }
}

/// Waits until every object has been looked at, then compares; answers what is recorded.
async fn agrees(world: &World, when: &str) -> Vec<OrganizationRecord> {
    let list = async || untyped(world).list(&ListParams::default()).await.unwrap().items;
    let deadline = Instant::now() + 2 * PATIENCE;
    let (objects, records) = loop {
        let objects = list().await;
        for going in objects.iter().filter(|object| object.metadata.deletion_timestamp.is_some()) {
            go_on(world, going).await;
        }
        let versions: Vec<_> = objects.iter().map(ResourceExt::resource_version).collect();
        let records = records(world).await;
        let settled = list().await.iter().map(ResourceExt::resource_version).collect::<Vec<_>>() == versions;
        let objects: Vec<_> = objects.into_iter().map(Object::of).collect();
        let restless: Vec<_> = objects.iter().filter(|object| !object.rests(&records)).map(|o| json!(o.raw)).collect();
        // What was let go by force is written down a moment after it went, and who got a claim says so a moment after.
        let holders: HashSet<_> = objects.iter().filter(|o| o.holds_claim()).filter_map(|o| o.raw.uid()).collect();
        let of_nobody: Vec<_> = records.iter().filter(|r| is_held(r) && !holders.contains(&r.owner.uid)).collect();
        if settled && restless.is_empty() && of_nobody.is_empty() {
            break (objects, records);
        }
        if Instant::now() >= deadline {
            // An object stands in the place of what is recorded, and says something else of it.
            let places: HashSet<_> = of_nobody.iter().map(|record| record.owner.name.as_str()).collect();
            let in_place = objects.iter().filter(|object| places.contains(object.raw.name_any().as_str()));
            let in_place: Vec<_> = in_place.map(|object| json!(object.raw).to_string()).collect();
            let names: Vec<_> = objects.iter().map(|object| object.raw.name_any()).collect();
            panic!("{when}: of {names:?} do not rest: {restless:#?}\nno object has {of_nobody:#?}\nbut {in_place:#?}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };

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
        assert!(status.schema_version.is_none() || record.provisioned_at.is_some(), "{when}: {name}: {record:?}");
        // What was declared meanwhile, or cannot be read, is not in force.
        if let Some(spec) = object.spec.as_ref().filter(|_| !object.is_paused()) {
            let declared = json!([spec.display_name, spec.plan, spec.plan.monthly_price_usd(), spec.plan.user_limit()]);
            let seen = json!([facts.display_name, facts.plan, facts.monthly_price_usd, facts.user_limit]);
            assert_eq!(seen, declared, "{when}: {name}");
        }
    }
    let held = records.iter().filter(|record| is_held(record)).count();
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
    records
}

/// Whether an object has the claim, or should: what one left behind that was let go by force is nobody's.
fn is_held(record: &OrganizationRecord) -> bool {
    record.claim == ClaimState::Held && record.left_behind.is_none()
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
