//! How many seats are taken is known at once, without a resync: staff come, leave, and are disabled in the hospital's own
//! database. Who else was made in that database is told.

use std::time::{Duration, Instant};

use chakravue_crds::HospitalOrganization;
use chakravue_testbed::proxy::{MongoProxy, WriteLog};
use kube::ResourceExt as _;
use mongodb::{
    Collection,
    bson::{DateTime, Document, doc},
};
use serde_json::json;

use crate::support::{World, condition, eventually, is, loses_access, metric, passes_in_the_end};

/// The resync never comes in these tests.
const NEVER: &str = "10h";

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_leaves_or_is_disabled_is_counted_at_once() {
    let world = World::new("seats").await;
    let watch = world.sandbox.watch_mongodb_uri().await;
    let operator = world.sandbox.operator().resync_interval(NEVER).watch_mongodb_uri(&watch).start().await;
    let name = world.ready_hospital("staff").await.name_any();
    let users = users(&world, "staff");
    eventually("the stream is open", async || (metric(&operator, "change_stream_open").await == 1).then_some(())).await;

    users.insert_many((0..7).map(user_of)).await.unwrap();
    let full = counted(&world, &name, 7).await;
    let told = condition(&full, "SeatsExceeded").unwrap();
    for part in ["7 seats are taken", "Starter has 5", "disable 2 users"] {
        assert!(told.message.contains(part), "{}", told.message);
    }

    users.update_many(doc! { "number": { "$lt": 2 } }, doc! { "$set": { "status": "disabled" } }).await.unwrap();
    let disabled = counted(&world, &name, 5).await;
    assert!(condition(&disabled, "SeatsExceeded").is_none(), "who is disabled takes no seat");
    users.update_one(doc! { "number": 0 }, doc! { "$set": { "status": "active" } }).await.unwrap();
    counted(&world, &name, 6).await;
    let replacement: Document = user_of(6).into_iter().chain([("status".to_owned(), "disabled".into())]).collect();
    users.replace_one(doc! { "number": 6 }, replacement).await.unwrap();
    counted(&world, &name, 5).await;
    users.delete_one(doc! { "number": 5 }).await.unwrap();
    counted(&world, &name, 4).await;

    let before = passes_in_the_end(&operator).await;
    users.update_many(doc! {}, doc! { "$set": { "last_login": DateTime::now() } }).await.unwrap();
    users.insert_one(user_of(8)).await.unwrap();
    counted(&world, &name, 5).await;
    let after = passes_in_the_end(&operator).await;
    assert!((1..=2).contains(&(after - before)), "{} passes: a sign-in is no reason for one", after - before);
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_second_login_every_user_counts_at_the_resync() {
    let world = World::new("unwatched seats").await;
    let operator = world.sandbox.operator().resync_interval("1s").start().await;
    let name = world.ready_hospital("staff").await.name_any();
    let users = users(&world, "staff");
    users.insert_many((0..3).map(user_of)).await.unwrap();
    users.update_one(doc! { "number": 0 }, doc! { "$set": { "status": "disabled" } }).await.unwrap();
    counted(&world, &name, 3).await;
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_login_that_cannot_count_keeps_nothing_else_from_being_done() {
    let world = World::new("uncounted").await;
    let right = world.sandbox.watch_mongodb_uri().await;
    let (login, place) = right.strip_prefix("mongodb://").unwrap().split_once('@').unwrap();
    let (user, _) = login.split_once(':').unwrap();
    let (hosts, rest) = place.split_once('/').unwrap();
    let log = WriteLog::new();
    let stalled = MongoProxy::start(hosts, log).unwrap();
    for (number, (uri, every_user)) in [
        (format!("mongodb://{user}:wrong@{place}"), true),
        (format!("mongodb://{login}@{}/{rest}", stalled.address()), false),
    ]
    .iter()
    .enumerate()
    {
        stalled.delay("aggregate", Duration::from_mins(10));
        let operator = world.sandbox.operator().resync_interval("1s").watch_mongodb_uri(uri).start().await;
        let name = world.ready_hospital(&format!("staff{number}")).await.name_any();
        let database = world.sandbox.database_name(&format!("staff{number}"));
        let tenant = world.tenant(&name).await.database(&database).collection::<Document>("users");
        tenant.insert_many((0..3).map(user_of)).await.unwrap();
        if *every_user {
            counted(&world, &name, 3).await;
        }
        let mut suspended = world.hospital(&format!("staff{number}"));
        suspended["spec"]["subscription"] = json!("Suspended");
        let began = Instant::now();
        world.apply(&suspended).await;
        loses_access(&tenant).await;
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        world.wait(&name, "suspended", |o| is(o, "SubscriptionActive", "False")).await;
        operator.terminate().await;
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_whom_a_dba_made_in_the_hospitals_database_is_told_and_left_alone() {
    let world = World::new("foreign user").await;
    let operator = world.sandbox.operator().resync_interval("1s").start().await;
    let name = world.ready_hospital("visited").await.name_any();
    let database = world.mongo.database(&world.sandbox.database_name("visited"));
    // A database of which the name begins with that of the other is another one.
    world.ready_hospital("visited2").await;
    let make = doc! { "createUser": "auditor", "pwd": "a long password", "roles": [{ "role": "read", "db": database.name() }] };
    database.run_command(make).await.unwrap();
    let wanted = json!({ "users": ["auditor"], "count": 1 });
    let unmanaged = |o: &HospitalOrganization| json!(o.status.as_ref().unwrap().unmanaged);
    let told = world.wait(&name, "told of the user", |o| unmanaged(o) == wanted).await;
    assert!(is(&told, "Ready", "True"));
    let (names, _) = world.users_and_roles(database.name()).await;
    assert!(names.contains(&"auditor".to_owned()), "{names:?}");
    database.run_command(doc! { "dropUser": "auditor" }).await.unwrap();
    world.wait(&name, "told of nobody", |o| unmanaged(o).is_null()).await;
    operator.terminate().await;
    world.close().await;
}

fn users(world: &World, name: &str) -> Collection<Document> {
    world.mongo.database(&world.sandbox.database_name(name)).collection("users")
}

fn user_of(number: i32) -> Document {
    doc! {
        "number": number, "email": format!("{number}@hospital.example"), "role": "DOCTOR", "status": "active",
        "created_at": DateTime::now(),
    }
}

/// Waits until object and platform say so many.
async fn counted(world: &World, name: &str, seats: i64) -> HospitalOrganization {
    let counts = |o: &HospitalOrganization| o.status.as_ref().unwrap().users.as_ref().unwrap().current == seats;
    let object = world.wait(name, &format!("counted {seats}"), counts).await;
    let record = world.claim_on(&name.replace('-', "_")).await.unwrap();
    assert_eq!(record.get_i64("users").unwrap(), seats, "the platform's view");
    object
}
