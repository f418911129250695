//! Whoever is signed in: who they are, what they may do, their sessions, their password.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use bson::doc;
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::organizations::Organization;
use crate::{
    access::{
        accounts::{Account, Accounts},
        identity::Signed,
        permissions,
        sessions::Session,
        sign_in::{
            hashing::Verdict,
            password::Password,
            password_policy::{self, Owner},
            soft_lock::Counted,
            start::{SignedIn, SignedInUser, start},
        },
    },
    data::audit::Entry,
    http::{
        client_address::Client,
        extract::{ApiJson, ApiPath},
        flaw::Flaw,
        problem::{Answer, Kind, Problem},
    },
    program::clock::from_bson,
    state::{App, AppState},
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_me))
        .routes(routes!(list_sessions))
        .routes(routes!(end_session))
        .routes(routes!(change_password))
}

/// Who is signed in, and what they may do.
#[derive(Debug, Serialize, ToSchema)]
struct Me {
    user: SignedInUser,
    /// What the user's role may do; the same table decides every request.
    #[schema(example = json!(["organization.read", "patients.read"]))]
    permissions: Vec<&'static str>,
    /// Absent for administrators of the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<Organization>,
    session: SessionView,
}

/// A sign-in that has not ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
struct SessionView {
    #[schema(example = "ses_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    session_id: String,
    /// Whether it is the one that asks.
    current: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_seen_at: Timestamp,
    /// When it ends if nothing more comes; of the one that asks, as of now.
    #[schema(value_type = String, format = DateTime)]
    idle_expires_at: Timestamp,
    /// When it ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// Where and with what it was started.
    #[schema(example = "203.0.113.9")]
    address: String,
    user_agent: String,
}

impl SessionView {
    fn new(app: &AppState, session: Session, current: &Session) -> Self {
        let is_current = session.session_id == current.session_id;
        Self {
            current: is_current,
            created_at: from_bson(session.created_at),
            last_seen_at: from_bson(session.last_seen_at),
            idle_expires_at: app.sessions.idle_until(&session, is_current),
            expires_at: from_bson(session.expires_at),
            session_id: session.session_id,
            address: session.address,
            user_agent: session.user_agent,
        }
    }
}

async fn account_of(app: &AppState, session: &Session) -> Answer<(Accounts, Account)> {
    let accounts = Accounts::open(app, &session.principal.home()).await?;
    let account = accounts.find(session.principal.user_id()).await?;
    let gone = || Problem::new(Kind::Unauthenticated, "The account is not there any more.");
    Ok((accounts, account.ok_or_else(gone)?))
}

/// Who is signed in
#[utoipa::path(
    get, path = "/me", tag = "sign-in",
    security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, description = "The user, the role's permissions, the hospital and the session", body = Me))
)]
async fn get_me(State(app): State<App>, Signed(session): Signed) -> Answer<Json<Me>> {
    let (accounts, account) = account_of(&app, &session).await?;
    let organization = match accounts.hospital() {
        Some(hospital) => Some(Organization::of(&app, &Arc::clone(hospital), false).await),
        None => None,
    };
    let permissions = account.role().map_or_else(permissions::of_platform, permissions::of);
    Ok(Json(Me {
        user: SignedInUser::new(&accounts, &account),
        permissions: permissions.into_iter().map(permissions::Permission::name).collect(),
        organization,
        session: SessionView::new(&app, session.clone(), &session),
    }))
}

/// All sessions of one user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sessions)]
struct SessionsView {
    /// The newest first.
    sessions: Vec<SessionView>,
}

