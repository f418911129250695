//! The end of a session: somebody signs out, or goes on in the same browser as somebody else.

use crate::{
    access::{accounts::Accounts, identity::Signed, sessions::Session, tokens::TokenHash},
    data::audit::Entry,
    http::problem::Answer,
    state::AppState,
};

/// Ends a session.
///
/// # Errors
/// When the master database is away.
pub async fn end(app: &AppState, session: &Session) -> Answer<()> {
    app.sessions.end(&session.principal, &session.session_id).await?;
    record(app, session).await;
    Ok(())
}

/// Ends the session whose cookie is replaced or taken away, if it is there.
///
/// # Errors
/// When the master database is away.
pub async fn end_replaced(app: &AppState, replaced: Option<&TokenHash>) -> Answer<()> {
    let Some(replaced) = replaced else { return Ok(()) };
    if let Some(session) = app.sessions.end_of_token(replaced).await? {
        record(app, &session).await;
    }
    Ok(())
}

async fn record(app: &AppState, session: &Session) {
    let home = session.principal.home();
    // Whoever's hospital was suspended or is away can still sign out.
    if let Ok(accounts) = Accounts::open(app, &home).await {
        let entry = Entry::new("session.end").target("user", session.principal.user_id());
        let entry = entry.detail("session_id", session.session_id.clone());
        if let Err(problem) = accounts.record(&Signed(session.clone()).actor(), entry).await {
            tracing::error!(kind = problem.kind().slug(), "a sign-out could not be recorded");
        }
    }
}
