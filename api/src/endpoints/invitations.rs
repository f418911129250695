//! The links that make somebody a user: invitations, and the setup token of whoever signed a hospital up. Both end with a
//! password of the user's own and a session.

use axum::{
    Json,
    extract::State,
    http::header,
    response::{AppendHeaders, IntoResponse, Response},
};
use bson::doc;
use chakravue_crds::organization_id::OrganizationId;
use garde::Validate;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::users::links::InvitationLink;
use crate::{
    access::{
        accounts::{Account, Accounts, having_link},
        first_administrators,
        identity::{PlatformAdministrator, SETUP_COOKIE, Setup, clear_cookie},
        links::{self, Purpose},
        sign_in::{
            password::Password,
            password_policy::{self, Owner},
            start::{SignedIn, SignedInUser, start},
        },
        tokens::home_of,
    },
    data::{
        audit::{Actor, Entry},
        tenant::users::UserStatus,
    },
    hospitals::id_of,
    http::{
        client_address::{Client, ClientAddress},
        extract::{ApiJson, ApiPath},
        problem::Answer,
        text::Line,
    },
    program::clock::from_bson,
    state::{App, AppState},
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(preview_invitation))
        .routes(routes!(accept_invitation))
        .routes(routes!(set_up_administrator))
        .routes(routes!(invite_administrator))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
#[schema(example = json!({ "token": "cinv_org_01jd8x2v9t6m3k5q7r1w4y0z8a_…" }))]
struct InvitationToken {
    /// What stands behind `#token=` in the link.
    #[schema(value_type = String, format = Password)]
    token: SecretString,
}

/// What an invitation is for.
#[derive(Debug, Serialize, ToSchema)]
struct Invitation {
    user: SignedInUser,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// What an invitation is for
///
/// Shows the page of the link whom it is for; does not use the link.
#[utoipa::path(
    post, path = "/invitations/preview", tag = "sign-in",
    request_body = InvitationToken,
    responses(
        (status = 200, description = "Who is invited to what", body = Invitation),
        (status = 410, description = "The link was used, has expired or was replaced"),
    )
)]
async fn preview_invitation(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    ApiJson(body): ApiJson<InvitationToken>,
) -> Answer<Json<Invitation>> {
    app.limits.link(address)?;
    let (accounts, account) = invited(&app, body.token.expose_secret()).await?;
    let expires_at = account.invitation.as_ref().map(|link| from_bson(link.expires_at)).ok_or_else(links::unusable)?;
    Ok(Json(Invitation { user: SignedInUser::new(&accounts, &account), expires_at }))
}

/// The account that the link invites.
async fn invited(app: &AppState, token: &str) -> Answer<(Accounts, Account)> {
    let home = home_of(token, Purpose::Invitation.token_kind())?;
    // A hospital that is not there (any more) has no links; one that is suspended says so.
    let accounts = Accounts::open_for_link(app, &home).await?;
    let account = accounts.find_by_link(Purpose::Invitation, token).await?.ok_or_else(links::unusable)?;
    links::check(account.invitation.as_ref(), &app.clock)?;
    if account.status != UserStatus::Invited {
        return Err(links::unusable());
    }
    Ok((accounts, account))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
#[schema(example = json!({ "token": "cinv_org_01jd8x2v9t6m3k5q7r1w4y0z8a_…", "password": "violet tractors sing at noon", "name": "Jane Miller" }))]
struct AcceptInvitation {
    /// What stands behind `#token=` in the link.
    #[schema(value_type = String, format = Password)]
    token: SecretString,
    /// 15 to 128 characters of any kind, hard to guess.
    #[schema(value_type = String, format = Password, min_length = 15, max_length = 128)]
    password: Password,
    #[garde(dive)]
    name: Option<Line<200>>,
}

/// Accepts an invitation
///
/// Sets the user's password, uses the link up, and signs the user in.
#[utoipa::path(
    post, path = "/invitations/accept", tag = "sign-in",
    request_body = AcceptInvitation,
    responses(
        (status = 200, description = "Accepted and signed in", body = SignedIn, headers(("Set-Cookie" = String, description = "The session, for browsers"))),
        (status = 410, description = "The link was used, has expired or was replaced"),
        (status = 422, description = "The password is too easy to guess; the link can still be used"),
    )
)]
async fn accept_invitation(
    State(app): State<App>,
    client: Client,
    ApiJson(body): ApiJson<AcceptInvitation>,
) -> Answer<SignedIn> {
    app.limits.link(client.address)?;
    let token = body.token.expose_secret();
    let (accounts, account) = invited(&app, token).await?;
    let filter = having_link(Purpose::Invitation, token);
    let actor = account.actor();
    let first = First { password: body.password, name: body.name };
    let accepted = activate(&app, &accounts, &account, &actor, filter, first).await?;
    start(&app, (accounts, accepted.ok_or_else(links::unusable)?), &client).await
}

