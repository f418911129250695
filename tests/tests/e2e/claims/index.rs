//! The index that is the claim: whatever becomes of it, no two hospitals have one database.

use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use kube::ResourceExt as _;
use mongodb::{
    IndexModel,
    bson::{Document, doc},
    options::IndexOptions,
};

use super::with;
use crate::support::{World, code, condition, eventually, is};

const NAME: &str = "database_name_unique";

#[tokio::test(flavor = "multi_thread")]
async fn the_index_that_is_the_claim_is_made_again() {
    let world = World::new("claim index").await;
    let watch = world.sandbox.watch_mongodb_uri().await;
    let with_stream = world.sandbox.operator().watch_mongodb_uri(&watch).start().await;
    world.ready_hospital("indexed").await;
    let whole = indexes(&world).await;
    // At its next look it would be found too, five seconds later at the most: it takes a stream to be faster every time.
    let mut fastest = Duration::MAX;
    for _ in 0..3 {
        fastest = fastest.min(lose(&world, &whole).await);
    }
    println!("the index is back after {} ms", fastest.as_millis());
    assert!(fastest < Duration::from_secs(3), "{fastest:?}");
    with_stream.terminate().await;

    let without = world.sandbox.operator().start().await;
    without.wait_ready().await;
    lose(&world, &whole).await;

    // Lost with the collection, the claims too: a new hospital has one again.
    organizations(&world).drop().await.unwrap();
    eventually("the indexes are back", async || (indexes(&world).await == whole).then_some(())).await;
    world.ready_hospital("another").await;
    without.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_of_its_name_that_is_no_claim_is_told_and_nothing_is_done_meanwhile() {
    let world = World::new("no claim").await;
    let operator = world.sandbox.operator().start().await;
    let first = world.ready_hospital("first").await.name_any();
    let whole = indexes(&world).await;
    operator.terminate().await;

    let claims = organizations(&world);
    let named = IndexOptions::builder().name(NAME.to_owned()).build();
    claims.drop_index(NAME).await.unwrap();
    claims.create_index(IndexModel::builder().keys(doc! { "database_name": 1 }).options(named).build()).await.unwrap();
    let operator = world.sandbox.operator().start().await;
    let second = world.apply(&world.hospital("second")).await.name_any();
    told(&world, &second, "dropIndex(\"database_name_unique\")").await;
    assert_eq!(world.claim_on(&world.sandbox.database_name("second")).await, None);
    // What it says is enough.
    claims.drop_index(NAME).await.unwrap();
    world.wait_ready(&second).await;
    assert_eq!(indexes(&world).await, whole);
    operator.terminate().await;

    // Two claims on one database, which only without the index there can be.
    claims.drop_index(NAME).await.unwrap();
    let database = world.sandbox.database_name("first");
    let mut twin = world.claim_on(&database).await.unwrap();
    let id = chakravue_crds::OrganizationId::generate();
    twin.insert("_id", id.as_str());
    claims.insert_one(&twin).await.unwrap();
    let operator = world.sandbox.operator().start().await;
    let third = world.apply(&with(world.hospital("third"), "plan", "Professional")).await.name_any();
    told(&world, &third, "two documents name the same database").await;
    claims.delete_one(doc! { "_id": id.as_str() }).await.unwrap();
    world.wait_ready(&third).await;
    world.wait_ready(&first).await;
    assert_eq!(indexes(&world).await, whole);
    assert_eq!(code(&claims.insert_one(&twin).await), 11000);
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_all_claims_to_find_one() {
    let world = World::new("found claim").await;
    let operator = world.sandbox.operator().start().await;
    let name = world.ready_hospital("found").await.name_any();
    world.delete_and_wait(&name).await;
    let used = organizations(&world).aggregate([doc! { "$indexStats": {} }]).await.unwrap();
    let used: Vec<Document> = used.try_collect().await.unwrap();
    for index in used.iter().filter(|index| index.get_str("name").unwrap() != "_id_") {
        assert!(index.get_document("accesses").unwrap().get_i64("ops").unwrap() > 0, "{index}");
    }
    assert_eq!(used.len(), 3);
    operator.terminate().await;
    world.close().await;
}

/// Drops the index, and answers how long it took to come back.
async fn lose(world: &World, whole: &[Document]) -> Duration {
    organizations(world).drop_index(NAME).await.unwrap();
    let began = Instant::now();
    eventually("the index is back", async || (indexes(world).await == whole).then_some(())).await;
    began.elapsed()
}

async fn told(world: &World, name: &str, what: &str) {
    world
        .wait(name, "told what to do about the index", |object| {
            is(object, "Ready", "False") && condition(object, "Ready").is_some_and(|ready| ready.message.contains(what))
        })
        .await;
}

async fn indexes(world: &World) -> Vec<Document> {
    let master = world.sandbox.master_database();
    if !world.collection_names(master).await.contains(&"organizations".to_owned()) {
        return Vec::new();
    }
    let mut indexes = world.indexes(master, "organizations").await;
    indexes.sort_by_key(|index| index.get_str("name").unwrap().to_owned());
    indexes
}

fn organizations(world: &World) -> mongodb::Collection<Document> {
    world.mongo.database(world.sandbox.master_database()).collection("organizations")
}
