//! The start of a session, after a password, an invitation or a setup token was found right; and the answer that brings
//! its token, the same everywhere.

use axum::{
    Json,
    http::header,
    response::{AppendHeaders, IntoResponse},
};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{attempt::Candidate, end::end_replaced};
use crate::{
    access::{
        accounts::{Account, Accounts},
        identity::{SESSION_COOKIE, set_cookie},
        sessions::{Principal, Session},
    },
    data::audit::Entry,
    http::{
        client_address::Client,
        problem::{Answer, Kind, Problem},
    },
    program::clock::from_bson,
    state::AppState,
};

/// Somebody is signed in now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SignedIn {
    /// For programs, as `Authorization: Bearer`. Browsers have it in a cookie and should forget this one.
    #[schema(example = "chs_2uZ0y3S5QxkVb6c1D8tJwPqRfLmNaEhGiKoUvXyZ0A4")]
    token: String,
    /// When the session ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    user: SignedInUser,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SignedInUser {
    #[schema(example = "user_01jd3f8a5c9d2m4n6p8r0s2t4v")]
    pub user_id: String,
    #[schema(example = "doctor@stmarys.com")]
    pub email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// ADMIN, RECEPTIONIST, OPD, DOCTOR, or `PLATFORM_ADMINISTRATOR`.
    #[schema(example = "DOCTOR")]
    pub role: &'static str,
    /// Absent for administrators of the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "org_01jd3f8a5c9d2m4n6p8r0s2t4v")]
    pub organization_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "St. Mary's Hospital")]
    pub organization_name: Option<String>,
}

impl SignedInUser {
    #[must_use]
    pub fn new(accounts: &Accounts, account: &Account) -> Self {
        let organization_id = match &account.principal {
            Principal::Staff { organization_id, .. } => Some(organization_id.as_str().to_owned()),
            Principal::PlatformAdministrator { .. } => None,
        };
        Self {
            user_id: account.user_id().to_owned(),
            email: account.email.clone(),
            name: account.name.clone(),
            role: account.role_name(),
            organization_id,
            organization_name: accounts.hospital_name().map(str::to_owned),
        }
    }
}

impl IntoResponse for SignedIn {
    fn into_response(self) -> axum::response::Response {
        let cookie = set_cookie(SESSION_COOKIE, &self.token);
        (AppendHeaders([(header::SET_COOKIE, cookie)]), Json(self)).into_response()
    }
}

/// Starts a session. The one that the browser had before ends.
///
/// # Errors
/// When the account was disabled or got another password in the meantime, or a database is away.
pub async fn start(app: &AppState, (accounts, account): Candidate, client: &Client) -> Answer<SignedIn> {
    let address = client.address.to_string();
    let (token, session) = app.sessions.start(account.principal.clone(), &address, &client.user_agent).await?;
    // The session is there before the account is looked at: whoever disables the account either finds the session and
    // ends it, or has done so early enough to be seen here.
    if let Err(problem) = begin(app, &accounts, &account, &session, client).await {
        app.sessions.end(&account.principal, &session.session_id).await?;
        return Err(problem);
    }
    Ok(SignedIn {
        token: token.reveal().to_owned(),
        expires_at: from_bson(session.expires_at),
        user: SignedInUser::new(&accounts, &account),
    })
}

async fn begin(
    app: &AppState,
    accounts: &Accounts,
    account: &Account,
    session: &Session,
    client: &Client,
) -> Answer<()> {
    if !accounts.note_sign_in(account, app.clock.now_bson()).await? {
        return Err(Problem::new(Kind::Unauthenticated, "The account was changed in this moment. Sign in again."));
    }
    end_replaced(app, client.replaces.as_ref()).await?;
    let entry = Entry::new("session.start").target("user", account.user_id());
    let entry = entry.detail("session_id", session.session_id.clone());
    // The session itself is forgotten in half a day.
    let entry = entry.detail("address", session.address.clone()).detail("user_agent", session.user_agent.clone());
    let actor = account.actor();
    let (recorded, ()) = tokio::join!(accounts.record(&actor, entry), note_membership(app, account));
    recorded
}

/// From the first sign-in on, the user can also sign in without naming the hospital.
async fn note_membership(app: &AppState, account: &Account) {
    let Principal::Staff { organization_id, user_id, .. } = &account.principal else { return };
    if let Err(problem) = app.memberships.add(organization_id, user_id, &account.email).await {
        // Only an index; the next sign-in notes it again.
        tracing::warn!(kind = problem.kind().slug(), "a membership could not be noted");
    }
}
