//! The yardstick of `list_patients`: axum and the driver, with the same query, projection, pool and threads, logged in as
//! the hospital, and nothing else. Nobody has to be signed in, nothing is recorded, nothing is logged, nothing is checked.
//!
//! It runs as a process of its own, as the API does: this program, started with `--serve-bare-list`.

use std::{env, net::SocketAddr};

use anyhow::Context as _;
use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    routing::get,
};
use chakravue_testbed::Companion;
use futures::TryStreamExt as _;
use mongodb::{
    Client, Collection, Database,
    bson::{DateTime, doc},
    options::ClientOptions,
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::workplace::{Hospital, Workplace};

const URI: &str = "BENCH_BARE_URI";
const DATABASE: &str = "BENCH_BARE_DATABASE";
/// As many connections as the API has for a hospital, unless it is told otherwise.
const CONNECTIONS: u32 = 10;

/// Starts it as a process.
pub async fn start(workplace: &Workplace) -> anyhow::Result<Companion> {
    let Hospital { uri, database_name, .. } = &workplace.hospital;
    workplace.yardstick("bare-list", &[(URI, uri), (DATABASE, database_name)]).await
}

/// What the process does.
pub async fn serve(address: SocketAddr) -> anyhow::Result<()> {
    let variable = |name| env::var(name).with_context(|| format!("{name} is not set"));
    let patients: Collection<Stored> = pooled(variable(URI)?, &variable(DATABASE)?).await?.collection("patients");
    let router = Router::new()
        .route("/", get(async || ""))
        .route("/organization/{organization_id}/patients", get(list))
        .with_state(patients);
    axum::serve(TcpListener::bind(address).await?, router).await.context("serve")
}

/// A hospital's database, with as many connections as the API has for it.
pub async fn pooled(uri: String, database: &str) -> anyhow::Result<Database> {
    let mut options = ClientOptions::parse(uri).await?;
    options.max_pool_size = Some(CONNECTIONS);
    Ok(Client::with_options(options)?.database(database))
}

#[derive(Deserialize)]
pub struct Page {
    pub limit: usize,
}

async fn list(State(patients): State<Collection<Stored>>, Query(asked): Query<Page>) -> Result<Json<List>, StatusCode> {
    page(&patients, &asked).await.map(Json).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

/// The first page, as the API asks for it.
pub async fn page(patients: &Collection<Stored>, asked: &Page) -> mongodb::error::Result<List> {
    let found = patients
        .find(doc! { "deleted_at": null })
        .sort(doc! { "_id": -1 })
        .limit(i64::try_from(asked.limit).unwrap_or(i64::MAX) + 1)
        .projection(doc! { "vitals": 0, "notes": 0, "prescriptions": 0 });
    let mut found: Vec<Stored> = found.await?.try_collect().await?;
    let more = found.len() > asked.limit;
    found.truncate(asked.limit);
    let next_cursor = found.last().filter(|_| more).map(|last| last.patient_id.clone());
    Ok(List { items: found.into_iter().map(Patient::from).collect(), next_cursor })
}

#[derive(Serialize)]
pub struct List {
    items: Vec<Patient>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// As it is stored.
#[derive(Deserialize)]
pub struct Stored {
    #[serde(rename = "_id")]
    patient_id: String,
    record_number: String,
    name: String,
    birth_date: String,
    sex: Option<String>,
    phone: Option<String>,
    email: Option<String>,
    address: Option<String>,
    blood_group: Option<String>,
    #[serde(default)]
    allergies: Vec<String>,
    created_at: DateTime,
    updated_at: Option<DateTime>,
    version: i64,
}

/// As it is answered.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names of the API's answer")]
struct Patient {
    patient_id: String,
    record_number: String,
    name: String,
    birth_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blood_group: Option<String>,
    allergies: Vec<String>,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    version: i64,
}

impl From<Stored> for Patient {
    fn from(stored: Stored) -> Self {
        Self {
            patient_id: stored.patient_id,
            record_number: stored.record_number,
            name: stored.name,
            birth_date: stored.birth_date,
            sex: stored.sex,
            phone: stored.phone,
            email: stored.email,
            address: stored.address,
            blood_group: stored.blood_group,
            allergies: stored.allergies,
            created_at: text(stored.created_at),
            updated_at: stored.updated_at.map(text),
            version: stored.version,
        }
    }
}

/// RFC 3339; nobody reads one beyond the calendar here.
fn text(time: DateTime) -> String {
    time.try_to_rfc3339_string().unwrap_or_default()
}