/// Where the user is signed in
#[utoipa::path(
    get, path = "/me/sessions", tag = "sign-in",
    security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, description = "The user's sessions, this one too", body = SessionsView))
)]
async fn list_sessions(State(app): State<App>, Signed(session): Signed) -> Answer<Json<SessionsView>> {
    let all = app.sessions.of_user(&session.principal).await?;
    Ok(Json(SessionsView { sessions: all.into_iter().map(|one| SessionView::new(&app, one, &session)).collect() }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct SessionPath {
    /// The session's id, from the list.
    #[param(example = "ses_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    session_id: String,
}

/// Ends one of the user's sessions
///
/// For a device that was left somewhere.
#[utoipa::path(
    delete, path = "/me/sessions/{session_id}", tag = "sign-in",
    security(("bearer" = []), ("cookie" = [])),
    params(SessionPath),
    responses((status = 204, description = "Ended"), (status = 404, description = "The user has no such session"))
)]
async fn end_session(
    State(app): State<App>,
    signed: Signed,
    ApiPath(SessionPath { session_id }): ApiPath<SessionPath>,
) -> Answer<StatusCode> {
    let principal = &signed.0.principal;
    let accounts = Accounts::open(&app, &principal.home()).await?;
    if !app.sessions.end(principal, &session_id).await? {
        return Err(Problem::not_found());
    }
    let entry = Entry::new("session.end").target("user", principal.user_id()).detail("session_id", session_id);
    accounts.record(&signed.actor(), entry).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
#[schema(example = json!({ "current_password": "violet tractors sing at noon", "new_password": "seven green ladders at dawn" }))]
struct ChangePassword {
    #[schema(value_type = String, format = Password)]
    current_password: Password,
    /// 15 to 128 characters of any kind, hard to guess.
    #[schema(value_type = String, format = Password, min_length = 15, max_length = 128)]
    new_password: Password,
}

/// Changes the own password
///
/// Ends every session of the user, this one too, and starts a new one.
#[utoipa::path(
    post, path = "/me/password", tag = "sign-in",
    security(("bearer" = []), ("cookie" = [])),
    request_body = ChangePassword,
    responses(
        (status = 200, description = "Changed; the answer has the new session", body = SignedIn,
            headers(("Set-Cookie" = String, description = "The new session, for browsers"))),
        (status = 422, description = "The current password is not right, or the new one is too easy to guess"),
        (status = 429, description = "Too many wrong passwords; wait as long as `Retry-After` says"),
    )
)]
async fn change_password(
    State(app): State<App>,
    client: Client,
    Signed(session): Signed,
    ApiJson(body): ApiJson<ChangePassword>,
) -> Answer<SignedIn> {
    let (accounts, account) = account_of(&app, &session).await?;
    check_current(&app, &accounts, &account, &client, &body.current_password).await?;
    let owner = Owner { email: &account.email, name: account.name.as_deref(), hospital: accounts.hospital_name() };
    password_policy::check("/new_password", &body.new_password, &owner)?;
    let hash = app.hasher.hash(body.new_password).await?;
    let same = doc! {
        "_id": account.user_id(),
        "status": "active",
        "password_hash": account.password_hash.as_deref(),
    };
    let update = doc! {
        "$set": { "password_hash": &hash, "updated_at": app.clock.now_bson() },
        "$unset": { "password_reset": "" },
    };
    let entry = Entry::new("user.change_password").target("user", account.user_id());
    let changed = accounts.change(&account.actor(), same, update, entry, Some(&app.sessions)).await?;
    let changed = changed.ok_or_else(|| Problem::new(Kind::Conflict, "The account was changed in this moment."))?;
    start(&app, (accounts, changed), &client).await
}

/// Whoever found a screen unlocked must not guess the password here either.
async fn check_current(
    app: &AppState,
    accounts: &Accounts,
    account: &Account,
    client: &Client,
    password: &Password,
) -> Answer<()> {
    let counted = Counted::Account(app.blind_index.of_account(&accounts.home(), &account.email));
    app.limits.sign_in(client.address, counted.index())?;
    let before = app.soft_lock.look(&counted).await?;
    if let Some(wait) = before.wait {
        let detail = "Too many wrong passwords. Wait as long as Retry-After says.";
        return Err(Problem::new(Kind::TooManyRequests, detail).retry_after(wait));
    }
    match app.hasher.verify(password.clone(), account.usable_password()).await? {
        Verdict::Right { .. } if app.soft_lock.succeeded(&counted, &before).await? => Ok(()),
        _ => {
            app.soft_lock.failed(&counted).await?;
            Err(Problem::invalid("/current_password", Flaw::WrongPassword))
        }
    }
}
