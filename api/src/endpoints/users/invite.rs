//! `POST /add-user`: a user is invited and takes a seat.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bson::doc;
use chakravue_crds::{organization_id::OrganizationId, roles::StaffRole, tenant_schema::seated};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Role, UserView, seats_now, take_seat};
use crate::{
    access::{
        first_administrators,
        identity::{MemberOrSetup, SETUP},
        links::{Issued, Purpose},
        permissions::may,
        platform_users::new_user_id,
        tokens::Home,
    },
    data::{
        audit::{Actor, Entry, Recorded},
        database_error,
        tenant::{
            Fault, Records, Transaction,
            users::{User, UserStatus},
        },
    },
    endpoints::organizations::Seats,
    http::{
        extract::etag,
        flaw::Flaw,
        idempotency::{self, Answers, Attempt, Repeatable, Sender},
        people::{self, EmailAddress},
        problem::{Answer, Kind, Problem},
        text::Line,
    },
    state::{App, AppState},
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(add_user))
}

#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct AddUser {
    #[schema(value_type = String, pattern = "^org_[0-7][0-9a-hjkmnp-tv-z]{25}$", example = "org_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    organization_id: OrganizationId,
    email: EmailAddress,
    #[serde(deserialize_with = "people::role")]
    #[schema(value_type = Role)]
    role: StaffRole,
    #[garde(dive)]
    name: Option<Line<200>>,
}

/// A user who was invited, and the link to hand over.
#[derive(Debug, Serialize, ToSchema)]
struct InvitedUser {
    #[serde(flatten)]
    user: UserView,
    /// Shown once. Whoever has it becomes the user.
    #[schema(example = "https://app.example.org/accept-invitation#token=cinv_org_01jd8x2v9t6m3k5q7r1w4y0z8a_…")]
    invitation_url: String,
    seats: Seats,
}

/// Invites a user
///
/// The link in the answer is shown once; it is also sent by mail where the service sends mails. The user takes a seat from
/// now on.
#[utoipa::path(
    post, path = "/add-user", tag = "organization",
    security(("bearer" = []), ("cookie" = []), ("setup" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = idempotency::DESCRIPTION, pattern = "^[!-~]{1,255}$")),
    request_body = AddUser,
    responses(
        (status = 201, description = "Invited", body = InvitedUser, headers(("ETag" = String, description = "For If-Match"))),
        (status = 409, description = "No seat is free, the address is taken, or the hospital is not ready"),
    ),
    extensions(("x-permission" = json!("users.manage"))),
)]
async fn add_user(
    State(app): State<App>,
    caller: MemberOrSetup<may::ManageUsers>,
    Repeatable { body, repetition }: Repeatable<AddUser>,
) -> Answer<Response> {
    if body.organization_id != caller.organization_id {
        return Err(Problem::not_found());
    }
    let sender = caller.sender();
    let service = app.clone();
    let work = move |attempt| async move { invite(service, caller.actor, body, attempt).await };
    app.idempotency.run(repetition, Sender::Known(&sender), "add-user", Answers::Kept, work).await
}

async fn invite(app: App, actor: Actor, new: AddUser, attempt: Attempt) -> Answer<Response> {
    let hospital = app.hospitals.find(&new.organization_id)?;
    let tenant = app.tenants.open(&new.organization_id).await?;
    if actor.role == SETUP {
        // Before the team takes the last seat.
        first_administrators::ensure(&app, &hospital).await?;
    }
    let issued = Issued::new(Purpose::Invitation, &Home::Hospital(new.organization_id.clone()), &app.clock)?;
    let user = User {
        user_id: new_user_id(),
        email: new.email.as_str().to_owned(),
        name: new.name.map(Line::into_string),
        role: new.role,
        status: UserStatus::Invited,
        password_hash: None,
        invitation: Some(issued.stored.clone()),
        password_reset: None,
        request_key: Some(attempt.request.as_str().to_owned()),
        last_login: None,
        created_at: app.clock.now_bson(),
        updated_at: None,
        version: 1,
    };
    let (service, organization) = (app.clone(), new.organization_id.clone());
    let (user, seats) = tenant
        .change(&actor, move |tx| {
            let (app, organization, user) = (service.clone(), organization.clone(), user.clone());
            let attempt = attempt.clone();
            async move { insert(&app, &organization, &tx, user, &attempt).await }
        })
        .await?;
    issued.mail(&app.mailer, &app.settings.public_url, &user.email, Some(&hospital.spec.display_name));
    let version = etag(user.version);
    let body = InvitedUser { user: user.into(), invitation_url: issued.url(&app.settings.public_url), seats };
    Ok((StatusCode::CREATED, version, Json(body)).into_response())
}

/// Adds the user, or gives the one that an earlier attempt of the same request added the new link.
async fn insert(
    app: &AppState,
    organization: &OrganizationId,
    tx: &Transaction,
    user: User,
    attempt: &Attempt,
) -> Result<Recorded<(User, Seats)>, Fault> {
    let entry = |user: &User| Entry::new("user.invite").target("user", &user.user_id).detail("role", user.role.name());
    let taken = i64::try_from(tx.count(Records::Users, seated()).await?).unwrap_or(i64::MAX);
    // The transaction has begun to read: a link that a later attempt gives out is not overwritten.
    attempt.check().await?;
    let limit = seats_now(app, organization).await?;
    let made_before = doc! { "request_key": user.request_key.as_deref(), "status": UserStatus::Invited.name() };
    let link = user.invitation.as_ref();
    let link = doc! { "$set": { "invitation": bson::serialize_to_bson(&link).map_err(unwritable)? } };
    if let Some(known) = tx.update::<User>(Records::Users, made_before, link).await? {
        return Ok(entry(&known).answering((known, Seats { used: taken, limit })));
    }
    if tx.find_one_ignoring_case::<User>(Records::Users, doc! { "email": &user.email }).await?.is_some() {
        return Err(email_taken().into());
    }
    take_seat(taken, limit)?;
    match tx.insert(Records::Users, &user).await {
        Ok(()) => Ok(entry(&user).answering((user, Seats { used: taken + 1, limit }))),
        Err(Fault::Database(error)) if database_error::is_duplicate(&error) => Err(email_taken().into()),
        Err(fault) => Err(fault),
    }
}

fn unwritable(error: bson::error::Error) -> Problem {
    tracing::error!(%error, "a user cannot be written as a document");
    Problem::internal()
}

fn email_taken() -> Problem {
    let detail = "The hospital has a user with this e-mail address already. A disabled user can be made active again.";
    Problem::new(Kind::EmailTaken, detail).field("/email", Flaw::Taken)
}
