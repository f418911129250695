//! What a hospital's Secret opens: its own database, to read and to write, and no other.

use chakravue_crds::tenant_schema::TENANT_SCHEMA;
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Secret;
use mongodb::{
    Client,
    bson::{Document, doc, oid::ObjectId},
    error::{Error, ErrorKind, WriteFailure},
};

use super::{Truth, equal, is_suspended};
use crate::{
    hospitals::{Hospitals, database},
    support::{World, client},
};

const UNAUTHORIZED: i32 = 13;
const KEYS: [&str; 8] = ["database", "host", "password", "port", "provider", "type", "uri", "username"];

pub async fn is_right(world: &World, name: &str, secret: &Secret, hospitals: &Hospitals) -> Truth {
    let value = |key: &str| String::from_utf8(secret.data.as_ref()?.get(key)?.0.clone()).ok();
    let (own, uri) = (database(name), value("uri").ok_or("its Secret has no URI")?);
    equal("the type of its Secret", &secret.type_.as_deref(), &Some("servicebinding.io/mongodb"))?;
    let keys: Vec<&str> = secret.data.iter().flatten().map(|(key, _)| key.as_str()).collect();
    equal("what its Secret has", &keys, &KEYS.to_vec())?;
    for key in ["username", "database"] {
        equal(&format!("{key} of its Secret"), &value(key).as_deref(), &Some(own.as_str()))?;
    }
    let login = format!("mongodb://{own}:{}@", value("password").unwrap_or_default());
    equal("whether its Secret's URI has its password", &uri.starts_with(&login), &true)?;
    let tenant = client(&uri).await;
    let allowed = if is_suspended(&hospitals.declared[name]) { UNAUTHORIZED } else { 0 };
    for collection in &TENANT_SCHEMA.collections {
        let place = (own.as_str(), collection.name);
        equal(&format!("what it gets to read of {place:?}"), &read(&tenant, place).await, &allowed)?;
    }
    equal("what it gets to write", &write(&tenant, (&own, "settings")).await, &allowed)?;
    equal("what it gets to write to a seventh collection", &write(&tenant, (&own, "seventh")).await, &UNAUTHORIZED)?;

    let others = [&hospitals.retained, &hospitals.dropped].into_iter().flatten().chain(hospitals.declared.keys());
    let others = others.filter(|other| *other != name).map(|other| (database(other), "patients"));
    let master = world.sandbox.master_database().to_owned();
    let foreign = [
        (master.clone(), "organizations"),
        (master, "sessions"),
        ("admin".to_owned(), "system.users"),
        ("config".to_owned(), "settings"),
        ("local".to_owned(), "oplog.rs"),
        ("a_database_that_is_not_there".to_owned(), "patients"),
    ];
    let refused = others.chain(foreign).map(async |(database, collection): (String, &str)| {
        let place = (database.as_str(), collection);
        equal(&format!("what it gets to read of {place:?}"), &read(&tenant, place).await, &UNAUTHORIZED)?;
        equal(&format!("what it gets to write to {place:?}"), &write(&tenant, place).await, &UNAUTHORIZED)
    });
    try_join_all(refused).await.map(drop)
}

async fn read(tenant: &Client, (database, collection): (&str, &str)) -> i32 {
    code(tenant.database(database).collection::<Document>(collection).find_one(doc! {}).await)
}

/// Writes a document as a hospital has it among its settings, and takes it away again.
async fn write(tenant: &Client, (database, collection): (&str, &str)) -> i32 {
    let settings = tenant.database(database).collection::<Document>(collection);
    let key = format!("chaos-{}", ObjectId::new());
    let written = code(settings.insert_one(doc! { "key": &key, "value": 1 }).await);
    if written == 0 { code(settings.delete_one(doc! { "key": &key }).await) } else { written }
}

/// How MongoDB answered; -1 if it did not, so that it is asked again.
fn code<T>(outcome: Result<T, Error>) -> i32 {
    match outcome.map_err(|error| *error.kind) {
        Ok(_) => 0,
        Err(ErrorKind::Command(refusal)) => refusal.code,
        Err(ErrorKind::Write(WriteFailure::WriteError(refusal))) => refusal.code,
        Err(ErrorKind::Authentication { .. }) => 18,
        Err(_) => -1,
    }
}