/// What somebody says at the first sign-in.
struct First {
    password: Password,
    name: Option<Line<200>>,
}

/// Gives an invited account that matches its first password. `None`: it does not match any more.
async fn activate(
    app: &AppState,
    accounts: &Accounts,
    account: &Account,
    actor: &Actor,
    mut filter: bson::Document,
    First { password, name }: First,
) -> Answer<Option<Account>> {
    let name = name.map(Line::into_string).or_else(|| account.name.clone());
    let owner = Owner { email: &account.email, name: name.as_deref(), hospital: accounts.hospital_name() };
    password_policy::check("/password", &password, &owner)?;
    let hash = app.hasher.hash(password).await?;
    filter.insert("_id", account.user_id());
    filter.insert("status", UserStatus::Invited.name());
    let mut set = doc! {
        "password_hash": &hash,
        "status": UserStatus::Active.name(),
        "updated_at": app.clock.now_bson(),
    };
    if let Some(name) = name {
        set.insert("name", name);
    }
    let update = doc! { "$set": set, "$unset": { "invitation": "", "password_reset": "" } };
    let entry = Entry::new("user.accept_invitation").target("user", account.user_id());
    let activated = accounts.change(actor, filter, update, entry, None).await?;
    let hospital = accounts.hospital().filter(|_| activated.is_some());
    if let Some(hospital) = hospital
        && let Some(administrator) = &hospital.spec.administrator
        && administrator.email.eq_ignore_ascii_case(&account.email)
        && let Some(organization) = id_of(hospital)
    {
        // By whichever way: who signed the hospital up signs in from now on.
        app.signups.end(&organization).await?;
    }
    Ok(activated)
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
#[schema(example = json!({ "password": "violet tractors sing at noon", "name": "Jane Miller" }))]
struct SetUpAdministrator {
    /// 15 to 128 characters of any kind, hard to guess.
    #[schema(value_type = String, format = Password, min_length = 15, max_length = 128)]
    password: Password,
    #[garde(dive)]
    name: Option<Line<200>>,
}

/// Sets the password of a new hospital's administrator
///
/// The last step of a signup: the address that signed up becomes the ADMIN, the setup token ends, a session starts.
#[utoipa::path(
    post, path = "/setup/administrator", tag = "signup",
    security(("bearer" = []), ("setup" = [])),
    request_body = SetUpAdministrator,
    responses(
        (status = 200, description = "Set and signed in", body = SignedIn, headers(("Set-Cookie" = String, description = "The session, for browsers"))),
        (status = 409, description = "The hospital is not ready, or its administrator has a password already"),
        (status = 422, description = "The password is too easy to guess"),
    )
)]
async fn set_up_administrator(
    State(app): State<App>,
    client: Client,
    setup: Setup,
    ApiJson(body): ApiJson<SetUpAdministrator>,
) -> Answer<Response> {
    let (accounts, account) = first_administrators::waiting(&app, &setup.organization_id).await?;
    let first = First { password: body.password, name: body.name };
    let activated = activate(&app, &accounts, &account, &setup.actor(), doc! {}, first).await?;
    let activated = activated.ok_or_else(first_administrators::has_password)?;
    let signed_in = start(&app, (accounts, activated), &client).await?;
    Ok((AppendHeaders([(header::SET_COOKIE, clear_cookie(SETUP_COOKIE))]), signed_in).into_response())
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct OrganizationPath {
    /// The hospital's id.
    #[param(value_type = String, example = "org_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    org_id: OrganizationId,
}

/// Invites a hospital's first administrator
///
/// For a hospital that was declared and whose administrator gets no mail: the link to hand over. An earlier one is worth
/// nothing any more.
#[utoipa::path(
    post, path = "/master/organizations/{org_id}/administrator-invitation", tag = "platform",
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("platform.hospitals.manage"))),
    params(OrganizationPath),
    responses(
        (status = 200, description = "The link", body = InvitationLink),
        (status = 409, description = "The administrator has a password already, none is named, or the hospital is not ready"),
    )
)]
async fn invite_administrator(
    State(app): State<App>,
    administrator: PlatformAdministrator,
    ApiPath(OrganizationPath { org_id }): ApiPath<OrganizationPath>,
) -> Answer<Json<InvitationLink>> {
    let issued = first_administrators::invite_again(&app, &org_id, &administrator.actor()).await?;
    let entry = Entry::new("organization.invite_administrator").target("organization", org_id.as_str());
    app.platform_audit.record(&administrator.actor(), entry).await?;
    Ok(Json(InvitationLink { invitation_url: issued.url(&app.settings.public_url), expires_at: issued.expires_at() }))
}
