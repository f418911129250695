//! The yardstick of a whole call: axum, argon2 and the driver, with every command that the API sends to MongoDB at the same
//! call, with the same write concern, each for itself. What the API has besides (an audit log that is a chain, limits,
//! metrics, a line of log, checked input) is not here; what many requests can share is what the API may win.
//!
//! It runs as a process of its own, as the API does: this program, started with `--serve-same-commands`. It works on a
//! hospital of its own, whose audit log nobody else writes to.

use std::{
    cell::RefCell,
    env,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::Context as _;
use argon2::{Argon2, Block, password_hash::phc::PasswordHash};
use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    routing::{get, post},
};
use chakravue_testbed::{Companion, random_secret};
use mongodb::{
    Client, Collection,
    bson::{DateTime, Document, doc},
    options::{Collation, CollationStrength, WriteConcern},
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::{net::TcpListener, sync::Semaphore};

use crate::{
    bare_list::{List, Page, Stored, page, pooled},
    workplace::{Hospital, Workplace},
};

const URI: &str = "BENCH_PLAIN_URI";
const DATABASE: &str = "BENCH_PLAIN_DATABASE";
const MASTER_URI: &str = "BENCH_PLAIN_MASTER_URI";
const MASTER_DATABASE: &str = "BENCH_PLAIN_MASTER_DATABASE";
const SESSION_LASTS: Duration = Duration::from_hours(12);

/// Starts it as a process.
pub async fn start(workplace: &Workplace, hospital: &Hospital) -> anyhow::Result<Companion> {
    let sandbox = &workplace.sandbox;
    let environment = [
        (URI, hospital.uri.as_str()),
        (DATABASE, &hospital.database_name),
        (MASTER_URI, sandbox.api_mongodb_uri()),
        (MASTER_DATABASE, sandbox.master_database()),
    ];
    workplace.yardstick("same-commands", &environment).await
}

/// What the process does.
pub async fn serve(address: SocketAddr) -> anyhow::Result<()> {
    let variable = |name| env::var(name).with_context(|| format!("{name} is not set"));
    let hospital = pooled(variable(URI)?, &variable(DATABASE)?).await?;
    let master = Client::with_uri_str(variable(MASTER_URI)?).await?.database(&variable(MASTER_DATABASE)?);
    let server = Server {
        patients: hospital.collection("patients"),
        users: hospital.collection("users"),
        audit_log: hospital.collection("audit_logs"),
        sessions: master.collection("sessions"),
        login_attempts: master.collection("login_attempts"),
        sequence: AtomicI64::new(0),
        hashing: Semaphore::new(thread::available_parallelism()?.get()),
    };
    let last = server.audit_log.find_one(doc! {}).sort(doc! { "sequence": -1 }).await?;
    let last = last.map_or(Ok(0), |last| last.get_i64("sequence"))?;
    server.sequence.store(last, Ordering::Relaxed);
    let router = Router::new()
        .route("/", get(async || ""))
        .route("/organization-login", post(sign_in))
        .route("/organization/{organization_id}/patients", get(list))
        .with_state(Arc::new(server));
    axum::serve(TcpListener::bind(address).await?, router).await.context("serve")
}

struct Server {
    patients: Collection<Stored>,
    users: Collection<Document>,
    audit_log: Collection<Document>,
    sessions: Collection<Document>,
    login_attempts: Collection<Document>,
    /// Of the last entry in the audit log.
    sequence: AtomicI64,
    /// As many hashes at once as there are cores.
    hashing: Semaphore,
}

/// Why there is no answer.
enum Refusal {
    Unauthorized,
    Failed(anyhow::Error),
}

impl From<mongodb::error::Error> for Refusal {
    fn from(error: mongodb::error::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl axum::response::IntoResponse for Refusal {
    fn into_response(self) -> axum::response::Response {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED.into_response(),
            Self::Failed(error) => {
                eprintln!("{error:#}");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

async fn list(
    State(server): State<Arc<Server>>,
    Query(asked): Query<Page>,
    headers: HeaderMap,
) -> Result<Json<List>, Refusal> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let session = server.sessions.find_one(doc! { "_id": digest(token.unwrap_or_default()) }).await?;
    let session = session.ok_or(Refusal::Unauthorized)?;
    let actor = session.get_str("user_id").map_err(anyhow::Error::new)?;
    let list = page(&server.patients, &asked).await?;
    server.record(actor, "patient.list", doc! { "limit": i64::try_from(asked.limit).unwrap_or(i64::MAX) }).await?;
    Ok(Json(list))
}

#[derive(Deserialize)]
struct Login {
    organization_id: String,
    email: String,
    password: String,
}

async fn sign_in(State(server): State<Arc<Server>>, Json(login): Json<Login>) -> Result<Json<Value>, Refusal> {
    let attempts = || {
        let account = digest(&format!("{} {}", login.organization_id, login.email));
        server.login_attempts.find_one(doc! { "_id": account }).into_future()
    };
    let ignoring_case = Collation::builder().locale("en").strength(CollationStrength::Secondary).build();
    let user = server.users.find_one(doc! { "email": &login.email }).collation(ignoring_case);
    let (_, user) = tokio::try_join!(attempts(), user.into_future())?;
    let user = user.ok_or(Refusal::Unauthorized)?;
    let text = |field| user.get_str(field).map(str::to_owned).map_err(anyhow::Error::new);
    let (user_id, role, password_hash) = (text("_id")?, text("role")?, text("password_hash")?);

    if !server.is_right(password_hash.clone(), login.password.clone()).await? {
        return Err(Refusal::Unauthorized);
    }
    attempts().await?;

    let (token, now) = (random_secret(32), DateTime::now());
    let session_id = format!("ses_{}", random_secret(20));
    let session = doc! {
        "_id": digest(&token), "session_id": &session_id, "kind": "staff", "organization_id": &login.organization_id,
        "user_id": &user_id, "role": &role, "created_at": now, "last_seen_at": now,
        "expires_at": DateTime::from_system_time(now.to_system_time() + SESSION_LASTS),
        "address": "127.0.0.1", "user_agent": "",
    };
    server.sessions.insert_one(session).write_concern(WriteConcern::nodes(1)).await?;
    let same = doc! { "_id": &user_id, "status": "active", "password_hash": password_hash, "role": &role };
    server.users.update_one(same, doc! { "$set": { "last_login": now } }).await?;
    server.record(&user_id, "session.start", doc! { "session_id": session_id }).await?;
    Ok(Json(json!({ "token": token, "user": { "user_id": user_id, "role": role, "email": login.email } })))
}

impl Server {
    async fn record(&self, actor: &str, action: &str, details: Document) -> Result<(), Refusal> {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        // Of the right length; who comes first is not known, so it is no chain.
        let hash = digest(&format!("{sequence} {actor} {action}"));
        self.audit_log
            .insert_one(doc! {
                "sequence": sequence, "at": DateTime::now(), "actor_id": actor, "actor_role": "DOCTOR",
                "action": action, "target": { "type": "user", "id": actor }, "request_id": random_secret(26),
                "details": details, "previous_hash": &hash, "hash": &hash,
            })
            .await?;
        Ok(())
    }

    async fn is_right(&self, stored: String, password: String) -> anyhow::Result<bool> {
        let _turn = self.hashing.acquire().await?;
        tokio::task::spawn_blocking(move || verify(&stored, &password)).await?
    }
}

/// In memory that the thread keeps, as the API's do.
fn verify(stored: &str, password: &str) -> anyhow::Result<bool> {
    thread_local! {
        static MEMORY: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
    }
    let error = |error: &dyn std::fmt::Display| anyhow::anyhow!("argon2: {error}");
    let stored = PasswordHash::new(stored).map_err(|failed| error(&failed))?;
    let (Some(salt), Some(hash)) = (&stored.salt, &stored.hash) else { anyhow::bail!("a stored hash is not whole") };
    let argon2 = Argon2::default();
    MEMORY.with_borrow_mut(|memory| {
        memory.resize(argon2.params().block_count(), Block::new());
        let mut output = vec![0; hash.len()];
        argon2
            .hash_password_into_with_memory(password.as_bytes(), salt, &mut output, memory)
            .map_err(|failed| error(&failed))?;
        Ok(output == hash.as_bytes())
    })
}

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}
