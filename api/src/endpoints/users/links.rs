//! Links to hand over to a user who exists: another invitation, or a new password; and the invitation that is revoked.

use axum::{Json, extract::State, http::StatusCode};
use bson::doc;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{UserPath, existing, keep_an_administrator};
use crate::{
    access::{
        accounts::Accounts,
        identity::Member,
        links::{Issued, Purpose},
        permissions::may,
    },
    data::{
        audit::Entry,
        tenant::{Records, users::UserStatus},
    },
    http::{
        extract::ApiPath,
        problem::{Answer, Kind, Problem},
    },
    state::{App, AppState},
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(invite_user_again, revoke_invitation)).routes(routes!(reset_user_password))
}

/// A link to hand over.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationLink {
    /// Shown once. Whoever has it becomes the user.
    #[schema(example = "https://app.example.org/accept-invitation#token=cinv_org_01jd8x2v9t6m3k5q7r1w4y0z8a_…")]
    pub invitation_url: String,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// Invites a user once more
///
/// For a link that was lost or has expired; the earlier one is worth nothing any more.
#[utoipa::path(
    post, path = "/organization/{org_id}/users/{user_id}/invitation", tag = "organization",
    security(("bearer" = []), ("cookie" = [])),
    params(("org_id" = String, Path, description = "The hospital's id"), UserPath),
    responses(
        (status = 200, description = "The new link", body = InvitationLink),
        (status = 409, description = "The user has accepted already, or is disabled"),
    ),
    extensions(("x-permission" = json!("users.manage"))),
)]
async fn invite_user_again(
    State(app): State<App>,
    member: Member<may::ManageUsers>,
    ApiPath(UserPath { user_id }): ApiPath<UserPath>,
) -> Answer<Json<InvitationLink>> {
    let issued = issue(&app, &member, &user_id, Purpose::Invitation).await?;
    Ok(Json(InvitationLink { invitation_url: issued.url(&app.settings.public_url), expires_at: issued.expires_at() }))
}

/// A link to hand over.
#[derive(Debug, Serialize, ToSchema)]
struct ResetLink {
    /// Shown once. Whoever has it can set the user's password.
    #[schema(example = "https://app.example.org/reset-password#token=crst_org_01jd8x2v9t6m3k5q7r1w4y0z8a_…")]
    reset_url: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// A link with which a user sets a new password
///
/// For somebody who forgot it and gets no mail. The old password works until the link is used.
#[utoipa::path(
    post, path = "/organization/{org_id}/users/{user_id}/password-reset", tag = "organization",
    security(("bearer" = []), ("cookie" = [])),
    params(("org_id" = String, Path, description = "The hospital's id"), UserPath),
    responses(
        (status = 200, description = "The link", body = ResetLink),
        (status = 409, description = "The user has no password yet, or is disabled"),
    ),
    extensions(("x-permission" = json!("users.manage"))),
)]
async fn reset_user_password(
    State(app): State<App>,
    member: Member<may::ManageUsers>,
    ApiPath(UserPath { user_id }): ApiPath<UserPath>,
) -> Answer<Json<ResetLink>> {
    let issued = issue(&app, &member, &user_id, Purpose::PasswordReset).await?;
    Ok(Json(ResetLink { reset_url: issued.url(&app.settings.public_url), expires_at: issued.expires_at() }))
}

/// Makes a link, and sends it where the service sends mails.
async fn issue(app: &AppState, member: &Member<may::ManageUsers>, user_id: &str, purpose: Purpose) -> Answer<Issued> {
    let accounts = Accounts::Hospital { tenant: member.tenant.clone(), hospital: member.hospital.clone() };
    let account = accounts.find(user_id).await?.ok_or_else(Problem::not_found)?;
    let issued = accounts.issue(&app.clock, &member.actor(), &account, purpose).await?;
    issued.mail(&app.mailer, &app.settings.public_url, &account.email, accounts.hospital_name());
    Ok(issued)
}

/// Revokes an invitation
///
/// The user, who has never signed in, is removed; the seat is free and the address can be invited again.
#[utoipa::path(
    delete, path = "/organization/{org_id}/users/{user_id}/invitation", tag = "organization",
    security(("bearer" = []), ("cookie" = [])),
    params(("org_id" = String, Path, description = "The hospital's id"), UserPath),
    responses(
        (status = 204, description = "Revoked"),
        (status = 409, description = "The user has accepted already, or is the last administrator"),
    ),
    extensions(("x-permission" = json!("users.manage"))),
)]
async fn revoke_invitation(
    member: Member<may::ManageUsers>,
    ApiPath(UserPath { user_id }): ApiPath<UserPath>,
) -> Answer<StatusCode> {
    let actor = member.actor();
    let revoked = member.tenant.change(&actor, move |tx| {
        let user_id = user_id.clone();
        async move {
            let user = existing(&tx, &user_id).await?;
            if user.status != UserStatus::Invited {
                let detail = "The user has accepted already, or is disabled. Disable who shall not sign in any more.";
                return Err(Problem::new(Kind::Conflict, detail).into());
            }
            keep_an_administrator(&tx, &user, None).await?;
            tx.delete(Records::Users, doc! { "_id": &user_id }).await?;
            Ok(Entry::new("user.revoke_invitation").target("user", &user_id).answering(StatusCode::NO_CONTENT))
        }
    });
    revoked.await
}
