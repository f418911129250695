//! A new password for somebody who forgot the old one, by a link that goes to the address of the account.

use axum::{extract::State, http::StatusCode};
use bson::doc;
use chakravue_crds::organization_id::OrganizationId;
use garde::Validate;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::sign_in::{anywhere, at_home};
use crate::{
    access::{
        accounts::{Accounts, having_link},
        links::{self, Purpose},
        sign_in::{
            password::Password,
            password_policy::{self, Owner},
        },
        tokens::{Home, home_of},
    },
    data::{audit::Entry, tenant::users::UserStatus},
    http::{
        client_address::ClientAddress,
        extract::ApiJson,
        people::EmailAddress,
        problem::{Answer, Kind},
        request_id,
    },
    state::{App, AppState},
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(request_reset)).routes(routes!(complete_reset))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct RequestReset {
    email: EmailAddress,
    /// The hospital; without it, wherever the address can sign in.
    #[schema(value_type = Option<String>, pattern = "^org_[0-7][0-9a-hjkmnp-tv-z]{25}$", example = "org_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    organization_id: Option<OrganizationId>,
}

/// Asks for a link to set a new password
///
/// Always answers 202, whether or not there is such an account. The link goes by mail; where the service sends none, an
/// ADMIN of the hospital hands one over.
#[utoipa::path(
    post, path = "/password-reset", tag = "sign-in",
    request_body = RequestReset,
    responses(
        (status = 202, description = "If the account is there, a mail is on its way"),
        (status = 429, description = "Too many requests from this address"),
    )
)]
async fn request_reset(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    ApiJson(body): ApiJson<RequestReset>,
) -> Answer<StatusCode> {
    app.limits.password_reset(address)?;
    if app.mailer.is_on() {
        // In the background, so that the time tells nothing either.
        let under_way = app.under_way.clone();
        under_way.spawn(request_id::carried(async move {
            if let Err(problem) = send_links(&app, &body).await {
                tracing::error!(kind = problem.kind().slug(), "a link to reset a password could not be sent");
            }
        }));
    }
    Ok(StatusCode::ACCEPTED)
}

async fn send_links(app: &AppState, body: &RequestReset) -> Answer<()> {
    let candidates = match &body.organization_id {
        Some(id) => at_home(app, &Home::Hospital(id.clone()), &body.email).await?,
        None => anywhere(app, &body.email).await?,
    };
    for (accounts, account) in candidates {
        let key = app.blind_index.of_account(&accounts.home(), &account.email);
        if account.usable_password().is_none() || !app.limits.may_send_reset(&key) {
            continue;
        }
        match accounts.issue(&app.clock, &account.actor(), &account, Purpose::PasswordReset).await {
            Ok(issued) => {
                issued.mail(&app.mailer, &app.settings.public_url, &account.email, accounts.hospital_name());
            }
            // Disabled in this moment.
            Err(problem) if problem.kind() == Kind::Conflict => {}
            Err(problem) => return Err(problem),
        }
    }
    Ok(())
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
#[schema(example = json!({ "token": "crst_org_01jd8x2v9t6m3k5q7r1w4y0z8a_…", "password": "violet tractors sing at noon" }))]
struct CompleteReset {
    /// What stands behind `#token=` in the link.
    #[schema(value_type = String, format = Password)]
    token: SecretString,
    /// 15 to 128 characters of any kind, hard to guess.
    #[schema(value_type = String, format = Password, min_length = 15, max_length = 128)]
    password: Password,
}

/// Sets a new password with the link
///
/// Uses the link up and ends every session of the user, who then signs in with the new password.
#[utoipa::path(
    post, path = "/password-reset/complete", tag = "sign-in",
    request_body = CompleteReset,
    responses(
        (status = 204, description = "Set"),
        (status = 410, description = "The link was used, has expired or was replaced"),
        (status = 422, description = "The password is too easy to guess; the link can still be used"),
    )
)]
async fn complete_reset(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    ApiJson(body): ApiJson<CompleteReset>,
) -> Answer<StatusCode> {
    app.limits.link(address)?;
    let token = body.token.expose_secret();
    let home = home_of(token, Purpose::PasswordReset.token_kind())?;
    let accounts = Accounts::open_for_link(&app, &home).await?;
    let account = accounts.find_by_link(Purpose::PasswordReset, token).await?.ok_or_else(links::unusable)?;
    links::check(account.password_reset.as_ref(), &app.clock)?;
    let owner = Owner { email: &account.email, name: account.name.as_deref(), hospital: accounts.hospital_name() };
    password_policy::check("/password", &body.password, &owner)?;
    let hash = app.hasher.hash(body.password).await?;
    let mut filter = having_link(Purpose::PasswordReset, token);
    filter.insert("_id", account.user_id());
    filter.insert("status", UserStatus::Active.name());
    let update = doc! {
        "$set": { "password_hash": &hash, "updated_at": app.clock.now_bson() },
        "$unset": { "password_reset": "" },
    };
    let entry = Entry::new("user.complete_password_reset").target("user", account.user_id());
    // Whoever guessed before keeps the owner waiting no longer, at this hospital: see the soft lock. Before the link is used
    // up: whoever is killed in between can still repeat it.
    app.soft_lock.forget(&app.blind_index.of_account(&home, &account.email)).await?;
    let changed = accounts.change(&account.actor(), filter, update, entry, Some(&app.sessions)).await?;
    changed.ok_or_else(links::unusable)?;
    Ok(StatusCode::NO_CONTENT)
}
